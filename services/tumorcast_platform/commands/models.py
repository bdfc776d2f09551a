"""``tumorcast models``: which models there are, and what each is for."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, columns, wrapped
from tumorcast_platform.weights import Trained, Weights

if TYPE_CHECKING:
    from tumorcast_core.prognosis import InputGroup, ModelSummary

models_app = typer.Typer(help="List and describe the prognosis models of this installation.", no_args_is_help=True)

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
    """Describe one model: its use, inputs and endpoints."""
    from tumorcast_core.deadline import Deadline
    from tumorcast_platform.answers import model_to_json
    from tumorcast_platform.local import LocalFusion

    model = asyncio.run(LocalFusion(Weights.of(trained)).get_model(name, Deadline()))
    console.answer(model_to_json(model), _page(model), as_json=as_json)


@models_app.command("card")
def card(name: Name, trained: Trained = None, as_json: AsJson = False) -> None:
    """Print a model's card (Markdown): what it was trained on and how good it is."""
    from tumorcast_core.errors import UnknownModel

    file = Weights.of(trained).models / name / "card.md"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not file.is_file():
        raise UnknownModel("There is no model of that name, or it has no card.")
    text = file.read_text(encoding="utf-8")
    console.answer({"name": name, "card": text}, map(Line, text.splitlines()), as_json=as_json)


def _page(model: ModelSummary) -> list[Line]:
    lines = [Line(f"{model.ref.name} {model.ref.version}", Style.HEADING)]
    if model.simulated:
        lines.append(Line("SIMULATED: trained on simulated patients. Not for the care of anyone.", Style.ALARM))
    lines += [Line(), *wrapped(f"Indication: {model.indication}", hanging=2)]
    lines += wrapped(f"Intended use: {model.intended_use}", hanging=2)
    lines += [Line(), Line("Inputs; any subset will do", Style.HEADING)]
    for group in model.groups:
        lines += wrapped(_group(group), indent=2, hanging=4)
    lines += [Line(), Line("Endpoints", Style.HEADING)]
    for endpoint in model.endpoints:
        horizons = f" Horizons: {', '.join(f'{h:g}' for h in endpoint.horizons_days)} days." * bool(
            endpoint.horizons_days
        )
        lines += wrapped(f"{endpoint.id} ({endpoint.kind}): {endpoint.definition}{horizons}", indent=2, hanging=4)
    return [*lines, Line(), Line(f"sha256 {model.ref.sha256}", Style.QUIET)]


def _group(group: InputGroup) -> str:
    reads = [*group.features, *(f"embedding {space}" for space in group.embedding_spaces)]
    return f"{group.id} ({group.modality}): {', '.join(reads)}"
