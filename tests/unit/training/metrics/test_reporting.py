"""Scores by subgroup."""

import numpy as np
from numpy.typing import NDArray

from tumorcast_training.metrics import Scores, by_subgroup


def test_scores_by_cause_are_held_against_the_least_events_cause_by_cause() -> None:
    def score(rows: NDArray[np.bool_]) -> Scores:
        return {"progression": {"rows": 3, "events": 30}, "death": {"rows": 3, "events": 2}}

    found = by_subgroup(np.array(["a", "a", "b"], dtype=object), score)
    assert found["a"]["progression"] == {"rows": 3, "events": 30}
    assert found["a"]["death"]["reason"] == "too few events"
