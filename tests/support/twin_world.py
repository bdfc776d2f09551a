"""A gateway in which every operation of both doors has something to answer with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from support.fhir_server import served_fhir
from support.full_prognosis import FULL, SUMMARY
from support.gateway import Fakes, Fusion, Imaging, study
from support.gateway_served import served
from support.twins import (
    QUERY,
    TWINS,
    World,
)
from tumorcast.prognosis.v1 import prognosis_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_core.snapshot import Coding, Feature, Issue, MeasuredLesion, Severity, Timepoint


def measured(timepoint: Timepoint) -> Any:
    """A study with everything that can be said of one."""
    volume = Feature(
        "lesion_volume",
        12.5,
        "mL",
        Coding("", "volume", "Volume"),
        "2026-02-04",
        "1.2.9",
        sources=("a", "b"),
        formula="a+b",
    )
    lesion = MeasuredLesion(
        "2.25.1",
        "target 1",
        "1.2.3.4",
        "CT",
        "1.2.3.9",
        "2026-02-04",
        (volume,),
        site=Coding("http://example.org", "node", "Node"),
        organ="lymph-node",
        lymph_node=True,
    )
    issue = Issue(Severity.WARNING, "THICK_SLICES", "The slices are thick.", "1.2.3.4", "imaging")
    return replace(study(timepoint), lesions=(lesion,), issues=(issue,))


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    """A gateway with a prognosis, remarks, a study, a job that has ended, and two patients more."""
    fakes = Fakes(imaging=Imaging(measured), fusion=Fusion(prognosis=FULL, summary=SUMMARY))
    async with AsyncExitStack() as stack:
        ehr = stack.enter_context(served_fhir([{"resourceType": "Patient", "id": "SIM-000017"}]))
        settings = {"fhir_base_url": ehr.base_url, "fhir_write_back": True} | settings
        gateway = await stack.enter_async_context(served(fakes, **settings))
        w = World(gateway)
        w.prognosis_id = (await TWINS["createPrognosis"].rest(w)).json()["prognosis_id"]
        await TWINS["createFeedback"].rest(w)
        await TWINS["createOutcome"].rest(w)
        w.study_id = (await TWINS["uploadStudy"].rest(w)).json()["studies"][0]["study_id"]
        w.job_id = (await TWINS["createJob"].rest(w)).json()["job_id"]
        while (await TWINS["getJob"].rest(w)).json()["state"] != "completed":  # noqa: ASYNC110 (asked as callers do)
            await asyncio.sleep(0.05)
        for patient_id in ("SIM-000018", "SIM-000019"):
            asked = replace(QUERY, patient_id=patient_id, timepoints=(), fhir=b"")
            answer = await w.gateway.grpc.CreatePrognosis(wire.query_to(asked))
            assert answer.prognosis.prognosis_id
            found = await w.gateway.grpc.FindPatient(pb.FindPatientRequest(patient_id=patient_id))
            w.patients.append(found.patient.patient)
        yield w


def in_world(test: Callable[[World], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        async with world(**settings) as w:
            await test(w)

    asyncio.run(main())
