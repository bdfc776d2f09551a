"""A model fitted to a deployer's own outcomes: intercept and slope on the link, nothing else.

Logistic recalibration for odds (Cox 1958; Steyerberg 2004, Stat Med 23:2567); for times the same line on the log
cumulative hazard, about its mean over the deployer's patients, so that the intercept shifts and the slope spreads. It
is fitted by maximum likelihood; conformal thresholds are set anew. What is reported as "after" is cross-fitted: every
patient by lines fitted to other patients.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model import manifest as m
from tumorcast_fusion.model.manifest import EndpointSpec
from tumorcast_fusion.model.outputs import EndpointOutput
from tumorcast_fusion.model.tabular import LinkCalibration
from tumorcast_fusion.model.tabular.engine import TabularEngine, output_of
from tumorcast_training import aggregates
from tumorcast_training.cohorts import BinaryOutcome, Cohort, OrdinalOutcome, Outcome, SurvivalOutcome
from tumorcast_training.cohorts.own import folds_of
from tumorcast_training.conformal import bound_threshold, set_threshold
from tumorcast_training.fitting import calibration_of
from tumorcast_training.learners import Target
from tumorcast_training.publishing import CARD, METRICS, write_metrics, write_sums
from tumorcast_training.questions import of_each, questions_of
from tumorcast_training.table_predictions import predict_rows, probabilities, tabular_engine
from tumorcast_training.tables import TableCohort

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
LEAST_EVENTS = 50
"""Fewer events, or fewer rows without one, cannot tell an intercept and a slope from noise."""
LOCAL = "local"


@dataclass(frozen=True)
class _Endpoint:
    """One endpoint's line, its conformal threshold, and calibration before and after."""

    record: m.RecalibratedEndpoint
    calibration: LinkCalibration
    threshold: float
    scores: dict[str, Any]


def recalibrate(
    model: PrognosisModel, parent: Path, table: TableCohort, out: Path, *, samples: int = 500, seed: int = 0
) -> tuple[Path, dict[str, Any]]:
    """Write a complete model to ``out/models/<name>-local`` and give its report.

    Endpoints without enough events stay as they are and say so. Raises ``InvalidInput`` where none has enough, or the
    model was recalibrated before.
    """
    engine, cohort = tabular_engine(model), table.cohort
    if engine.manifest.recalibrated:
        raise InvalidInput("The model was recalibrated before; recalibrate the one that it was made of.")
    predicted = predict_rows(engine, cohort.inputs)
    fitted: dict[str, _Endpoint] = {}
    left: dict[str, str] = {}
    for spec in engine.manifest.endpoints:
        reason, rows = _usable(spec, cohort, predicted.answered)
        if reason:
            left[spec.id] = reason
            continue
        link = engine.blends[spec.id].link(predicted.z[rows], predicted.present[rows])
        fitted[spec.id] = _fit(engine, spec, cohort[rows], link, samples, seed)
    if not fitted:
        raise InvalidInput("; ".join(f"{name}: {reason}" for name, reason in left.items()) + ".")
    report = {
        "parent": {"name": model.ref.name, "version": model.ref.version, "sha256": model.ref.sha256},
        **table.to_json(),
        "abstained": predicted.reasons(),
        "endpoints": {name: {**one.record.model_dump(mode="json"), **one.scores} for name, one in fitted.items()},
        "left_as_they_are": left,
    }
    return _write(model, engine, fitted, report, parent, out), report


def _usable(spec: EndpointSpec, cohort: Cohort, answered: Mask) -> tuple[str, NDArray[np.int64]]:
    """Why an endpoint cannot be recalibrated, or empty; and the rows to do it on."""
    outcome = cohort.outcomes.get(spec.id)
    if outcome is None:
        return "its outcome columns are not in the table", np.zeros(0, np.int64)
    rows = np.flatnonzero(outcome.known() & answered)
    counts = _events(spec, outcome[rows], cohort.patient_ids[rows])
    if min(counts, default=0) < LEAST_EVENTS:
        told = "events, or patients without one," if not spec.about_times else "events"
        return f"{min(counts, default=0)} {told} are fewer than {LEAST_EVENTS}", rows
    return "", rows


def _events(spec: EndpointSpec, outcome: Outcome, patients: NDArray[np.object_]) -> list[int]:
    """Patients with each outcome, or each cause."""
    if isinstance(outcome, SurvivalOutcome):
        causes = len(spec.outcomes) if spec.kind is EndpointKind.COMPETING_RISKS else 1
        return [len(set(patients[outcome.event == c])) for c in range(1, causes + 1)]
    rank = outcome.value if isinstance(outcome, BinaryOutcome) else outcome.rank
    return [len(set(patients[rank == k])) for k in range(len(spec.outcomes))]


