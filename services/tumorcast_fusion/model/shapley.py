"""Exact Shapley values over input groups: what each group that was used is worth.

Shapley 1953. With m groups there are 2^m subsets; the model answers any subset, so nothing is sampled or imputed.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def subsets(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All subsets of the present groups, (2^m, groups); row ``b`` has the k-th present group if bit k of b is set."""
    used = np.flatnonzero(present)
    rows = np.zeros((2 ** len(used), len(present)), dtype=bool)
    bits = (np.arange(len(rows))[:, None] >> np.arange(len(used))) & 1
    rows[:, used] = bits.astype(bool)
    return rows


def shapley_values(value_of_subset: Array) -> Array:
    """Shapley value of each of m players from the 2^m subset values in the order of ``subsets``, shape (m,).

    >>> shapley_values(np.array([0.0, 1.0, 2.0, 5.0])).tolist()
    [2.0, 3.0]
    """
    count = len(value_of_subset)
    players = count.bit_length() - 1
    index = np.arange(count)
    size = np.array([i.bit_count() for i in range(count)])
    weight = np.array([factorial(s) * factorial(players - s - 1) for s in range(players)]) / factorial(players)
    values = np.empty(players)
    for k in range(players):
        without = index[(index >> k) & 1 == 0]
        gain = value_of_subset[without | (1 << k)] - value_of_subset[without]
        values[k] = (weight[size[without]] * gain).sum()
    return values
