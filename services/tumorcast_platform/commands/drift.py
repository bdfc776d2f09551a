"""``tumorcast drift``: whether recent patients are still those that a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, columns
from tumorcast_platform.weights import Trained, Weights

_STYLES = {"stable": Style.GOOD, "watch": Style.CAUTION, "investigate": Style.ALARM}


def drift(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    table: Annotated[
        Path, typer.Option(help="CSV of recent patients; outcomes are not needed.", exists=True, dir_okay=False)
    ],
    trained: Trained = None,
    as_json: AsJson = False,
) -> None:
    """Compare recent inputs and scores with the aggregates that the model keeps of its training patients."""
    from tumorcast_fusion.model import ModelStore
    from tumorcast_training import aggregates
    from tumorcast_training.drift import drift as compare
    from tumorcast_training.table_predictions import tabular_model
    from tumorcast_training.tables import Schema, read_table

    models = Weights.of(trained).models
    model = tabular_model(ModelStore(models).get(name))
    kept = aggregates.load(models / name)
    schema = Schema.of_manifest(model.manifest)
    found = compare(model, read_table(table, Schema(schema.name, schema.features, schema.groups, ())), kept)
    console.answer(found, drift_page(found), as_json=as_json)


def drift_page(found: Mapping[str, Any]) -> list[Line]:
    """Verdict first; then what moved, and by how much chance alone would move it."""
    model, training = found["model"], found["training"]
    told = f"{model['name']} {model['version']}: {found['verdict'].upper()}"
    lines = [Line(told, _STYLES.get(found["verdict"], Style.QUIET))]
    lines.append(Line(f"  {found['patients']} recent patients beside {training['patients']} in training"))
    for title, key in (("scores", "scores"), ("inputs", "inputs")):
        rows = [[name, *_cells(one)] for name, one in found[key].items()]
        header = [title, "stability index", "chance, 95 %", "missing (training)", "change"]
        lines += [Line(), *(Line(text) for text in columns([header, *rows], align="<>>>>"))]
    typical = found["typicality"]
    if "psi" in typical:
        lines += [
            Line(),
            Line(f"  typicality: {typical['change']}; {typical['unusual']:.1%} are as unusual as 1 in 100 was"),
        ]
    lines.append(Line(f"  not answered: {found['abstained']['rows']} of {found['rows']} rows"))
    return lines


def _cells(one: Mapping[str, Any]) -> list[str]:
    index, null = (f"{one[key]:.3f}" if key in one else "" for key in ("psi", "null_95"))
    gone = f"{one['missing']:.0%} ({one['missing_in_training']:.0%})" if "missing" in one else ""
    change = one.get("change", "")
    if "often" in (more := one.get("missing_change", "")):
        change = f"{change}, {more}"
    return [index, null, gone, change]
