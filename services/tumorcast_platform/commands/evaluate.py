"""``tumorcast evaluate``: how good a model is, beside the best that is possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, columns
from tumorcast_platform.weights import Trained, Weights

evaluate_app = typer.Typer(help="Score a prognosis model.", no_args_is_help=True)


@evaluate_app.callback()
def evaluate() -> None:
    """Score a prognosis model."""


@evaluate_app.command("simulated")
def evaluate_simulated(
    data: Annotated[Path, typer.Option(help="Folder written by tumorcast simulate.", exists=True, file_okay=False)],
    trained: Trained = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read patients side by side.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Score the model on held-out simulated patients, beside the oracle, and with each modality permuted."""
    from tumorcast_fusion.model import ModelStore
    from tumorcast_imaging.model import Encoder
    from tumorcast_training import simulated

    weights = Weights.of(trained)
    model, encoder = ModelStore(weights.models).get("simulated"), Encoder.load(weights.encoders / "ct-lesion")
    peer = simulated.folders(trained).peer if trained else None
    with console.progress("Reading patients", as_json=as_json) as progress:
        found = simulated.evaluate(data, model, encoder, progress, workers, peer if peer and peer.is_dir() else None)
    console.answer(found, evaluation_page(found), as_json=as_json)


def evaluation_page(found: Mapping[str, Any]) -> list[Line]:
    """The evaluation as tables; every figure with its 95 % interval."""
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
    """An estimate with its interval.

    >>> _figure([0.8123, 0.77, 0.85])
    '0.812 (0.770 to 0.850)'
    """
    estimate, lower, upper = values
    return f"{estimate:.3f} ({lower:.3f} to {upper:.3f})"
