"""Keeps Ray Serve's own sockets on loopback.

Ray's daemons stay there by themselves (``ray_runtime``). Ray Serve 2.60 binds its gRPC proxy and its replicas to
``[::]`` whatever host it is given, and offers no setting. The proxy runs ``bind_to_loopback`` through Serve's callback
hook (``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH``), a replica when it loads its deployment; both before they listen.
The same hook lets gateways ask every second whether the proxy is still there, which gRPC would take for an attack.
This is the one place that touches Ray's insides: an attribute that moved raises here and nothing is served, and an
end-to-end test looks at every listening socket.
"""

from __future__ import annotations

import os
from typing import Any

from tumorcast_core.rpc.serving import PINGED

SWITCH = "TUMORCAST_IMAGING_LOOPBACK_ONLY"
"""Set to 1 in the environment of a Ray that was started for this machine only."""
_ANY, _LOOPBACK = "[::]:", "127.0.0.1:"


def bind_to_loopback() -> list[Any]:
    """Make Serve's gRPC servers of this process listen on 127.0.0.1 if the switch is set; returns no middlewares."""
    from ray.serve._private.constants import DEFAULT_GRPC_SERVER_OPTIONS as OPTIONS  # the list that grpc_util reads

    OPTIONS.extend(pair for pair in PINGED if pair not in OPTIONS)
    if os.environ.get(SWITCH) == "1":
        from ray.serve._private import default_impl, replica

        for module, name in ((default_impl, "add_grpc_address"), (replica, "add_port_to_grpc_server")):
            original = getattr(module, name)
            if not getattr(original, "on_loopback", False):
                setattr(module, name, _on_loopback(original))
    return []


def _on_loopback(add: Any) -> Any:
    def add_on_loopback(server: Any, address: str) -> Any:
        return add(server, address.replace(_ANY, _LOOPBACK))

    add_on_loopback.on_loopback = True  # type: ignore[attr-defined]
    return add_on_loopback
