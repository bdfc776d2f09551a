"""``tumorcast up``: all services on this machine until Ctrl-C."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style
from tumorcast_platform.weights import Trained, Weights


def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="REST port; 0 takes a free one.")] = 8080,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 50050,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder of studies and logs; ~/.local/share/tumorcast by default.", file_okay=False),
    ] = None,
    trained: Trained = None,
    as_json: AsJson = False,
) -> None:
    """Run all services on this machine until Ctrl-C or SIGTERM.

    Once everything answers, --json prints one line {"rest": URL, "grpc": "host:port"}. A service that dies is
    restarted. A second Ctrl-C ends at once.
    """
    from tumorcast_core.settings import data_home
    from tumorcast_platform.runner.local import Options, running
    from tumorcast_platform.runner.supervisor import Stopped, StopSignal

    data = (data_dir or data_home()).absolute()
    options = Options(data, port, grpc_port, Weights.of(trained))
    with StopSignal().handled() as stop, ExitStack() as starting:
        status = starting.enter_context(console.status("Tumorcast starts", as_json=as_json))
        try:
            with running(options, console.note, status, stop) as tumorcast:
                starting.close()
                doors = tumorcast.doors
                lines = [
                    Line("Tumorcast runs on this machine until Ctrl-C", Style.HEADING),
                    Line(f"  REST   {doors.rest}   (described at {doors.rest}/openapi.json)"),
                    Line(f"  gRPC   {doors.grpc}"),
                    Line(f"  logs   {data / 'logs'}"),
                ]
                console.answer({"rest": doors.rest, "grpc": doors.grpc}, lines, as_json=as_json)
                tumorcast.supervisor.watch()
        except Stopped:
            console.note("Stopped before everything answered.")
            raise typer.Exit(130) from None
