"""Domain ↔ protobuf for the messages of the notes service."""

from __future__ import annotations

from tumorcast.notes.v1 import notes_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_notes.model import Assertion, Document, Finding, NotesExtraction

_ASSERTIONS = {
    Assertion.AFFIRMED: pb.ASSERTION_AFFIRMED,
    Assertion.NEGATED: pb.ASSERTION_NEGATED,
    Assertion.UNCERTAIN: pb.ASSERTION_UNCERTAIN,
}


def document_from(m: pb.Document) -> Document:
    """Message → domain document."""
    return Document(m.id, m.date, m.content_type, m.content, m.timepoint)


def _finding_to(f: Finding) -> pb.Finding:
    return pb.Finding(
        name=f.name,
        document_id=f.document_id,
        start=f.start,
        end=f.end,
        assertion=_ASSERTIONS[f.assertion],
        section=f.section,
    )


def response_to(found: NotesExtraction) -> pb.EncodeNotesResponse:
    """Domain extraction → message."""
    return pb.EncodeNotesResponse(
        features=map(wire.feature_to, found.extraction.features),
        findings=map(_finding_to, found.findings),
        embeddings=map(wire.embedding_to, found.extraction.embeddings),
        issues=map(wire.issue_to, found.extraction.issues),
        date=found.extraction.date,
    )
