"""``tumorcast models``: which models there are, and what each is for."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, columns
from tumorcast_platform.weights import Trained, Weights

models_app = typer.Typer(
    help="List, describe and verify the prognosis models of this installation.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Name of the model.")]


@models_app.command("list")
def list_models(trained: Trained = None, as_json: AsJson = False) -> None:
    """List all models."""
    from tumorcast_core.deadline import Deadline
    from tumorcast_platform.answers import model_to_json
    from tumorcast_platform.local import LocalFusion

    models = asyncio.run(LocalFusion(Weights.of(trained)).list_models(Deadline()))
    rows = [
        [m.ref.name, m.ref.version, "SIMULATED" if m.simulated else "", ", ".join(e.id for e in m.endpoints)]
        for m in models
    ]
    lines = [Line(text) for text in columns([["model", "version", "", "endpoints"], *rows], align="<<<<", indent=0)]
    console.answer({"models": list(map(model_to_json, models))}, lines, as_json=as_json)


@models_app.command("show")
def show_model(
    name: Name,
    trained: Trained = None,
    as_json: AsJson = False,
) -> None:
    """Describe one model: its use, every input and its range, every endpoint and its outcome columns."""
    from tumorcast_core.deadline import Deadline
    from tumorcast_platform.answers import model_to_json
    from tumorcast_platform.local import LocalFusion
    from tumorcast_platform.render.model import model_page

    model = asyncio.run(LocalFusion(Weights.of(trained)).get_model(name, Deadline()))
    console.answer(model_to_json(model), model_page(model), as_json=as_json)


@models_app.command("card")
def card(name: Name, trained: Trained = None, as_json: AsJson = False) -> None:
    """Print a model's card (Markdown): what it was trained on and how good it is."""
    from tumorcast_core.errors import UnknownModel

    file = _folder(name, trained) / "card.md"
    if not file.is_file():
        raise UnknownModel("There is no model of that name, or it has no card.")
    text = file.read_text(encoding="utf-8")
    console.answer({"name": name, "card": text}, map(Line, text.splitlines()), as_json=as_json)


@models_app.command("verify")
def verify(name: Name, trained: Trained = None, as_json: AsJson = False) -> None:
    """Check a model's files against the SHA256SUMS beside them, and load it.

    Exit status: 0 if every file is the one that was published and the model loads, 1 if not.
    """
    from tumorcast_core.errors import UnknownModel
    from tumorcast_fusion.model import FileStatus, ModelStore, verify_files

    folder = _folder(name, trained)
    if not folder.is_dir():
        raise UnknownModel
    checks = verify_files(folder)
    intact = all(check.status is FileStatus.INTACT for check in checks)
    sha256 = ModelStore(folder.parent).get(name).ref.sha256 if intact else None
    rows = columns([[check.status, check.name] for check in checks], align="<<")
    styles = [Style.GOOD if check.status is FileStatus.INTACT else Style.ALARM for check in checks]
    wrong = sum(check.status is not FileStatus.INTACT for check in checks)
    told = f"OK: the model loads, sha256 {sha256}" if intact else f"NOT OK: {wrong} of {len(checks)} files"
    console.answer(
        {
            "name": name,
            "ok": intact,
            "sha256": sha256,
            "files": [{"name": check.name, "status": check.status.value} for check in checks],
        },
        [*map(Line, rows, styles), Line(told, Style.GOOD if intact else Style.ALARM)],
        as_json=as_json,
    )
    if not intact:
        raise typer.Exit(1)


def _folder(name: str, trained: Path | None) -> Path:
    """Folder of a model, whether or not it is there; raises ``UnknownModel`` for what cannot be a name."""
    from tumorcast_core.errors import UnknownModel

    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise UnknownModel
    return Weights.of(trained).models / name
