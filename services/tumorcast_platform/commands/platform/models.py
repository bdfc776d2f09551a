"""``tumorcast platform models``: push a version, ask it as a shadow, let it answer, go back."""

from __future__ import annotations

import contextlib
import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Context, Namespace, Release, connected, platform_app
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style

if TYPE_CHECKING:
    from tumorcast_fusion.adapters.model_store import VersionStore
    from tumorcast_fusion.model.generation import Generation
    from tumorcast_platform.cluster.models import Author, Limits
    from tumorcast_platform.cluster.models_reports import Gathered

models_app = typer.Typer(
    help="Versions of prognosis models in a store: push, ask as a shadow, promote, roll back.", no_args_is_help=True
)
platform_app.add_typer(models_app, name="models")

Store = Annotated[
    str,
    typer.Option(
        metavar="PLACE", help="Folder or fsspec URL of the store.", envvar="TUMORCAST_FUSION_MODEL_STORE",
        show_default=False,
    ),
]  # fmt: skip
Name = Annotated[str, typer.Argument(help="Name of the model.", show_default=False)]
Version = Annotated[str, typer.Argument(help="As `list` tells it, its number alone, or shipped.", show_default=False)]
By = Annotated[str, typer.Option(help="Who does it; else the name of this account.")]
Reason = Annotated[str, typer.Option(help="Why: it is kept with the record.")]
Addresses = Annotated[
    list[str] | None,
    typer.Option("--address", metavar="HOST:PORT", help="Metrics of a replica, in place of a release's pods; repeat."),
]


@models_app.command("push")
def push(
    folder: Annotated[Path, typer.Argument(help="The model's folder, with SHA256SUMS.", exists=True, file_okay=False)],
    store: Store,
    as_json: AsJson = False,
) -> None:
    """Verify a model, load it, copy it into the store, read it back. It answers nothing before `promote`."""
    with console.status("Verifying and copying", as_json=as_json):
        found = _opened(store).push(folder)
    ref = found.model.ref
    document = {"name": ref.name, "version": found.version, "sha256": ref.sha256}
    console.answer(document, [Line(f"{ref.name}: {found.version} is in the store.", Style.GOOD)], as_json=as_json)


@models_app.command("list")
def list_models(store: Store, as_json: AsJson = False) -> None:
    """List the models of the store: what answers, what is asked beside it, what else there is."""
    from tumorcast_fusion.model.generation import SHIPPED_VERSION
    from tumorcast_platform.render.platform_models import store_page

    place = _opened(store)
    models = []
    for name in place.names():
        newest, damaged = place.newest(name)
        models.append(
            {
                "name": name,
                "active": newest.active if newest else SHIPPED_VERSION,
                "shadow": newest.shadow if newest else "",
                "generation": newest.number if newest else 0,
                "newest_record_unreadable": damaged,
                "versions": list(place.versions(name)),
            }
        )
    console.answer({"models": models}, store_page(models), as_json=as_json)


@models_app.command("history")
def history(name: Name, store: Store, as_json: AsJson = False) -> None:
    """Tell what answered since when, who decided it, and on what grounds."""
    from tumorcast_platform.render.platform_models import history_page

    found = _opened(store).history(name)
    records = [record.model_dump(mode="json") for record in found.records]
    document = {"name": name, "records": records, "unreadable": list(found.unreadable)}
    console.answer(document, history_page(records, found.unreadable), as_json=as_json)


