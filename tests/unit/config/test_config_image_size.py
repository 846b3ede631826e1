"""How large the pictures may be that a network reads."""

import pytest
from pydantic import ValidationError

from automtl.config import BackboneConfig


def test_the_largest_input_is_allowed() -> None:
    assert BackboneConfig(image_size=(2048, 8192)).image_size == (2048, 8192)


@pytest.mark.parametrize("size", [(8192, 8192), (4097, 4096), (32, 10**9)])
def test_a_larger_one_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValidationError, match="has more than the 16777216 pixels"):
        BackboneConfig(image_size=size)
