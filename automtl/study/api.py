"""A study of training code of one's own, from Python: the same path as the command line's."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from automtl.errors import AutomtlError, RecipeError
from automtl.pareto import front
from automtl.picks import pick
from automtl.results import Objective, TrialRecord
from automtl.space.early_stopping import EarlyStopping, NoStopping
from automtl.space.free import FreeSearch
from automtl.space.mistakes import from_pydantic
from automtl.space.parameter import Parameter
from automtl.space.parameter_base import Scalar
from automtl.space.parts import Budget, Constraint, Resources
from automtl.space.samplers import Sampler, TpeSampler
from automtl.space.search import NOT_IN_DIGEST, search_digest
from automtl.storage.choose import absolute
from automtl.study.artifacts import refuse_moved
from automtl.study.baselines import replicate_lines
from automtl.study.changes import changes, shown
from automtl.study.conclude import keep_pick, write_study_report
from automtl.study.folder import Settings, StudyFolder, load_settings, save_settings
from automtl.study.machine import check_machine
from automtl.study.observer import Lines, Observer
from automtl.study.own_training import OwnTrainable, trainable_of
from automtl.study.prepared import Prepared
from automtl.study.search import Outcome, create, opened, record_if_free, run
from automtl.study.warm_start import with_best_points

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Study:
    """A search over the parameters of a function, in one folder.

    Nothing is written before :meth:`run`. A study that lies in the folder is gone on with, if it
    is the same search; its budget, its resources and its description may have changed.

    Attributes:
        folder: Where everything lies; its last part is the study's name.
        objectives: What is optimised, in order.
        parameters: By name, as :func:`automtl.Float` and its siblings make them, or as a recipe
            writes them.
        budget: When the search ends.
        epochs: Reports of a full training. Early stopping needs it, or stated rungs.
        early_stopping: Which trainings are not trained to their end; by default none.
        constraints: Limits on metrics.
        enqueue: Partial points that are tried first, after the default.
        warm_start: Folders of earlier studies, whose best points are tried next; they are read
            when the study begins.
        seed: Of the search; a trial's own seed follows from it and the trial's number.
        sampler: Who proposes points; by default TPE.
        replicates: New seeds for each member of the front, after the search.
        resources: What one trial takes.
        description: For people.
        ledger: URL of the ledger's database; empty for a file in the folder.
        mlflow: Tracking URI; empty for a database in the folder.
        artifacts: Address of what trials leave, where not every machine sees the folder; empty
            for the folder. It cannot be changed later.

    Raises:
        RecipeError: If the parts are not well formed or do not fit one another, with a line for
            each mistake.
    """

    folder: str | Path
    _: KW_ONLY
    objectives: Sequence[Objective | Mapping[str, Any]]
    parameters: Mapping[str, Parameter | Mapping[str, Any]]
    budget: Budget | Mapping[str, Any]
    epochs: int | None = None
    early_stopping: EarlyStopping | Mapping[str, Any] = field(default_factory=NoStopping)
    constraints: Sequence[Constraint | Mapping[str, Any]] = ()
    enqueue: Sequence[Mapping[str, Scalar]] = ()
    warm_start: Sequence[str | Path] = ()
    seed: int = 0
    sampler: Sampler | Mapping[str, Any] = field(default_factory=TpeSampler)
    replicates: int = 0
    resources: Resources | Mapping[str, Any] = field(default_factory=Resources)
    description: str = ""
    ledger: str = ""
    mlflow: str = ""
    artifacts: str = ""
    search: FreeSearch = field(init=False)

    def __post_init__(self) -> None:
        """Check the whole search."""
        object.__setattr__(self, "search", _checked(self))

    def run(
        self,
        trainable: OwnTrainable,
        *,
        dispatcher: Literal["ray", "local"] = "ray",
        slots: int | None = None,
        ray_address: str = "",
        takeover: bool = False,
        observer: Observer | None = None,
    ) -> Outcome:
        """Search until the budget is spent, or Ctrl-C; the next call goes on from there.

        Args:
            trainable: ``trainable(params, report)``; see
                :class:`automtl.study.own_training.TrialReport` for what it may do.
            dispatcher: ``ray`` runs trials at the same time, each in a process of its own;
                ``local`` runs one after another in this one, where a debugger sees them.
            slots: Trials at a time; None for as many as fit.
            ray_address: A running cluster; empty starts Ray here.
            takeover: Take the study from a process that no longer renews its hold on it.
            observer: Told of every event; None writes a line for each to standard error.

        Returns:
            How it ended.

        Raises:
            AutomtlError: If the folder holds another search, is held by another process, or
                trials cannot be run here.
        """
        prepared = Prepared(trainable=trainable_of(trainable))
        settings = Settings(
            ledger=self.ledger,
            mlflow=self.mlflow,
            dispatcher=_known_dispatcher(dispatcher),
            slots=_at_least_one(slots),
            ray_address=ray_address,
            artifacts=absolute(self.artifacts),
        )
        observer = observer or Lines()
        check_machine(settings, self.search)
        if self._place.settings.exists():
            search = self._as_begun()
            known = load_settings(self._place)
            refuse_moved(known, settings)
            save_settings(self._place, replace(settings, study=known.study))
        else:
            search, lines = with_best_points(self.search, self.warm_start)
            for line in (*lines, *replicate_lines(search, self.epochs)):
                observer.message(line)
            create(search, self._place, settings)
        return run(
            self._place,
            observer,
            takeover=takeover,
            prepared=prepared,
            search=search,
        )

    def history(self) -> tuple[TrialRecord, ...]:
        """Return all trials by number."""
        with opened(self._place) as ledger:
            return ledger.history()

    def front(self) -> tuple[TrialRecord, ...]:
        """Return the trials trained to their end that no other one beats in every objective."""
        return front(self.history(), self.search.objectives)

    def best(
        self,
        rule: str = "knee",
        *,
        weights: Mapping[str, float] | None = None,
        order: Sequence[str] = (),
        at_most: Mapping[str, float] | None = None,
        at_least: Mapping[str, float] | None = None,
    ) -> TrialRecord:
        """Pick from the front as ``automtl best`` does, and record the pick and its reason.

        Raises:
            AutomtlError: If the rule is unknown or no trial is inside the limits.
        """
        with opened(self._place) as ledger:
            history = ledger.history()
            chosen = pick(
                history,
                self.search.objectives,
                rule=rule,
                weights=weights,
                order=order,
                at_most=at_most,
                at_least=at_least,
                created_s=time.time(),
            )
            record_if_free(ledger, lambda: keep_pick(ledger, chosen))
        return history[chosen.number]

    def frame(self) -> "pd.DataFrame":
        """Return a row for each trial: where it stands, its parameters, its values."""
        import pandas as pd

        return pd.DataFrame([_row(record) for record in self.history()])

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report as one HTML file, by default into the folder."""
        with opened(self._place) as ledger:
            out = self._place.report if path is None else Path(path)
            return write_study_report(self._place, ledger, out)

    @property
    def _place(self) -> StudyFolder:
        return StudyFolder(Path(self.folder))

    def _as_begun(self) -> FreeSearch:
        """Return this search with the points that its earlier studies gave when it began.

        Raises:
            AutomtlError: If the folder holds another search.
        """
        with opened(self._place) as ledger:
            known = ledger.study()
        search = self.search
        begun, stated = known.recipe.get("enqueue"), search.to_plain()["enqueue"]
        if self.warm_start and isinstance(begun, list) and begun[: len(search.enqueue)] == stated:
            search = search.model_copy(update={"enqueue": tuple(begun)})
        if known.recipe_digest == search_digest(search):
            return search
        before, after = (
            {key: value for key, value in plain.items() if key not in NOT_IN_DIGEST}
            for plain in (known.recipe, search.to_plain())
        )
        msg = f"the study here is another search: {shown(list(changes(before, after)))}"
        fix = (
            "State the search as it was, or name another folder; with "
            f"`warm_start=[{str(self.folder)!r}]` a new study tries its best points first"
        )
        raise AutomtlError(msg, where=str(self.folder), fix=fix)


