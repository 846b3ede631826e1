"""Who proposes points, by name."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from automtl.config import Frozen
from automtl.space.mistakes import Mistake
from automtl.space.parameter import Parameter


class TpeSampler(Frozen):
    """Tree-structured Parzen estimators on several objectives: the default."""

    kind: Literal["tpe"] = "tpe"


class RandomSampler(Frozen):
    """Every point as likely as every other: what all else has to beat."""

    kind: Literal["random"] = "random"


class QuasiRandomSampler(Frozen):
    """Scrambled Sobol points: they fill a space more evenly than chance does."""

    kind: Literal["quasi_random"] = "quasi_random"


class Nsga2Sampler(Frozen):
    """Crossing and mutation of the best trials so far.

    Attributes:
        population: How many best trials have children; so many random ones come first.
    """

    kind: Literal["nsga2"] = "nsga2"
    population: Annotated[int, Field(ge=2)] = 20


class GpSampler(Frozen):
    """Gaussian processes with expected hypervolume improvement; for spaces without conditions."""

    kind: Literal["gp"] = "gp"


Sampler = Annotated[
    TpeSampler | RandomSampler | QuasiRandomSampler | Nsga2Sampler | GpSampler,
    Field(discriminator="kind"),
]


def sampler_mistakes(
    sampler: Sampler | None, parameters: Mapping[str, Parameter]
) -> Iterator[Mistake]:
    """Say what a sampler cannot do with a space."""
    conditional = [name for name, parameter in parameters.items() if parameter.when]
    believed = [name for name, parameter in parameters.items() if parameter.prior is not None]
    path, fix = ("sampler", "kind"), "Use `sampler: {kind: tpe}`"
    if isinstance(sampler, GpSampler) and conditional:
        what = f"the sampler `gp` takes no parameter with `when`, and `{conditional[0]}` has one"
        yield Mistake(path=path, what=what, fix=fix)
    if sampler is not None and believed and not isinstance(sampler, TpeSampler):
        what = f"the sampler `{sampler.kind}` knows no priors, and `{believed[0]}` has one"
        yield Mistake(path=path, what=what, fix=fix)
