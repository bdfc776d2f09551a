"""A growth model as a prognosis model: dated sums of diameters in, a fan of coming ones out."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from tumorcast_core.dates import first_day
from tumorcast_core.errors import HorizonOutOfRange, TumorcastError, UnknownModel
from tumorcast_core.prognosis import (
    CriterionProbability,
    Endpoint,
    EndpointStatus,
    GrowthRate,
    Interval,
    ModelRef,
    ModelSummary,
    Prognosis,
    Reason,
    TrajectoryEstimate,
    TrajectoryPoint,
)
from tumorcast_core.snapshot import Feature, Issue, PatientSnapshot, Severity
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.description import describe
from tumorcast_fusion.model.encoding import noticed, sorted_out
from tumorcast_fusion.model.growth import Forecast, PopulationPrior, forecast
from tumorcast_fusion.model.inputs import input_use
from tumorcast_fusion.model.manifest import EndpointSpec, Manifest

PRIOR = "prior.yaml"
_NO_SCAN = Reason("NO_USABLE_INPUT", "No dated sum of diameters could be used.")


@dataclass(frozen=True, slots=True)
class GrowthModel:
    """One loaded population of growth curves; its first group's first feature is the sum of diameters."""

    ref: ModelRef
    manifest: Manifest
    prior: PopulationPrior

    @classmethod
    def load(cls, folder: Path, manifest: Manifest) -> GrowthModel:
        """Load the prior; raises ``UnknownModel`` where it is broken."""
        try:
            prior = PopulationPrior.load(folder / PRIOR)
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError, TumorcastError) as e:
            raise UnknownModel("The model's prior is missing or broken.") from e
        return cls(manifests.reference(folder, manifest), manifest, prior)

    def summary(self) -> ModelSummary:
        """What the model is for, what it reads and what it answers."""
        return describe(self.ref, self.manifest)

    def predict(self, snapshot: PatientSnapshot, horizons_days: Sequence[float] = ()) -> Prognosis:
        """Forecast the sum of diameters at horizons in days after the index date, by default the manifest's."""
        (group, *_), (spec, *_) = self.manifest.groups, self.manifest.endpoints
        horizons = tuple(sorted(set(horizons_days))) or spec.horizons_days
        if any(not 0 < h <= self.prior.longest_horizon_days for h in horizons):
            raise HorizonOutOfRange(f"Horizons must lie between 0 and {self.prior.longest_horizon_days:g} days.")
        usable, refused = sorted_out(f for f in snapshot.features if f.name == group.features[0])
        issues = [issue for _, issue in refused]
        scans = _scans(usable, snapshot.index_date, issues)
        endpoint = self._endpoint(spec, scans, horizons)
        rejection = next((issue for issue in issues if issue.blocks), None)
        told = (*snapshot.issues, *issues)
        return Prognosis(
            prognosis_id=uuid.uuid4().hex,
            model=self.ref,
            index_date=snapshot.index_date,
            endpoints=(endpoint,),
            inputs=(input_use(group, endpoint.status is EndpointStatus.PREDICTED, rejection, told),),
            issues=told,
            disclaimer=self.manifest.disclaimer,
            simulated=self.manifest.simulated,
        )

    def _endpoint(self, spec: EndpointSpec, scans: dict[float, float], horizons: Sequence[float]) -> Endpoint:
        if not scans:
            return Endpoint(spec.id, spec.kind, EndpointStatus.ABSTAINED, (_NO_SCAN,))
        try:
            found = forecast(list(scans), list(scans.values()), horizons, self.prior)
        except TumorcastError as e:
            return Endpoint(spec.id, spec.kind, EndpointStatus.ABSTAINED, (Reason(e.reason, e.message),))
        limits = []
        if found.progression_seen:
            limits.append(Reason("PROGRESSION_SEEN", "The last scan is progression by the sum of diameters already."))
        if len(scans) == 1:
            limits.append(Reason("ONE_SCAN", "With one scan the forecast is that of the population."))
        estimate = _estimate(self.manifest.groups[0].features[0], scans, found)
        return Endpoint(spec.id, spec.kind, EndpointStatus.PREDICTED, tuple(limits), estimate)


def _scans(features: Sequence[Feature], index_date: str, issues: list[Issue]) -> dict[float, float]:
    """Sums by day before the index date (0 or less), ascending; without an index date that of the latest scan.

    A scan without a day, after the index date, or a second one of a day is not used, and that is told.
    """
    known = [f for f in features if f.value is not None]
    dated = [(day, f) for f in known if (day := first_day(f.effective)) is not None]
    undated = [f for f in known if first_day(f.effective) is None]
    if len(known) == 1 and undated:
        return {0.0: float(known[0].value or 0.0)}
    message = "A sum of diameters has no date; it was not used."
    issues += [noticed(Severity.ERROR, "NO_DATE", message, f) for f in undated]
    zero = first_day(index_date) or max((day for day, _ in dated), default=date.min)
    found: dict[float, float] = {}
    for day, feature in sorted(dated, key=lambda pair: pair[0]):
        after = float((day - zero).days)
        if after > 0:
            message = "A scan lies after the index date; it was not used."
            issues.append(noticed(Severity.WARNING, "AFTER_INDEX_DATE", message, feature))
        elif after in found:
            message = "Two sums of diameters have the same day; the first was used."
            issues.append(noticed(Severity.WARNING, "DUPLICATE_SCAN", message, feature))
        else:
            found[after] = float(feature.value or 0.0)
    return found


def _estimate(quantity: str, scans: dict[float, float], found: Forecast) -> TrajectoryEstimate:
    past = tuple(TrajectoryPoint(day, value) for day, value in scans.items())
    coming = tuple(
        TrajectoryPoint(
            float(day),
            float(found.median_mm[k]),
            (
                Interval(float(found.lower_50_mm[k]), float(found.upper_50_mm[k]), 0.5),
                Interval(float(found.lower_90_mm[k]), float(found.upper_90_mm[k]), 0.9),
            ),
        )
        for k, day in enumerate(found.days)
    )
    rate = found.specific_growth_rate
    chances = tuple(
        CriterionProbability(criterion, float(day), float(values[k]))
        for criterion, values in (("PD", found.progression_probability), ("PR", found.response_probability))
        for k, day in enumerate(found.days)
    )
    growth = GrowthRate(rate.median_per_day, Interval(rate.lower_90_per_day, rate.upper_90_per_day, 0.9))
    return TrajectoryEstimate(quantity, "mm", (*past, *coming), growth, chances)
