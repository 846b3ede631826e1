"""One instance of each weighting that combines gradients, on which they are tested."""

from automtl.config import (
    AlignedMTLWeighting,
    CAGradWeighting,
    ConFIGWeighting,
    DualProjWeighting,
    ExcessMTLWeighting,
    FairGradWeighting,
    GradDropWeighting,
    GradientWeightingConfig,
    GradVacWeighting,
    IMTLGWeighting,
    MGDAWeighting,
    NashMTLWeighting,
    PCGradWeighting,
    UPGradWeighting,
)

COMBINING: tuple[GradientWeightingConfig, ...] = (
    UPGradWeighting(),
    DualProjWeighting(),
    MGDAWeighting(),
    PCGradWeighting(),
    GradVacWeighting(),
    CAGradWeighting(),
    NashMTLWeighting(),
    FairGradWeighting(),
    AlignedMTLWeighting(),
    ConFIGWeighting(),
    IMTLGWeighting(),
    ExcessMTLWeighting(),
    GradDropWeighting(),
)
