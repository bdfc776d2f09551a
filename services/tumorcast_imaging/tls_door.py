"""The door for callers who show certificates, before Serve's gRPC port, which has no TLS. Runs beside Ray in every pod.

HAProxy (the one that comes with ``ray[serve]``) ends TLS 1.2 or newer, lets in only clients whose certificate is of
``PEER_CA`` and whose common name is one of ``PEER_CLIENTS`` (HAProxy 2.8 reads no other name of a client), and passes
their HTTP/2 on as it is. When a certificate file changes, the HAProxy that runs is told (``set ssl cert``): connections
and their calls go on, which a reload would cut. SIGTERM: no new connections, and ``DRAIN_S`` for the others.
"""

from __future__ import annotations

import logging
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from tumorcast_core import logs
from tumorcast_core.settings import ServiceSettings
from tumorcast_imaging import haproxy

_LOOK_EVERY_S = 2.0
_TOLD_WITHIN_S = 5.0
_CONFIGURATION = "door.cfg"
_HANDSHAKE_S = 15
"""Whoever has not ended the TLS handshake by then is cut off; afterwards ``timeout tunnel`` counts, for silence."""
Files = tuple[bytes, bytes, bytes]
_TEMPLATE = """\
global
    maxconn 2048
    nbthread 2
    hard-stop-after {drain_s:.0f}s
    stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
    tune.bufsize 65536
    tune.ssl.cachesize 0
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
    mode tcp
    option splice-auto
    timeout connect 5s
    timeout client {handshake_s}s
    timeout server {handshake_s}s
    timeout tunnel 1h
frontend callers
    bind {address}:{port} ssl crt {folder}/pair.pem ca-file {folder}/ca.pem verify required alpn h2
{names}    default_backend serve
backend serve
    server serve {to}
"""
log = logging.getLogger("tumorcast_imaging.tls_door")


class DoorSettings(ServiceSettings):
    """Read from the same variables as the service's."""

    model_config = SettingsConfigDict(env_prefix="TUMORCAST_IMAGING_", frozen=True, extra="ignore")

    door_to: str = Field("127.0.0.1:9000", description="where Serve's gRPC port listens")

    @field_validator("peer_clients")
    @classmethod
    def _names_are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[A-Za-z0-9.*-]+", name) for name in names):
            raise ValueError("peer_clients must be DNS names")
        return names


class Door:
    """HAProxy in ``folder``, which is private and holds the only copies of the files that it reads."""

    def __init__(self, settings: DoorSettings, folder: Path, binary: str) -> None:
        self._settings, self._folder, self._binary = settings, folder, binary
        self._seen: Files | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def open(self) -> bool:
        """Whether HAProxy runs."""
        return self._process is not None and self._process.poll() is None

    def refresh(self) -> None:
        """Start HAProxy, or give it the certificate files where they have changed, if it can use them."""
        files = self._files()
        if files is None or files == self._seen:
            return
        self._seen = files
        if not self._usable(files):
            log.warning("the certificate, its key and the authorities are no match")
            return
        self._lay_out(self._folder, files)
        if self._process is None:
            command = [self._binary, "-W", "-db", "-f", str(self._folder / _CONFIGURATION)]
            self._process = subprocess.Popen(command)  # noqa: S603 - HAProxy as it was installed
        elif self._told(files):
            log.info("the door shows a new certificate")
        else:
            log.warning("HAProxy begins anew with a new certificate; calls that run have %g s", self._settings.drain_s)
            self._process.send_signal(signal.SIGUSR2)

    def _told(self, files: Files) -> bool:
        """Give the HAProxy that runs its new files; whether it took them."""
        certificate, key, authorities = files
        changes = (("ca-file", "ca.pem", authorities), ("cert", "pair.pem", certificate + b"\n" + key))
        try:
            for kind, name, pem in changes:
                place = f"{kind} {self._folder / name}"
                payload = b"\n".join(filter(None, map(bytes.strip, pem.splitlines())))
                self._ask(b"set ssl " + place.encode() + b" <<\n" + payload + b"\n\n")
                if b"Success!" not in self._ask(f"commit ssl {place}\n".encode()):
                    return False
        except OSError:
            return False
        return True

    def _ask(self, command: bytes) -> bytes:
        """One command on HAProxy's socket and all that it says; raises ``OSError``."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_TOLD_WITHIN_S)
            line.connect(str(self._folder / "admin.sock"))
            line.sendall(command)
            return b"".join(iter(lambda: line.recv(4096), b""))

    def close(self) -> None:
        """Take no new connections, let the others end until they are cut."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGUSR1)
        try:
            self._process.wait(self._settings.drain_s + 2)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _files(self) -> Files | None:
        """Certificate, key and authorities; none while one of them cannot be read."""
        named = (self._settings.peer_certificate, self._settings.peer_key, self._settings.peer_ca)
        try:
            certificate, key, authorities = (path.read_bytes() if path else b"" for path in named)
        except OSError:
            return None
        return certificate, key, authorities

    def _usable(self, files: Files) -> bool:
        """Whether HAProxy takes a draft with these files."""
        with tempfile.TemporaryDirectory(dir=self._folder) as draft:
            self._lay_out(Path(draft), files)
            command = [self._binary, "-c", "-f", str(Path(draft) / _CONFIGURATION)]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603

    def _lay_out(self, folder: Path, files: Files) -> None:
        certificate, key, authorities = files
        text = configuration(self._settings, folder)
        contents = {"pair.pem": certificate + b"\n" + key, "ca.pem": authorities, _CONFIGURATION: text.encode()}
        for name, content in contents.items():
            fresh = folder / f".{name}"
            fresh.touch(mode=0o600)
            fresh.write_bytes(content)
            fresh.replace(folder / name)


def configuration(settings: DoorSettings, folder: Path) -> str:
    """What HAProxy is told; without names in ``peer_clients`` every client of the authorities may come in."""
    names = " ".join(settings.peer_clients)
    refuse = f"    tcp-request session reject unless {{ ssl_c_s_dn(cn) -m str {names} }}\n" if names else ""
    return _TEMPLATE.format(
        address=haproxy.address(settings.host),
        port=settings.port,
        folder=folder,
        names=refuse,
        to=settings.door_to,
        drain_s=max(settings.drain_s, 1),
        handshake_s=_HANDSHAKE_S,
    )


def main() -> None:
    """Stand at the door until SIGTERM or SIGINT."""
    settings = DoorSettings()
    logs.configure("imaging", settings.log_level)
    if not (settings.peer_certificate and settings.peer_key and settings.peer_ca):
        sys.exit("The door needs PEER_CERTIFICATE, PEER_KEY and PEER_CA.")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="door-") as private:
        door = Door(settings, Path(private), haproxy.shipped())
        door.refresh()
        if not door.open:
            sys.exit("The door does not open: its certificate, key and authorities are no match, or cannot be read.")
        log.info("imaging takes certificates on %s:%d", settings.host, settings.port)
        while door.open and not stop.wait(_LOOK_EVERY_S):
            door.refresh()
        door.close()
    if not stop.is_set():
        sys.exit("HAProxy has ended.")


if __name__ == "__main__":
    main()
