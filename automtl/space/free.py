"""A search over parameters by free names, for training code that is not automtl's."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from automtl.errors import RecipeError
from automtl.space.early_stopping import NoStopping, PromotionStopping, rungs_of
from automtl.space.generalcheck import Parts, general_mistakes, rung_mistakes
from automtl.space.parameter import Parameter
from automtl.space.search import Search
from automtl.space.search_space import SearchSpace, in_order


class FreeSearch(Search):
    """A search whose trials are trained by code of the user's own.

    Attributes:
        kind: ``free``, so that a ledger tells it from a recipe.
        parameters: By any name; at least one.
        epochs: Reports of a full training. Early stopping needs it, or stated rungs.
    """

    kind: Literal["free"] = "free"
    parameters: Annotated[Mapping[str, Parameter], Field(min_length=1)]
    epochs: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        found = self._mistakes()
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    @override
    def space(self) -> SearchSpace:
        """The trials that exist."""
        return SearchSpace(parameters=in_order(self.parameters), objectives=self.objectives)

    @property
    @override
    def rungs(self) -> tuple[int, ...]:
        """Epochs at which trials are compared, ascending; empty without early stopping."""
        return rungs_of(self.early_stopping, self.epochs or 1)

    @property
    @override
    def stated_epochs(self) -> int | None:
        """Reports of a full training, if the user said it."""
        return self.epochs

    @property
    @override
    def baseline_names(self) -> tuple[str, ...]:
        """No baselines: what to compare with is the user's own."""
        return ()

    @property
    @override
    def tuned_alone(self) -> Mapping[str, int]:
        """No task: free names have none."""
        return {}

    def _mistakes(self) -> list[str]:
        parts = Parts.of(self.model_dump())
        found = [mistake.what for mistake in general_mistakes(parts)]
        match self.early_stopping:
            case PromotionStopping(rungs=()) if self.epochs is None:
                found.append("early stopping needs `epochs`, the reports of a full training")
            case PromotionStopping() if self.epochs is not None:
                found += [mistake.what for mistake in rung_mistakes(parts, self.epochs)]
            case PromotionStopping() | NoStopping():
                pass
        return found or self._wrong_points()

    def _wrong_points(self) -> list[str]:
        try:
            for partial in ({}, *self.enqueue):
                self.space.complete(partial)
        except RecipeError as error:
            return [str(error)]
        return []
