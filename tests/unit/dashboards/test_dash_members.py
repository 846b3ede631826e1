from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automtl.config import TrialConfig
from automtl.config.backbones import N_STAGES
from automtl.config.sharing import shared_stages
from automtl.results import EpochReport, TrialRecord
from automtl_dashboards import palette
from automtl_dashboards.figures.course import Turn, fill_course, is_wide, weight_traces
from automtl_dashboards.figures.members import draw_members, fill_members
from automtl_dashboards.figures.tree import fill_tree, stage_names, tree_notes, tree_shapes
from automtl_dashboards.standing import notable, standing_of

NAMES = ["a", "b", "c", "d"]
TREES = st.integers(1, 4).flatmap(
    lambda n: st.tuples(
        st.permutations(NAMES[:n]),
        st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 99]), min_size=n - 1, max_size=n - 1),
        st.sampled_from(["tiny", "mobilenet_v2", "my.package:factory"]),
    )
)


def config_with(order: list[str], splits: list[int], backbone: str) -> TrialConfig:
    return TrialConfig.from_plain(
        {
            "sharing": {"order": order, "split_after": splits},
            "backbone": {"name": backbone},
            "imports": dict.fromkeys(order, "package.module:Class"),
        }
    )


@given(tree=TREES)
def test_boxes_are_the_groups_that_run_a_stage_together(tree) -> None:
    order, splits, backbone = tree
    config = config_with(order, splits, backbone)
    figure = fill_tree(config)
    for stage in range(figure.n_stages):
        boxes = [box for box in figure.boxes if box.stage == stage]
        assert [task for box in boxes for task in box.tasks] == list(figure.tasks)
        together = {pair for box in boxes for pair in combinations(sorted(box.tasks), 2)}
        for first, second in combinations(sorted(order), 2):
            n_shared = shared_stages(config.sharing, first, second, 99)
            assert ((first, second) in together) == (n_shared > stage)


@given(tree=TREES)
def test_every_box_reads_the_box_of_its_tasks_before_it(tree) -> None:
    figure = fill_tree(config_with(*tree))
    for box in figure.boxes:
        assert (box.parent is None) == (box.stage == 0)
        if box.parent is not None:
            parent = figure.boxes[box.parent]
            assert parent.stage == box.stage - 1
            assert set(box.tasks) <= set(parent.tasks)
        rows = [figure.tasks.index(task) for task in box.tasks]
        assert rows == list(range(rows[0], rows[0] + len(rows)))


@given(tree=TREES)
def test_a_tree_is_drawn_the_same_whatever_chain_writes_it(tree) -> None:
    order, splits, backbone = tree
    same = config_with(order[::-1], splits[::-1], backbone)
    assert fill_tree(same) == fill_tree(config_with(*tree))


def test_golden_tree() -> None:
    config = config_with(["a", "b", "c"], [1, 3], "tiny")
    figure = fill_tree(config)
    assert [box.tasks for box in figure.boxes] == [
        ("a", "b", "c"),
        ("a",),
        ("b", "c"),
        ("a",),
        ("b", "c"),
        ("a",),
        ("b",),
        ("c",),
    ]
    assert [box.channels for box in figure.boxes] == [16, 32, 32, 64, 64, 96, 96, 96]
    shapes = tree_shapes(figure, ("x", "y"))
    kinds = [shape["type"] for shape in shapes]
    # The picture and 8 boxes; a line to each box and to each head.
    assert (kinds.count("rect"), kinds.count("line")) == (9, 8 + 3)
    notes = tree_notes(figure, ("x", "y"), dict.fromkeys("abc", "#000"))
    assert [note["text"] for note in notes][:2] == ["16", "32"]
    assert notes[2]["hovertext"] == "stage 2: b + c"


def test_stages_of_an_unknown_backbone_are_drawn_as_far_as_they_differ() -> None:
    figure = fill_tree(config_with(["a", "b"], [2], "my.package:factory"))
    assert not figure.is_whole
    assert stage_names(figure) == ["stage 1", "stage 2", "stage 3 ..."]
    assert {box.channels for box in figure.boxes} == {None}


