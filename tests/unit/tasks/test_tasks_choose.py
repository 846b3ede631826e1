"""Which task a name means, and what is said where it means none."""

import sys
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from automtl.config import BUILT_IN_TASKS, HeadsConfig, SharingConfig, TrialConfig
from automtl.data.table import DataInfo
from automtl.errors import AutomtlError
from automtl.tasks.choose import build_head, task_named
from automtl.tasks.segmentation import SegmentationTask

MODULE = "a_package_of_my_own"


def angry() -> SegmentationTask:
    msg = "not today\nnor tomorrow"
    raise ValueError(msg)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module that can be imported, with whatever a test puts into it."""
    module = SimpleNamespace(
        Segments=lambda: SegmentationTask(name="segments"),
        Needy=lambda it: it,
        Empty=SimpleNamespace,
        Angry=angry,
        Leaving=lambda: sys.exit(3),
        Numbered=lambda: SegmentationTask(name="own", metrics=3),
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
        (
            "no_such_package.tasks:Depth",
            "imported .ModuleNotFoundError: No module named 'no_such_package'",
        ),
        (f"{MODULE}:Depth", "cannot be imported .*Depth"),
        (f"{MODULE}:Needy", "cannot be built without arguments"),
        (f"{MODULE}:Angry", "cannot be built without arguments .ValueError: not today"),
        (f"{MODULE}:Leaving", "cannot be built without arguments .SystemExit: 3"),
        (f"{MODULE}:Numbered", "`metrics` of .* cannot be read .TypeError"),
        (
            f"{MODULE}:Empty",
            "lacks `name`, `primary`, `metrics`, `smaller_is_better`, `build_head`, `loss`, `eval",
        ),
        (f"{MODULE}:Wrong", "do not begin with its `primary` 'wrong/x'"),
        (f"{MODULE}:Segments", "calls itself 'segments', the trial calls it 'own'"),
    ],
)
def test_what_is_no_task_is_said(path, said):
    with pytest.raises(AutomtlError, match=said) as raised:
        task_named("own", {"own": path})
    assert raised.value.fix
    assert raised.value.where == "imports.own"
    assert "\n" not in str(raised.value)


BROKEN = {
    "syntax": ("def x(:\n", "SyntaxError: invalid syntax", "python -c 'import"),
    "needs_more": ("import no_such_dependency\n", "ModuleNotFoundError: No", "Install 'no_such_"),
    "leaves": ("raise SystemExit('bye')\n", "SystemExit: bye", "python -c 'import"),
    "divides": ("1 / 0\n", "ZeroDivisionError: division by zero", "python -c 'import"),
    "misspelt": ("Tasc = 1\n", "the module has no 'Task'", "Did you mean 'Tasc'?"),
}


@pytest.mark.parametrize("module", BROKEN)
def test_a_module_that_breaks_is_one_line(tmp_path, monkeypatch, module):
    text, said, fix = BROKEN[module]
    (tmp_path / f"own_{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AutomtlError) as raised:
        task_named("own", {"own": f"own_{module}:Task"})
    line = str(raised.value)
    assert line.startswith(f"imports.own: the task 'own_{module}:Task' cannot be imported (")
    assert said in line
    assert fix in line
    assert "\n" not in line


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("made", "said"),
    [(lambda **_: 1 / 0, "cannot build its head .ZeroDivisionError"), (lambda **_: 3, "ed int")],
)
def test_a_head_that_is_none_is_one_line(monkeypatch, made, said):
    monkeypatch.setattr(SegmentationTask, "build_head", lambda self, **given: made(**given))
    info = DataInfo(detection_classes=(), segmentation_classes=("a",), image_size=(32, 32))
    with pytest.raises(AutomtlError, match=said) as raised:
        build_head(
            "segments",
            {"segments": f"{MODULE}:Segments"},
            channels=(8,),
            strides=(2,),
            heads=HeadsConfig(),
            info=info,
        )
    assert raised.value.where == "imports.segments"


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
