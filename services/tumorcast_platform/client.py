"""What the commands ask of a server, by the house's one client: upload a case's studies, ask for its prognosis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import httpx

from tumorcast_client import Inquiry, Retries, Tumorcast
from tumorcast_core.errors import ServiceUnavailable, by_reason
from tumorcast_core.query import Query
from tumorcast_platform.inputs import Case

_TIMEOUT_S = 600.0


class Client:
    """One server. Use as a context manager; every method raises Tumorcast errors only."""

    def __init__(
        self, server: str, transport: httpx.BaseTransport | None = None, retries: Retries | None = None
    ) -> None:
        self._server = Tumorcast(server, timeout_s=_TIMEOUT_S, transport=transport, retries=retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def upload(self, files: Sequence[Path], progress: Callable[[int, int], None]) -> None:
        """Store DICOM files, streamed; raises the reason of the first that was refused."""
        for refusal in self._server.studies.upload(files, progress=progress).refusals:
            error = by_reason(refusal.code) or ServiceUnavailable
            raise error(f"The server refused a DICOM file: {refusal.message}")

    def prognosis(self, query: Query) -> bytes:
        """Ask a query; returns the answer as JSON."""
        return self._server.prognoses.ask(Inquiry.of(query)).model_dump_json().encode()

    def ask(self, case: Case, progress: Callable[[int, int], None]) -> bytes:
        """Upload the studies of a case, then ask its query; returns the answer as JSON."""
        files = [file for study in case.studies for file in study.files]
        if files:
            self.upload(files, progress)
        return self.prognosis(case.query)


def query_body(query: Query) -> bytes:
    """The JSON body of a query, with the FHIR record byte for byte."""
    return Inquiry.of(query).json()
