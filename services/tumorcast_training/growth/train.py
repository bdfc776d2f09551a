"""Train the growth forecast: a prior and its evaluation, written to a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tumorcast_training.growth.evaluation import REPEATS, evaluate
from tumorcast_training.growth.fitting import choose_form, fit_prior
from tumorcast_training.growth.reader import read_courses

PRIOR = "prior.yaml"
METRICS = "metrics.json"


def train(data: Path, out: Path, seed: int = 0, repeats: int = REPEATS) -> None:
    """Fit the population prior on every patient of ``data`` and write it, with held-out metrics, to ``out``.

    The same seed writes the same bytes.
    """
    courses = read_courses(data)
    choice = choose_form(courses, seed)
    metrics: dict[str, Any] = {
        "form": {
            "chosen": str(choice.form),
            "gain_of_resistant_fraction_per_patient": choice.gain,
            "standard_error": choice.standard_error,
        },
        **evaluate(data, seed, repeats),
    }
    out.mkdir(parents=True, exist_ok=True)
    fit_prior(courses, choice.form).save(out / PRIOR)
    (out / METRICS).write_text(json.dumps(_rounded(metrics), indent=1) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Numbers to six significant digits."""
    if isinstance(value, dict):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