@models_app.command("shadow")
def shadow(
    name: Name,
    store: Store,
    version: Annotated[str, typer.Argument(help="As for promote.", show_default=False)] = "",
    off: Annotated[bool, typer.Option("--off", help="Ask no shadow any more.")] = False,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Have a version asked whatever the model is asked, after each answer; nobody sees what it says but `report`."""
    from tumorcast_platform.cluster.models import set_shadow, version_of

    if bool(version) == off:
        raise typer.BadParameter("Give VERSION or --off.")
    place = _opened(store)
    record = set_shadow(place, name, "" if off else version_of(place, name, version), _author(by, reason))
    _told(record, as_json=as_json)


@models_app.command("report")
def report(
    name: Name,
    address: Addresses = None,
    min_comparisons: Annotated[int, typer.Option(min=1, help="Answers to compare, by endpoint.")] = 200,
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    as_json: AsJson = False,
) -> None:
    """Say how the shadow compares with what answers, over all replicas.

    Exit status: 0 where nothing speaks against promoting it, 1 else.
    """
    from tumorcast_platform.cluster.models import Limits
    from tumorcast_platform.render.platform_models import shadow_page

    found = _gathered(name, address, namespace, context, release)
    document = _document(name, found, Limits(comparisons=min_comparisons))
    console.answer(document, shadow_page(document), as_json=as_json)
    if document["objections"] or found.total is None:
        raise typer.Exit(1)


@models_app.command("promote")
def promote(
    name: Name,
    version: Version,
    store: Store,
    min_comparisons: Annotated[int, typer.Option(min=1, help="Answers to compare, by endpoint.")] = 200,
    max_failures: Annotated[float, typer.Option(min=0, max=1, help="Share of calls it may fail on.")] = 0.01,
    max_shift: Annotated[float, typer.Option(min=0, max=1, help="How far a mean probability may move.")] = 0.05,
    max_flips: Annotated[float, typer.Option(min=0, max=1, help="Share of decisions that may flip.")] = 0.05,
    max_abstentions: Annotated[float, typer.Option(min=0, max=1, help="Share that it alone may not answer.")] = 0.05,
    max_time_ratio: Annotated[float, typer.Option(min=0, help="How many times as long it may take.")] = 5.0,
    force: Annotated[bool, typer.Option("--force", help="Without a report; needs --reason.")] = False,
    by: By = "",
    reason: Reason = "",
    address: Addresses = None,
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    as_json: AsJson = False,
) -> None:
    """Let a version answer, if its shadow's report allows it; replicas follow at their next look at the store."""
    from tumorcast_platform.cluster import models

    place = _opened(store)
    wanted = models.version_of(place, name, version)
    limits = models.Limits(min_comparisons, max_failures, max_shift, max_flips, max_abstentions, max_time_ratio)
    total = None
    if not force:
        total = _gathered(name, address, namespace, context, release).total
        if total is None:
            from tumorcast_core.errors import PromotionRefused

            raise PromotionRefused("No replica has a shadow of this model: see `shadow`, or --force with --reason.")
    _told(models.promote(place, name, wanted, _author(by, reason), total, limits), as_json=as_json)


@models_app.command("rollback")
def rollback(
    name: Name,
    store: Store,
    to: Annotated[
        int | None, typer.Option("--to", min=1, metavar="GENERATION", help="Else the version before.")
    ] = None,
    by: By = "",
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Let the version answer that did before: one more record, nothing is deleted. Needs no report."""
    from tumorcast_platform.cluster.models import roll_back

    _told(roll_back(_opened(store), name, _author(by, reason or "rollback"), to), as_json=as_json)


def _opened(store: str) -> VersionStore:
    from tumorcast_fusion.adapters.model_store import VersionStore

    return VersionStore(store)


def _author(by: str, reason: str) -> Author:
    from tumorcast_platform.cluster.models import Author

    account = f"uid {os.getuid()}"
    with contextlib.suppress(OSError, KeyError):
        account = getpass.getuser()
    return Author(by or account, reason)


def _told(record: Generation, *, as_json: bool) -> None:
    lines = [Line(f"{record.model}: {record.active} answers, by generation {record.number}.", Style.GOOD)]
    if record.shadow:
        lines.append(
            Line(f"{record.shadow} is asked beside it; see `tumorcast platform models report {record.model}`.")
        )
    console.answer(record.model_dump(mode="json"), lines, as_json=as_json)


def _gathered(
    name: str, addresses: list[str] | None, namespace: str | None, context: str | None, release: str
) -> Gathered:
    from tumorcast_platform.cluster.models_reports import gather, of_addresses, of_pods, other_way

    if addresses:
        return gather(of_addresses(addresses), name)
    with connected(namespace, context) as cluster:
        found = gather(of_pods(cluster, release), name, cluster.namespace)
        if told := other_way(found.replicas, cluster.namespace):
            console.note(told.strip())
        return found


def _document(name: str, found: Gathered, limits: Limits) -> dict[str, Any]:
    from tumorcast_fusion.model.generation import version_name
    from tumorcast_platform.cluster.models import figures, objections

    total, counted = found.total, found.counted
    replicas = [
        {
            "name": replica.name,
            "counted": replica in counted,
            "scored": replica.report.scored if replica.report else 0,
            "failure": replica.failure,
        }
        for replica in found.replicas
    ]
    document: dict[str, Any] = {"name": name, "replicas": replicas, "active": None, "shadow": None}
    if total is None or total.shadow is None:
        return document | {"objections": ["No replica has a shadow of this model."]}
    document |= {"active": version_name(total.active), "shadow": version_name(total.shadow)}
    return document | {
        "generation": total.generation, **figures(total), "objections": list(objections(total, limits)),
    }  # fmt: skip