def test_every_built_in_backbone_has_its_channels() -> None:
    for name, n_stages in N_STAGES.items():
        boxes = fill_tree(config_with(["a"], [], name)).boxes
        assert len(boxes) == n_stages
        assert all(box.channels for box in boxes)


def record_of(*reports: dict[str, float]) -> TrialRecord:
    return TrialRecord(
        number=7,
        point={},
        config={},
        config_digest="",
        reports=tuple(
            EpochReport(attempt=1, epoch=epoch, values=values, time_s=0.0)
            for epoch, values in enumerate(reports, start=1)
        ),
    )


def test_turns_are_the_shares_of_steps_since_the_epoch_before() -> None:
    config = TrialConfig.from_plain({"optimizer": {"steps_per_epoch": 10}})
    steps = "cost/optimizer_steps/"
    course = fill_course(
        record_of(
            {f"{steps}detection": 10.0, "weight/detection": 2.0},
            {f"{steps}detection": 20.0, "weight/detection": 50.0},
            {f"{steps}detection": 20.0, f"{steps}tracking": 5.0},
        ),
        config,
    )
    assert course.turns == (
        Turn(task="detection", first=1, last=2, share=1.0),
        Turn(task="tracking", first=3, last=3, share=0.5),
    )
    assert course.weights == {"detection": ((1, 2), (2.0, 50.0))}
    assert is_wide(course)
    assert course.n_epochs == 3


def test_lines_of_equal_weights_are_all_seen() -> None:
    tasks = ("detection", "segmentation", "tracking")
    equal = {f"weight/{task}": 1.0 for task in tasks}
    course = fill_course(record_of(equal, equal), TrialConfig())
    lines = weight_traces(course, dict.fromkeys(tasks, "#000000"))
    assert [line.name for line in lines] == list(tasks)
    for below, above in pairwise(lines):
        assert below.line.width > above.line.width
        assert below.marker.size > above.marker.size


def test_a_member_is_a_row_with_tree_bars_and_weights(synthetic) -> None:
    standing = standing_of(
        synthetic.history, synthetic.study.objectives, synthetic.picks, floors=None
    )
    chosen = notable(synthetic.history, standing, limit=3)
    assert chosen[0].number == standing.pick
    assert {record.number for record in chosen[1:]} <= standing.front
    figure = fill_members(chosen, standing)
    assert figure is not None
    assert [member.is_pick for member in figure.members] == [True, False, False]
    drawn = draw_members(figure)
    bars = [trace for trace in drawn.data if trace.type == "bar"]
    assert {trace.name for trace in bars} == set(figure.tasks)
    assert sum(bool(trace.showlegend) for trace in bars) == len(figure.tasks)
    for row, member in enumerate(figure.members):
        place = "" if row == 0 else str(3 * row + 1)
        own = [s for s in drawn.layout.shapes if s.xref == f"x{place}"]
        assert own == [s for s in drawn.layout.shapes if s.yref == f"y{place}"]
        assert sum(s.type == "rect" for s in own) == 1 + len(member.tree.boxes)
    titles = [n.text for n in drawn.layout.annotations if n.xref == "paper" and "trial" in n.text]
    assert [
        f"trial {record.number}" in title for record, title in zip(chosen, titles, strict=True)
    ]
    assert "★" in titles[0]
    assert "★" not in titles[1]


def test_the_best_of_each_objective_is_among_the_members(synthetic) -> None:
    objectives = synthetic.study.objectives
    standing = standing_of(synthetic.history, objectives, (), None)
    members = [r for r in synthetic.history if r.number in standing.front]
    shown = notable(synthetic.history, standing, limit=len(objectives))
    for objective in objectives:
        best = min(objective.as_loss(r.values[objective.metric]) for r in members)
        assert best in [objective.as_loss(r.values[objective.metric]) for r in shown]


def test_free_configurations_have_no_network_to_draw(synthetic) -> None:
    free = [r.model_copy(update={"config": {"x": 1.0}}) for r in synthetic.history]
    standing = standing_of(free, synthetic.study.objectives, (), None)
    assert fill_members(free, standing) is None


@pytest.mark.parametrize("task", ["detection", "mine"])
def test_a_task_has_one_colour(task: str) -> None:
    assert palette.task_color(task) == palette.task_color(task).upper()
