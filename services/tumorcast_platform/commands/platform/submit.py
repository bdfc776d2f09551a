"""``tumorcast platform submit``: training, evaluation and batches as jobs of the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.platform.app import RELEASE, Context, Namespace, Release, connected, platform_app
from tumorcast_platform.commands.platform.jobs import follow_to_the_end
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style

if TYPE_CHECKING:
    from tumorcast_platform.cluster.jobs.manifests import Terms
    from tumorcast_platform.cluster.jobs.work import Work

submit_app = typer.Typer(
    help="Run tumorcast train, evaluate or predict-table as a job of the cluster. Options after -- go to that command.",
    no_args_is_help=True,
)
platform_app.add_typer(submit_app, name="submit")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")]
Data = Annotated[
    str, typer.Option("--data-claim", metavar="CLAIM[:FOLDER]", help="PersistentVolumeClaim with the data; read only.")
]
Out = Annotated[
    str, typer.Option("--out-claim", metavar="CLAIM[:FOLDER]", help="PersistentVolumeClaim to write the result to.")
]
Trained = Annotated[
    str,
    typer.Option("--trained-claim", metavar="CLAIM[:FOLDER]", help="What tumorcast train wrote; else shipped models."),
]
More = Annotated[list[str] | None, typer.Argument(metavar="[-- OPTIONS]", help="Options of the command itself.")]
Image = Annotated[str, typer.Option(help="Image of the job; else tumorcast-training beside the release's fusion.")]
PullSecret = Annotated[list[str] | None, typer.Option("--pull-secret", help="Secret to pull the image with.")]
Name = Annotated[str, typer.Option(help="Name of the job; else one that nobody has.")]
Cpus = Annotated[int, typer.Option(min=1, help="Processors of each pod.")]
Memory = Annotated[str, typer.Option(help="Memory of each pod.")]
Scratch = Annotated[str, typer.Option(help="Size of /tmp in each pod.")]
Deadline = Annotated[float, typer.Option("--deadline-hours", min=0.01, help="Ended by force after so long.")]
Keep = Annotated[float, typer.Option("--keep-days", min=0, help="How long an ended Job and its log are kept.")]
Retries = Annotated[int, typer.Option(min=0, max=20, help="Tries after one that was killed (not: that failed).")]
NodeSelector = Annotated[
    list[str] | None, typer.Option("--node-selector", metavar="KEY=VALUE", help="Nodes that may run it.")
]
OpenNetwork = Annotated[
    bool, typer.Option("--open-network", help="Make no NetworkPolicy that shuts the job in, for who makes their own.")
]
Follow = Annotated[bool, typer.Option("--follow", help="Show the log until the job has ended, and end as it did.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the objects as YAML, and make nothing.")]


@submit_app.command()
def train(
    data: Data,
    out: Out,
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="As of tumorcast train.")] = "",
    more: More = None,
    ray_workers: Annotated[
        int, typer.Option(min=0, max=100, help="Pods of a Ray cluster (RayJob); 0: one pod (Job).")
    ] = 2,
    image: Image = "",
    pull_secret: PullSecret = None,
    name: Name = "",
    cpus: Cpus = 4,
    memory: Memory = "8Gi",
    scratch: Scratch = "10Gi",
    deadline_hours: Deadline = 12.0,
    keep_days: Keep = 7.0,
    retries: Retries = 2,
    node_selector: NodeSelector = None,
    open_network: OpenNetwork = False,
    follow: Follow = False,
    dry_run: DryRun = False,
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    as_json: AsJson = False,
) -> None:
    """Train a model, on a Ray cluster made for it; models that train without Ray get one pod."""
    from tumorcast_platform.cluster.jobs import work
    from tumorcast_platform.cluster.jobs.submitting import terms_of

    more = _checked("train", more or ())
    todo = work.train(model, data, out, ray_workers=ray_workers, cpus=cpus, more=more)
    terms = terms_of(
        todo, release, name, image, pull_secret or (), cpus=cpus, memory=memory, scratch=scratch,
        hours=deadline_hours, days=keep_days, retries=retries, node_selector=node_selector or (),
    )  # fmt: skip
    _do(todo, terms, namespace, context, shut_in=not open_network, follow=follow, dry_run=dry_run, as_json=as_json)


@submit_app.command()
def evaluate(
    model: Model,
    data: Data,
    more: More = None,
    table: Annotated[str, typer.Option(metavar="PATH", help="Table on the data claim; else it is a cohort.")] = "",
    out: Annotated[
        str, typer.Option("--out-claim", metavar="CLAIM[:FOLDER]", help="Where to write figures; else none are made.")
    ] = "",
    trained: Trained = "",
    image: Image = "",
    pull_secret: PullSecret = None,
    name: Name = "",
    cpus: Cpus = 2,
    memory: Memory = "4Gi",
    scratch: Scratch = "10Gi",
    deadline_hours: Deadline = 6.0,
    keep_days: Keep = 7.0,
    retries: Retries = 2,
    node_selector: NodeSelector = None,
    open_network: OpenNetwork = False,
    follow: Follow = False,
    dry_run: DryRun = False,
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    as_json: AsJson = False,
) -> None:
    """Score a model on patients whose outcomes are known; the scores are the job's log (-- --json: one document)."""
    from tumorcast_platform.cluster.jobs import work
    from tumorcast_platform.cluster.jobs.submitting import terms_of

    more = _checked("evaluate", more or ())
    todo = work.evaluate(model, data, table=table, plots=out, trained=trained, more=more)
    terms = terms_of(
        todo, release, name, image, pull_secret or (), cpus=cpus, memory=memory, scratch=scratch,
        hours=deadline_hours, days=keep_days, retries=retries, node_selector=node_selector or (),
    )  # fmt: skip
    _do(todo, terms, namespace, context, shut_in=not open_network, follow=follow, dry_run=dry_run, as_json=as_json)


