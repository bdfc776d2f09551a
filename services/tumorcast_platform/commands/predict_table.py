"""``tumorcast predict-table``: answers for many patients at once, from a table to a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line
from tumorcast_platform.weights import Trained, Weights


def predict_table(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    table: Annotated[
        Path, typer.Option(help="CSV of patients: the model's inputs, any missing.", exists=True, dir_okay=False)
    ],
    out: Annotated[Path, typer.Option(help="CSV file to write, a row for each row; must not exist.", dir_okay=False)],
    trained: Trained = None,
    as_json: AsJson = False,
) -> None:
    """Predict every row of a table: probabilities with intervals, or why a row is not answered."""
    from tumorcast_fusion.model import ModelStore
    from tumorcast_training.table_answers import answer_rows
    from tumorcast_training.table_predictions import tabular_model
    from tumorcast_training.tables import Schema, read_table

    model = tabular_model(ModelStore(Weights.of(trained).models).get(name))
    schema = Schema.of_manifest(model.manifest)
    found = read_table(table, Schema(schema.name, schema.features, schema.groups, ()))
    counts = answer_rows(model, found, out)
    reference = {"name": model.ref.name, "version": model.ref.version, "sha256": model.ref.sha256}
    document = {"model": reference, "out": str(out), **counts, "columns": found.to_json()["columns"]}
    refused = sum(sum(column.refused.values()) for column in found.columns)
    lines = [Line(f"{counts['answered']} of {counts['rows']} rows answered, in {out}")]
    lines += [Line(f"  {refused} cells could not be used; --json says which columns and why")] if refused else []
    console.answer(document, [*lines, Line(f"  {model.manifest.disclaimer}")], as_json=as_json)
