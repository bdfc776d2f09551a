"""A small FHIR R4 server on loopback: ``$everything``, searches, paging, transactions, SMART; goes wrong when told to.

with served_fhir([patient(), observation()]) as fhir:
    ...  # fhir.base_url, fhir.requests
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from support.fhir_transactions import Refused, transact
from support.smart import Smart

Resource = dict[str, Any]
Fault = Callable[[str, Request], Response | None]
"""Answers a request in the server's stead, given its path below the base with its query, or lets it pass."""
FHIR_JSON = "application/fhir+json"
PATIENT_OF = ("subject", "patient")


@dataclass
class ServedFhir:
    """What the server has and how it behaves; a test changes either at any time."""

    resources: list[Resource]
    everything: bool = True
    page_size: int = 1000
    includes: bool = True
    """Whether it knows ``_include``; one that does not answers 400."""
    smart: Smart | None = None
    token: str = ""
    """A bearer token without which it answers 401; empty: anybody may ask."""
    faults: list[Fault] = field(default_factory=list)
    base_url: str = ""
    requests: list[str] = field(default_factory=list)
    """Method, path below the base and query of each request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    pages: dict[str, list[Resource]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """``host:port``, as an allow-list has it."""
        return self.base_url.split("/")[2]

    def authorizations(self) -> set[str]:
        """All Authorization headers that ever came."""
        return {headers.get("authorization", "") for headers in self.headers}

    def fault(self, path: str, request: Request) -> Response | None:
        """The answer of the first fault that takes this request."""
        return next((answer for fault in self.faults if (answer := fault(path, request))), None)

    def answer(self, path: str, request: Request) -> Response:
        """Answer one GET."""
        if path == "metadata":
            return fhir(self._capabilities())
        if not self._allowed(request.headers.get("authorization", "")):
            return fhir(outcome("login"), 401)
        if path == "":
            return self._page(request.query_params["_getpages"])
        kind, _, rest = path.partition("/")
        id_, _, operation = rest.partition("/")
        if operation == "$everything" and kind == "Patient":
            return self._everything(id_, request)
        found = [r for r in self.resources if r["resourceType"] == kind and id_ in ("", r["id"])]
        if operation or (id_ and not found):
            return fhir(outcome("not-found"), 404)
        return fhir(found[0]) if id_ else self._search(kind, found, request)

    def transact(self, bundle: Resource, authorization: str) -> Response:
        """Do one transaction."""
        if not self._allowed(authorization):
            return fhir(outcome("login"), 401)
        try:
            return fhir(transact(self.resources, bundle))
        except Refused as e:
            return fhir(outcome("processing"), e.status)

    def _allowed(self, authorization: str) -> bool:
        good = self.smart.good if self.smart else {self.token}
        return not (self.smart or self.token) or authorization.removeprefix("Bearer ") in good

    def _everything(self, id_: str, request: Request) -> Response:
        own = [r for r in self.resources if r["resourceType"] == "Patient" and r["id"] == id_]
        if not self.everything or not own:
            return fhir(outcome("not-found"), 404)
        record = own + [r for r in self.resources if _patient(r) == f"Patient/{id_}"]
        return self._first_page(record, [r for r in self._medications(record) if r not in record], request)

    def _search(self, kind: str, found: list[Resource], request: Request) -> Response:
        wanted = request.query_params["patient"]
        matches = [r for r in found if _patient(r) == f"Patient/{wanted.removeprefix('Patient/')}"]
        include = request.query_params.get("_include")
        if include and not self.includes:
            return fhir(outcome("not-supported"), 400)
        return self._first_page(matches, self._medications(matches) if include == f"{kind}:medication" else [], request)

    def _medications(self, resources: Iterable[Resource]) -> list[Resource]:
        wanted = {r.get("medicationReference", {}).get("reference") for r in resources}
        return [r for r in self.resources if f"{r['resourceType']}/{r.get('id')}" in wanted]

    def _first_page(self, matches: list[Resource], included: list[Resource], request: Request) -> Response:
        size = min(self.page_size, int(request.query_params.get("_count", 1000)))
        entries = [self._entry(r, "match") for r in matches] + [self._entry(r, "include") for r in included]
        cut = [entries[i : i + size] for i in range(0, len(entries), size)] or [[]]
        key = f"s{len(self.pages)}"
        bundles = [self._bundle(f"{key}p{i}", page, len(matches)) for i, page in enumerate(cut)]
        for i, bundle in enumerate(bundles[:-1]):
            url = f"{self.base_url}?_getpages={key}p{i + 1}"
            bundle["link"].append({"relation": "next", "url": url})
        self.pages |= {bundle["id"]: bundle for bundle in bundles}
        return self._page(f"{key}p0")

    def _page(self, key: str) -> Response:
        return fhir(self.pages[key]) if key in self.pages else fhir(outcome("not-found"), 404)

    def _entry(self, resource: Resource, mode: str) -> Resource:
        url = f"{self.base_url}/{resource['resourceType']}/{resource['id']}"
        return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}

    def _bundle(self, id_: str, entries: list[Resource], total: int) -> Resource:
        bundle = {"resourceType": "Bundle", "id": id_, "type": "searchset", "total": total}
        return bundle | {"link": [{"relation": "self", "url": self.base_url}]} | ({"entry": entries} if entries else {})

    def _capabilities(self) -> Resource:
        kinds = {r["resourceType"] for r in self.resources} | {"Patient", "Observation", "Condition"}
        served = [{"type": kind, "interaction": [{"code": "search-type"}]} for kind in sorted(kinds)]
        rest = [{"mode": "server", "resource": served}]
        return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "kind": "instance", "rest": rest}


def fhir(resource: Resource, status: int = 200, **headers: str) -> Response:
    """An answer of FHIR JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(resource), status, named, FHIR_JSON)


