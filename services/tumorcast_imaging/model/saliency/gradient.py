"""Which voxels move the score most, by the network's own derivative.

All methods weigh the derivative by how much a voxel differs from the mean of its surroundings, so that what they give
is a share of the score: gradient × input (Shrikumar 2016, arXiv 1605.01713), the mean of it over noisy copies
(SmoothGrad, Smilkov 2017, arXiv 1706.03825) and along the way from the surroundings (integrated gradients, Sundararajan
2017, arXiv 1703.01365), which sum up to the score's change. A few lines of autograd; Captum would bring nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from tumorcast_core.errors import InvalidInput
from tumorcast_imaging.model.saliency.replacing import IMAGE, Array, checked, patch_size, without_tissue

GradientMethod = Literal["gradient", "smooth", "integrated"]
_NOISE = 0.1
_BATCH = 8


def gradient_saliency(
    network: torch.nn.Module,
    crop: Array,
    direction: NDArray[np.floating],
    *,
    method: GradientMethod = "smooth",
    samples: int = 24,
    seed: int = 0,
    channels: Sequence[int] = IMAGE,
) -> Array:
    """Share of each voxel (N, N, N) in the score ``network(crop) · direction``, signed, summed over image channels.

    ``samples`` are noisy copies (standard deviation 0.1 of the window) or steps along the way; ``gradient`` needs one.
    The network (B, channels, N, N, N) → (B, dim) is used in evaluation mode and in float32, and left as it was.
    """
    crop = checked(crop)
    blank = without_tissue(crop, patch_size(crop.shape[1]), channels)
    if method == "gradient":
        inputs: Iterable[Array] = [crop]
    elif method == "smooth":
        inputs = _noisy(crop, samples, seed, channels)
    elif method == "integrated":
        inputs = (blank + np.float32((k + 0.5) / samples) * (crop - blank) for k in range(samples))
    else:
        raise InvalidInput("A gradient method is gradient, smooth or integrated.")
    parts = _mean_gradient(network, inputs, np.asarray(direction, np.float32)) * (crop - blank)
    return np.asarray(parts[list(channels)].sum(axis=0), np.float32)


def _noisy(crop: Array, samples: int, seed: int, channels: Sequence[int]) -> Iterable[Array]:
    rng = np.random.default_rng(seed)
    for _ in range(samples):
        copy = crop.copy()
        for channel in channels:
            copy[channel] += _NOISE * rng.standard_normal(crop.shape[1:], np.float32)
        yield copy


def _mean_gradient(network: torch.nn.Module, inputs: Iterable[Array], direction: Array) -> NDArray[np.float64]:
    like = next(network.parameters(), torch.zeros(1))
    toward = torch.from_numpy(direction).to(like.device)
    total: NDArray[np.float64] | None = None
    count = 0
    training = network.training
    network.eval()
    try:
        waiting = list(inputs)
        for start in range(0, len(waiting), _BATCH):
            batch = torch.from_numpy(np.stack(waiting[start : start + _BATCH])).to(like.device).requires_grad_(True)
            with torch.enable_grad():
                scores = network(batch).float() @ toward
                (found,) = torch.autograd.grad(scores.sum(), batch)
            part = found.sum(dim=0, dtype=torch.float64).cpu().numpy()
            total = part if total is None else total + part
            count += len(batch)
    finally:
        network.train(training)
    if total is None:
        raise InvalidInput("A gradient needs at least one sample.")
    return np.asarray(total / count)
