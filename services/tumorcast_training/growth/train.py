"""Train the growth forecast: a complete model folder of prior, manifest, held-out metrics, figure, card and digests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tumorcast_fusion.model import manifest as manifests
from tumorcast_fusion.model.growth_model import PRIOR
from tumorcast_fusion.model.manifest import Manifest
from tumorcast_training.growth.card import card
from tumorcast_training.growth.evaluation import REPEATS, evaluate
from tumorcast_training.growth.figure import figure_of
from tumorcast_training.growth.fitting import choose_form, fit_prior
from tumorcast_training.growth.reader import Course, courses_folder, read_courses
from tumorcast_training.plots import write_plots
from tumorcast_training.publishing import CARD, PLOTS, write_metrics, write_sums


def source_manifest() -> Manifest:
    """The manifest, as it is written before training."""
    return manifests.load(Path(__file__).parent)


def train(
    data: Path,
    folder: Path,
    seed: int = 0,
    repeats: int = REPEATS,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Path:
    """Fit the prior on every patient of ``data`` (the cohort's folder or the one above it), evaluate, write ``folder``.

    The same seed writes the same bytes. Raises ``InvalidInput`` where the table is not as expected.
    """
    courses = read_courses(courses_folder(data))
    manifest = source_manifest()
    choice = choose_form(courses, seed)
    prior = fit_prior(courses, choice.form)
    metrics: dict[str, Any] = {
        "model": manifest.name,
        "seed": seed,
        "command": f"tumorcast train {manifest.name} --data DIR --out DIR --seed {seed}",
        "cohort": described(courses),
        "form": {
            "chosen": str(choice.form),
            "gain_of_resistant_fraction_per_patient": choice.gain,
            "standard_error": choice.standard_error,
        },
        **evaluate(data, seed, repeats, progress),
    }
    metrics = rounded(metrics)
    manifests.dump(manifest, folder)
    prior.save(folder / PRIOR)
    write_metrics(folder, metrics)
    endpoint = manifest.endpoints[0].id
    write_plots(folder / PLOTS, {endpoint: figure_of(manifest.name, metrics)})
    sha256 = manifests.reference(folder, manifest).sha256
    text = card(manifest, prior, metrics, sha256, f"{PLOTS}/{endpoint}.svg")
    (folder / CARD).write_text(text, encoding="utf-8")
    write_sums(folder)
    return folder


def described(courses: Sequence[Course]) -> dict[str, Any]:
    """Who the patients are, in aggregates."""
    sums = np.concatenate([course.sums_mm for course in courses])
    many = [course for course in courses if len(course.days) > 1]
    labels: dict[str, dict[str, int]] = {}
    for course in courses:
        for name, label in course.labels.items():
            labels.setdefault(name, {}).setdefault(label, 0)
            labels[name][label] += 1
    return {
        "patients": len(courses),
        "scans": len(sums),
        "scans_of_zero": int((sums == 0).sum()),
        "patients_with_one_scan": len(courses) - len(many),
        "scans_per_patient": _quartiles([len(course.days) for course in courses]),
        "days_between_scans": _quartiles(np.concatenate([np.diff(course.days) for course in many]) if many else []),
        "days_observed": _quartiles([course.days[-1] for course in many]),
        "first_sum_mm": _quartiles([course.sums_mm[0] for course in courses]),
        "groups_of_patients": {name: dict(sorted(counts.items())) for name, counts in sorted(labels.items())},
    }


def _quartiles(values: Any) -> list[float]:
    """Median, lower and upper quartile."""
    return [float(x) for x in np.quantile(values, [0.5, 0.25, 0.75])] if len(values) else []


def rounded(value: Any) -> Any:
    """Numbers to six significant digits."""
    if isinstance(value, dict):
        return {name: rounded(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
