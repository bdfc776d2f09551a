"""The Kubernetes API as the platform commands use it: plain dicts in and out, every call bounded, one ``ApiClient``.

Paths come from a table (``kinds.py``), so no call is spent on discovery. Objects are as the API sends them (camelCase).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tumorcast_core.errors import ClusterUnavailable, InvalidInput
from tumorcast_platform.cluster import connecting
from tumorcast_platform.cluster.answers import Gone, document_of
from tumorcast_platform.cluster.kinds import kind_of
from tumorcast_platform.cluster.sending import Call, Sender

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

Object = dict[str, Any]
Objects = list[Object]
Query = list[tuple[str, str]]

PAGE = 250
"""Objects in one page of a list."""
_RESTARTS = 3


class Cluster:
    """One cluster, one namespace, one connection pool. Close it, or use it in ``with``.

    All methods raise the errors of the ``Cluster…`` family: not found, forbidden (with the rule that would allow it),
    conflict, refused (with the API's reason) and unavailable (no answer within ``timeout_s``, or a failing server).
    """

    def __init__(self, client: ApiClient, namespace: str, timeout_s: float = 10.0) -> None:
        self.namespace = namespace
        self.timeout_s = timeout_s
        self._client = client
        self._sender = Sender(client, timeout_s)

    @classmethod
    def connect(cls, *, namespace: str | None, context: str | None = None, timeout_s: float = 10.0) -> Cluster:
        """By the kubeconfig, or by the service account of the pod this runs in; raises ``NoCluster``.

        Nothing is sent yet. ``namespace``: none is the one of the context.
        """
        client, own = connecting.connect(context)
        return cls(client, namespace or own, timeout_s)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, kind: str, name: str, *, subresource: str = "") -> Object:
        """One object."""
        return self._asked("GET", "get", kind, name, subresource=subresource)

    def list(self, kind: str, *, selector: str = "") -> Objects:
        """All objects of a kind in the namespace, those of a label ``selector`` alone where one is given.

        Page by page; begins anew where the API has forgotten its place (410).
        """
        return self.listed(kind, selector=selector)[0]

    def listed(self, kind: str, *, selector: str = "") -> tuple[Objects, str]:
        """The same with the resource version of the list, from which a watch goes on."""
        for _ in range(_RESTARTS):
            try:
                return self._pages(kind, selector)
            except Gone:
                continue
        raise ClusterUnavailable(f"The list of {kind_of(kind).full_name} expired before it was read.")

    def _pages(self, kind: str, selector: str) -> tuple[Objects, str]:
        found: Objects = []
        token = ""
        while True:
            query = [("limit", str(PAGE))]
            query += [("labelSelector", selector)] if selector else []
            query += [("continue", token)] if token else []
            page = self._asked("GET", "list", kind, query=query)
            items, metadata = page.get("items"), page.get("metadata") or {}
            found += [item for item in items or [] if isinstance(item, dict)]
            token = str(metadata.get("continue") or "")
            if not token:
                return found, str(metadata.get("resourceVersion") or "")

    def create(self, kind: str, body: Object, *, dry_run: bool = False) -> Object:
        """Make an object; gives it as the API completed it."""
        return self._asked("POST", "create", kind, body=body, query=_dry(dry_run))

    def patch(self, kind: str, name: str, body: Object, *, subresource: str = "", dry_run: bool = False) -> Object:
        """Merge ``body`` into an object (RFC 7386: null removes, lists are replaced); gives the result.

        With ``metadata.resourceVersion`` in ``body`` it raises ``ClusterConflict`` where somebody was faster.
        """
        return self._asked(
            "PATCH", "patch", kind, name, subresource=subresource, body=body,
            query=[("fieldManager", "tumorcast"), *_dry(dry_run)], content_type="application/merge-patch+json",
        )  # fmt: skip

    def apply(self, body: Object, *, dry_run: bool = False) -> Object:
        """Server-side apply of a whole object as field manager ``tumorcast``; unknown fields are refused."""
        query = [("fieldManager", "tumorcast"), ("fieldValidation", "Strict"), *_dry(dry_run)]
        return self._asked(
            "PATCH", "patch", str(body.get("kind")), str((body.get("metadata") or {}).get("name") or ""), body=body,
            query=query, content_type="application/apply-patch+yaml",
        )  # fmt: skip

    def delete(self, kind: str, name: str) -> None:
        """Delete an object, and in the background what it owns."""
        self._asked("DELETE", "delete", kind, name, query=[("propagationPolicy", "Background")])

    def log(self, pod: str, *, container: str | None = None, lines: int = 50, previous: bool = False) -> str:
        """The last lines of a container's log, of its previous run if asked; at most 1 MiB."""
        query = [("tailLines", str(lines)), ("limitBytes", str(1 << 20)), *_container(container)]
        query += [("previous", "true")] if previous else []
        return self._sender.body(self._call("GET", "get", "Pod", pod, "log", query)).decode("utf-8", "replace")

    def follow_log(self, pod: str, *, container: str | None = None) -> Iterator[str]:
        """The lines of a container's log as they come, until it has ended; goes on where a connection breaks."""
        from tumorcast_platform.cluster.following import follow_log

        return follow_log(self, pod, container)

    def proxy(self, kind: str, name: str, port: int | str, path: str) -> bytes:
        """GET an HTTP path of a Pod or Service through the API server."""
        call = self._call("GET", "get", kind, f"{name}:{port}", "proxy", verbatim=path.lstrip("/"))
        return self._sender.body(call)

    def watch(self, kind: str, *, selector: str = "", timeout_s: float) -> Iterator[tuple[str, Object]]:
        """What is there, as ADDED, then every change: ADDED, MODIFIED, DELETED; ends after ``timeout_s``.

        Lists again after 410, at a stream's end or break, and where nothing was heard for a minute; what changed
        meanwhile is told, DELETED included. Raises ``ClusterForbidden``; ``ClusterUnavailable`` only at the end.
        """
        from tumorcast_platform.cluster.following import watch

        return watch(self, kind, selector, timeout_s)

    def stream(self, kind: str, verb: str, query: Query, name: str = "", *, silence_s: float,
               subresource: str = "") -> Iterator[bytes]:  # fmt: skip
        """The lines of an answer as they come; ends at the answer's end, or where ``silence_s`` pass without a byte."""
        return self._sender.lines(self._call("GET", verb, kind, name, subresource, query), silence_s)

    def _asked(self, method: str, verb: str, kind: str, name: str = "", *, subresource: str = "",
               query: Query | None = None, body: Object | None = None,
               content_type: str = "application/json") -> Object:  # fmt: skip
        call = self._call(method, verb, kind, name, subresource, query, body, content_type)
        return document_of(self._sender.body(call))

    def _call(self, method: str, verb: str, kind: str, name: str = "", subresource: str = "",
              query: Query | None = None, body: Object | None = None,
              content_type: str = "application/json", verbatim: str = "") -> Call:  # fmt: skip
        where = kind_of(kind)
        path = where.path(_checked(self.namespace), _checked(name) if name else "", subresource)
        path += f"/{verbatim}" if verbatim else ""
        return Call(method, path, query or [], body, content_type, verb, where, name, self.namespace, subresource)


def _checked(name: str) -> str:
    """A name that can stand in a path as it is (also ``name:port``); raises ``InvalidInput`` for one that cannot be."""
    if not re.fullmatch(r"[A-Za-z0-9][-.:\w]*", name, re.ASCII):
        raise InvalidInput(f"{name!r} cannot be the name of an object on a cluster.")
    return name


def _dry(dry_run: bool) -> Query:
    return [("dryRun", "All")] if dry_run else []


def _container(container: str | None) -> Query:
    return [("container", container)] if container else []
