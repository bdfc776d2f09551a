"""The notes service over real gRPC: the same findings as the model layer, and errors that repeat no text."""

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from tumorcast.notes.v1 import notes_service_pb2 as pb
from tumorcast.notes.v1.notes_service_pb2_grpc import NotesServiceStub, add_NotesServiceServicer_to_server
from tumorcast_core import rpc, wire
from tumorcast_notes.app import SERVICE_NAME, servicer_of
from tumorcast_notes.model import Assertion, Document, encode_notes
from tumorcast_notes.settings import Settings

TEXT = "HISTORY: Jane Doe denies pain. Weight loss of 6 kg.\nEXAM: Ascites cannot be excluded."


def ask(request: pb.EncodeNotesRequest, settings: Settings | None = None) -> pb.EncodeNotesResponse:
    """Serve on a free port, ask once, stop."""

    async def once() -> pb.EncodeNotesResponse:
        server = grpc.aio.server()
        add_NotesServiceServicer_to_server(servicer_of(settings or Settings()), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", rpc.channel_options()) as channel:
                return await NotesServiceStub(channel).EncodeNotes(request, timeout=30)
        finally:
            await server.stop(None)

    return asyncio.run(once())


def test_findings_arrive_as_the_model_layer_makes_them():
    documents = [
        Document("visit", "2026-03-04", "", TEXT.encode(), "baseline"),
        Document("scan", "", "image/png", b"\x89PNG"),
    ]
    messages = [
        pb.Document(id=d.id, date=d.date, content_type=d.content_type, content=d.content, timepoint=d.timepoint)
        for d in documents
    ]
    answer = ask(pb.EncodeNotesRequest(documents=messages, index_date="2026-03-28"))
    found = encode_notes(documents, "2026-03-28")
    assert tuple(map(wire.feature_from, answer.features)) == found.extraction.features
    assert tuple(map(wire.issue_from, answer.issues)) == found.extraction.issues
    assert [(f.name, f.start, f.end, f.section, f.document_id) for f in answer.findings] == [
        (f.name, f.start, f.end, f.section, f.document_id) for f in found.findings
    ]
    assert {f.name: f.category for f in answer.features} == {"pain": "absent", "weight_loss": "present"}
    assert [f.assertion for f in answer.findings] == [
        pb.ASSERTION_NEGATED, pb.ASSERTION_AFFIRMED, pb.ASSERTION_UNCERTAIN,
    ]  # fmt: skip
    assert {issue.code for issue in answer.issues} == {"UNCERTAIN_FINDING", "MALFORMED_DOCUMENT"}
    assert "Jane" not in str(answer)


def test_every_assertion_has_its_word_on_the_wire():
    names = {value.name.removeprefix("ASSERTION_").lower() for value in pb.Assertion.DESCRIPTOR.values} - {
        "unspecified"
    }
    assert names == {assertion.value for assertion in Assertion}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (pb.EncodeNotesRequest(index_date="Jane Doe"), "MALFORMED_REQUEST"),
        (pb.EncodeNotesRequest(documents=[pb.Document(content=b"Jane Doe " * 200)]), "PAYLOAD_TOO_LARGE"),
        (pb.EncodeNotesRequest(documents=[pb.Document(content=b"Jane")] * 3), "PAYLOAD_TOO_LARGE"),
    ],
)
def test_what_cannot_be_taken_is_an_invalid_argument_with_a_reason_and_no_echo(request_, reason):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        ask(request_, Settings(max_document_kib=1, max_documents=2))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    info = ErrorInfo()
    assert Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"]).details[0].Unpack(info)
    assert info.reason == reason
    assert "Jane" not in caught.value.details()


def test_no_documents_give_an_empty_answer():
    assert ask(pb.EncodeNotesRequest()) == pb.EncodeNotesResponse()


def test_the_service_is_known_by_the_name_of_its_proto():
    assert pb.DESCRIPTOR.services_by_name["NotesService"].full_name == SERVICE_NAME
