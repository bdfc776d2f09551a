"""The work of one query in one process, for servers that Tumorcast is compared with: the same model code, no services.

``Worker.answer`` takes the JSON body of ``POST /v1/prognoses`` and gives the JSON document that Tumorcast gives.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import torch

from tumorcast_core.deadline import Deadline
from tumorcast_core.query import Document, Query
from tumorcast_core.snapshot import Extraction, Timepoint, WantedOfImages
from tumorcast_gateway.model import Ports, answer_query
from tumorcast_imaging.adapters.studies import FolderStudyStore
from tumorcast_imaging.model import Encoder, encode_study
from tumorcast_platform.answers import prognosis_to_json
from tumorcast_platform.inputs import FhirCredentials
from tumorcast_platform.local import LocalClinical, LocalFusion, LocalNotes
from tumorcast_platform.weights import Weights


class StoredImaging:
    """Imaging of stored studies in this process; ``kept``: remember every answer, as if no study ever changed."""

    def __init__(self, store: Path, weights: Weights, *, kept: bool) -> None:
        self._store = FolderStudyStore(store)
        self._encoders = [Encoder.load(folder) for folder in weights.encoder_folders()]
        self._kept: dict[object, Extraction] | None = {} if kept else None

    async def encode_study(
        self,
        timepoint: Timepoint,
        deadline: Deadline,
        wanted: WantedOfImages | None = None,
    ) -> Extraction:
        key = (timepoint, wanted)
        if self._kept is not None and key in self._kept:
            return self._kept[key]
        encoders = [e for e in self._encoders if wanted is None or e.manifest.name in wanted.encoders]
        found = await asyncio.to_thread(encode_study, self._store, timepoint, encoders, wanted)
        if self._kept is not None:
            self._kept[key] = found
        return found


class Worker:
    """Everything loaded once; torch on one thread, as in the services."""

    def __init__(self, store: Path, *, kept: bool) -> None:
        torch.set_num_threads(1)
        weights = Weights.of(None)
        imaging = StoredImaging(store, weights, kept=kept)
        self._ports = Ports(imaging, LocalClinical(FhirCredentials()), LocalNotes(), LocalFusion(weights))

    async def answer(self, body: dict[str, Any]) -> dict[str, object]:
        """One query, start to end."""
        answered = await answer_query(_query(body), self._ports, Deadline())
        return prognosis_to_json(answered.prognosis)


def _query(body: dict[str, Any]) -> Query:
    documents = (
        Document(d["id"], d.get("date", ""), d.get("content_type", "text/plain"), d["text"].encode(), "")
        for d in body.get("documents", ())
    )
    timepoints = (Timepoint(t["role"], "", t["study_instance_uid"]) for t in body.get("timepoints", ()))
    return Query(
        model=body["model"],
        patient_id=body.get("patient_id", ""),
        index_date=body.get("index_date", ""),
        horizons_days=tuple(body.get("horizons_days", ())),
        fhir=json.dumps(body["fhir"]).encode() if body.get("fhir") else b"",
        documents=tuple(documents),
        timepoints=tuple(timepoints),
    )
