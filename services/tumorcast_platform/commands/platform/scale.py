"""``tumorcast platform scale``: how many replicas a service has, through the object that owns the number."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import (
    RELEASE,
    Context,
    Namespace,
    Release,
    connected,
    platform_app,
)
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style, wrapped

if TYPE_CHECKING:
    from tumorcast_platform.cluster.scaling.plan import Plan

_HELM = "The next helm upgrade sets what the values say. To keep this, give it:"
_HELM_OF_RAY = (
    "Give this to the next helm upgrade, or another number. Helm 3 compares a RayService with the last chart, not with "
    "what runs: without a number it may set back the pods and not Serve, which then waits for pods that never come:"
)
_HELM_4 = "Another number there is a conflict with field manager tumorcast in Helm 4; --force-conflicts lets Helm win."


@platform_app.command()
def scale(
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE", help="gateway, clinical, notes, fusion, imaging (its ingress), imaging/ENCODER."
        ),
    ],
    replicas: Annotated[int | None, typer.Argument(min=0, max=1000, metavar="N", help="How many replicas.")] = None,
    override: Annotated[
        bool, typer.Option("--override", help="Hold an autoscaler that owns the number at N, instead of refusing.")
    ] = False,
    release_to_autoscaler: Annotated[
        bool, typer.Option("--release-to-autoscaler", help="Give the number back to the autoscaler that is held.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until exactly N are ready.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")] = 900.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be changed, and change nothing.")] = False,
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    as_json: AsJson = False,
) -> None:
    """Give a service N replicas, and say what the next helm upgrade would make of it."""
    if (replicas is None) != release_to_autoscaler:
        raise typer.BadParameter("Give N or --release-to-autoscaler.")
    from tumorcast_platform.cluster.scaling import acting
    from tumorcast_platform.cluster.scaling.plan import Target
    from tumorcast_platform.cluster.scaling.waiting import wait_until_scaled

    target = Target.of(service)
    with connected(namespace, context) as cluster:
        if dry_run:
            plan, _ = acting.planned(cluster, release, target, replicas, override=override)
            console.answer({**plan.to_json(), "dry_run": True}, _dry_page(plan), as_json=as_json)
            return
        with console.status(f"Scaling {target}", as_json=as_json) as say:
            plan = acting.scale(cluster, release, target, replicas, override=override, say=say)
            if not wait:
                console.answer(plan.to_json(), _page(plan, release), as_json=as_json)
                return
            for line in () if as_json else _page(plan, release):
                console.note(line.text)
            wait_until_scaled(cluster, plan, timeout, say=say)
        ready = [Line(f"{target}: {plan.after} ready", Style.GOOD)] if plan.after is not None else []
        console.answer({**plan.to_json(), "ready": True}, ready, as_json=as_json)


def _page(plan: Plan, release: str) -> list[Line]:
    if plan.after is None:
        first = f"{plan.target}: given back to its autoscaler"
    else:
        was = f"{plan.before} → " if plan.before is not None else ""
        first = f"{plan.target}: {was}{plan.after}"
    lines = [Line(first, Style.HEADING), *wrapped(f"Changed: {plan.through}", indent=2, hanging=4)]
    for note in plan.notes:
        lines += wrapped(note, Style.CAUTION, indent=2, hanging=4)
    if plan.keep:
        arguments = " ".join(f"--set {shlex.quote(one)}" for one in plan.keep)
        lines += [
            *wrapped(_HELM_OF_RAY if plan.group else _HELM, indent=2, hanging=4),
            Line(f"    helm upgrade {shlex.quote(release)} … --reset-then-reuse-values {arguments}"),
            *wrapped(_HELM_4, Style.QUIET, indent=2, hanging=4),
        ]
    return lines


def _dry_page(plan: Plan) -> list[Line]:
    from tumorcast_platform.cluster.yaml_text import as_yaml

    lines = [Line(f"Dry run: {plan.target} would be changed by these patches", Style.HEADING)]
    for note in plan.notes:
        lines += wrapped(note, Style.CAUTION, indent=2, hanging=4)
    for patch in plan.patches:
        where = f"{patch.kind} {patch.name}" + (f", subresource {patch.subresource}" if patch.subresource else "")
        lines += [Line(), Line(f"# {where}", Style.QUIET)]
        lines += [Line(line) for line in as_yaml(patch.body).splitlines()]
    return lines
