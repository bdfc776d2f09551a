"""``tumorcast simulate``: a cohort of patients that never lived."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line


def simulate(
    patients: Annotated[int, typer.Option(min=1, help="How many patients to write.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; made if missing.", file_okay=False)],
    seed: Annotated[int, typer.Option(min=0, help="The same seed writes the same bytes.")] = 1,
    complete: Annotated[bool, typer.Option("--complete", help="Leave no input of any patient out.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that write patients side by side.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Write simulated patients: DICOM, FHIR, notes and the truth."""
    from tumorcast_training import simulator

    with console.progress("Simulating patients", as_json=as_json) as progress:
        simulator.simulate(patients, seed, out, progress, complete=complete, workers=workers)
    document = {"patients": patients, "seed": seed, "out": str(out), "outcomes": str(out / "outcomes.csv")}
    console.answer(document, [Line(f"{patients} SIMULATED patients of seed {seed} are in {out}")], as_json=as_json)
