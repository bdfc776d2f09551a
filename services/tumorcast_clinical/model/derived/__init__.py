"""Features computed from others; each names its sources and its formula."""

from __future__ import annotations

from collections.abc import Callable

from tumorcast_clinical.model.derived.after_death import tell_after_death
from tumorcast_clinical.model.derived.assessed_stages import tell_lost_stages
from tumorcast_clinical.model.derived.before_birth import tell_before_birth
from tumorcast_clinical.model.derived.body import body_measures
from tumorcast_clinical.model.derived.cancer_type import immunotherapy_cancer_type
from tumorcast_clinical.model.derived.checkpoint_inhibitors import checkpoint_inhibitor_class
from tumorcast_clinical.model.derived.comorbidity import charlson_index
from tumorcast_clinical.model.derived.consistency import tell_inconsistent
from tumorcast_clinical.model.derived.formulas import Deriving
from tumorcast_clinical.model.derived.lines import lines_of_therapy
from tumorcast_clinical.model.derived.person import Person
from tumorcast_clinical.model.derived.primaries import tell_several_primaries
from tumorcast_clinical.model.derived.ratios import COUNTS, RATIOS
from tumorcast_clinical.model.derived.scores import SCORES
from tumorcast_clinical.model.derived.stage_iv import stage_iv
from tumorcast_clinical.model.derived.therapy_class import therapy_class
from tumorcast_clinical.model.derived.trends import trends
from tumorcast_clinical.model.derived.tumor_findings import tumor_findings
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

Derivation = Callable[[list[Reading], Context, PartialDate | None], list[Feature]]

FORMULAS = (*COUNTS, *RATIOS, *SCORES)
"""In this order: a formula may take what an earlier one gave."""


def derived_labs(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Counts, ratios and scores of results that belong together."""
    return Deriving(FORMULAS, Person.of(readings)).run(readings, context.report)


DERIVATIONS: tuple[Derivation, ...] = (
    derived_labs,
    body_measures,
    trends,
    therapy_class,
    lines_of_therapy,
    checkpoint_inhibitor_class,
    tumor_findings,
    stage_iv,
    immunotherapy_cancer_type,
    charlson_index,
    tell_lost_stages,
    tell_several_primaries,
    tell_after_death,
    tell_before_birth,
    tell_inconsistent,
)


def derive(readings: list[Reading], context: Context, today: PartialDate | None) -> list[Feature]:
    """Compute every derived feature; ``today`` is the index date, else the latest day of the record."""
    return [feature for derivation in DERIVATIONS for feature in derivation(readings, context, today)]
