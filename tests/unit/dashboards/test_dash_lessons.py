from automtl.analysis.effects import Effect, Lessons, Level
from automtl.results import Objective
from automtl_dashboards.lessons import lessons_table, lessons_words

OBJECTIVES = (Objective(metric="d/q", goal="maximize"), Objective(metric="c", goal="minimize"))


def effect(choice, objective, p, *values):
    levels = tuple(
        Level(value=value, n=5, mean=i, low=i - 0.5, high=i + 0.5)
        for i, value in enumerate(values)
    )
    return Effect(choice=choice, objective=objective, levels=levels, explained=0.25, p=p)


def test_clear_effects_are_sentences_and_the_others_one_line():
    words = lessons_words(
        Lessons(
            effects=(
                effect("sharing", "d/q", 0.01, "everything", "nothing"),
                effect("weighting", "d/q", 0.4, "fixed", "upgrad"),
                effect("weighting", "c", 1.0, "fixed", "upgrad"),
                effect("sharing x schedule", "c", 0.3),
            )
        ),
        OBJECTIVES,
    )
    assert words.count("<li>") == 2
    assert "sharing: d/q is highest with everything" in words
    assert "No clear effect: weighting on d/q, c; sharing x schedule on c." in words


def test_the_direction_is_that_of_the_objective():
    words = lessons_words(
        Lessons(effects=(effect("schedule", "c", 0.01, "joint", "alternating"),)), OBJECTIVES
    )
    assert "c is lowest with joint" in words
    assert "No clear effect" not in words


def test_a_row_for_each_level_with_its_interval():
    table = lessons_table(
        [effect("sharing", "d/q", 0.01, "all", "none"), effect("a x b", "c", 1.0)]
    )
    assert table.count("<tr") == 1 + 2 + 1
    assert "0.500 to 1.50" in table
    assert "25%" in table
    assert "0.010" in table


def test_what_cannot_be_told_is_named():
    words = lessons_words(Lessons(too_few=("sharing", "schedule")), OBJECTIVES)
    assert "Too few trials to tell: sharing, schedule" in words
    assert "No clear effect" not in words
