"""The ``tumorcast`` command.

Each command stands in its own module of ``commands``; heavy imports happen inside them, so that help is instant.
Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys

import typer
from typer.exceptions import TyperException

from tumorcast_core.errors import TumorcastError
from tumorcast_platform import console
from tumorcast_platform.commands.clinical import clinical_app
from tumorcast_platform.commands.demo import demo
from tumorcast_platform.commands.drift import drift
from tumorcast_platform.commands.evaluate import evaluate
from tumorcast_platform.commands.imaging import imaging_app
from tumorcast_platform.commands.models import models_app
from tumorcast_platform.commands.platform import platform_app
from tumorcast_platform.commands.predict import predict
from tumorcast_platform.commands.predict_table import predict_table
from tumorcast_platform.commands.recalibrate import recalibrate
from tumorcast_platform.commands.simulate import simulate
from tumorcast_platform.commands.store import store_app
from tumorcast_platform.commands.train import train
from tumorcast_platform.commands.up import up

FAILED, USAGE, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="tumorcast",
    help="Multimodal prognosis for oncology: DICOM, FHIR and notes in; response and progression out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (demo, up, predict, predict_table, train, evaluate, recalibrate, drift, simulate):
    app.command()(command)
app.add_typer(clinical_app, name="clinical")
app.add_typer(imaging_app, name="imaging")
app.add_typer(models_app, name="models")
app.add_typer(platform_app, name="platform")
app.add_typer(store_app, name="store")


def main() -> None:
    """Run the command of this process and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status; an error is told in one line, never as a traceback."""
    as_json = "--json" in arguments
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except TumorcastError as e:
        console.failure(e.reason, e.message, as_json=as_json)
        return FAILED
    except TyperException as e:
        console.failure("USAGE", e.format_message(), as_json=as_json)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as e:  # the boundary: whatever else happens is told without its text, which may hold patient data
        if "TUMORCAST_DEBUG" in os.environ:
            raise
        message = f"Something unexpected happened ({type(e).__name__}); TUMORCAST_DEBUG=1 shows where."
        console.failure("INCIDENT", message, as_json=as_json)
        return FAILED
