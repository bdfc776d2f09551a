"""The sub-command itself, and the arguments that several of its commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

imaging_app = typer.Typer(
    help="Check DICOM series, convert the sound ones, measure lesions and draw them.", no_args_is_help=True
)

Folder = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="DICOM: a folder with everything below it, or one file.", show_default=False),
]
Seg = Annotated[
    Path | None,
    typer.Option("--seg", metavar="FILE", help="SEG or RTSTRUCT to use; without it, those in DIR.", show_default=False),
]
