"""``tumorcast recalibrate``: a model's intercept and slope, fitted to your own outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, columns, wrapped
from tumorcast_platform.weights import Trained, Weights


def recalibrate(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    table: Annotated[
        Path, typer.Option(help="CSV of your patients with outcomes, as for evaluate.", exists=True, dir_okay=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder to write the new model to, for --trained.", file_okay=False)],
    trained: Trained = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of folds and bootstrap.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Fit intercept and slope to your own outcomes (50 events or more) and write a complete new model."""
    from tumorcast_fusion.model import ModelStore
    from tumorcast_training.recalibration import recalibrate as fit
    from tumorcast_training.table_predictions import tabular_model
    from tumorcast_training.tables import Schema, read_table

    models = Weights.of(trained).models
    model = tabular_model(ModelStore(models).get(name))
    found = read_table(table, Schema.of_manifest(model.manifest))
    with console.status("Recalibrating", as_json=as_json):
        folder, report = fit(model, models / name, found, out, seed=seed)
    console.answer({"model": str(folder), **report}, _page(folder, out, report), as_json=as_json)


def _page(folder: Path, out: Path, report: Mapping[str, Any]) -> Iterator[Line]:
    yield Line(f"{folder.name}: written to {folder}; use it with --trained {out}", Style.HEADING)
    for name, one in report["endpoints"].items():
        yield Line()
        yield Line(f"{name}: {one['patients']} patients, of each outcome {', '.join(map(str, one['events']))}")
        header = ["", "before", "after, cross-fitted"]
        yield from (
            Line(text) for text in columns([header, *_rows(one["before"], one["after"])], align="<>>", indent=4)
        )
    for name, reason in report["left_as_they_are"].items():
        yield from wrapped(f"{name} is as it was: {reason}.", Style.CAUTION, indent=2, hanging=4)


def _rows(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> Iterator[list[str]]:
    """Every figure with its interval, before and after."""
    from tumorcast_platform.render.evaluation import figure

    for key, value in before.items():
        label = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping) and key not in ("ece_null", "prediction_sets", "d_calibration", "lower_bounds"):
            yield from _rows(value, after[key], f"{label} " if key != "horizons" else prefix)
        elif isinstance(value, list):
            yield [label, figure(value), figure(after[key])]
