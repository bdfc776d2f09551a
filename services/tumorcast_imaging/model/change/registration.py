"""Rigid registration of two volumes of one kind.

Mattes mutual information over three resolutions from several starts, by SimpleITK (Apache-2.0); one thread, regular
sampling and bounded iterations make it the same to the bit.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.change.alignment import LEAST_COMMON, REGISTERED_MM, Alignment, body_points, judged
from tumorcast_imaging.model.change.overview import Overview

_BINS = 40
_SHRINK, _SMOOTH_MM = (4, 2, 1), (6.0, 3.0, 0.0)
_ITERATIONS = 150
_STARTS = 3
_SWEEP_MM = 30.0
_SAMPLES = 40_000
_POINTS = 12_000


def register(earlier: Overview, later: Overview) -> Alignment:
    """Align two volumes of one kind rigidly; never raises for what they show, but says that it failed."""
    with _one_thread():
        best = _refined(_image(earlier), _image(later), earlier, later)
    if best is None:
        return Alignment(method="registration", uncertainty_mm=float("inf"), failed="NO_COMMON_ANATOMY")
    return judged(earlier, later, best, "registration", REGISTERED_MM)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Sums of a metric depend on how its work is cut, and only the global default decides that."""
    import SimpleITK as sitk  # noqa: N813

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _image(volume: Overview) -> Any:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(volume.array)
    step = volume.affine_lps[:3, [2, 1, 0]]  # ITK counts columns first
    spacing = np.linalg.norm(step, axis=0)
    image.SetSpacing([float(mm) for mm in spacing])
    image.SetDirection([float(cosine) for cosine in (step / spacing).ravel()])
    image.SetOrigin([float(mm) for mm in volume.affine_lps[:3, 3]])
    return image


def _mask(volume: Overview, image: Any) -> Any:
    import SimpleITK as sitk  # noqa: N813

    mask = sitk.GetImageFromArray(volume.body.astype(np.uint8))
    mask.CopyInformation(image)
    return mask


def _refined(fixed: Any, moving: Any, earlier: Overview, later: Overview) -> NDArray[np.float64] | None:
    """The best of several starts, refined level by level; ``None`` where no start has anything in common."""
    center = earlier.points(np.argwhere(earlier.body).mean(axis=0)[None])[0]
    starts = _starts(earlier, later)
    if not starts:
        return None
    mask = _mask(earlier, fixed)
    coarse = [_run(fixed, moving, mask, center, start, levels=(0,)) for start in starts]
    scored = [(_similarity(earlier, later, _matrix(transform)), number) for number, transform in enumerate(coarse)]
    chosen = coarse[max(scored)[1]]
    final = _run(fixed, moving, mask, center, np.zeros(3), levels=(1, 2), begin=chosen)
    return _matrix(final)


def _starts(earlier: Overview, later: Overview) -> list[NDArray[np.float64]]:
    """Translations to begin with, best first: as they lie, centers on centers, and shifts along the body."""
    center_a, center_b = (v.points((np.array([v.array.shape], float) - 1) / 2)[0] for v in (earlier, later))
    mass_a, mass_b = (v.points(np.argwhere(v.body).mean(axis=0)[None])[0] for v in (earlier, later))
    length = max(np.ptp(v.points(np.argwhere(v.body).astype(float))[:, 2]) for v in (earlier, later))
    tried = [np.zeros(3), center_b - center_a, mass_b - mass_a]
    tried += [
        mass_b - mass_a + (0, 0, shift) for shift in np.arange(-length / 2, length / 2 + 1, _SWEEP_MM) if abs(shift) > 1
    ]
    scored = []
    for number, shift in enumerate(tried):
        matrix = np.eye(4)
        matrix[:3, 3] = shift
        score = _similarity(earlier, later, matrix)
        if np.isfinite(score):
            scored.append((-score, number))
    return [tried[number] for _, number in sorted(scored)[:_STARTS]]


def _similarity(earlier: Overview, later: Overview, matrix: NDArray[np.float64]) -> float:
    """Correlation in the shared part of the body, less where little is shared; −∞ where almost nothing is."""
    points = body_points(earlier, _POINTS)
    moved = points @ matrix[:3, :3].T + matrix[:3, 3]
    values = later.sample(moved)
    inside = np.isfinite(values)
    share = float(inside.mean()) * max(1.0, earlier.body_ml / later.body_ml)
    if share < LEAST_COMMON or inside.sum() < 100:
        return -np.inf
    a, b = earlier.sample(points)[inside], values[inside]
    if a.std() == 0 or b.std() == 0:
        return -np.inf
    return float(np.corrcoef(a, b)[0, 1]) * math.sqrt(min(1.0, share))


def _run(
    fixed: Any,
    moving: Any,
    mask: Any,
    center: NDArray[np.float64],
    shift: NDArray[np.float64],
    *,
    levels: tuple[int, ...],
    begin: Any = None,
) -> Any:
    import SimpleITK as sitk  # noqa: N813

    transform = sitk.Euler3DTransform() if begin is None else sitk.Euler3DTransform(begin)
    if begin is None:
        transform.SetCenter([float(c) for c in center])
        transform.SetTranslation([float(s) for s in shift])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.REGULAR)
    share = _SAMPLES / max(1, int(np.prod(fixed.GetSize())))
    method.SetMetricSamplingPercentagePerLevel([min(1.0, share * _SHRINK[level] ** 3) for level in levels], 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(4.0, 0.01, _ITERATIONS, 0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([_SHRINK[level] for level in levels])
    method.SetSmoothingSigmasPerLevel([_SMOOTH_MM[level] for level in levels])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(transform, inPlace=True)
    with contextlib.suppress(RuntimeError):  # too few samples in common: where it stands is judged like any other
        method.Execute(fixed, moving)
    return transform


def _matrix(transform: Any) -> NDArray[np.float64]:
    """The transform as a 4 × 4 matrix on points in mm LPS."""
    rotation = np.array(transform.GetMatrix()).reshape(3, 3)
    center = np.array(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.array(transform.GetTranslation()) + center - rotation @ center
    return matrix
