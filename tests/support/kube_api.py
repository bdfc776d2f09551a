"""A Kubernetes API over real HTTP: kmock's emulator, with what it lacks, and answers that a test scripts beforehand.

Added here: label selectors, pages (``limit``, ``continue``), resource versions and their conflict (409), merge patches
that remove (null), dry runs, watches that end after ``timeoutSeconds``.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp.web
import attrs
import yaml
from kmock import KubernetesEmulator, Request, Server, resource

from tumorcast_platform.cluster.kinds import KINDS

NAMESPACE = "ward"


@dataclass
class Answer:
    """One scripted answer. ``body``: a dict is JSON; a list of parts is a stream, in which a number is a pause in
    seconds and ``None`` breaks the connection."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


def refusal(code: int, reason: str, message: str, **headers: str) -> Answer:
    """A ``Status`` as the API server sends one; header names with _ for -."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    body = {**status, "message": message, "reason": reason, "code": code}
    return Answer(code, body, {name.replace("_", "-"): value for name, value in headers.items()})


def event_line(event: str, item: dict[str, Any]) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": event, "object": item}).encode() + b"\n"


@attrs.define(kw_only=True)
class _Emulator(KubernetesEmulator):
    scripted: dict[tuple[str, str], list[Answer]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    asked: list[tuple[str, str, dict[str, str], Any]] = attrs.field(factory=list, init=False)
    version: int = 100

    async def _handle(self, request: Request) -> aiohttp.web.StreamResponse:
        raw = request._raw_request
        assert raw is not None
        self.asked.append((raw.method, raw.path, dict(raw.query), request.data))
        path = f"{raw.path}?watch" if raw.query.get("watch") else raw.path
        answers = self.scripted.get((raw.method, path)) or self.scripted.get((raw.method, "*"))
        if answers:
            return await _send(answers.pop(0) if len(answers) > 1 else answers[0], raw)
        if raw.method == "PATCH" and request.name and request.resource:
            return self._patched(request, raw)
        if raw.method == "POST" and request.resource and isinstance(request.data, dict):
            self._complete(request)
        if raw.query.get("dryRun") and raw.method == "POST":
            return aiohttp.web.json_response(request.data, status=201)
        return await super()._handle(request)

    def _complete(self, request: Request) -> None:
        """What the API server adds to an object that is made."""
        metadata = request.data.setdefault("metadata", {})
        self.version += 1
        if request.namespace:
            metadata.setdefault("namespace", request.namespace)
        if "generateName" in metadata and "name" not in metadata:
            metadata["name"] = f"{metadata['generateName']}{self.version}"
        metadata.update(uid=f"uid-{self.version}", resourceVersion=str(self.version))
        metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")

    def _patched(self, request: Request, raw: aiohttp.web.BaseRequest) -> aiohttp.web.Response:
        key = (request.resource, request.namespace, request.name)
        item = next((o for k, o in self.objects.items() if k == key), None)
        if item is None:
            return _plain(refusal(404, "NotFound", f"{request.name} not found"))
        body, now = request.data, json.loads(json.dumps(item.raw))
        wanted = (body.get("metadata") or {}).get("resourceVersion")
        if wanted is not None and wanted != now["metadata"].get("resourceVersion"):
            return _plain(refusal(409, "Conflict", "the object has been modified; please apply your changes"))
        merged = _merge(now, body)
        self.version += 1
        merged["metadata"]["resourceVersion"] = str(self.version)
        if not raw.query.get("dryRun"):
            self.objects[key] = merged
        return aiohttp.web.json_response(merged)

    async def _serve_list(self, request: Request) -> Any:
        listed = await super()._serve_list(request)
        items = [i for i in listed["items"] if selected(i, request.params.get("labelSelector", ""))]
        begin, limit = int(request.params.get("continue") or 0), int(request.params.get("limit") or 10**9)
        rest = begin + limit < len(items)
        metadata = {"resourceVersion": str(self.version), **({"continue": str(begin + limit)} if rest else {})}
        return {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items[begin : begin + limit]}

    async def _serve_watch(self, request: Request) -> Any:
        events = super()._serve_watch(request)
        end = asyncio.get_running_loop().time() + float(request.params.get("timeoutSeconds") or 300)
        while True:
            try:
                event = await asyncio.wait_for(anext(events), end - asyncio.get_running_loop().time())
            except (TimeoutError, StopAsyncIteration):
                return
            if event == b"" or selected(event["object"], request.params.get("labelSelector", "")):
                yield event


def selected(item: dict[str, Any], selector: str) -> bool:
    """Whether labels fit a selector of ``a=b``, ``a!=b``, ``a in (b,c)`` and ``a``."""
    labels = (item.get("metadata") or {}).get("labels") or {}
    for term in re.split(r",(?![^(]*\))", selector):
        if match := re.fullmatch(r"\s*(\S+)\s+in\s+\((.*)\)\s*", term):
            fits = labels.get(match[1]) in [v.strip() for v in match[2].split(",")]
        elif "!=" in term:
            name, value = term.split("!=")
            fits = labels.get(name.strip()) != value.strip()
        elif "=" in term:
            name, value = re.split("==?", term)
            fits = labels.get(name.strip()) == value.strip()
        else:
            fits = not term.strip() or term.strip() in labels
        if not fits:
            return False
    return True


def _merge(into: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7386."""
    result = dict(into)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = _merge(result.get(key) if isinstance(result.get(key), dict) else {}, value)
        else:
            result[key] = value
    return result


