"""Reports of shadows, gathered from the replicas of fusion and added up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tumorcast_core.errors import ServiceUnavailable, TumorcastError
from tumorcast_fusion.adapters.model_metrics import read_reports
from tumorcast_fusion.model.shadow import ShadowReport, merged

if TYPE_CHECKING:
    from tumorcast_platform.cluster.api import Cluster

METRICS_PORT = 9464
_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica: its report of the model (``None``: it has no shadow), or why it gave none."""

    name: str
    report: ShadowReport | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """All replicas, and the sum over those that have the pair of versions of the newest generation among them."""

    replicas: tuple[Replica, ...]
    total: ShadowReport | None

    @property
    def counted(self) -> tuple[Replica, ...]:
        """The replicas in the sum."""
        return tuple(r for r in self.replicas if r.report and self.total and r.report.pair == self.total.pair)


def gather(sources: Iterator[tuple[str, Callable[[], str]]], model: str, namespace: str = "") -> Gathered:
    """Ask every source for its metrics; raises ``ServiceUnavailable`` where none answers.

    ``namespace`` is that of the pods that were asked through the API server; the error then tells another way to them.
    """
    replicas = tuple(_asked(name, read, model) for name, read in sources)
    if all(replica.failure for replica in replicas):
        reasons = "; ".join(sorted({replica.failure for replica in replicas})) or "none was found"
        raise ServiceUnavailable(f"No replica of fusion told its metrics: {reasons}{other_way(replicas, namespace)}")
    reports = [replica.report for replica in replicas if replica.report]
    newest = max(reports, key=lambda report: report.generation, default=None)
    return Gathered(replicas, merged(report for report in reports if newest and report.pair == newest.pair))


def other_way(replicas: Sequence[Replica], namespace: str) -> str:
    """How to ask pods that the API server does not reach, as sentences with a blank before; empty where all answered.

    >>> other_way([Replica("tumorcast-fusion-1", failure="no answer")], "ward")[:60]
    ' Where a network policy keeps the API server from the pods: '
    """
    silent = [replica.name for replica in replicas if replica.failure]
    if not silent or not namespace:
        return ""
    return (
        " Where a network policy keeps the API server from the pods: "
        f"`kubectl --namespace {namespace} port-forward pod/{silent[0]} {METRICS_PORT}:{METRICS_PORT}`, and the same "
        f"command again with --address 127.0.0.1:{METRICS_PORT}; one port and one --address for each replica."
    )


def _asked(name: str, read: Callable[[], str], model: str) -> Replica:
    try:
        reports = read_reports(read())
    except TumorcastError as e:
        return Replica(name, failure=e.message)
    return Replica(name, next((report for report in reports if report.active.name == model), None))


def of_pods(cluster: Cluster, release: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """The running fusion pods of a release, through the API server."""
    selector = f"app.kubernetes.io/name=fusion,app.kubernetes.io/instance={release}"
    for pod in cluster.list("Pod", selector=selector):
        if (pod.get("status") or {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp"):
            name = str(pod["metadata"]["name"])
            yield name, partial(_proxied, cluster, name)


def of_addresses(addresses: Sequence[str]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Replicas by their metrics' address: ``host:port``, or a URL."""
    for address in addresses:
        url = address if "://" in address else f"http://{address}/metrics"
        yield address, partial(_fetched, url)


def _proxied(cluster: Cluster, pod: str) -> str:
    return _text(cluster.proxy("Pod", pod, METRICS_PORT, "metrics"))


def _fetched(url: str) -> str:
    import httpx

    try:
        with httpx.stream("GET", url, timeout=10.0) as answer:
            answer.raise_for_status()
            content = bytearray()
            for part in answer.iter_bytes():
                content += part
                if len(content) > _MOST_BYTES:
                    raise ServiceUnavailable("its metrics are longer than metrics can be")
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise ServiceUnavailable("it does not answer under that address") from e
    return _text(bytes(content))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
