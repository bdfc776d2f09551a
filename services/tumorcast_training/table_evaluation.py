"""How good a model of tables is on a cohort: all scores, beside its baseline, by subgroup, by subset of groups.

Rows on which the model abstains are left out of the scores and counted; where there are any, scores with them in stand
beside. Intervals are 95 %, by bootstrap over patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model import PrognosisModel
from tumorcast_fusion.model.manifest import EndpointSpec
from tumorcast_fusion.model.outputs import EndpointOutput
from tumorcast_fusion.model.tabular.engine import TabularEngine
from tumorcast_training.cohorts import Cohort, OrdinalOutcome
from tumorcast_training.metrics import ClusterBootstrap, by_subgroup, clopper_pearson, in_set
from tumorcast_training.metrics.reporting import Scores
from tumorcast_training.metrics.resampling import rounded
from tumorcast_training.questions import Question, interval, of_each, paired_difference, questions_of
from tumorcast_training.table_predictions import (
    RowPredictions,
    outputs_of,
    predict_rows,
    prediction_sets,
    rows_of,
    tabular_engine,
)
from tumorcast_training.table_warnings import warnings_of
from tumorcast_training.tables import TableCohort

Mask = NDArray[np.bool_]
MOST_GROUPS = 6
"""Beyond so many groups with data the subsets are too many to read."""
_BESIDE_SAMPLES = 200

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What to score; ``without`` names groups whose columns are as if the table lacked them.

    ``samples`` of the bootstrap are for the scores and paired differences; whatever stands beside has at most 200.
    """

    without: tuple[str, ...] = ()
    subsets: bool = True
    samples: int = 1000
    seed: int = 0

    @property
    def beside(self) -> int:
        """Bootstrap samples for what stands beside the main scores."""
        return min(self.samples, _BESIDE_SAMPLES)


