"""``tumorcast platform smoke``: does a release answer? Asked as a caller would, for a patient who never lived."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Context, Namespace, Release, platform_app
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, columns, wrapped

if TYPE_CHECKING:
    from tumorcast_platform.cluster.smoke.door import Door
    from tumorcast_platform.cluster.smoke.steps import Step, Work

_File = {"exists": True, "dir_okay": False}


@platform_app.command()
def smoke(
    url: Annotated[
        str, typer.Option(metavar="URL", help="REST door; without it, through the Kubernetes API server.")
    ] = "",
    grpc: Annotated[str, typer.Option(metavar="HOST:PORT", help="gRPC door to try as well.")] = "",
    imaging: Annotated[bool, typer.Option("--imaging", help="Send two small CT studies, too.")] = False,
    without: Annotated[
        list[str] | None, typer.Option(metavar="SERVICE", help="Service that this release is known not to have.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(envvar="TUMORCAST_TOKEN_FILE", help="File with a token for a gateway with sign-in.", **_File),
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="Certificates (PEM) that vouch for the gateway.", **_File)] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one answer may take.")] = 60.0,
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    as_json: AsJson = False,
) -> None:
    """Ask all services for their health, then for a simulated patient's prognosis; the record stays in the gateway.

    Exit status: 0 if every step went well, 1 if not.
    """
    from tumorcast_platform.cluster.smoke import door, steps

    missing = _known(without or ())
    if imaging and "imaging" in missing:
        raise typer.BadParameter("--imaging and --without imaging contradict each other.")
    token = door.token_in(token_file)
    with ExitStack() as stack:
        if url:
            opened = stack.enter_context(door.by_url(url, token, ca, timeout))
        else:
            opened = stack.enter_context(door.through_api_server(namespace, context, release, token, timeout))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tumorcast-smoke-")))
        say = stack.enter_context(console.status("Trying", as_json=as_json))
        todo = list(_steps(opened, folder, missing, imaging=imaging))
        if grpc:
            todo.append(("gRPC", lambda: steps.grpc_door(grpc, token, door.grpc_ca(grpc, ca), timeout_s=timeout)))
        done = steps.run(todo, say)
    ok = all(step.ok for step in done)
    document = {"ok": ok, "door": opened.where, "steps": [step.to_json() for step in done]}
    console.answer(document, _page(done, opened.where, ok=ok), as_json=as_json)
    if not ok:
        raise typer.Exit(1)


def _steps(door: Door, folder: Path, without: Collection[str], *, imaging: bool) -> Iterator[tuple[str, Work]]:
    from tumorcast_platform.cluster.smoke import patient, steps

    who = patient.with_images(folder) if imaging else patient.without_images()
    yield "health", lambda: steps.ready(door.http, without)
    yield "models", lambda: steps.models(door.gateway)
    if who.files:
        yield "upload", lambda: steps.uploaded(door.gateway, who)
    yield "prognosis", lambda: steps.answered(door.gateway, who, without)


def _known(names: Collection[str]) -> frozenset[str]:
    unknown = set(names) - {"imaging", "clinical", "notes"}
    if unknown:
        raise typer.BadParameter("--without takes imaging, clinical or notes: without the others nothing is answered.")
    return frozenset(names)


def _page(done: list[Step], where: str, *, ok: bool) -> list[Line]:
    rows = [[("ok" if step.ok else "FAILED"), step.name, f"{step.took_ms:.0f} ms"] for step in done]
    lines = [Line(f"SIMULATED patient asked of {where}", Style.HEADING)]
    for step, text in zip(done, columns(rows, align="<<>"), strict=True):
        lines.append(Line(text, Style.GOOD if step.ok else Style.ALARM))
        lines += wrapped(step.told, Style.QUIET if step.ok else Style.PLAIN, indent=12)
    told = "The release answers." if ok else "The release does not answer as it should: tumorcast platform diagnose"
    return [*lines, Line(told, Style.GOOD if ok else Style.ALARM)]
