"""How long one query takes in one process, stage by stage: ``make bench``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from support.patients import complete_patient
from tumorcast_core.deadline import Deadline
from tumorcast_gateway.model import Ports, answer_query
from tumorcast_platform.inputs import Question, gather, patient_folder
from tumorcast_platform.local import LocalClinical, LocalFusion, LocalImaging, LocalNotes
from tumorcast_platform.weights import Weights

pytestmark = pytest.mark.slow
REPEATS = 5
MOST_S = 10.0
"""A warm query that takes longer than this has lost an order of magnitude."""


def test_a_warm_query_is_answered_in_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = gather(Question("simulated"), patient_folder(complete_patient(tmp_path)))
    weights, query, none = Weights.of(None), case.query, Deadline()
    imaging, fusion = LocalImaging(case.studies, weights), LocalFusion(weights)
    ports = Ports(imaging, LocalClinical(), LocalNotes(), fusion)
    asyncio.run(answer_query(query, ports, none))  # loads and warms everything
    stages = {
        "imaging, one study": lambda: imaging.encode_study(query.timepoints[0], none),
        "clinical": lambda: ports.clinical.extract_features(query.fhir, "", none),
        "notes": lambda: ports.notes.encode_notes(query.documents, "", none),
        "whole query": lambda: answer_query(query, ports, none),
    }
    median_s = {name: sorted(seconds(stage()) for _ in range(REPEATS))[REPEATS // 2] for name, stage in stages.items()}
    with capsys.disabled():
        for name, value in median_s.items():
            print(f"\n{name:<20} {1000 * value:8.1f} ms", end="")  # noqa: T201
        print()  # noqa: T201
    assert median_s["whole query"] < MOST_S


def seconds(work: Coroutine[Any, Any, Any]) -> float:
    began = time.perf_counter()
    asyncio.run(work)
    return time.perf_counter() - began
