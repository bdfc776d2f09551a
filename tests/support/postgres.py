"""A real PostgreSQL of Debian on a private cluster: its own folder, socket and free loopback port."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.certificates import Pair

USER, PASSWORD = "gateway", "pass-four"


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binaries() -> Path:
    """The folder of the newest PostgreSQL of Debian; skips the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parent.parent.name))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    return found[-1].parent


@dataclass
class Postgres:
    """Starts and ends the server, which refuses to run as root: then it runs as the user postgres."""

    folder: Path
    port: int = field(default_factory=free_port)
    durable: bool = False
    """Whether it waits for the disk as in production; tests need not."""
    tls: Pair | None = None
    """With a certificate it takes TLS only."""

    @property
    def server_url(self) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    def start(self) -> None:
        data = self.folder / "data"
        if not data.exists():
            password = self.folder / "password"
            password.write_text(PASSWORD)
            self._own(password)
            self.run("initdb", "-D", data, "-U", USER, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8")
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c max_connections=60"
        options += "" if self.durable else " -c fsync=off -c synchronous_commit=off"
        if self.tls:
            files = [shutil.copy(path, self.folder) for path in (self.tls.certificate, self.tls.key)]
            for path in map(Path, files):
                self._own(path)
                path.chmod(0o600)
            options += f" -c ssl=on -c ssl_cert_file={files[0]} -c ssl_key_file={files[1]}"
            rules = data / "pg_hba.conf"
            rules.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        self.run("pg_ctl", "-D", data, "-o", options, "-l", self.folder / "log", "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop")

    def new_database(self, template: str = "template0") -> str:
        """Make a database, empty or a copy of one that nobody uses, and return its URL."""
        name = f"db_{secrets.token_hex(6)}"
        self.run("createdb", *self.address, "-T", template, name)
        return f"{self.server_url}/{name}"

    @property
    def address(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER)

    def run(self, program: str, *arguments: object) -> str:
        """Run one of PostgreSQL's programs as the server's user."""
        command = [str(binaries() / program), *map(str, arguments)]
        environment = {**os.environ, "PGPASSWORD": PASSWORD, "LC_ALL": "C"}
        user = "postgres" if os.getuid() == 0 else None
        done = subprocess.run(
            command, user=user, group=user, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
        ) if program != "pg_ctl" else self._control(command, user, environment)  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stdout}"
        return str(done.stdout)

    def _control(
        self, command: list[str], user: str | None, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """``pg_ctl`` hands its output to the server, which never closes it: no pipe."""
        return subprocess.run(
            command, user=user, group=user, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, timeout=60, check=False,
        )  # fmt: skip

    def _own(self, path: Path) -> None:
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(path, account.pw_uid, account.pw_gid)


@contextmanager
def running_postgres(*, durable: bool = False, tls: Pair | None = None) -> Iterator[Postgres]:
    """A running server in a folder of its own, gone afterwards; skips where PostgreSQL is not installed."""
    binaries()
    folder = Path(tempfile.mkdtemp(prefix="tumorcast-pg-"))  # short: a socket's path has at most 107 characters
    postgres = Postgres(folder, durable=durable, tls=tls)
    postgres._own(folder)
    try:
        postgres.start()
        yield postgres
        postgres.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