def _plain(answer: Answer) -> aiohttp.web.Response:
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    kind = "application/json" if not isinstance(answer.body, bytes) else "text/plain"
    return aiohttp.web.Response(status=answer.status, body=body, headers={"Content-Type": kind, **answer.headers})


async def _send(answer: Answer, raw: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
    await asyncio.sleep(answer.delay_s)
    if not isinstance(answer.body, list):
        return _plain(answer)
    response = aiohttp.web.StreamResponse(status=answer.status, headers=answer.headers)
    await response.prepare(raw)
    for part in answer.body:
        if part is None:
            await asyncio.sleep(0.05)
            assert raw.transport is not None
            raw.transport.close()
            break
        await (asyncio.sleep(part) if isinstance(part, int | float) else response.write(part))
    else:
        await response.write_eof()
    return response


class KubeApi:
    """The running server as a test sees it."""

    def __init__(self, emulator: _Emulator, loop: asyncio.AbstractEventLoop, url: str) -> None:
        self._emulator = emulator
        self._loop = loop
        self.url = url

    def put(self, item: dict[str, Any], namespace: str = NAMESPACE) -> None:
        """Let an object be there; one without a namespace of its own is in ``namespace``."""
        kind = KINDS[item["kind"]]
        metadata = {"namespace": namespace, "resourceVersion": "1", **item["metadata"]}
        if not kind.namespaced:
            metadata.pop("namespace")
        group, _, version = kind.group_version.rpartition("/")
        key = (resource(group, version, kind.plural), metadata.get("namespace"), metadata["name"])
        self._within(lambda: self._emulator.objects.__setitem__(key, {**item, "metadata": metadata}))

    def know(self, *kinds: str) -> None:
        """Let the cluster know kinds of which there are no objects, so that their list is empty and not 404."""
        for name in kinds:
            group, _, version = KINDS[name].group_version.rpartition("/")
            found = resource(group, version, KINDS[name].plural)
            self._within(lambda found=found: self._emulator.resources.__setitem__(found, {}))

    def get(self, kind: str, name: str, namespace: str = NAMESPACE) -> dict[str, Any]:
        """An object as it now stands on the server."""
        where = KINDS[kind]
        group, _, version = where.group_version.rpartition("/")
        key = (resource(group, version, where.plural), namespace if where.namespaced else None, name)
        found: dict[str, Any] = self._within(lambda: json.loads(json.dumps(self._emulator.objects[key].raw)))
        return found

    def script(self, method: str, path: str, *answers: Answer) -> None:
        """Answer a method and path (``…?watch``: its watch; ``*``: all) so, in turn, the last one for good."""
        self._within(lambda: self._emulator.scripted[method, path].extend(answers))

    @property
    def asked(self) -> list[tuple[str, str, dict[str, str], Any]]:
        """Method, path, query and JSON body of every request so far."""
        return list(self._emulator.asked)

    def kubeconfig(self, folder: Path, **user: str) -> Path:
        """A kubeconfig for this server, namespace ``ward``."""
        file = folder / "kubeconfig"
        context = {"cluster": "here", "user": "me", "namespace": NAMESPACE}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": context}],
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": user or {"token": "kube-token"}}],
        }
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        return file

    def _within(self, work: Any) -> Any:
        done: Future[Any] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except Exception as e:
                done.set_exception(e)

        self._loop.call_soon_threadsafe(run)
        return done.result(timeout=10)


@contextmanager
def kube_api() -> Iterator[KubeApi]:
    """A server on a free port of this machine, in a thread of its own."""
    started: Future[KubeApi] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(started)), daemon=True)
    thread.start()
    api = started.result(timeout=20)
    try:
        yield api
    finally:
        api._loop.call_soon_threadsafe(_stop.pop(id(api._loop)).set)
        thread.join(timeout=20)


_stop: dict[int, asyncio.Event] = {}


async def _serve(started: Future[KubeApi]) -> None:
    loop = asyncio.get_running_loop()
    _stop[id(loop)] = stop = asyncio.Event()
    async with _Emulator() as emulator, Server(emulator) as server:
        started.set_result(KubeApi(emulator, loop, f"http://127.0.0.1:{server.port}"))
        await stop.wait()