def evaluate_table(
    model: PrognosisModel,
    table: TableCohort,
    options: Options | None = None,
    *,
    trained_on_these: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> dict[str, Any]:
    """Score a model on a cohort; a plain document.

    Raises ``InvalidInput`` where the model reads no tables, a group in ``without`` is none of its own, or the cohort
    has no outcome of any of its endpoints.
    """
    options = options or Options()
    engine = tabular_engine(model)
    cohort = without_groups(table.cohort, engine, options.without)
    scored = [spec for spec in engine.manifest.endpoints if spec.id in cohort.outcomes]
    if not scored:
        raise InvalidInput("The table has the outcome columns of none of the model's endpoints.")
    predicted = predict_rows(engine, cohort.inputs)
    masks = _subsets(predicted, engine) if options.subsets else []
    evaluation = _Evaluation(engine, cohort, predicted, options)
    endpoints = {}
    for done, spec in enumerate(scored):
        progress(done, len(scored))
        endpoints[spec.id] = evaluation.endpoint(spec)
    for mask, groups in masks:
        evaluation.add_subset(endpoints, mask, groups)
    found = {
        "model": {"name": model.ref.name, "version": model.ref.version, "sha256": model.ref.sha256},
        **table.to_json(),
        "groups": _groups(predicted, engine, options.without),
        "unseen_categories": dict(predicted.unseen),
        "abstained": {"rows": int((~predicted.answered).sum()), "reasons": predicted.reasons()},
        "endpoints": endpoints,
    }
    return {**found, "warnings": warnings_of(found, engine.manifest, table, trained_on_these=trained_on_these)}


def without_groups(cohort: Cohort, engine: TabularEngine, groups: tuple[str, ...]) -> Cohort:
    """The cohort without the inputs of some groups; raises ``InvalidInput`` for a group that the model has not."""
    if unknown := set(groups) - set(engine.design.groups):
        raise InvalidInput(
            f"{len(unknown)} of the groups to leave out are not among {', '.join(engine.design.groups)}."
        )
    gone = [name for name in cohort.inputs if engine.design.group_of_input.get(name, "") in groups]
    return replace(cohort, inputs=cohort.inputs.drop(columns=gone))


def _groups(predicted: RowPredictions, engine: TabularEngine, without: tuple[str, ...]) -> dict[str, Any]:
    """How many rows have each group."""
    return {
        group: {"rows": int(predicted.present[:, g].sum()), **({"left_out": True} if group in without else {})}
        for g, group in enumerate(engine.design.groups)
    }


def _subsets(predicted: RowPredictions, engine: TabularEngine) -> list[tuple[Mask, tuple[str, ...]]]:
    """Every subset, but none and all, of the groups that any row has; none where they are too many or one."""
    here = np.flatnonzero(predicted.present.any(axis=0))
    if not 1 < len(here) <= MOST_GROUPS:
        return []
    found = []
    for chosen in product([False, True], repeat=len(here)):
        if 0 < sum(chosen) < len(here):
            mask = np.zeros(predicted.present.shape[1], dtype=bool)
            mask[here] = chosen
            found.append((mask, tuple(engine.design.groups[g] for g in np.flatnonzero(mask))))
    return sorted(found, key=lambda pair: (len(pair[1]), [engine.design.groups.index(g) for g in pair[1]]))


@dataclass(frozen=True)
class _Evaluation:
    engine: TabularEngine
    cohort: Cohort
    predicted: RowPredictions
    options: Options

    def endpoint(self, spec: EndpointSpec) -> dict[str, Any]:
        """All of one endpoint but the subsets."""
        output, known = self.predicted.outputs[spec.id], self.cohort.outcomes[spec.id].known()
        rows = known & self.predicted.answered
        asked = self._questions(spec)
        found: dict[str, Any] = {
            "kind": spec.kind.value,
            "known": int(known.sum()),
            "scored": int(rows.sum()),
            "abstained": self._abstained(known),
            "scores": of_each(asked, lambda q: q.score(output, rows, self.options.samples)),
        }
        if (known & ~rows).any():
            beside = of_each(asked, lambda q: q.score(output, known, self.options.beside))
            found["scores_with_abstained"] = beside
        if spec.kind is EndpointKind.ORDINAL:
            found["prediction_sets"] = self._set_coverage(spec, output, rows)
        found["baseline"] = self._baseline(spec, asked, output, rows)
        found["subgroups"] = {
            name: of_each(asked, lambda q, labels=labels: by_subgroup(labels, self._some(q, output, rows)))  # type: ignore[misc]
            for name, labels in self.cohort.subgroups.items()
        }
        return found

    def _questions(self, spec: EndpointSpec) -> list[Question]:
        outcome = self.cohort.outcomes[spec.id]
        return questions_of(spec, outcome, self.cohort.patient_ids, self.options.seed)

    def _abstained(self, known: Mask) -> dict[str, Any]:
        reasons = [reason for reason in self.predicted.abstains[known] if reason is not None]
        return {"rows": len(reasons), "reasons": {code: reasons.count(code) for code in sorted(set(reasons))}}

    def _some(self, question: Question, output: EndpointOutput, rows: Mask) -> Callable[[Mask], Scores]:
        return lambda inside: question.score(output, rows & inside, self.options.beside)

    def _baseline(
        self, spec: EndpointSpec, asked: list[Question], output: EndpointOutput, rows: Mask
    ) -> dict[str, Any] | None:
        """The same model from the baseline's groups alone, and the paired gain of the others on the same rows."""
        groups = self.engine.manifest.baseline_groups
        mask = np.isin(self.engine.design.groups, groups)
        here = rows & (self.predicted.present & mask).any(axis=1)
        if not groups or not here.any():
            return None
        alone = self._outputs(mask)[spec.id]
        bootstrap = self._bootstrap(here)
        return {
            "groups": list(groups),
            "rows": int(here.sum()),
            "scores": of_each(asked, lambda q: q.score(alone, here, self.options.beside)),
            "gain_over_it": of_each(asked, lambda q: {q.figure: paired_difference(q, output, alone, here, bootstrap)}),
        }

    def add_subset(self, endpoints: Mapping[str, dict[str, Any]], mask: Mask, groups: tuple[str, ...]) -> None:
        """Score every endpoint from some groups only, on the rows that have any of them."""
        outputs = self._outputs(mask)
        some = (self.predicted.present & mask).any(axis=1) & self.predicted.answered
        for spec in self.engine.manifest.endpoints:
            if spec.id not in endpoints:
                continue
            rows = some & self.cohort.outcomes[spec.id].known()
            endpoints[spec.id].setdefault("subsets", []).append(
                {"groups": list(groups), "rows": int(rows.sum()), **self._subset(spec, outputs[spec.id], rows)}
            )

    def _subset(self, spec: EndpointSpec, output: EndpointOutput, rows: Mask) -> dict[str, Any]:
        bootstrap, full = self._bootstrap(rows, self.options.beside), self.predicted.outputs[spec.id]
        asked = self._questions(spec)
        return {
            "score": of_each(asked, lambda q: {q.figure: interval(q, output, rows, bootstrap)}),
            "loss_to_all_groups": of_each(
                asked, lambda q: {q.figure: paired_difference(q, full, output, rows, bootstrap)}
            ),
        }

    def _outputs(self, mask: Mask) -> dict[str, EndpointOutput]:
        return outputs_of(self.engine, self.predicted.z, self.predicted.present & mask)

    def _bootstrap(self, rows: Mask, samples: int | None = None) -> ClusterBootstrap:
        return ClusterBootstrap(self.cohort.patient_ids[rows], samples or self.options.samples, self.options.seed)

    def _set_coverage(self, spec: EndpointSpec, output: EndpointOutput, rows: Mask) -> dict[str, Any] | None:
        """Coverage of the prediction sets of ordered outcomes, exact binomial."""
        outcome = self.cohort.outcomes[spec.id]
        sets = prediction_sets(rows_of(output, rows))
        if sets is None or not isinstance(outcome, OrdinalOutcome) or not rows.any():
            return None
        covered = in_set(outcome.rank[rows], sets)
        share = rounded(covered.mean(), *clopper_pearson(int(covered.sum()), len(covered)))
        within = share[1] <= output.level <= share[2]
        size = round(float(sets.sum(axis=1).mean()), 4)
        return {"nominal": output.level, "coverage": share, "contains_nominal": within, "mean_size": size}
