"""One request to the Kubernetes API: bounded in time and size, tried again only where that is safe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tumorcast_core.errors import ClusterUnavailable, NoCluster, PayloadTooLarge, TumorcastError
from tumorcast_platform.cluster.answers import Gone, failure, wait_asked_for
from tumorcast_platform.cluster.kinds import Kind

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

TRIES = 3
MOST_BYTES = 64 << 20
"""Of one answer; a page of 250 objects is under one, as a rule."""
MOST_BYTES_IN_A_LINE = 8 << 20
_PAUSES_S = (0.2, 0.8)
_PASSING = (500, 502, 503, 504)


class _SilenceError(Exception):
    """Nothing more came for as long as was waited."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked: ``path`` quoted, ``verb`` as a Role names it, and the object for the error's text."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(repr=False)
    body: dict[str, Any] | None = field(repr=False)
    content_type: str
    verb: str
    kind: Kind
    name: str
    namespace: str
    subresource: str = ""

    def failure(self, status: int, body: bytes) -> TumorcastError:
        """The error of an answer that is no success."""
        kind = replace(self.kind, plural="/".join(filter(None, [self.kind.plural, self.subresource])))
        return failure(status, body, verb=self.verb, kind=kind, name=self.name, namespace=self.namespace)


class Sender:
    """Sends calls through one ``ApiClient``."""

    def __init__(self, client: ApiClient, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s

    def body(self, call: Call) -> bytes:
        """The body of a success, all tries within the time-out. Raises the call's error, and ``Gone`` for 410.

        Reading is tried again where the server fails or nothing comes; a change only where the server says that it did
        not begin (429).
        """
        deadline = time.monotonic() + self._timeout_s
        for last in (*(False,) * (TRIES - 1), True):
            pause = 0.0 if last else _PAUSES_S[0]
            try:
                status, body, headers = self._once(call, deadline)
            except ClusterUnavailable:
                if last or call.method != "GET" or time.monotonic() + pause >= deadline:
                    raise
            else:
                if 200 <= status < 300:
                    return body
                if status == 410:
                    raise Gone
                passing = status == 429 or (status in _PASSING and call.method == "GET")
                pause = max(wait_asked_for(headers) or _PAUSES_S[1], pause)
                if last or not passing or time.monotonic() + pause >= deadline:
                    raise call.failure(status, body)
            time.sleep(pause)
        raise AssertionError("the last try answers or raises")

    def lines(self, call: Call, silence_s: float) -> Iterator[bytes]:
        """The lines of an answer as they come; the last one only if a line feed ends it or the answer ended well."""
        response = self._open(call, silence_s)
        rest = b""
        try:
            if not 200 <= response.status < 300:
                told = self._read_all(response, time.monotonic() + silence_s)
                raise Gone if response.status == 410 else call.failure(response.status, told)
            while chunk := _some(response):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from whole
                if len(rest) > MOST_BYTES_IN_A_LINE:
                    raise PayloadTooLarge("The Kubernetes API sends a line without an end.")
            if rest:
                yield rest
        except _SilenceError:
            return
        finally:
            response.close()
            response.release_conn()

    def _once(self, call: Call, deadline: float) -> tuple[int, bytes, dict[str, str]]:
        response = self._open(call, max(0.05, deadline - time.monotonic()))
        read = False
        try:
            body = self._read_all(response, deadline)
            read = True
            return response.status, body, dict(response.headers)
        finally:
            if not read:
                response.close()  # a half-read connection is not used again
            response.release_conn()

    def _open(self, call: Call, timeout_s: float) -> Any:
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError

        try:
            method, url, headers, body, post = self._client.param_serialize(
                call.method, call.path, query_params=call.query, body=call.body, auth_settings=["BearerToken"],
                header_params={"Accept": "application/json, */*", "Content-Type": call.content_type},
            )  # fmt: skip
            answer = self._client.call_api(
                method, url, headers, body, post, _request_timeout=(min(timeout_s, self._timeout_s), timeout_s)
            )
        except ApiException as e:  # its only own one here is a TLS failure
            raise NoCluster(f"The cluster's certificate is not trusted: {_one_line(e.reason)}") from e
        except (HTTPError, OSError) as e:
            raise self._unavailable(call, e) from e
        except (ConfigException, ValueError) as e:  # the text may hold a token
            raise NoCluster(f"The kubeconfig's credentials cannot be used ({type(e).__name__}).") from None
        return answer.response

    def _unavailable(self, call: Call, e: Exception) -> ClusterUnavailable:
        from urllib3.exceptions import NewConnectionError, TimeoutError  # noqa: A004

        host = self._client.configuration.host
        doubt = "" if call.method == "GET" else " Whether the change was made is not known: look before you try again."
        if isinstance(e, NewConnectionError):
            return ClusterUnavailable(f"Nothing answers at {host}.{doubt}")
        if isinstance(e, TimeoutError):
            return ClusterUnavailable(f"The Kubernetes API at {host} is silent for too long.{doubt}")
        return ClusterUnavailable(f"The connection to the Kubernetes API at {host} broke ({type(e).__name__}).{doubt}")

    def _read_all(self, response: Any, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while chunk := _some(response):
                parts.append(chunk)
                size += len(chunk)
                if size > MOST_BYTES:
                    raise PayloadTooLarge("The Kubernetes API's answer is larger than 64 MiB.")
                if time.monotonic() > deadline:
                    raise ClusterUnavailable("The Kubernetes API answers too slowly.")
        except _SilenceError as e:
            raise ClusterUnavailable("The Kubernetes API began to answer and fell silent.") from e
        return b"".join(parts)


def _some(response: Any) -> bytes:
    """What has come of a body, at least a byte unless it has ended; raises ``ClusterUnavailable`` where it breaks."""
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        return bytes(response.read1(1 << 16, decode_content=True))
    except ReadTimeoutError as e:
        raise _SilenceError from e
    except (HTTPError, OSError) as e:
        raise ClusterUnavailable(f"The Kubernetes API's answer broke off ({type(e).__name__}).") from e


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:200]
