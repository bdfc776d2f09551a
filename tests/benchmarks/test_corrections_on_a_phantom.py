"""What corrections do to the measures of lesions of known size, value, noise and shading: ``make bench``.

The phantom's truth is a formula (tests/support/imaging_phantom.py). Each figure is the mean over seeds of the noise.
The volume is that of the largest connected part above half-way between the muscle around and the lesion (PET: above
41 % of its maximum), grown from the middle of the sphere: as a reader with a threshold tool would draw it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats

from support.imaging_phantom import CENTERS_MM, DIAMETERS_MM, ImagingPhantom, sphere_ml
from tumorcast_imaging.model.correction import apply
from tumorcast_imaging.model.quality import assess

pytestmark = pytest.mark.slow
SEEDS = (0, 1, 2)
CHAINS: dict[str, tuple[tuple[str, ...], ...]] = {
    "CT": ((), ("curvature-diffusion",)),
    "PT": ((), ("curvature-diffusion",)),
    "MR": ((), ("n4-bias-field",), ("curvature-diffusion",), ("n4-bias-field", "curvature-diffusion")),
}
BINS = {"CT": 10.0, "PT": 0.25, "MR": 10.0}
"""Width of the bins of entropy, in the unit of the image."""
SPHERES = (0, 2)
"""Of 40 and 16 mm."""


@dataclass(frozen=True)
class Measures:
    """Measures of one sphere."""

    volume_ml: float
    mean: float
    maximum: float
    cnr: float
    skewness: float
    entropy: float


@pytest.mark.timeout(900)
@pytest.mark.parametrize("modality", sorted(CHAINS))
def test_corrections_on_a_phantom(modality: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["| | sphere | volume ml | mean | max | CNR | skewness | entropy | shading left |", "|---|" + "---|" * 8]
    truth = ImagingPhantom(modality, noisy=False, shaded=False)
    for sphere in SPHERES:
        lines.append(
            _row("without noise and shading", sphere, _measures(truth, truth.volume.array, sphere, None), None)
        )
        for chain in CHAINS[modality]:
            found = [_after(modality, seed, chain) for seed in SEEDS]
            rows = [_measures(ImagingPhantom(modality, seed), array, sphere, noise) for seed, array, noise, _ in found]
            left = float(np.mean([each[3] for each in found])) if modality == "MR" else None
            lines.append(_row(" + ".join(chain) or "as acquired", sphere, _mean(rows), left))
    if modality == "MR":
        before, after = (np.mean([_after("MR", seed, chain)[3] for seed in SEEDS]) for chain in CHAINS["MR"][:2])
        assert after < before / 4, "N4 takes out more than three quarters of the shading"
    sizes = " and ".join(f"{sphere_ml(DIAMETERS_MM[k]):.2f} ml ({DIAMETERS_MM[k]:g} mm)" for k in SPHERES)
    with capsys.disabled():
        sys.stdout.write("\n".join([f"\n\n{modality}; the spheres have {sizes}", "", *lines, ""]))


@cache
def _after(modality: str, seed: int, chain: tuple[str, ...]) -> tuple[int, NDArray[np.float32], float | None, float]:
    """The array after a chain of corrections, its noise, and the shading that is left."""
    patient = ImagingPhantom(modality, seed)
    corrected = apply(patient.volume, chain).volume
    noise = assess(corrected).value("noise_sd")
    left = 0.0
    if modality == "MR":
        inside = patient.truth > 100
        smooth = ndimage.gaussian_filter(np.log(np.maximum(corrected.array / np.maximum(patient.truth, 1), 1e-3)), 2)
        left = float(smooth[ndimage.binary_erosion(inside, iterations=4)].std())
    return seed, corrected.array, noise if isinstance(noise, float) else None, left


def _measures(patient: ImagingPhantom, array: NDArray[np.float32], sphere: int, noise: float | None) -> Measures:
    mask, tissue = patient.masks[sphere], patient.tissue
    values = array[mask].astype(float)
    around = ndimage.binary_dilation(mask, iterations=5) & ~ndimage.binary_dilation(mask, iterations=2)
    background = float(np.median(array[around]))
    level = 0.41 * values.max() if patient.modality == "PT" else (background + np.median(values)) / 2
    counts = np.bincount(np.floor((values - values.min()) / BINS[patient.modality]).astype(int))
    share = counts[counts > 0] / counts.sum()
    return Measures(
        volume_ml=_grown(array > level, sphere, patient) if tissue.lesion > tissue.muscle else float("nan"),
        mean=float(values.mean()),
        maximum=float(values.max()),
        cnr=abs(float(values.mean()) - background) / noise if noise else float("nan"),
        skewness=float(stats.skew(values)),
        entropy=float(-(share * np.log2(share)).sum()),
    )


def _grown(above: NDArray[np.bool_], sphere: int, patient: ImagingPhantom) -> float:
    """Volume of the part above a threshold around the middle of the sphere, within 10 mm of its surface."""
    middle = [n / 2 + at / mm for n, at, mm in zip(patient.shape, CENTERS_MM[sphere], patient.spacing_mm, strict=True)]
    near = np.sqrt(
        sum(
            ((np.arange(n).reshape([-1 if a == axis else 1 for a in range(3)]) + 0.5 - middle[axis]) * mm) ** 2
            for axis, (n, mm) in enumerate(zip(patient.shape, patient.spacing_mm, strict=True))
        )
    )
    labels, _ = ndimage.label(above & (near <= DIAMETERS_MM[sphere] / 2 + 10))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return float(sizes.max() * np.prod(patient.spacing_mm) / 1000)


def _mean(rows: Sequence[Measures]) -> Measures:
    return Measures(*(float(np.mean([getattr(row, one.name) for row in rows])) for one in fields(Measures)))


def _row(name: str, sphere: int, m: Measures, left: float | None) -> str:
    cnr = "" if np.isnan(m.cnr) else f"{m.cnr:.1f}"
    shading = "" if left is None else f"{100 * left:.1f} %"
    return (
        f"| {name} | {DIAMETERS_MM[sphere]:g} mm | {m.volume_ml:.2f} | {m.mean:.4g} | {m.maximum:.4g} | {cnr} | "
        f"{m.skewness:.2f} | {m.entropy:.2f} | {shading} |"
    )
