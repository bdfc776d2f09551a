"""``tumorcast train``: models from cohorts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.click import CLICK, train_click
from tumorcast_platform.commands.growth import GROWTH, train_growth
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line
from tumorcast_platform.weights import Weights

if TYPE_CHECKING:
    from tumorcast_training.blueprint import Blueprint
    from tumorcast_training.cohorts import Cohort
    from tumorcast_training.parallel import Map


def train(
    data: Annotated[
        Path,
        typer.Option(
            help="Folder of a cohort: public, your own, or of tumorcast simulate.", exists=True, file_okay=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write encoders/ and models/ to.", file_okay=False)],
    name: Annotated[
        str, typer.Argument(help="Shipped blueprint, simulated, or click; without it, a blueprint of your own.")
    ] = "",
    blueprint: Annotated[
        Path | None, typer.Option(help="Blueprint (YAML); default DIR/blueprint.yaml.", exists=True, dir_okay=False)
    ] = None,
    test: Annotated[
        Path | None, typer.Option(help="simulated: other patients, to score it on.", exists=True, file_okay=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that work side by side.")] = 2,
    ray_address: Annotated[
        str, typer.Option(help="Ray cluster to read and train on: HOST:PORT, auto, or local for one on this machine.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Train a model of a cohort, with its evaluation and card; the same seed gives the same model, to the bit."""
    if name == "simulated":
        _simulated(data, out, test, seed, workers, as_json=as_json)
        return
    if test is not None:
        raise typer.BadParameter("--test is for the model simulated; others are scored by tumorcast evaluate.")
    if name == GROWTH:
        train_growth(data, out, seed, as_json=as_json)
        return
    if name == CLICK:
        train_click(data, out, seed, workers, as_json=as_json)
        return
    from tumorcast_training.parallel import use_one_thread

    use_one_thread()
    from tumorcast_training.cohort_data import blueprint_for

    plan = blueprint_for(name, blueprint, data)
    with console.status("Reading patients", as_json=as_json) as say, _workers(workers, ray_address) as maps:
        fit = _train_table if plan.encoder is None else _train_pixels
        cohort, folder = fit(plan, data, out, seed, *maps, say)
    (out / "encoders").mkdir(exist_ok=True)
    document = {"model": str(folder), "rows": len(cohort), "patients": len(set(cohort.patient_ids))}
    lines = [Line(f"{plan.name}: trained on {document['patients']} patients, in {folder}; use it with --trained {out}")]
    lines += [Line(f"  {note}") for note in cohort.notes]
    console.answer({**document, "notes": list(cohort.notes)}, lines, as_json=as_json)


def _train_table(
    plan: Blueprint, data: Path, out: Path, seed: int, read: Map, compute: Map, say: Callable[[str], None]
) -> tuple[Cohort, Path]:
    from tumorcast_training.cohort_data import held_out_cohort, training_cohort
    from tumorcast_training.prognosis_training import train as train_tabular

    cohort = training_cohort(data, plan, run=read, seed=seed)
    test = held_out_cohort(data, plan)
    return cohort, train_tabular(plan, cohort, out, seed=seed, run=compute, told=say, test=test)


def _train_pixels(
    plan: Blueprint, data: Path, out: Path, seed: int, read: Map, compute: Map, say: Callable[[str], None]
) -> tuple[Cohort, Path]:
    from tumorcast_training.cohort_data import imaged_cohort
    from tumorcast_training.pixels.training import train_pixels

    cohort, patients = imaged_cohort(data, plan, run=read)
    return cohort, train_pixels(plan, cohort, patients, out, seed=seed, run=compute, told=say)


@contextmanager
def _workers(workers: int, ray_address: str) -> Iterator[tuple[Map, Map]]:
    """What reads patients, and what computes folds: processes, or a Ray cluster's Data and tasks."""
    from tumorcast_training.parallel import processes, ray_cluster

    if ray_address:
        with ray_cluster(ray_address) as cluster:
            yield cluster.rows, cluster.tasks
        return
    with processes(workers) as run:
        yield run, run


def _simulated(data: Path, out: Path, test: Path | None, seed: int, workers: int, *, as_json: bool) -> None:
    """Train the image encoder and the fusion model on simulated patients; ``test`` adds metrics and card."""
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
