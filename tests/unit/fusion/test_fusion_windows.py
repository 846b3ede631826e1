"""The window of each object's pixels, against SciPy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import find_objects

from automtl.fusion.masks import windows_of

owners = arrays(
    np.int16,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(-1, 4),
)


@given(owners)
def test_a_window_is_the_smallest_that_holds_the_object(owned: np.ndarray):
    assert windows_of(owned, 5) == find_objects(owned + 1, max_label=5)
