"""Trains the CT encoder to read what a radiologist would describe: necrosis, margin and size of the lesion.

The targets are attributes of the image, never outcomes, so the embeddings of training patients are no better informed
about their outcomes than those of new ones, and fusion can be trained on the same patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tumorcast_imaging.model import Encoder, EncoderManifest, best_precision
from tumorcast_imaging.model.weights import tensors_of, transfer

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """How long and how fast to train; ``precision`` is bf16, float32, or what this processor is good at.

    In bf16, torch 2.13 on a CPU now and then gives a gradient that is not a number (seen with 16 crops of 32³).
    """

    epochs: int = 4
    batch: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    noise: float = 0.03
    held_out: float = 0.1
    precision: str = ""


def train_encoder(
    crops: list[Array],
    targets: Array,
    manifest: EncoderManifest,
    seed: int,
    recipe: EncoderRecipe | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    start: bytes | None = None,
    frozen: bool = False,
) -> tuple[Encoder, list[float]]:
    """Fit an encoder to standardized ``targets`` (n, attributes); returns it with R² per attribute on held-out crops.

    ``crops`` are (2, N, N, N); the last ``held_out`` share of them is not trained on. ``start`` are weights of another
    network to begin with (``weights.transfer``); ``frozen`` keeps what was taken over of them as it is.
    """
    recipe = recipe or EncoderRecipe()
    torch.manual_seed(seed)
    encoder = Encoder.untrained(manifest, seed)
    if start is not None:
        taken = set(transfer(encoder.network, tensors_of(start)))
        for name, parameter in encoder.network.named_parameters():
            parameter.requires_grad_(not (frozen and name in taken))
    head = nn.Linear(manifest.embedding_dim, targets.shape[1])
    model = nn.Sequential(encoder.network, head)
    fit = round(len(crops) * (1 - recipe.held_out))
    steps = recipe.epochs * (fit // recipe.batch)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.2)
    rng = np.random.default_rng(seed)
    model.train()
    if frozen:
        encoder.network.eval()  # its norms' statistics are part of what was taken over
    for step, chosen in enumerate(batches(fit, recipe, rng)):
        x = augmented(np.stack([crops[i] for i in chosen]), rng, recipe.noise)
        loss = nn.functional.smooth_l1_loss(forward(model, x, recipe.precision), torch.from_numpy(targets[chosen]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if progress:
            progress(step + 1, steps)
    model.eval()
    return encoder, _r_squared(model, crops[fit:], targets[fit:]) if fit < len(crops) else []


def batches(n: int, recipe: EncoderRecipe, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Places of each batch, every epoch in another order; what fills no batch waits for the next."""
    for _ in range(recipe.epochs):
        order = rng.permutation(n)
        for start in range(0, n - recipe.batch + 1, recipe.batch):
            yield order[start : start + recipe.batch]


def augmented(batch: Array, rng: np.random.Generator, noise: float) -> Tensor:
    """Flip, shift by up to two voxels and add noise to the image channel, (batch, 2, N, N, N) in [0, 1]."""
    for item in batch:
        axes = tuple(axis for axis in (1, 2, 3) if rng.random() < 0.5)
        shift = tuple(int(s) for s in rng.integers(-2, 3, 3))
        item[:] = np.roll(np.flip(item, axes), shift, (1, 2, 3))
    x = torch.from_numpy(batch)
    x[:, 0] += noise * torch.randn_like(x[:, 0]) + 0.02 * torch.randn(len(x), 1, 1, 1)
    return x.contiguous(memory_format=torch.channels_last_3d)


def forward(model: nn.Module, x: Tensor, precision: str = "") -> Tensor:
    """The model in bf16, float32, or what this processor is good at; float32 comes out."""
    low = (precision or best_precision(torch.device("cpu"))) == "bf16"
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        out: Tensor = model(x)
    return out.float()


@torch.no_grad()
def _r_squared(model: nn.Module, crops: list[Array], targets: Array) -> list[float]:
    predicted = np.concatenate([forward(model, torch.from_numpy(crop[None])).numpy() for crop in crops])
    residual = ((predicted - targets) ** 2).sum(axis=0)
    total = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
    return [round(float(r), 3) for r in 1 - residual / total]
