"""A saliency that stays when the network forgets what it learned shows the image, not the network.

Adebayo 2018 (NeurIPS, "Sanity Checks for Saliency Maps", arXiv 1810.03292): the model parameter randomization test.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from tumorcast_imaging.model.saliency.replacing import Array

Attribution = Callable[[torch.nn.Module], Array]


def randomized(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """A copy whose every weight tensor has its numbers in random places: as large as before, and meaningless."""
    other = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in other.parameters():
            flat = parameter.detach().reshape(-1)
            places = torch.randperm(flat.numel(), generator=generator).to(flat.device)
            parameter.copy_(flat[places].reshape(parameter.shape))
    return other


def after_randomization(network: torch.nn.Module, attribute: Attribution, *, repeats: int = 5, seed: int = 0) -> float:
    """Mean rank correlation of the absolute saliency with that of randomized networks; 0 is what one hopes for.

    A constant saliency correlates with nothing: 0.
    """
    own = np.abs(attribute(network)).ravel()
    found = []
    for repeat in range(repeats):
        other = np.abs(attribute(randomized(network, seed + repeat))).ravel()
        flat = np.ptp(own) == 0 or np.ptp(other) == 0
        found.append(0.0 if flat else float(stats.spearmanr(own, other).statistic))
    return float(np.mean(found))
