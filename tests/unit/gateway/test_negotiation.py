"""What the caller wants back, and how soon."""

import pytest
from fastapi import HTTPException, Request
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_gateway.rest.negotiation import FHIR_JSON, JSON, best, deadline, media_type, wants_fhir


def request(query: str = "", **headers: str) -> Request:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "query_string": query.encode(), "headers": raw})


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/fhir+json", FHIR_JSON),
        ("application/fhir+json; fhirVersion=4.0", FHIR_JSON),
        ("application/json;q=0.5, application/fhir+json", FHIR_JSON),
        ("application/json, application/fhir+json;q=0.9", JSON),
        ("*/*, application/json;q=0", FHIR_JSON),
        ("Application/JSON", JSON),
        ("text/html", None),
        ("application/json;q=none", None),
    ],
)
def test_the_form_that_accept_likes_best_is_chosen(accept: str, chosen: str | None) -> None:
    assert best(accept, (JSON, FHIR_JSON)) == chosen


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_accept_header_is_read(accept: str) -> None:
    assert best(accept, (JSON, FHIR_JSON)) in (JSON, FHIR_JSON, None)


@pytest.mark.parametrize("value", ["fhir", "application/fhir%2Bjson", "application/fhir+json"])
def test_the_format_parameter_goes_before_accept(value: str) -> None:
    assert media_type(request(f"_format={value}", accept=JSON), (JSON, FHIR_JSON)) == FHIR_JSON
    assert wants_fhir(request(f"_format={value}"))


def test_a_form_that_is_not_offered_is_not_acceptable() -> None:
    for asked in (request("_format=xml"), request(accept="text/html"), request("_format=fhir")):
        with pytest.raises(HTTPException) as caught:
            media_type(asked, (JSON,))
        assert caught.value.status_code == 406


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [("", 30), ("wait=5", 5), ("respond-async, wait=5", 5), ('WAIT = "5"; x=1', 5), ("wait=99", 30), ("wait=soon", 30)],
)
def test_the_deadline_is_the_sooner_of_preference_and_limit(prefer: str, seconds: float) -> None:
    assert deadline(request(prefer=prefer), 30).left_s == pytest.approx(seconds, abs=0.5)
