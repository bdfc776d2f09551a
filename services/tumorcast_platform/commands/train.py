"""``tumorcast train``: models from cohorts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line
from tumorcast_platform.weights import Weights

train_app = typer.Typer(help="Train a prognosis model.", no_args_is_help=True)


@train_app.callback()
def train() -> None:
    """Train a prognosis model."""


@train_app.command("simulated")
def train_simulated(
    data: Annotated[Path, typer.Option(help="Folder written by tumorcast simulate.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(help="Folder to write encoders/ and models/ to.", file_okay=False)],
    test: Annotated[
        Path | None, typer.Option(help="Other simulated patients, to score it on.", exists=True, file_okay=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read patients side by side.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Train the image encoder and the fusion model on simulated patients; --test adds metrics and card."""
    from tumorcast_fusion.model import PrognosisModel
    from tumorcast_imaging.model import Encoder, EncoderManifest
    from tumorcast_training import simulated

    architecture = EncoderManifest.load(Weights.of(None).encoders / "ct-lesion")
    with console.progress("Training", as_json=as_json) as progress:
        where = simulated.train(data, out, architecture, seed, progress, workers)
    if test:
        model, encoder = PrognosisModel.load(where.model), Encoder.load(where.encoder)
        with console.progress("Scoring", as_json=as_json) as progress:
            simulated.record(where.model, simulated.evaluate(test, model, encoder, progress, workers, where.peer))
    document = {"encoder": str(where.encoder), "model": str(where.model)}
    lines = [Line(f"The SIMULATED model is in {out}; use it with --trained {out}")]
    console.answer(document, lines, as_json=as_json)
