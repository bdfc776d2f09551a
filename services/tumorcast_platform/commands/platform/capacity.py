"""``tumorcast platform capacity``: how many encoder replicas a day's studies need."""

from __future__ import annotations

from typing import Annotated

import typer

from tumorcast_core.errors import InvalidInput
from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import platform_app
from tumorcast_platform.console import AsJson

Day = Annotated[float, typer.Option(help="Studies that come in a day.", min=1, max=1e6)]
Target = Annotated[float, typer.Option("--p95", help="Seconds within which 95 % are to be answered.", min=0.001)]
Profile = Annotated[str, typer.Option(help="Times of a machine: a shipped profile, or a YAML file.")]
Hours = Annotated[str, typer.Option(help="clinic, flat, or 24 weights with commas between.")]


@platform_app.command()
def capacity(
    studies_per_day: Day,
    p95: Target,
    profile: Profile = "gpu-l4-assumed",
    encode_ms: Annotated[
        float | None, typer.Option(min=0.01, help="One forward pass, in ms; else the profile's.")
    ] = None,
    prepare_ms: Annotated[
        float | None, typer.Option(min=0, help="Processor time of reading and measuring a study, in ms.")
    ] = None,
    fetch_ms: Annotated[float | None, typer.Option(min=0, help="Waiting for a study's files, in ms.")] = None,
    crops: Annotated[float | None, typer.Option(min=0, help="Crops of a study, on average.")] = None,
    hours: Hours = "clinic",
    batch_share: Annotated[float, typer.Option(min=0, max=1, help="Share of studies that come in batches.")] = 0.2,
    batch_size: Annotated[float, typer.Option(min=1, help="Studies of a batch, on average.")] = 8,
    kept_share: Annotated[float, typer.Option(min=0, max=1, help="Share of studies whose answer is kept.")] = 0,
    ingress_cpus: Annotated[float, typer.Option(min=0.1, help="Processors of an ingress replica.")] = 1,
    studies_at_once: Annotated[int, typer.Option(min=1, help="Studies that an ingress replica reads at once.")] = 4,
    batch_wait_ms: Annotated[float | None, typer.Option(min=0, help="How long a batch waits; else by device.")] = None,
    deadline_s: Annotated[float, typer.Option(min=0.1, help="When a caller gives up.")] = 30,
    target_ongoing: Annotated[float, typer.Option(min=0.1, help="Autoscaling: crops on each encoder replica.")] = 8,
    start_s: Annotated[float, typer.Option(min=0, help="Autoscaling: from order to answer on a node there.")] = 60,
    node_s: Annotated[float, typer.Option(min=0, help="Autoscaling: what a node takes to come besides.")] = 240,
    days: Annotated[int, typer.Option(min=4, max=100, help="Days to simulate, each with its own chance.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Say how many encoder and ingress replicas answer a day's studies in time, by simulation. Needs no cluster."""
    from tumorcast_platform.capacity import Batching, Demand, Layout, Planner, Scaling, load
    from tumorcast_platform.render.capacity import capacity_document, capacity_page

    own = {"pass_ms": encode_ms, "crops_per_study": crops}
    times = load(profile)
    times = times.model_copy(update={name: value for name, value in own.items() if value is not None})
    for name, value in (("prepare", prepare_ms), ("fetch", fetch_ms)):
        if value is not None:
            scattered = getattr(times, name).model_copy(update={"mean_ms": value, "samples_ms": ()})
            times = times.model_copy(update={name: scattered})
    demand = Demand(studies_per_day, weights(hours), batch_share, batch_size)
    wait_ms = batch_wait_ms if batch_wait_ms is not None else 2 if times.device == "gpu" else 0
    layout = Layout(
        ingress_cpus=ingress_cpus,
        studies_at_once=studies_at_once,
        batching=Batching(batch_wait_s=wait_ms / 1000),
        deadline_s=deadline_s,
    )
    planner = Planner(demand, times, layout, p95, days=days, kept_share=kept_share)
    with console.status("simulating", as_json=as_json):
        plan = planner.plan(Scaling(1, 1, target_ongoing, start_s=start_s, node_s=node_s))
    changed = [
        name for name, value in (*own.items(), ("prepare", prepare_ms), ("fetch", fetch_ms)) if value is not None
    ]
    document = capacity_document(plan, demand, times, p95_s=p95, days=days, changed=changed)
    console.answer(document, capacity_page(document), as_json=as_json)


def weights(hours: str) -> tuple[float, ...]:
    """The weights of a day's hours, by name or as typed.

    >>> weights("flat") == weights(",".join(["2"] * 24)) or len(weights("flat"))
    24
    """
    from tumorcast_platform.capacity import SHAPES

    if hours in SHAPES:
        return SHAPES[hours]
    try:
        return tuple(float(word) for word in hours.split(","))
    except ValueError as e:
        raise InvalidInput("--hours is clinic, flat, or 24 numbers with commas between.") from e
