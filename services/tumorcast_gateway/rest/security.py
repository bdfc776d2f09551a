"""Security of the REST door: who calls, which hosts and origins, and what every answer says to browsers.

Closed by default: a path needs a caller unless it stands in ``OPEN``.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tumorcast_core.errors import MalformedRequest, PermissionDenied, TumorcastError, Unauthenticated
from tumorcast_core.settings import is_loopback
from tumorcast_gateway.auth.guard import Guard, challenge
from tumorcast_gateway.model.caller import Caller
from tumorcast_gateway.rest import problems
from tumorcast_gateway.settings import Settings

PROBES = frozenset({"/healthz", "/readyz"})
"""Asked by address, as Kubernetes does."""
OPEN = PROBES | frozenset(
    {
        "/openapi.json",
        "/.well-known/smart-configuration",
        "/fhir/.well-known/smart-configuration",  # SMART App Launch 2.2: beside the FHIR base
        "/fhir/metadata",  # FHIR R4 section 3.1.0.2.7: capabilities need no credentials
        "/cds-services",  # CDS Hooks 2.0: discovery needs none
        "/problems",  # what reason codes stand for, that of a 401 included
    }
)
OWN_CHECK = ("/cds-services/",)
"""CDS Hooks clients sign their own tokens (CDS Hooks 2.0, "Trusting CDS Clients"); ``auth.cds_clients`` checks them."""
OPEN_BELOW = ("/problems/",)
HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-permitted-cross-domain-policies": "none",
}
HSTS = "max-age=31536000; includeSubDomains"
_CHALLENGES = {401: challenge(Unauthenticated()), 403: challenge(PermissionDenied())}
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD")
_ASKED = ("authorization", "content-type", "accept", "prefer", "idempotency-key", "if-none-exist", "if-match")
_EXPOSED = ("location", "link", "retry-after", "x-request-id", "etag", "deprecation", "sunset", "www-authenticate")


def caller_of(request: Request) -> Caller:
    """The caller of a request, as a dependency of its route; raises ``Unauthenticated`` where nobody let it in."""
    caller = getattr(request.state, "caller", None)
    if not isinstance(caller, Caller):
        raise Unauthenticated
    return caller


def install(app: FastAPI, guard: Guard, settings: Settings) -> None:
    """Put the layers around the routes, below the boundary: headers, hosts, origins, callers."""
    app.add_middleware(Guarded, guard=guard)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=_METHODS,
            allow_headers=_ASKED,
            expose_headers=_EXPOSED,
            max_age=600,
        )
    app.add_middleware(Hardened, settings=settings)


class Hardened:
    """ASGI middleware: security headers on every answer, and no answers under names that are not ours.

    Names are ``served_hosts``; without any, and without authentication on loopback, those of this machine: else a web
    page could have its own name resolved to 127.0.0.1 and read answers in the browser of whoever runs a gateway there.
    Nor may pages of other sites, but for ``cors_origins``, send requests there, whose answers they could not read.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in settings.served_hosts)
        self._origins = frozenset(settings.cors_origins)
        self._is_local = settings.auth == "none" and is_loopback(settings.host)
        with_tls = bool(settings.tls_certificate) or settings.tls_elsewhere
        self._headers = HEADERS | ({"strict-transport-security": HSTS} if with_tls else {})
        if settings.cors_origins:
            self._headers["cross-origin-resource-policy"] = "cross-origin"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                if message["status"] in _CHALLENGES and "www-authenticate" not in headers:
                    headers["www-authenticate"] = _CHALLENGES[message["status"]]
            await send(message)

        if not (scope["path"] in PROBES or self._serves(_host(scope))):
            refusal = problems.answer(Request(scope), MalformedRequest("This host is not served here."), 421)
            await refusal(scope, receive, send_hardened)
            return
        if self._is_local and self._is_of_another_site(scope):
            refusal = problems.answer(Request(scope), PermissionDenied("Pages of other sites may not ask here."))
            await refusal(scope, receive, send_hardened)
            return
        await self._app(scope, receive, send_hardened)

    def _is_of_another_site(self, scope: Scope) -> bool:
        """Whether a browser says so (Fetch Metadata Request Headers, section 2.4), of what is not for everyone."""
        headers = Headers(scope=scope)
        is_foreign = headers.get("sec-fetch-site", "none").lower() not in ("none", "same-origin")
        for_everyone = scope["path"] in OPEN or scope["path"].startswith(OPEN_BELOW)
        return is_foreign and not for_everyone and headers.get("origin") not in self._origins

    def _serves(self, host: str) -> bool:
        return host in self._hosts if self._hosts else not self._is_local or is_loopback(host)


class Guarded:
    """ASGI middleware: ``request.state.caller``, or an answer of why not, before a byte of the body is read."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; WebSockets are closed, since nothing here speaks them."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist("authorization")
        try:
            if len(given) > 1:
                raise Unauthenticated("Give one Authorization header.")
            caller = await self._guard.admit(given[0] if given else None, (scope.get("client") or ("unix", 0))[0])
        except TumorcastError as e:
            answer = problems.answer(Request(scope), e)
            if words := challenge(e):
                answer.headers["www-authenticate"] = words
            await answer(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether a path needs no caller of the guard's.

    >>> is_open("/healthz"), is_open("/healthz/"), is_open("/v1/models"), is_open("/cds-services/prognosis")
    (True, False, False, True)
    """
    return path in OPEN or path.startswith(OWN_CHECK + OPEN_BELOW)


def _host(scope: Scope) -> str:
    """The Host header without its port."""
    host = Headers(scope=scope).get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).strip("[]")
