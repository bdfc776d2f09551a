"""Records on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.store_suite import PatientSuite, PredictionSuite, SealSuite


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/records/gateway.db"


class TestPredictions(PredictionSuite): ...


class TestPatients(PatientSuite): ...


class TestSeals(SealSuite): ...
