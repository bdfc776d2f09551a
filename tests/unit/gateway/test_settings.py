"""The gateway's settings."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from tumorcast_gateway.settings import Settings


def test_without_authentication_only_loopback_is_bound() -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert Settings(host=host).host == host
    for host in ("0.0.0.0", "::", "", "10.0.0.5", "gateway.example"):
        with pytest.raises(ValidationError, match="loopback"):
            Settings(host=host)


def test_an_insecure_demo_must_be_said_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUMORCAST_GATEWAY_HOST", "0.0.0.0")
    monkeypatch.setenv("TUMORCAST_GATEWAY_INSECURE_DEMO", "true")
    assert Settings().host == "0.0.0.0"


def test_a_body_that_could_not_be_forwarded_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="max_body_mib"):
        Settings(max_body_mib=64, max_message_mib=64)


def test_a_process_that_may_not_start_says_why_and_fails() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tumorcast_gateway.app"],
        env={"TUMORCAST_GATEWAY_HOST": "0.0.0.0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "binds loopback only" in done.stderr
    assert "Traceback" not in done.stderr
