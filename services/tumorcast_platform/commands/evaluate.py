"""``tumorcast evaluate``: how good a model is on patients whose outcomes are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.growth import evaluate_growth
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, columns
from tumorcast_platform.weights import Trained, Weights

if TYPE_CHECKING:
    from tumorcast_fusion.model import PrognosisModel
    from tumorcast_training.tables import TableCohort

_Folder = {"exists": True, "file_okay": False}
_File = {"exists": True, "dir_okay": False}


class Split(StrEnum):
    """Which table of a public cohort that has two."""

    TRAIN = "train"
    TEST = "test"


def evaluate(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    table: Annotated[
        Path | None, typer.Option(help="CSV: columns as tumorcast models show names them, any missing.", **_File)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of a cohort: public, your own, or of tumorcast simulate.", **_Folder)
    ] = None,
    split: Annotated[Split, typer.Option(help="Which table of a public cohort that has two.")] = Split.TRAIN,
    subgroup: Annotated[list[str] | None, typer.Option(help="Column of the table to report on apart.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Group of inputs to leave out.")] = None,
    subsets: Annotated[bool, typer.Option(help="Score every subset of the groups, too.")] = True,
    samples: Annotated[int, typer.Option(min=20, max=10_000, help="Bootstrap samples of patients.")] = 1000,
    plots: Annotated[
        Path | None, typer.Option(help="Folder to write a figure per endpoint to.", file_okay=False)
    ] = None,
    trained: Trained = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read patients side by side.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Score a model on a table or folder of patients: discrimination, calibration, coverage, subgroups, subsets."""
    if (table is None) == (data is None):
        raise typer.BadParameter("Give either --table or --data.")
    from tumorcast_fusion.model import ModelStore, PrognosisModel
    from tumorcast_fusion.model.growth_model import GrowthModel

    loaded = ModelStore(Weights.of(trained).models).get(name)
    if name == "simulated" and data is not None and isinstance(loaded, PrognosisModel):
        _simulated(loaded, data, trained, workers, as_json=as_json)
        return
    if isinstance(loaded, GrowthModel):
        given = {"--subgroup": subgroup, "--without": without, "--split": split is not Split.TRAIN}
        options_of_tables = [option for option, value in given.items() if value]
        evaluate_growth(loaded, table, data, plots, samples, options_of_tables, as_json=as_json)
        return
    from tumorcast_platform.render.evaluation import evaluation_page
    from tumorcast_training.table_evaluation import Options, evaluate_table
    from tumorcast_training.table_predictions import tabular_model

    model = tabular_model(loaded)
    found, trained_on_these = _patients(model, table, data, split, subgroup or (), workers, as_json=as_json)
    options = Options(tuple(without or ()), subsets, samples)
    with console.progress("Scoring", as_json=as_json) as progress:
        document = evaluate_table(model, found, options, trained_on_these=trained_on_these, progress=progress)
    if plots is not None:
        from tumorcast_training.table_plots import plot

        document["plots"] = [str(file) for file in plot(model, found, document, options, plots)]
    console.answer(document, evaluation_page(document), as_json=as_json)


def _patients(
    model: PrognosisModel,
    table: Path | None,
    data: Path | None,
    split: Split,
    subgroups: Sequence[str],
    workers: int,
    *,
    as_json: bool,
) -> tuple[TableCohort, bool]:
    """The patients to score, and whether the model was trained on them."""
    from tumorcast_training.tables import Schema, read_table

    schema = Schema.of_manifest(model.manifest)
    if table is not None:
        return read_table(table, schema, subgroups=subgroups), False
    from tumorcast_training.cohort_data import read_data
    from tumorcast_training.parallel import processes

    if data is None:
        raise typer.BadParameter("Give either --table or --data.")
    with console.progress("Reading patients", as_json=as_json) as progress, processes(workers, progress) as run:
        return read_data(data, schema, split=split.value, subgroups=subgroups, run=run)


def _simulated(model: PrognosisModel, data: Path, trained: Path | None, workers: int, *, as_json: bool) -> None:
    """Score the model on held-out simulated patients, beside the oracle, and with each modality permuted."""
    from tumorcast_imaging.model import Encoder
    from tumorcast_training import simulated

    encoder = Encoder.load(Weights.of(trained).encoders / "ct-lesion")
    peer = simulated.folders(trained).peer if trained else None
    with console.progress("Reading patients", as_json=as_json) as progress:
        found = simulated.evaluate(data, model, encoder, progress, workers, peer if peer and peer.is_dir() else None)
    console.answer(found, simulated_page(found), as_json=as_json)


def simulated_page(found: Mapping[str, Any]) -> list[Line]:
    """The evaluation of ``simulated`` as tables; every figure with its 95 % interval."""
    who = (
        ("this model", "model"),
        ("oracle, the best possible", "oracle"),
        ("clinical and therapy", "clinical_baseline"),
        ("XGBoost, same inputs", "xgboost"),
    )
    scores = [[name, *_both(found[key])] for name, key in who if key in found]
    lines = [Line(f"SIMULATED: {found['patients']} held-out patients who never lived", Style.HEADING), Line()]
    lines += _table(["", "AUC, response", "C, progression-free survival"], scores)
    for title, key in (("permuted across patients", "permuted_modality_loss"), ("withheld", "withheld_group_loss")):
        rows = [[name, *_both(loss)] for name, loss in found[key].items()]
        lines += [Line(), Line(f"Lost when {title}", Style.HEADING), *_table(["", "AUC", "C"], rows)]
    calibration = found["calibration"]
    slope, intercept = _figure(calibration["slope"]), _figure(calibration["intercept"])
    lines += [Line(), Line(f"Calibration of the response: slope {slope}, intercept {intercept}")]
    shift = found["precision_shift"]
    return [*lines, Line(f"bf16 instead of float32 moves its probability by at most {shift:.4f}")]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Line]:
    return [Line(text) for text in columns([header, *rows], align="<>>")]


def _both(scores: Mapping[str, Sequence[float]]) -> tuple[str, str]:
    return _figure(scores["auc"]), _figure(scores["c_index"])


def _figure(values: Sequence[float]) -> str:
    from tumorcast_platform.render.evaluation import figure

    return figure(values)
