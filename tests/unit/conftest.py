"""Unit tests compute; they start no cluster and open no port."""

import socket
import sys

import pytest


@pytest.fixture(autouse=True)
def refuse_ray_and_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any unit test that starts Ray or listens on a socket."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a unit test may not start Ray or listen on a port; make it a contract or e2e test")

    monkeypatch.setattr(socket.socket, "listen", refuse)
    if "ray" in sys.modules:
        monkeypatch.setattr(sys.modules["ray"], "init", refuse)
    else:
        monkeypatch.setitem(sys.modules, "ray", None)
