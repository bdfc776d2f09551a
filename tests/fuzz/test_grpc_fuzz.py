"""Random and damaged gRPC requests, and that the fuzz test would see a door that fails."""

from __future__ import annotations

from random import Random

import grpc
import pytest

from fuzz import grpc_fuzz
from fuzz.grpc_fuzz import METHODS, fuzz
from fuzz.grpc_messages import CANARY, Known, make
from tumorcast_core.errors import MalformedRequest
from tumorcast_gateway.model.desk.models import Models

LONG_S = 60.0


def test_requests_are_answered_or_refused_with_a_reason():
    report = fuzz(400, seed=11)
    assert not report.broken, "\n".join(report.lines())
    assert report.calls == 400
    assert len(report.methods) == len(METHODS)
    assert report.codes["OK"] > 40
    assert len(report.codes) > 8


@pytest.mark.slow
def test_many_requests_are_answered_or_refused_with_a_reason():
    report = fuzz(1_000_000, seed=12, within_s=LONG_S)
    assert not report.broken, "\n".join(report.lines())
    assert report.calls > 1_000
    assert len(report.codes) > 10


def test_a_number_always_gives_the_same_request():
    for number in range(50):
        method = METHODS[number % len(METHODS)]
        assert make(Random(f"1 {number}"), method, Known()) == make(Random(f"1 {number}"), method, Known())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError(CANARY), "ends as INTERNAL"),
        (MalformedRequest(f"{CANARY} is not here."), "tells what was sent"),
        (grpc.RpcError("gone"), "incident"),
    ],
)
def test_a_door_that_fails_is_seen(monkeypatch, error, told):
    async def failing(*_):
        raise error

    monkeypatch.setattr(Models, "list", failing)
    report = fuzz(2 * len(METHODS), seed=1)
    assert any(told in line and "ListModels" in line for line in report.broken), "\n".join(report.lines())


def test_a_gateway_that_answers_otherwise_afterwards_is_seen(monkeypatch):
    answers = iter("ab")

    async def answered(_):
        return next(answers)

    monkeypatch.setattr(grpc_fuzz, "sound_answer", answered)
    assert fuzz(0).broken == ["afterwards a sound query is answered otherwise"]
