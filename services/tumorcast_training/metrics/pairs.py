"""Weighted sums over pairs of patients in O(n log n) each, for many bootstrap samples at once."""

from __future__ import annotations

import numpy as np

from tumorcast_training.metrics.arrays import Array, Integers, ratio


def weighted_auc(risk: Array, case_weights: Array, control_weights: Array) -> Array:
    """P(case's risk > control's), ties one half, in each sample (b,); weights (b, n) tell cases and controls."""
    order = np.argsort(risk, kind="stable")
    _, starts = np.unique(risk[order], return_index=True)
    cases, controls = (np.add.reduceat(w[:, order], starts, axis=1) for w in (case_weights, control_weights))
    below = np.cumsum(controls, axis=1) - controls
    return ratio((cases * (below + controls / 2)).sum(axis=1), cases.sum(axis=1) * controls.sum(axis=1))


def pair_sums(
    risk: Array, case_key: Integers, case_weights: Array, partner_key: Integers, partner_weights: Array
) -> tuple[Array, Array]:
    """Concordant and all pairs (i, j) with ``partner_key[j] > case_key[i]``, as weighted sums (b,) each.

    A pair weighs ``case_weights[:, i] * partner_weights[:, j]``, (b, n) both. It is concordant where i has the higher
    risk, half so at equal risks. Partners enter a Fenwick tree over the ranks of risk by descending key; memory is
    O(bn).
    """
    distinct, rank = np.unique(risk, return_inverse=True)
    tree = np.zeros((len(distinct) + 1, len(case_weights)))
    cases = np.flatnonzero(case_weights.any(axis=0))
    partners = np.flatnonzero(partner_weights.any(axis=0))
    cases = cases[np.argsort(-case_key[cases], kind="stable")]
    partners = partners[np.argsort(-partner_key[partners], kind="stable")]
    inserted = np.searchsorted(-partner_key[partners], -case_key[cases], side="left")
    case_columns, partner_columns = case_weights.T, partner_weights.T

    concordant, total, entered = (np.zeros(len(case_weights)) for _ in range(3))
    done = 0
    for i, enough in zip(cases, inserted, strict=True):
        for j in partners[done:enough]:
            tree[_holding(int(rank[j]) + 1, len(distinct))] += partner_columns[j]
            entered += partner_columns[j]
        done = enough
        below, upto = (tree[_covering(int(rank[i]) + k)].sum(axis=0) for k in (0, 1))
        concordant += case_columns[i] * (below + upto) / 2
        total += case_columns[i] * entered
    return concordant, total


def _holding(place: int, size: int) -> list[int]:
    """The tree's nodes whose range holds a place (1 … size)."""
    nodes = []
    while place <= size:
        nodes.append(place)
        place += place & -place
    return nodes


def _covering(place: int) -> list[int]:
    """The tree's nodes that cover the places 1 … place."""
    nodes = []
    while place > 0:
        nodes.append(place)
        place &= place - 1
    return nodes
