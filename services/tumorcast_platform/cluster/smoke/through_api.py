"""HTTP to a Service through the Kubernetes API server's proxy, for who can reach the cluster and not the gateway.

https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/. The API server takes the
``Authorization`` header for itself, so a gateway that wants a token cannot be asked this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from tumorcast_core.errors import ClusterForbidden, ClusterObjectNotFound, ClusterUnavailable, InvalidInput
from tumorcast_platform.cluster.answers import reason_in

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

NO_TOKEN = (  # what to do instead
    "The API server's proxy passes no token on. Use kubectl port-forward, and --url with --token-file."  # noqa: S105
)
_OURS = ("accept", "content-type", "content-length", "idempotency-key", "prefer", "user-agent", "accept-encoding")


class ThroughApiServer(httpx.BaseTransport):
    """Sends every request to ``service:port`` of a namespace; the URL's host does not matter."""

    def __init__(self, client: ApiClient, namespace: str, service: str, port: int, *, tls: bool) -> None:
        self._client = client
        scheme = "https" if tls else "http"
        where = quote(f"{scheme}:{service}:{port}", safe=":")
        self._base = f"{client.configuration.host}/api/v1/namespaces/{quote(namespace)}/services/{where}/proxy"

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; raises httpx errors, and ``ClusterForbidden`` where the role does not allow the proxy."""
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, TimeoutError  # noqa: A004

        if "authorization" in request.headers:
            raise InvalidInput(NO_TOKEN)
        timeout = request.extensions.get("timeout") or {}
        try:
            answer = self._client.rest_client.pool_manager.request(
                request.method,
                self._base + request.url.raw_path.decode("ascii"),
                body=request.read() or None,
                headers=self._headers(request),
                timeout=Timeout(connect=timeout.get("connect"), read=timeout.get("read")),
                redirect=False,
                retries=False,
            )
        except TimeoutError as e:
            raise httpx.ReadTimeout("The API server's proxy is silent.", request=request) from e
        except (HTTPError, OSError) as e:
            raise httpx.ConnectError("The API server cannot be reached.", request=request) from e
        self._raise_own(answer.status, answer.data)
        headers = {k: v for k, v in answer.headers.items() if k.lower() not in ("content-encoding", "content-length")}
        return httpx.Response(answer.status, headers=headers, content=answer.data, request=request)

    def _raise_own(self, status: int, body: bytes) -> None:
        """Raise what the API server itself says; an answer of the gateway is none of its ``Status`` objects."""
        if status < 400 or b'"kind":"Status"' not in body[:4096].replace(b" ", b""):
            return
        if status == 403:
            rule = '{apiGroups: [""], resources: ["services/proxy"], verbs: ["get", "create"]}'
            raise ClusterForbidden(f"You may not reach Services through the API server. A Role with {rule} allows it.")
        if status == 404:
            raise ClusterObjectNotFound("There is no gateway of that release in that namespace.")
        raise ClusterUnavailable(f"The API server cannot reach the gateway: {reason_in(body)}")

    def _headers(self, request: httpx.Request) -> dict[str, str]:
        headers: dict[str, Any] = {k: v for k, v in request.headers.items() if k.lower() in _OURS}
        self._client.update_params_for_auth(headers, [], ["BearerToken"], "", request.method, None)
        return headers