def _fit(engine: TabularEngine, spec: EndpointSpec, cohort: Cohort, link: Array, samples: int, seed: int) -> _Endpoint:
    outcome, how = cohort.outcomes[spec.id], engine.spec.endpoints[spec.id]
    target = Target.of(spec.kind, outcome, spec.outcomes, how.edges_days)
    line = calibration_of(link, target, np.ones(len(link)))
    crossed = _crossed(cohort, link, target, seed)
    threshold = _threshold(spec, outcome, output_of(spec, how, np.stack([crossed] * 3)))
    after = how.model_copy(update={"conformal_threshold": threshold})
    outputs = {
        "before": output_of(spec, how, np.stack([link] * 3)),
        "after": output_of(spec, after, np.stack([crossed] * 3)),
    }
    rows = np.ones(len(link), dtype=bool)
    asked = questions_of(spec, outcome, cohort.patient_ids, seed)
    scores = {
        when: of_each(asked, lambda q, o=output: _calibration(q.score(o, rows, samples)))  # type: ignore[misc]
        for when, output in outputs.items()
    }
    record = m.RecalibratedEndpoint(
        patients=len(set(cohort.patient_ids)),
        events=tuple(_events(spec, outcome, cohort.patient_ids)),
        intercept=tuple(round(float(x), 6) for x in line.intercept),
        slope=tuple(round(float(x), 6) for x in line.slope),
    )
    return _Endpoint(record, line, threshold, scores)


def _crossed(cohort: Cohort, link: Array, target: Target, seed: int) -> Array:
    """Links, each calibrated by a line that other patients gave."""
    fold = folds_of(cohort, seed)[:, 0]
    out = link.copy()
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        out[test] = calibration_of(link[train], target[train], np.ones(len(train)))(link[test])
    return out


def _threshold(spec: EndpointSpec, outcome: Outcome, output: EndpointOutput) -> float:
    """The conformal threshold at the model's level, from cross-fitted answers."""
    if not output.level or spec.kind is EndpointKind.COMPETING_RISKS:
        return output.threshold
    if isinstance(outcome, SurvivalOutcome):
        survival = np.exp(-output.hazards[0][:, 0]) if output.hazards is not None else np.zeros((0, 0))
        return bound_threshold(survival, output.edges_days, outcome, output.level)
    rank = outcome.rank if isinstance(outcome, OrdinalOutcome) else outcome.value
    return set_threshold(probabilities(output), rank.astype(np.int64), output.level)


def _calibration(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Of all scores, those that recalibration is about."""
    names = (
        "brier", "integrated_brier", "ece", "ece_null", "calibration_slope", "calibration_intercept", "prediction_sets",
        "d_calibration", "lower_bounds",
    )  # fmt: skip
    found = {name: scores[name] for name in names if name in scores}
    of_horizon = ("brier", "observed_to_expected", "calibration_slope", "calibration_intercept")
    if "horizons" in scores:
        found["horizons"] = {d: {name: one[name] for name in of_horizon} for d, one in scores["horizons"].items()}
    return found


def _write(
    model: PrognosisModel,
    engine: TabularEngine,
    fitted: Mapping[str, _Endpoint],
    report: Mapping[str, Any],
    parent: Path,
    out: Path,
) -> Path:
    endpoints = {
        name: how.model_copy(update={"conformal_threshold": fitted[name].threshold}) if name in fitted else how
        for name, how in engine.spec.endpoints.items()
    }
    record = m.Recalibrated(
        name=model.ref.name,
        version=model.ref.version,
        sha256=model.ref.sha256,
        endpoints={name: one.record for name, one in fitted.items()},
    )
    manifest = engine.manifest.model_copy(
        update={
            "name": f"{model.ref.name}-{LOCAL}",
            "version": f"{model.ref.version}+{LOCAL}",
            "tabular": engine.spec.model_copy(update={"endpoints": endpoints}),
            "recalibrated": record,
        }
    )
    blends = {
        name: blend.recalibrated(fitted[name].calibration) if name in fitted else blend
        for name, blend in engine.blends.items()
    }
    folder = out / "models" / manifest.name
    if folder.exists():
        raise InvalidInput("The folder to write to has a recalibrated model already.")
    m.dump(manifest, folder)
    replace(engine, manifest=manifest, blends=blends).save(folder)
    _write_papers(folder, parent, report)
    (out / "encoders").mkdir(exist_ok=True)
    return folder


def _write_papers(folder: Path, parent: Path, report: Mapping[str, Any]) -> None:
    """Metrics and card of the parent with a section on what was done; aggregates of its inputs; digests."""
    metrics = json.loads((parent / METRICS).read_text(encoding="utf-8")) if (parent / METRICS).is_file() else {}
    write_metrics(folder, {**metrics, "recalibration": report})
    card = (parent / CARD).read_text(encoding="utf-8") if (parent / CARD).is_file() else ""
    (folder / CARD).write_text(card.rstrip("\n") + "\n\n" + section(report), encoding="utf-8")
    if (parent / aggregates.FILE).is_file():
        aggregates.write({**aggregates.load(parent), "scores": {}}, folder)
    write_sums(folder)


def section(report: Mapping[str, Any]) -> str:
    """The card's section (Markdown)."""
    parent = report["parent"]
    lines = [
        "## Recalibrated to local outcomes",
        "",
        f"Made of {parent['name']} {parent['version']} (sha256 {parent['sha256']}) by `tumorcast recalibrate`: an "
        f"intercept and a slope on the link, fitted to {report['patients']} local patients. All figures above are the "
        "parent's.",
        "",
        "| endpoint | patients | of each outcome | intercept | slope |",
        "|---|---|---|---|---|",
    ]
    for name, one in report["endpoints"].items():
        cells = (" / ".join(f"{x:g}" for x in one[key]) for key in ("events", "intercept", "slope"))
        lines.append(f"| {name} | {one['patients']} | {' | '.join(cells)} |")
    for name, reason in report["left_as_they_are"].items():
        lines += ["", f"{name} is as in the parent: {reason}."]
    return "\n".join(lines) + "\n"