def searchset(*resources: Resource, next_url: str = "") -> Response:
    """An answer of one page."""
    link = [{"relation": "next", "url": next_url}] if next_url else []
    entries = [{"resource": resource} for resource in resources]
    return fhir({"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries})


def outcome(code: str) -> Resource:
    """An OperationOutcome of one error."""
    issue = {"severity": "error", "code": code, "diagnostics": "Jane Doe, born 1960, is not here"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _patient(resource: Resource) -> str:
    return next((resource[key]["reference"] for key in PATIENT_OF if key in resource), "")


def at(part: str, *answers: Response | Callable[[], Response], forever: bool = True) -> Fault:
    """Give these answers, in turn, to requests whose path or query has ``part``; the last one ever after if wanted."""
    left = list(answers)

    def fault(path: str, request: Request) -> Response | None:
        if part not in path or not left:
            return None
        answer = left[0] if len(left) == 1 and forever else left.pop(0)
        return answer if isinstance(answer, Response) else answer()

    return fault


def cut_off(body: bytes = b'{"resourceType": "Bundle", "entry": [') -> Response:
    """An answer whose connection breaks half-way."""
    return StreamingResponse(_pieces(body), headers={"Content-Length": str(len(body) + 1000)}, media_type=FHIR_JSON)


def trickling(seconds: float = 0.05) -> Response:
    """An answer that never ends, a blank at a time."""

    async def blanks() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(seconds)

    return StreamingResponse(blanks(), media_type=FHIR_JSON)


def silent(seconds: float = 30) -> Response:
    """An answer that does not come."""

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(seconds)
        yield b""

    return StreamingResponse(nothing(), media_type=FHIR_JSON)


def zipped(body: bytes) -> Response:
    """An answer compressed with gzip."""
    return Response(gzip.compress(body), headers={"Content-Encoding": "gzip"}, media_type=FHIR_JSON)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _app(state: ServedFhir) -> Starlette:
    async def get(request: Request) -> Response:
        path = request.path_params.get("path", "")
        asked = f"{path}?{request.url.query}" if request.url.query else path
        state.requests.append(f"GET {asked}")
        state.headers.append(dict(request.headers))
        if answer := state.fault(asked, request):
            return answer
        if path == ".well-known/smart-configuration":
            if not state.smart:
                return Response(status_code=404)
            return JSONResponse({"token_endpoint": state.smart.token_url, "scopes_supported": [state.smart.scope]})
        return state.answer(path, request)

    async def post(request: Request) -> Response:
        state.requests.append("POST transaction")
        state.headers.append(dict(request.headers))
        body = await request.body()
        if answer := state.fault("transaction", request):
            return answer
        return state.transact(json.loads(body), request.headers.get("authorization", ""))

    async def token(request: Request) -> Response:
        state.requests.append("POST token")
        if answer := state.fault("token", request):
            return answer
        assert state.smart
        form = await request.form()
        status, answer_ = state.smart.grant({key: str(value) for key, value in form.items()})
        return JSONResponse(answer_, status)

    routes = [
        Route("/token", token, methods=["POST"]),
        Route("/fhir", post, methods=["POST"]),
        Route("/fhir", get),
        Route("/fhir/{path:path}", get),
    ]
    return Starlette(routes=routes)


class _Server(uvicorn.Server):
    """Ends at once, in the middle of an answer if need be: uvicorn's own patience would cost 0.2 s for every test."""

    async def main_loop(self) -> None:
        while not self.should_exit:  # noqa: ASYNC110, set from another thread
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.sleep(0.005)


@contextmanager
def served_fhir(
    resources: Iterable[Resource] = (),
    *,
    everything: bool = True,
    page_size: int = 1000,
    smart: Smart | None = None,
    faults: Iterable[Fault] = (),
    tls: tuple[Path, Path] | None = None,
    **more: Any,
) -> Iterator[ServedFhir]:
    """Serve these resources on a free port, by https with ``tls`` (certificate and key as PEM)."""
    state = ServedFhir(list(resources), everything, page_size, smart=smart, faults=list(faults), **more)
    listening = socket.create_server(("127.0.0.1", 0))
    root = f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}"
    state.base_url = f"{root}/fhir"
    if smart and not smart.token_url:
        smart.token_url = f"{root}/token"
    secure = {"ssl_certfile": str(tls[0]), "ssl_keyfile": str(tls[1])} if tls else {}
    config = uvicorn.Config(
        _app(state), http="h11", ws="none", lifespan="off", log_level="critical", date_header=False, **secure
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the FHIR server did not start"
            time.sleep(0.005)
        yield state
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
