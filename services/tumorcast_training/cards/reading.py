"""What ``metrics.json`` holds of each endpoint, read so that an absent key is an absent section and never an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model.manifest import EndpointSpec, Manifest
from tumorcast_training.blueprint import Blueprint, EndpointPlan
from tumorcast_training.cards.markdown import count

Figures = Mapping[str, Any]
YEAR_DAYS = 365.0


@dataclass(frozen=True)
class Source:
    """All that a card is made of."""

    manifest: Manifest
    blueprint: Blueprint
    metrics: Figures
    sha256: str
    plots: Mapping[str, str]

    @classmethod
    def of(
        cls, manifest: Manifest, blueprint: Blueprint, metrics: Figures, sha256: str, plots: Mapping[str, str]
    ) -> Source:
        """What is null in ``metrics.json`` is taken as absent."""
        return cls(manifest, blueprint, known(metrics), sha256, plots)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every endpoint of the manifest, with its figures."""
        found = mapping(self.metrics, "endpoints")
        plans = {plan.id: plan for plan in self.blueprint.endpoints}
        return tuple(Endpoint(spec, plans.get(spec.id), mapping(found, spec.id)) for spec in self.manifest.endpoints)

    @property
    def cohort(self) -> Figures:
        """Rows, patients, notes and missing shares of the training cohort."""
        return mapping(self.metrics, "cohort")

    @property
    def clustered(self) -> bool:
        """Whether patients have several rows."""
        return bool(self.cohort.get("rows", 0) > self.cohort.get("patients", 0) > 0)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: what it is, and its figures."""

    spec: EndpointSpec
    plan: EndpointPlan | None
    figures: Figures

    @property
    def score_name(self) -> str:
        """What the score is that candidates, floors and subsets are compared by."""
        return "Harrell's C" if self.spec.about_times else "AUC"

    @property
    def scored(self) -> list[tuple[str, Figures]]:
        """Scores out of fold; by cause where several compete, by threshold where outcomes are ordered."""
        return by_part(self.figures.get("scores"), self.spec)

    @property
    def first(self) -> Figures:
        """Scores of the only or first cause."""
        return self.scored[0][1] if self.scored else {}

    @property
    def headline(self) -> Any:
        """AUC or Harrell's C out of fold, [estimate, lower, upper]."""
        return discrimination(self.first)

    @property
    def floors(self) -> list[tuple[str, Figures]]:
        """Every floor with the paired gain over it, the one with most inputs last."""
        if one := mapping(self.figures, "floor"):
            return [("floor", one)]
        return [(name, floor) for name, floor in mapping(self.figures, "floors").items() if isinstance(floor, Mapping)]

    @property
    def best_floor(self) -> Figures:
        """The floor with the highest score: the hardest to beat."""
        scored = [(floor["score"], floor) for _, floor in self.floors if floor.get("score")]
        best = max(scored, key=lambda pair: pair[0][0] if isinstance(pair[0], list) else pair[0], default=None)
        return best[1] if best else (self.floors[-1][1] if self.floors else {})

    @property
    def baseline_gain(self) -> Figures:
        """What all groups add to those of the clinical baseline."""
        baseline = mapping(self.figures, "baseline")
        return mapping(baseline, "gain_of_all") or mapping(baseline, "gain")

    @property
    def events(self) -> str:
        """How many had what.

        Censored rows are told as such; of a yes or no, both are told.
        """
        raw = self.figures.get("events")
        if not isinstance(raw, Mapping):
            return f"{count(raw)} events" if raw is not None else "events not computed"
        if not self.spec.about_times:
            return ", ".join(f"{n:,} {self._name(int(float(code)))}" for code, n in raw.items())
        causes = self.spec.outcomes if self.spec.kind is EndpointKind.COMPETING_RISKS else ("events",)
        told = [f"{raw.get(str(k), 0):,} {cause}" for k, cause in enumerate(causes, 1)]
        return ", ".join([*told, f"{raw.get('0', 0):,} censored"])

    def _name(self, rank: int) -> str:
        outcomes = self.spec.outcomes
        return outcomes[rank].replace("_", " ") if rank < len(outcomes) else str(rank)


def known(value: Any) -> Any:
    """The same without keys whose value is null.

    >>> known({"a": None, "b": {"c": None}, "d": [None, 1]})
    {'b': {}, 'd': [None, 1]}
    """
    if isinstance(value, Mapping):
        return {key: known(inner) for key, inner in value.items() if inner is not None}
    return [known(inner) for inner in value] if isinstance(value, list) else value


def mapping(of: Figures, key: str) -> Figures:
    """The mapping under a key; empty where there is none."""
    found = of.get(key)
    return found if isinstance(found, Mapping) else {}


def by_part(scores: Any, spec: EndpointSpec) -> list[tuple[str, Figures]]:
    """A score dictionary as one part without a name, or one per cause or threshold."""
    if isinstance(scores, Sequence) and not isinstance(scores, str):
        return [(name, one) for name, one in zip(spec.outcomes, scores, strict=False) if isinstance(one, Mapping)]
    if not isinstance(scores, Mapping) or not scores:
        return []
    if "rows" in scores or "reasons" in scores:
        return [("", scores)]
    return [(name, one) for name, one in scores.items() if isinstance(one, Mapping)]


def discrimination(scores: Figures) -> Any:
    """AUC or Harrell's C."""
    return scores.get("auc") or scores.get("harrell_c")


def horizon_near_a_year(scores: Figures) -> tuple[str, Figures]:
    """The horizon closest to a year that has figures, with them; of a binary outcome none."""
    horizons = {day: one for day, one in mapping(scores, "horizons").items() if isinstance(one, Mapping)}
    known = [day for day, one in horizons.items() if one.get("calibration_slope")] or list(horizons)
    if not known:
        return "", {}
    day = min(known, key=lambda d: abs(float(d) - YEAR_DAYS))
    return day, horizons[day]


def test_scores(source: Source) -> list[tuple[Endpoint, list[tuple[str, Figures]]]]:
    """Scores on the test set of each endpoint that has some."""
    test = mapping(source.metrics, "test")
    found = mapping(test, "endpoints") or test
    parts = [(e, by_part(of.get("scores", of), e.spec)) for e in source.endpoints if (of := mapping(found, e.spec.id))]
    return [(e, of) for e, of in parts if of]
