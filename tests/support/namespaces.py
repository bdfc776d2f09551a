"""Network namespaces on a bridge, as pods have them: nothing of the machine's own network is touched or named.

Every namespace lives as long as its holder, a process that sleeps and dies with this one. The bridge lies in a
namespace of its own, which also stands for the node.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NODE = "10.77.0.1"
DOMAIN = "tumorcast.svc.cluster.local"
_CLONE_NEWNET = 0x40000000
_TOOLS = ("ip", "nsenter", "unshare", "setpriv", "mount")


def why_not() -> str:
    """Why namespaces cannot be had here; empty: they can."""
    if os.geteuid() != 0:
        return "needs root"
    if missing := [tool for tool in _TOOLS if not shutil.which(tool)]:
        return f"needs {', '.join(missing)}"
    script = "ip link add b0 type bridge && ip link add v0 type veth peer name v1"
    command = ["unshare", "--net", "--mount", "sh", "-c", script]
    tried = subprocess.run(command, capture_output=True, text=True)
    return "" if tried.returncode == 0 else "network namespaces with a bridge are not allowed here"


@dataclass
class Namespace:
    """A network and mount namespace, held by a process."""

    holder: subprocess.Popen[bytes]
    address: str = ""
    wire: str = ""

    @property
    def enter(self) -> list[str]:
        """What a command is put behind to run here."""
        return ["nsenter", "--target", str(self.holder.pid), "--net", "--mount"]

    def run(self, *command: str) -> str:
        """Run a command to its end; its output."""
        return subprocess.run([*self.enter, *command], check=True, capture_output=True, text=True).stdout

    def close(self) -> None:
        """End the holder; the namespace goes with the last process in it."""
        self.holder.kill()
        self.holder.wait()


@dataclass
class Bridge:
    """The node's namespace and those that are wired to it, each with an address in 10.77.0.0/16."""

    node: Namespace
    resolv_conf: Path
    wired: list[Namespace] = field(default_factory=list)

    def wire(self) -> Namespace:
        """A new namespace with an address of its own, which asks the node for names."""
        number = len(self.wired) + 1
        made = _held(self.resolv_conf)
        made.address, made.wire = f"10.77.{1 + number // 200}.{1 + number % 200}", f"v{number}"
        self.wired.append(made)
        self.node.run(
            *("ip", "link", "add", made.wire, "type", "veth", "peer", "name", "eth0", "netns", str(made.holder.pid))
        )
        self.node.run("ip", "link", "set", made.wire, "master", "b0", "up")
        script = f"ip addr add {made.address}/16 dev eth0 && ip link set eth0 up && ip link set lo up"
        made.run("sh", "-c", script)
        return made

    def cut(self, namespace: Namespace) -> None:
        """Swallow all that goes to and from it, without a word to either side."""
        self.node.run("ip", "link", "set", namespace.wire, "nomaster")

    def mend(self, namespace: Namespace) -> None:
        """Take the cut back."""
        self.node.run("ip", "link", "set", namespace.wire, "master", "b0")


@contextmanager
def bridge(folder: Path) -> Iterator[Bridge]:
    """Make the node; on the way out everything is removed."""
    resolv_conf = folder / "resolv.conf"
    resolv_conf.write_text(f"search {DOMAIN} svc.cluster.local cluster.local\nnameserver {NODE}\noptions ndots:5\n")
    made = Bridge(_held(resolv_conf), resolv_conf)
    try:
        script = f"ip link add b0 type bridge && ip addr add {NODE}/16 dev b0 && ip link set b0 up && ip link set lo up"
        made.node.run("sh", "-c", script)
        yield made
    finally:
        for namespace in (*made.wired, made.node):
            namespace.close()


def _held(resolv_conf: Path) -> Namespace:
    """A namespace whose holder says when it is there."""
    script = f"mount --bind {resolv_conf} /etc/resolv.conf && echo && exec sleep infinity"
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "sh", "-c", script]
    holder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    if holder.stdout.readline() != b"\n":
        holder.kill()
        raise RuntimeError("the namespace was not made")
    holder.stdout.close()
    return Namespace(holder)


def inside(namespace: Namespace, work: Callable[..., Any], *arguments: Any) -> threading.Thread:
    """Begin ``work`` in a thread whose sockets are of that namespace."""
    path = f"/proc/{namespace.holder.pid}/ns/net"

    def run() -> None:
        with open(path) as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        work(*arguments)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def ended(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Kill those that still run."""
    for process in processes:
        with suppress(ProcessLookupError):
            process.kill()
    for process in processes:
        process.wait()
