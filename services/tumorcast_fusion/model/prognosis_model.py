"""A prognosis model: snapshot in, prognosis out, whatever subset of its inputs arrived."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import HorizonOutOfRange
from tumorcast_core.prognosis import (
    Contribution,
    Endpoint,
    EndpointDescription,
    EndpointKind,
    EndpointStatus,
    InputGroup,
    Interval,
    ModelRef,
    ModelSummary,
    ProbabilityEstimate,
    Prognosis,
    Reason,
    SurvivalEstimate,
    SurvivalPoint,
)
from tumorcast_core.snapshot import Issue, PatientSnapshot, Severity
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.encoding import EncodedSnapshot, encode
from tumorcast_fusion.model.ensemble import INTERVAL_LEVEL, Ensemble, EnsembleOutput, median_days, survival_at
from tumorcast_fusion.model.inputs import input_use
from tumorcast_fusion.model.manifest import EndpointSpec, Manifest
from tumorcast_fusion.model.shapley import shapley_values, subsets

Array = NDArray[np.float64]
_ABSTAINED = (Reason("NO_USABLE_INPUT", "None of the model's inputs could be used."),)


@dataclass(frozen=True, slots=True)
class PrognosisModel:
    """One loaded model."""

    ref: ModelRef
    manifest: Manifest
    ensemble: Ensemble

    @classmethod
    def load(cls, folder: Path) -> PrognosisModel:
        """Load a model folder; raises ``UnknownModel`` where it is broken."""
        manifest = manifests.load(folder)
        ensemble = Ensemble.load(folder, manifest)
        return cls(manifests.reference(folder, manifest), manifest, ensemble)

    def summary(self) -> ModelSummary:
        """What the model is for, what it reads and what it answers."""
        m = self.manifest
        groups = (
            InputGroup(g.id, g.modality, g.timepoint, g.features, g.embedding.spaces if g.embedding else ())
            for g in m.groups
        )
        endpoints = (EndpointDescription(e.id, e.kind, e.definition, e.horizons_days) for e in m.endpoints)
        return ModelSummary(self.ref, m.indication, m.intended_use, m.simulated, tuple(groups), tuple(endpoints))

    def predict(self, snapshot: PatientSnapshot, horizons_days: Sequence[float] = ()) -> Prognosis:
        """Predict every endpoint; horizons in days, default the manifest's, at most the model's follow-up."""
        if any(not 0 < h <= self.manifest.follow_up_days for h in horizons_days):
            raise HorizonOutOfRange(f"Horizons must lie between 0 and {self.manifest.follow_up_days:g} days.")
        encoded = encode(snapshot, self.manifest)
        answers = _Answers(self.manifest, self.ensemble, encoded, tuple(sorted(set(horizons_days))))
        issues = (*snapshot.issues, *encoded.issues, *_unread(snapshot))
        return Prognosis(
            prognosis_id=uuid.uuid4().hex,
            model=self.ref,
            index_date=snapshot.index_date,
            endpoints=tuple(answers.endpoint(spec) for spec in self.manifest.endpoints),
            inputs=tuple(
                input_use(group, bool(encoded.present[g]), encoded.rejections[g], issues, answers.contributions(g))
                for g, group in enumerate(self.manifest.groups)
            ),
            issues=issues,
            disclaimer=self.manifest.disclaimer,
            simulated=self.manifest.simulated,
        )


def _unread(snapshot: PatientSnapshot) -> tuple[Issue, ...]:
    """Say what of the snapshot no model reads yet."""
    if not snapshot.planned_therapies:
        return ()
    message = "The model does not compare treatments: planned therapies did not change the answer."
    return (Issue(Severity.WARNING, "PLANNED_THERAPIES_NOT_READ", message, origin="fusion"),)


class _Answers:
    """All answers for one patient, from one pass of the ensemble over every subset of the groups present."""

    def __init__(
        self, manifest: Manifest, ensemble: Ensemble, encoded: EncodedSnapshot, horizons_days: tuple[float, ...]
    ) -> None:
        self._manifest = manifest
        self._horizons = horizons_days
        self._used = np.flatnonzero(encoded.present)
        self._subsets = subsets(encoded.present)
        rows = np.repeat(encoded.row[None], len(self._subsets), axis=0)
        self._output: EnsembleOutput = ensemble.predict(rows, self._subsets)
        self._contributions = {spec.id: self._shapley(spec) for spec in manifest.endpoints}

    def endpoint(self, spec: EndpointSpec) -> Endpoint:
        """Estimate one endpoint, or abstain where nothing was present."""
        if not len(self._used):
            return Endpoint(spec.id, spec.kind, EndpointStatus.ABSTAINED, _ABSTAINED)
        estimate = self._probability(spec) if spec.kind is EndpointKind.BINARY else self._survival(spec)
        return Endpoint(spec.id, spec.kind, EndpointStatus.PREDICTED, (), estimate)

    def contributions(self, group: int) -> tuple[Contribution, ...]:
        """What one group was worth to each endpoint; empty if it was not present."""
        if group not in self._used:
            return ()
        k = int(np.flatnonzero(self._used == group)[0])
        return tuple(
            Contribution(spec.id, float(self._contributions[spec.id][k]), self._horizons_of(spec)[-1])
            if spec.kind is EndpointKind.TIME_TO_EVENT
            else Contribution(spec.id, float(self._contributions[spec.id][k]))
            for spec in self._manifest.endpoints
        )

    def _horizons_of(self, spec: EndpointSpec) -> tuple[float, ...]:
        return self._horizons or spec.horizons_days

    def _values(self, spec: EndpointSpec) -> Array:
        """The endpoint's headline number for every subset: P(event), or survival at the last horizon."""
        if spec.kind is EndpointKind.BINARY:
            response: Array = self._output.response[0]
            return response
        last = self._horizons_of(spec)[-1]
        survival: Array = survival_at(self._output.cumulative_hazard[0], self._manifest.edges_days, [last])[:, 0]
        return survival

    def _shapley(self, spec: EndpointSpec) -> Array:
        return shapley_values(self._values(spec))

    def _baseline(self, spec: EndpointSpec) -> float | None:
        """The same number from the clinical baseline's groups alone."""
        ids = [group.id for group in self._manifest.groups]
        wanted = [ids.index(name) for name in self._manifest.baseline_groups if ids.index(name) in self._used]
        if not wanted:
            return None
        row = np.zeros(len(ids), dtype=bool)
        row[wanted] = True
        index = int(np.flatnonzero((self._subsets == row).all(axis=1))[0])
        return float(self._values(spec)[index])

    def _probability(self, spec: EndpointSpec) -> ProbabilityEstimate:
        estimate, lower, upper = (float(x) for x in self._output.response[:, -1])
        calibration = self._manifest.response_calibration
        chances = dict(zip(spec.outcomes, (1 - estimate, estimate), strict=True))
        possible = [o for o, p in chances.items() if 1 - p <= calibration.conformal_threshold]
        return ProbabilityEstimate(
            probability=estimate,
            interval=Interval(lower, upper, INTERVAL_LEVEL),
            prediction_set=tuple(possible or [max(chances, key=chances.__getitem__)]),
            prediction_set_level=calibration.conformal_level,
            clinical_baseline=self._baseline(spec),
        )

    def _survival(self, spec: EndpointSpec) -> SurvivalEstimate:
        edges, horizons = self._manifest.edges_days, self._horizons_of(spec)
        middle, low_hazard, high_hazard = self._output.cumulative_hazard[:, -1]
        curves = [survival_at(hazard, edges, horizons) for hazard in (middle, high_hazard, low_hazard)]
        points = tuple(
            SurvivalPoint(day, float(s), Interval(float(lower), float(upper), INTERVAL_LEVEL))
            for day, s, lower, upper in zip(horizons, *curves, strict=True)
        )
        median = median_days(middle, edges)
        soonest, latest = median_days(high_hazard, edges), median_days(low_hazard, edges)
        limits = Interval(soonest or 0.0, latest or math.inf, INTERVAL_LEVEL) if median is not None else None
        return SurvivalEstimate(points, median, limits, self._baseline(spec))
