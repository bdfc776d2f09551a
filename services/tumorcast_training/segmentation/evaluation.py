"""Held-out agreement of the network and of fixed rules with the reader's contour, per modality, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from tumorcast_imaging.model.clicking.rules import RegionGrowing, Threshold
from tumorcast_imaging.model.clicking.seeds import center_most, interior
from tumorcast_imaging.model.clicking.segmenting import Segmenter, segment
from tumorcast_imaging.model.clicking.view import MODALITIES
from tumorcast_training.metrics import ClusterBootstrap
from tumorcast_training.segmentation.agreement import agreement
from tumorcast_training.segmentation.reader import DrawnSeries

NETWORK, THRESHOLD, GROWING = "network", "threshold", "region_growing"
METHODS = (NETWORK, THRESHOLD, GROWING)
RANDOM_CLICKS = 4
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Click:
    """What one method made of one click; distances are NaN where it found nothing."""

    patient_id: str
    dicom_modality: str
    method: str
    click: int
    """0: the point deepest inside; from 1: random points inside."""
    dice: float
    surface_mm: float
    surface_95_mm: float
    volume_ml: float
    true_volume_ml: float
    mean_probability: float | None = None
    border_entropy_bits: float | None = None
    reason: str = ""


def clicks_of(series: DrawnSeries, network: Segmenter) -> list[Click]:
    """Every method at the same five clicks in one series, as whole as it was given."""
    volume, mask = series.volume, series.mask
    places = [center_most(mask, volume.spacing_mm), *interior(mask, volume.spacing_mm, RANDOM_CLICKS, seed=0)]
    methods: dict[str, Segmenter] = {NETWORK: network, THRESHOLD: Threshold(), GROWING: RegionGrowing()}
    return [_click(series, name, method, n, p) for n, p in enumerate(places) for name, method in methods.items()]


def _click(series: DrawnSeries, name: str, method: Segmenter, number: int, index: tuple[int, int, int]) -> Click:
    volume = series.volume
    voxel_ml = float(abs(np.linalg.det(volume.affine_lps[:3, :3]))) / 1000
    clicked = segment(volume, (volume.affine_lps @ [*index, 1])[:3].tolist(), method)
    found = np.zeros_like(series.mask) if clicked.region is None else clicked.region.mask
    agreed = agreement(found, series.mask, volume.spacing_mm)
    return Click(
        series.patient_id,
        volume.dicom_modality,
        name,
        number,
        agreed.dice,
        agreed.surface_mm,
        agreed.surface_95_mm,
        float(np.count_nonzero(found) * voxel_ml),
        float(np.count_nonzero(series.mask) * voxel_ml),
        clicked.account.mean_probability,
        clicked.account.border_entropy_bits,
        clicked.issues[-1].code if clicked.region is None else "",
    )


def summary(clicks: Sequence[Click], seed: int = 0) -> dict[str, Any]:
    """Per modality: each method's figures, and how the network differs from the best rule on the same patients.

    A patient counts once, by the mean of the five clicks; intervals are 95 % over patients. The best rule is the one
    with the higher mean Dice here, which favors it.
    """
    return {name: _modality([c for c in clicks if c.dicom_modality == name], seed) for name in MODALITIES}


def _modality(clicks: Sequence[Click], seed: int) -> dict[str, Any]:
    patients = sorted({c.patient_id for c in clicks})
    bootstrap = ClusterBootstrap(patients, samples=2000, seed=seed)
    by_method = {m: {p: [c for c in clicks if c.method == m and c.patient_id == p] for p in patients} for m in METHODS}
    methods = {m: _method(by_patient, bootstrap) for m, by_patient in by_method.items()}
    best = max((THRESHOLD, GROWING), key=lambda m: float(methods[m]["dice"][0]))
    network, rule = (_per_patient(by_method[m], "dice") for m in (NETWORK, best))
    return {
        "patients": len(patients),
        **methods,
        "best_rule": best,
        "dice_gain_over_best_rule": _interval(bootstrap, network - rule),
        "patients_where_network_is_better": int((network > rule).sum()),
        "sureness": _sureness(by_method[NETWORK]),
    }


def _method(by_patient: Mapping[str, Sequence[Click]], bootstrap: ClusterBootstrap) -> dict[str, Any]:
    clicks = [click for each in by_patient.values() for click in each]
    dice = _per_patient(by_patient, "dice")
    ratio = np.array([c.volume_ml / c.true_volume_ml for c in clicks])
    return {
        "dice": _interval(bootstrap, dice),
        "dice_at_center": _interval(bootstrap, np.array([each[0].dice for each in by_patient.values()])),
        "dice_median": float(np.median(dice)),
        "dice_spread_over_clicks": float(np.mean([np.std([c.dice for c in e], ddof=1) for e in by_patient.values()])),
        "surface_mm": _interval(bootstrap, _per_patient(by_patient, "surface_mm")),
        "surface_95_mm": _interval(bootstrap, _per_patient(by_patient, "surface_95_mm")),
        "volume_ratio_median": float(np.median(ratio)),
        "clicks": len(clicks),
        "clicks_without_region": sum(c.volume_ml == 0 for c in clicks),
        "clicks_without_overlap": sum(c.dice == 0 for c in clicks),
    }


def _per_patient(by_patient: Mapping[str, Sequence[Click]], what: str) -> Array:
    """The mean over the clicks that give a number, one value a patient; NaN where none does."""
    values = [np.array([getattr(c, what) for c in clicks], float) for clicks in by_patient.values()]
    return np.array([v[np.isfinite(v)].mean() if np.isfinite(v).any() else np.nan for v in values])


def _interval(bootstrap: ClusterBootstrap, values: Array) -> list[float] | None:
    """Mean over patients with its 95 % interval; patients without a number are left out."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)

    def mean(weights: Array | None) -> Array:
        w = np.ones((1, len(values))) if weights is None else weights
        return np.asarray((w @ filled) / np.maximum(w @ known, 1))

    return bootstrap.interval(mean)


def _sureness(by_patient: Mapping[str, Sequence[Click]]) -> dict[str, Any]:
    """Whether a network that says that it is sure is right more often: rank correlations over patients."""
    dice = _per_patient(by_patient, "dice")
    answer: dict[str, Any] = {}
    for name in ("mean_probability", "border_entropy_bits"):
        said = _per_patient(by_patient, name)
        known = np.isfinite(said)
        answer[f"spearman_of_{name}_and_dice"] = float(spearmanr(said[known], dice[known]).statistic)
    return answer


def dice_by_patient(clicks: Sequence[Click]) -> dict[str, dict[str, list[float]]]:
    """Each patient's mean Dice over the clicks, per modality and method, in the order of the patients' names."""
    patients = sorted({c.patient_id for c in clicks})
    answer: dict[str, dict[str, list[float]]] = {}
    for kind in MODALITIES:
        of_kind = [c for c in clicks if c.dicom_modality == kind]
        by_method = {
            m: {p: [c for c in of_kind if (c.method, c.patient_id) == (m, p)] for p in patients} for m in METHODS
        }
        answer[kind] = {m: _per_patient(each, "dice").tolist() for m, each in by_method.items()}
    return answer
