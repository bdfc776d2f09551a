"""``tumorcast demo``: everything at once, for one patient who never lived."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style
from tumorcast_platform.weights import Trained, Weights

MODEL = "simulated"
SEED = 2026
HORIZONS_DAYS = (91.0, 182.0, 273.0, 365.0)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the services running until Ctrl-C.")] = False,
    trained: Trained = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a patient, start all services, ask for the prognosis like any client, print it, stop everything."""
    from tumorcast_platform.runner.local import Options, running
    from tumorcast_platform.runner.supervisor import Stopped, StopSignal

    with (
        StopSignal().handled() as stop,
        tempfile.TemporaryDirectory(prefix="tumorcast-demo-") as folder,
        ExitStack() as starting,
    ):
        status = starting.enter_context(console.status("Simulating one patient", as_json=as_json))
        patient = _simulated_patient(Path(folder))
        try:
            options = Options(Path(folder) / "data", weights=Weights.of(trained))
            with running(options, console.note, status, stop) as tumorcast:
                starting.close()
                _show(patient, tumorcast.doors.rest, as_json=as_json)
                if keep:
                    console.note("The services run until Ctrl-C.")
                    tumorcast.supervisor.watch()
        except Stopped:
            raise typer.Exit(130) from None


def _simulated_patient(folder: Path) -> Path:
    """Write one patient from whom nothing is missing; returns the patient's folder."""
    from tumorcast_training import simulator

    simulator.simulate(1, SEED, folder / "patients", complete=True)
    return next(path for path in (folder / "patients").iterdir() if path.is_dir())


def _show(patient: Path, url: str, *, as_json: bool) -> None:
    """Ask for the patient's prognosis over REST and print it."""
    from tumorcast_platform.answers import prognosis_from_json
    from tumorcast_platform.client import Client
    from tumorcast_platform.inputs import Question, gather, patient_folder
    from tumorcast_platform.render import prognosis_page

    case = gather(Question(MODEL, horizons_days=HORIZONS_DAYS), patient_folder(patient))
    with Client(url) as client, console.progress("Uploading DICOM files", as_json=as_json) as progress:
        answer = client.ask(case, progress)
    prognosis = prognosis_from_json(answer)
    used = [use.group for use in prognosis.inputs if use.status == "used"]
    lines = [
        *prognosis_page(prognosis),
        Line(),
        Line(f"Used: {', '.join(used)}", Style.HEADING),
        Line(f"Asked of {url}/v1/prognoses: five services over gRPC, the image encoder on Ray Serve"),
    ]
    console.answer({"rest": url, "used": used, "prognosis": json.loads(answer)}, lines, as_json=as_json)