@submit_app.command()
def batch(
    model: Model,
    data: Data,
    table: Annotated[str, typer.Option(metavar="PATH", help="Table of patients on the data claim.")],
    out: Out,
    answers: Annotated[str, typer.Option(metavar="PATH", help="Table to write on the out claim; must not exist.")],
    more: More = None,
    trained: Trained = "",
    image: Image = "",
    pull_secret: PullSecret = None,
    name: Name = "",
    cpus: Cpus = 2,
    memory: Memory = "4Gi",
    scratch: Scratch = "10Gi",
    deadline_hours: Deadline = 6.0,
    keep_days: Keep = 7.0,
    retries: Retries = 2,
    node_selector: NodeSelector = None,
    open_network: OpenNetwork = False,
    follow: Follow = False,
    dry_run: DryRun = False,
    namespace: Namespace = None,
    context: Context = None,
    release: Release = RELEASE,
    as_json: AsJson = False,
) -> None:
    """Answer every row of a table, in one pod without the gateway: nothing is kept in its records or its audit log."""
    from tumorcast_platform.cluster.jobs import work
    from tumorcast_platform.cluster.jobs.submitting import terms_of

    more = _checked("predict-table", more or ())
    todo = work.batch(model, data, table, out, answers, trained=trained, more=more)
    terms = terms_of(
        todo, release, name, image, pull_secret or (), cpus=cpus, memory=memory, scratch=scratch,
        hours=deadline_hours, days=keep_days, retries=retries, node_selector=node_selector or (),
    )  # fmt: skip
    _do(todo, terms, namespace, context, shut_in=not open_network, follow=follow, dry_run=dry_run, as_json=as_json)


def _do(
    work: Work,
    terms: Terms,
    namespace: str | None,
    context: str | None,
    *,
    shut_in: bool,
    follow: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    from tumorcast_platform.cluster.jobs import manifests, submitting
    from tumorcast_platform.cluster.yaml_text import as_yaml

    needs_cluster = not (dry_run and terms.image)
    with connected(namespace, context) if needs_cluster else nullcontext() as cluster:
        if cluster is not None:
            terms = submitting.with_names(cluster, submitting.with_image(cluster, terms))
        objects = [manifests.manifest(work, terms)]
        objects += [manifests.network_policy(work, terms)] if shut_in else []
        if cluster is None or dry_run:
            text = as_yaml(*objects)
            console.answer({"dry_run": True, "objects": objects}, map(Line, text.splitlines()), as_json=as_json)
            return
        submitting.submit(cluster, work, terms, shut_in=shut_in)
        kind = objects[0]["kind"]
        if not follow:
            _tell(terms, kind, cluster.namespace, as_json=as_json)
            return
        if not as_json:
            console.note(f"{kind} {terms.name} is made; its log follows.")
        follow_to_the_end(cluster, terms.name, as_json=as_json)


def _tell(terms: Terms, kind: str, namespace: str, *, as_json: bool) -> None:
    document = {"job": terms.name, "kind": kind, "namespace": namespace, "image": terms.image}
    lines = [
        Line(f"{kind} {terms.name} is made in namespace {namespace}", Style.GOOD),
        Line(f"  tumorcast platform jobs logs {terms.name} --namespace {namespace} --follow"),
    ]
    console.answer(document, lines, as_json=as_json)


def _checked(command: str, more: Sequence[str]) -> list[str]:
    """The options for the command itself; one that it does not have is found here, not in the pod."""
    from tumorcast_platform.cli import app

    parameters = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    known = {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
    for argument in more:
        if argument.startswith("-") and argument.partition("=")[0] not in known:
            raise typer.BadParameter(f"tumorcast {command} has no option {argument.partition('=')[0]}.")
    return list(more)
