"""When a model of tables does not answer: one rule for a served patient and for the rows of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import Reason
from tumorcast_fusion.model.manifest import Scaling
from tumorcast_fusion.model.tabular.typicality import TypicalPatients

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
FAR_OUTSIDE = 0.5
"""A value beyond the training range by more than this share of its width is not like any training patient's."""
NO_USABLE_INPUT = Reason("NO_USABLE_INPUT", "None of the model's inputs could be used.")
UNLIKE = Reason("UNLIKE_TRAINING_PATIENTS", "The patient is unlike every patient that the model was trained on.")


def far_outside(values: Array, scaling: Scaling) -> Mask:
    """Which values (n,) lie far beyond the training cohort's; a missing one does not.

    >>> far_outside(np.array([2.4, 2.6, 4.4, 4.6, np.nan]), Scaling(mean=3, sd=1, low=3, high=4)).tolist()
    [True, False, False, True, False]
    """
    width = max(scaling.high - scaling.low, 1e-9)
    beyond: Mask = np.maximum(scaling.low - values, values - scaling.high) > FAR_OUTSIDE * width
    return beyond


def unlike_training(typical: TypicalPatients, z: Array, far: Mask) -> Mask:
    """Which rows of columns (n, columns) are unlike all training patients; ``far`` (n,) have a value far outside."""
    unlike: Mask = far | np.array([typical.beyond_all(row) for row in z], dtype=bool)
    return unlike
