"""Which candidate is shipped: the simplest, unless another's gain on the published folds clears noise.

Paired by fold, corrected for overlapping training sets (Nadeau and Bengio 2003), Holm over the candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.cross_validation import FoldResult
from tumorcast_training.metrics import PairedTest, corrected_resampled_t, holm

Array = NDArray[np.float64]
SIMPLEST = "linear"
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Selection:
    """The candidate chosen, and for the card each candidate's scores and gain over the simplest."""

    chosen: str
    report: Mapping[str, Any]


def fold_scores(results: Sequence[FoldResult], candidate: str, *, first_visit: bool = False) -> Array:
    """Scores of one candidate on every fold, (folds of all repeats,)."""
    return np.array([(r.first_visit_scores if first_visit else r.scores)[candidate] for r in results])


def select(results: Sequence[FoldResult]) -> Selection:
    """Choose among the candidates of these folds."""
    candidates = list(results[0].scores)
    simplest = fold_scores(results, SIMPLEST)
    tests = {
        name: corrected_resampled_t(fold_scores(results, name) - simplest) for name in candidates if name != SIMPLEST
    }
    found = {name: test for name, test in tests.items() if test is not None}
    adjusted = dict(zip(found, holm([t.p for t in found.values()]), strict=True)) if found else {}
    winners = [name for name in found if adjusted[name] < SIGNIFICANCE and found[name].mean > 0]
    chosen = max(winners, key=lambda name: found[name].mean, default=SIMPLEST)
    report = {
        name: {
            "score": summary(fold_scores(results, name)),
            **(
                {"gain_over_linear": as_json(found[name]) | {"p_holm": _short(adjusted[name])}} if name in found else {}
            ),
        }
        for name in candidates
    }
    return Selection(chosen, report)


def summary(scores: Array) -> list[float]:
    """Mean and standard deviation over the folds that could be scored; NaN where there are too few."""
    known = scores[np.isfinite(scores)]
    mean = float(known.mean()) if len(known) else float("nan")
    return [_short(mean), _short(float(known.std(ddof=1))) if len(known) > 1 else float("nan")]


def as_json(test: PairedTest | None) -> dict[str, float]:
    """A paired test as plain numbers; empty where there is none."""
    if test is None:
        return {}
    return {
        "mean": _short(test.mean),
        "standard_error": _short(test.standard_error),
        "lower": _short(test.lower),
        "p": _short(test.p),
    }


def _short(x: float) -> float:
    return float(f"{x:.4g}")
