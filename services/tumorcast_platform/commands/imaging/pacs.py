"""Files to a PACS by DICOMweb, with the imaging service's own client: acknowledged when the PACS gives them back."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tumorcast_platform import console


@dataclass(frozen=True)
class Pacs:
    """A DICOMweb server and what opens it; only the host of ``url`` is ever asked."""

    url: str
    user: str = ""
    secret: str = field(default="", repr=False)
    secret_file: Path | None = None


def send(paths: Sequence[Path], pacs: Pacs, *, as_json: bool) -> list[dict[str, Any]]:
    """Store files, each whole or not at all; ``new`` is false for one that the PACS had.

    Raises ``InvalidInput`` for a URL that is none, and what the client raises.
    """
    from tumorcast_core.errors import InvalidInput
    from tumorcast_imaging.adapters.studies.dicomweb_client import Credentials, DicomwebClient
    from tumorcast_imaging.adapters.studies.dicomweb_store import DicomwebStudyStore

    try:
        client = DicomwebClient(
            pacs.url,
            allowed_hosts=[urlsplit(pacs.url).netloc],
            credentials=Credentials(pacs.user, pacs.secret, pacs.secret_file),
        )
    except ValueError as e:
        raise InvalidInput(
            "The URL of the DICOMweb server must be http(s)://host[:port]/path, without user, query or fragment."
        ) from e
    sent = []
    try:
        with tempfile.TemporaryDirectory() as spool, console.progress("Sending", as_json=as_json) as progress:
            store = DicomwebStudyStore(client, spool)
            for done, path in enumerate(paths):
                progress(done, len(paths))
                stored = store.add(path)
                sent.append({"sop_instance_uid": stored.instance.sop_instance_uid, "new": stored.new})
    finally:
        client.close()
    return sent
