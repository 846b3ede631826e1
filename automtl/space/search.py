"""A search: what decides trials, whatever they train.

The controller, the ledger, the dispatchers and the front read a :class:`Search` alone. What a
point means is known by the space: a vision recipe's points are trial configurations
(``automtl.space.recipe``), those of training code of one's own are parameters by free names
(``automtl.space.free``).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from automtl.config import Frozen, digest_of
from automtl.results import Objective
from automtl.space.early_stopping import EarlyStopping, NoStopping
from automtl.space.parameter import Parameter
from automtl.space.parameter_base import Scalar
from automtl.space.parts import Budget, Constraint, Resources
from automtl.space.samplers import Sampler, TpeSampler
from automtl.space.search_space import SearchSpace

NOT_IN_DIGEST = ("name", "description", "budget", "resources", "replicates")
"""What may change in the middle of a study: no trial depends on it."""


class Search(Frozen, ABC):
    """What is searched, for what, and for how long.

    Attributes:
        name: The study's name: letters, digits, ``_``, ``-`` and ``.``.
        description: For people.
        seed: Study seed; a trial's random stream depends on it and the trial's number alone.
        objectives: What is optimised, in order.
        parameters: By name.
        enqueue: Partial points that are tried first, after the default.
        constraints: Limits on metrics.
        budget: When the search ends.
        early_stopping: Which trials are not trained to their end.
        sampler: Who proposes points.
        resources: What one trial takes.
        replicates: New seeds with which each member of the front is trained again at the end.
            They cost what the search's trainings cost and are not part of the budget.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$", max_length=100)]
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    parameters: Mapping[str, Parameter]
    enqueue: tuple[Mapping[str, Scalar], ...] = ()
    constraints: tuple[Constraint, ...] = ()
    budget: Budget
    early_stopping: EarlyStopping = NoStopping()
    sampler: Sampler = TpeSampler()
    resources: Resources = Resources()
    replicates: Annotated[int, Field(ge=0, le=100)] = 0

    @property
    @abstractmethod
    def space(self) -> SearchSpace:
        """The trials that exist."""

    @property
    @abstractmethod
    def rungs(self) -> tuple[int, ...]:
        """Epochs at which trials are compared, ascending; empty without early stopping."""

    @property
    @abstractmethod
    def baseline_names(self) -> tuple[str, ...]:
        """What comes after ``baseline:`` in the origin of trials that do not compete."""

    @property
    @abstractmethod
    def tuned_alone(self) -> Mapping[str, int]:
        """How often each task is trained alone, where a search for its best network is asked."""

    @property
    def stated_epochs(self) -> int | None:
        """Epochs of a full training, where the configurations of trials do not say it."""
        return None

    def to_plain(self) -> dict[str, object]:
        """Return a dict of JSON types; ``automtl.space.stored.stored_search`` reads it back."""
        return self.model_dump(mode="json")


def search_digest(search: Search) -> str:
    """Digest of what decides trials: not the name, the description, the budget or the machine."""
    plain: dict[str, Any] = search.to_plain()
    for key in NOT_IN_DIGEST:
        del plain[key]
    if isinstance(search.early_stopping, NoStopping):
        # A study that began before there was early stopping is the same study.
        del plain["early_stopping"]
    # What earlier studies give is in `enqueue` by then.
    plain.pop("warm_start", None)
    if isinstance(search.sampler, TpeSampler):
        del plain["sampler"]
    for parameter in plain["parameters"].values():
        if parameter["prior"] is None:
            # The same for priors.
            del parameter["prior"]
    return digest_of(plain)
