"""Which task a name means, and what is said where it means none."""

import sys
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from automtl.config import BUILT_IN_TASKS, SharingConfig, TrialConfig
from automtl.errors import AutomtlError
from automtl.tasks.choose import task_named
from automtl.tasks.segmentation import SegmentationTask

MODULE = "a_package_of_my_own"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module that can be imported, with whatever a test puts into it."""
    module = SimpleNamespace(
        Segments=lambda: SegmentationTask(name="segments"),
        Needy=lambda it: it,
        Empty=SimpleNamespace,
        Wrong=lambda: SegmentationTask(name="wrong", primary="wrong/x"),
    )
    monkeypatch.setitem(sys.modules, MODULE, module)
    return module


@pytest.mark.parametrize("name", BUILT_IN_TASKS)
def test_a_built_in_task_has_its_name_and_begins_with_its_primary(name):
    task = task_named(name)
    assert task.name == name
    assert task.metrics[0] == task.primary
    assert all(metric.startswith(f"{name}/") for metric in task.metrics)


@pytest.mark.usefixtures("own")
def test_a_task_comes_from_where_the_trial_says():
    path = f"{MODULE}:Segments"
    assert task_named("segments", {"segments": path}) == SegmentationTask(name="segments")
    assert task_named(path) == SegmentationTask(name="segments")


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such_package.tasks:Depth", "cannot be imported .No module named 'no_such_package'"),
        (f"{MODULE}:Depth", "cannot be imported .*Depth"),
        (f"{MODULE}:Needy", "cannot be built without arguments"),
        (f"{MODULE}:Empty", "lacks `name`, `primary`, `metrics`, `build_head`, `loss`, `eval"),
        (f"{MODULE}:Wrong", "do not begin with its `primary` 'wrong/x'"),
        (f"{MODULE}:Segments", "calls itself 'segments', the trial calls it 'own'"),
    ],
)
def test_what_is_no_task_is_said(path, said):
    with pytest.raises(AutomtlError, match=said) as raised:
        task_named("own", {"own": path})
    assert raised.value.fix


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(AutomtlError) as raised:
        task_named("dept")
    assert "depth" in str(raised.value)
    with pytest.raises(AutomtlError) as raised:
        task_named("brightnes", {"brightness": "a:B"})
    assert "brightness" in str(raised.value)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"imports": {"depth": "a:B"}}, "`imports.depth` has the name of a built-in task"),
        ({"imports": {"own": "a.B"}}, "must be `package.module:Class`, found 'a.B'"),
        ({"imports": {"own": ":B"}}, "must be `package.module:Class`"),
        ({"imports": {"o.wn": "a:B"}}, "must be `package.module:Class`"),
        (
            {"sharing": {"order": ["my.pkg:BrightTask"], "split_after": []}},
            "`imports: {bright: 'my.pkg:BrightTask'}`",
        ),
    ],
)
def test_a_configuration_says_what_a_name_may_be(plain, said):
    with pytest.raises(ValidationError) as raised:
        TrialConfig.from_plain(plain)
    assert said in str(raised.value)


def test_imports_are_part_of_the_configuration():
    sharing = SharingConfig(order=("segments",), split_after=())
    config = TrialConfig(sharing=sharing, imports={"segments": f"{MODULE}:Segments"})
    assert TrialConfig.from_plain(config.to_plain()) == config
    assert config.digest != TrialConfig(sharing=sharing).digest
