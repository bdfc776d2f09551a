"""What ``train`` and ``evaluate`` do for the forecast of the sum of diameters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tumorcast_platform import console
from tumorcast_platform.render import Line

if TYPE_CHECKING:
    from tumorcast_fusion.model.growth_model import GrowthModel

GROWTH = "colorectal-growth"


def train_growth(data: Path, out: Path, seed: int, *, as_json: bool) -> None:
    """Fit the population prior on real courses and evaluate it on held-out patients; one thread, some 90 seconds."""
    from tumorcast_training.parallel import use_one_thread

    use_one_thread()
    from tumorcast_training.growth import train

    with console.progress("Training", as_json=as_json) as progress:
        folder = train(data, out / "models" / GROWTH, seed, progress=progress)
    (out / "encoders").mkdir(exist_ok=True)
    lines = [Line(f"{GROWTH}: in {folder}; use it with --trained {out}")]
    console.answer({"model": str(folder)}, lines, as_json=as_json)


def evaluate_growth(
    model: GrowthModel,
    table: Path | None,
    data: Path | None,
    plots: Path | None,
    samples: int,
    not_for_it: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Score the shipped prior on a long table of scans, or the method on the training cohort's held-out patients.

    ``not_for_it`` are the options given that only models of tables have.
    """
    if not_for_it:
        raise typer.BadParameter(f"{model.ref.name} reads sums of diameters alone: it has no {', '.join(not_for_it)}.")
    from tumorcast_platform.render.growth_evaluation import growth_page
    from tumorcast_training.growth.table_evaluation import evaluate_cohort, evaluate_table

    with console.progress("Forecasting", as_json=as_json) as progress:
        if table is not None:
            document = evaluate_table(model, table, samples=samples, progress=progress)
        elif data is not None:
            document = evaluate_cohort(model, data, progress=progress)
        else:
            raise typer.BadParameter("Give either --table or --data.")
    if plots is not None:
        from tumorcast_training.growth.figure import figure_of
        from tumorcast_training.plots import write_plots

        figures = {model.manifest.endpoints[0].id: figure_of(model.ref.name, document)}
        document["plots"] = [str(file) for file in write_plots(plots, figures)]
    console.answer(document, growth_page(document), as_json=as_json)
