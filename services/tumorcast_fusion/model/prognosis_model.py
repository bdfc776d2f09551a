"""A prognosis model: snapshot in, prognosis out, whatever subset of its inputs arrived."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import HorizonOutOfRange
from tumorcast_core.prognosis import (
    Contribution,
    Endpoint,
    EndpointStatus,
    ModelRef,
    ModelSummary,
    Prognosis,
    Reason,
)
from tumorcast_core.snapshot import Issue, PatientSnapshot, Severity
from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.description import describe
from tumorcast_fusion.model.engine import Engine, Reading, Remarks
from tumorcast_fusion.model.inputs import input_use
from tumorcast_fusion.model.manifest import EndpointSpec, Manifest
from tumorcast_fusion.model.neural import NeuralEngine
from tumorcast_fusion.model.shapley import shapley_values, subsets
from tumorcast_fusion.model.tabular.abstaining import NO_USABLE_INPUT
from tumorcast_fusion.model.tabular.engine import TabularEngine

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PrognosisModel:
    """One loaded model."""

    ref: ModelRef
    manifest: Manifest
    engine: Engine[Any]

    @classmethod
    def load(cls, folder: Path) -> PrognosisModel:
        """Load a model folder; raises ``UnknownModel`` where it is broken."""
        manifest = manifests.load(folder)
        engine = TabularEngine if manifest.engine == "tabular" else NeuralEngine
        return cls(manifests.reference(folder, manifest), manifest, engine.load(folder, manifest))

    def summary(self) -> ModelSummary:
        """What the model is for, what it reads and what it answers."""
        return describe(self.ref, self.manifest)

    def predict(self, snapshot: PatientSnapshot, horizons_days: Sequence[float] = ()) -> Prognosis:
        """Predict every endpoint; horizons in days, default the manifest's, at most the model's follow-up."""
        if any(not 0 < h <= self.manifest.follow_up_days for h in horizons_days):
            raise HorizonOutOfRange(f"Horizons must lie between 0 and {self.manifest.follow_up_days:g} days.")
        reading = self.engine.read(snapshot)
        answers = _Answers(self.manifest, self.engine, reading, tuple(sorted(set(horizons_days))))
        remarks = answers.remarks
        issues = (*snapshot.issues, *reading.issues, *_unread(snapshot, remarks))
        return Prognosis(
            prognosis_id=uuid.uuid4().hex,
            model=self.ref,
            index_date=snapshot.index_date,
            endpoints=tuple(answers.endpoint(spec) for spec in self.manifest.endpoints),
            inputs=tuple(
                input_use(
                    group,
                    bool(reading.present[g]),
                    reading.rejections[g],
                    issues,
                    answers.contributions(g),
                    remarks.features.get(group.id, ()),
                    remarks.worth.get(group.id, ()),
                )
                for g, group in enumerate(self.manifest.groups)
            ),
            issues=issues,
            disclaimer=self.manifest.disclaimer,
            simulated=self.manifest.simulated,
            typicality=remarks.typicality,
            similar=remarks.similar,
            observed_under=remarks.observed_under,
        )


def _unread(snapshot: PatientSnapshot, remarks: Remarks) -> tuple[Issue, ...]:
    """Say that planned therapies did not move the answer, and where to look instead."""
    if not snapshot.planned_therapies:
        return ()
    message = "Planned therapies did not change the answer."
    if remarks.observed_under:
        message += " What was observed under treatments stands beside it; that is no effect of treatment."
    return (Issue(Severity.WARNING, "PLANNED_THERAPIES_NOT_READ", message, origin="fusion"),)


class _Answers:
    """All answers for one patient, from one pass of the engine over every subset of the groups present."""

    def __init__(
        self, manifest: Manifest, engine: Engine[Any], reading: Reading[Any], horizons_days: tuple[float, ...]
    ) -> None:
        self._manifest = manifest
        self._horizons = horizons_days
        self._used = np.flatnonzero(reading.present)
        self._subsets = subsets(reading.present)
        self._outputs = engine.outputs(reading, self._subsets)
        last = {spec.id: self._horizons_of(spec)[-1] for spec in manifest.endpoints if spec.about_times}
        self.remarks = engine.remarks(reading, last) if len(self._used) else Remarks({}, {})
        self._shares = {} if self._abstains() else {spec.id: self._shapley(spec) for spec in manifest.endpoints}

    def _abstains(self) -> tuple[Reason, ...]:
        return self.remarks.abstains if len(self._used) else (NO_USABLE_INPUT,)

    def endpoint(self, spec: EndpointSpec) -> Endpoint:
        """Estimate one endpoint, or abstain with the reasons."""
        if reasons := self._abstains():
            return Endpoint(spec.id, spec.kind, EndpointStatus.ABSTAINED, reasons)
        estimate = self._outputs[spec.id].estimate(spec, self._horizons_of(spec), self._baseline(spec))
        return Endpoint(spec.id, spec.kind, EndpointStatus.PREDICTED, self.remarks.limits, estimate)

    def contributions(self, group: int) -> tuple[Contribution, ...]:
        """What one group was worth to each endpoint, at every horizon; empty if it was not present."""
        if group not in self._used or not self._shares:
            return ()
        k = int(np.flatnonzero(self._used == group)[0])
        return tuple(
            Contribution(spec.id, float(value), day)
            for spec in self._manifest.endpoints
            for day, value in zip(self._horizons_of(spec), self._shares[spec.id][:, k], strict=True)
        )

    def _horizons_of(self, spec: EndpointSpec) -> tuple[float, ...]:
        return (self._horizons or spec.horizons_days) if spec.about_times else (0.0,)

    def _headline(self, spec: EndpointSpec) -> Array:
        return self._outputs[spec.id].headline(self._horizons_of(spec))

    def _shapley(self, spec: EndpointSpec) -> Array:
        """Shapley values, (horizons, groups used)."""
        return np.stack([shapley_values(values) for values in self._headline(spec).T])

    def _baseline(self, spec: EndpointSpec) -> float | None:
        """The headline number at the last horizon from the clinical baseline's groups alone."""
        ids = [group.id for group in self._manifest.groups]
        wanted = [ids.index(name) for name in self._manifest.baseline_groups if ids.index(name) in self._used]
        if not wanted:
            return None
        row = np.zeros(len(ids), dtype=bool)
        row[wanted] = True
        index = int(np.flatnonzero((self._subsets == row).all(axis=1))[0])
        return float(self._headline(spec)[index, -1])