def _checked(study: Study) -> FreeSearch:
    plain = {
        "name": Path(study.folder).resolve().name,
        "description": study.description,
        "seed": study.seed,
        "objectives": tuple(study.objectives),
        "parameters": dict(study.parameters),
        "enqueue": tuple(study.enqueue),
        "constraints": tuple(study.constraints),
        "budget": study.budget,
        "early_stopping": study.early_stopping,
        "sampler": study.sampler,
        "replicates": study.replicates,
        "resources": study.resources,
        "epochs": study.epochs,
    }
    try:
        return FreeSearch.model_validate(plain)
    except ValidationError as error:
        found = from_pydantic(error, plain, FreeSearch.model_json_schema())
        lines = [f"{m.what}. {m.fix}" if m.fix else m.what for m in found]
        whole = [e["msg"].removeprefix("Value error, ") for e in error.errors() if not e["loc"]]
        raise RecipeError("\n".join(dict.fromkeys([*lines, *whole]))) from error


def _known_dispatcher(name: str) -> str:
    if name not in ("ray", "local"):
        msg = f"`dispatcher` must be ray or local, found {name!r}"
        raise AutomtlError(msg)
    return name


def _at_least_one(slots: int | None) -> int | None:
    if slots is not None and slots < 1:
        msg = f"`slots` must be at least 1, found {slots}"
        raise AutomtlError(msg, fix="Leave it out to run as many trials as fit")
    return slots


def _row(record: TrialRecord) -> dict[str, object]:
    """Parameters and values keep their names; a parameter named as a value is gets a prefix."""
    head: dict[str, object] = {
        "trial": record.number,
        "status": record.status.value,
        "origin": record.origin,
        "epochs": record.reports[-1].epoch if record.reports else 0,
        "failure": record.failure.message if record.failure else None,
    }
    last = record.values or (record.reports[-1].values if record.reports else {})
    taken = {*head, *last}
    params = {f"param/{n}" if n in taken else n: value for n, value in record.point.items()}
    return {**head, **params, **last}
