from automtl.analysis.effects import Effect, Lessons, Level
from automtl.results import Objective
from automtl_dashboards.lessons import learned_line, lessons_table, lessons_words

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


def test_the_top_tells_the_surest_effects_first():
    found = Lessons(
        effects=(
            effect("sharing", "d/q", 0.04, "everything", "nothing"),
            effect("weighting", "d/q", 0.001, "<fixed>", "upgrad"),
            effect("schedule", "c", 0.02, "joint", "alternating"),
            effect("schedule", "d/q", 0.03, "joint", "alternating"),
            effect("sharing x schedule", "c", 0.3),
        )
    )
    line = learned_line(found, OBJECTIVES)
    places = [line.index(word) for word in ("weighting:", "c is lowest", "d/q is highest with j")]
    assert places == sorted(places)
    assert "sharing:" not in line
    assert "and 1 more" in line
    assert "&lt;fixed&gt;" in line


def test_the_top_says_why_nothing_was_learned():
    unclear = Lessons(effects=(effect("sharing", "d/q", 0.4, "everything", "nothing"),))
    assert "no choice had an effect" in learned_line(unclear, OBJECTIVES)
    few = learned_line(Lessons(too_few=("sharing", "schedule")), OBJECTIVES)
    assert "too few trials yet to tell what sharing, schedule did" in few
    assert learned_line(Lessons(), OBJECTIVES) == ""


def test_an_objective_that_never_varied_is_said() -> None:
    words = lessons_words(Lessons(constant=("cost & time",)), OBJECTIVES)
    assert "cost &amp; time was the same in all trials" in words
