"""Where a request may go and where not, and what is never said: who, where, and with what token."""

import asyncio
import datetime
import ipaddress
import logging

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from starlette.responses import Response

from support.fetching import fetch, names, resources_of, told
from support.fhir_server import ServedFhir, at, cut_off, fhir, outcome, searchset, served_fhir, silent
from support.records import observation, patient
from support.smart import ec_key, write_pem
from tumorcast_clinical.adapters.fhir_server import FhirAccess, FhirServer
from tumorcast_clinical.adapters.fhir_server.addresses import check_host, checked_base, next_page
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    FhirAccessDenied,
    FhirServerNotAllowed,
    MalformedRequest,
    ServiceUnavailable,
    TumorcastError,
)

OWN = [patient(), *(observation(f"o{i}") for i in range(4))]


# Where a request may go


@pytest.mark.parametrize(
    ("base", "allowed", "error"),
    [
        ("https://ehr.example/fhir", ["ehr.example"], None),
        ("https://EHR.example/fhir/", ["ehr.EXAMPLE"], None),
        ("https://ehr.example:443/fhir", ["ehr.example"], None),
        ("https://ehr.example:8443/fhir", ["ehr.example:8443"], None),
        ("https://ehr.example/fhir", ["ehr.example:443"], None),
        ("http://127.0.0.1:80/fhir", ["127.0.0.1:80"], None),
        ("http://[::1]:8080/fhir", ["[::1]:8080"], None),
        ("http://localhost/fhir", ["localhost"], None),
        ("https://ehr.example/fhir", [], FhirServerNotAllowed),
        ("https://ehr.example:8443/fhir", ["ehr.example:443"], FhirServerNotAllowed),
        ("https://ehr.example:8443/fhir", ["ehr.example"], FhirServerNotAllowed),
        ("http://127.0.0.1:9000/fhir", ["127.0.0.1"], FhirServerNotAllowed),
        ("https://ehr.example.evil.org/fhir", ["ehr.example"], FhirServerNotAllowed),
        ("https://evil.org/ehr.example", ["ehr.example"], FhirServerNotAllowed),
        ("https://evil.org\\.ehr.example/", ["ehr.example"], FhirServerNotAllowed),
        ("https://ehr.example./fhir", ["ehr.example"], FhirServerNotAllowed),
        ("https://ehr.example:99999/fhir", ["ehr.example:99999"], FhirServerNotAllowed),
        ("http://ehr.example/fhir", ["ehr.example"], FhirServerNotAllowed),
        ("http://2130706433/fhir", ["127.0.0.1"], FhirServerNotAllowed),
        ("https://ehr.example@evil.org/", ["ehr.example"], MalformedRequest),
        ("https://user:pw@ehr.example/", ["ehr.example"], MalformedRequest),
        ("https://ehr.example/fhir?tenant=1", ["ehr.example"], MalformedRequest),
        ("https://ehr.example/fhir#x", ["ehr.example"], MalformedRequest),
        ("ftp://ehr.example/fhir", ["ehr.example"], MalformedRequest),
        ("file:///etc/passwd", [""], MalformedRequest),
        ("https:///fhir", [""], MalformedRequest),
        ("https://ehr.example/\r\nX: y", ["ehr.example"], MalformedRequest),
        ("//ehr.example/fhir", ["ehr.example"], MalformedRequest),
        ("ehr.example", ["ehr.example"], MalformedRequest),
        ("", [""], MalformedRequest),
    ],
)
def test_only_allowed_hosts_are_asked_and_only_by_https_off_this_machine(base, allowed, error) -> None:
    if error is None:
        assert str(checked_base(base, allowed)).endswith("/fhir/")
        return
    with pytest.raises(error) as caught:
        checked_base(base, allowed)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    "patient_id",
    ["", ".", "..", "p1/../p2", "p1?x", "p1#", "p 1", "p1%2F", "p1\n", "p_1", "ü", "p" * 65, "p1&patient=p2"],
)
def test_what_is_no_fhir_id_is_sent_nowhere(patient_id) -> None:
    with served_fhir(OWN) as server:
        with pytest.raises(MalformedRequest):
            fetch(server, patient_id)
        assert server.requests == []


def test_a_host_that_is_not_allowed_gets_no_request() -> None:
    with served_fhir(OWN) as server:
        with pytest.raises(FhirServerNotAllowed):
            fetch(server, allowed_hosts=("ehr.example",))
        assert server.requests == []


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/fhir?page=2",
        "//evil.example/fhir?page=2",
        "http://ehr.example/fhir?page=2",
        "https://ehr.example:8443/fhir?page=2",
        "https://ehr.example@evil.example/fhir?page=2",
        "https://user@ehr.example/fhir?page=2",
        "https://ehr.example.evil.example/?page=2",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://ehr.example/\n?page=2",
        "https://[/",
        "x" * 70_000,
    ],
)
def test_a_next_link_to_another_origin_is_no_next_page(link) -> None:
    assert next_page(checked_base("https://ehr.example/fhir", ["ehr.example"]), link) is None


def test_a_next_link_to_another_server_is_refused_and_nothing_is_sent_there() -> None:
    with served_fhir(OWN) as elsewhere, served_fhir(OWN, token="s3cret") as server:
        first = searchset(*OWN, next_url=f"{elsewhere.base_url}/Observation?patient=p1")
        server.faults = [at("everything", first)]
        record = fetch(server, bearer_token="s3cret")
        assert elsewhere.requests == []
    assert told(record) == [("error", "NEXT_LINK_REFUSED")]
    assert len(resources_of(record)) == len(OWN)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::ffff:10.1.2.3"])
def test_an_allowed_name_that_leads_inside_is_not_asked(address) -> None:
    """Whoever answers for the name in the DNS cannot turn the service to a server within the hospital."""

    async def leads_inside(host: str, port: int) -> list[str]:
        return [address]

    async def fetched(port: str, networks: tuple[str, ...] = ()) -> None:
        host = f"ehr.example.org:{port}"
        access = FhirAccess(allowed_hosts=(host,), networks=networks, retries=0, timeout_s=1)
        fhir = FhirServer(access, leads_inside)
        try:
            await fhir.fetch(f"https://{host}/fhir", "p1", Deadline.after(5))
        finally:
            await fhir.close()

    with served_fhir(OWN) as server:
        port = server.host.split(":")[1]
        with pytest.raises(FhirServerNotAllowed) as caught:
            asyncio.run(fetched(port))
        assert server.requests == []
    assert address not in str(caught.value)
    if "10.1.2.3" in address:  # and is reached for where the operator names the network
        with pytest.raises(ServiceUnavailable):
            asyncio.run(fetched("9", ("10.1.0.0/16",)))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status) -> None:
    with served_fhir(OWN) as elsewhere, served_fhir(OWN) as server:
        server.faults = [at("", Response(status_code=status, headers={"Location": elsewhere.base_url + "/Patient/p1"}))]
        with pytest.raises(ServiceUnavailable, match="redirects"):
            fetch(server)
        assert elsewhere.requests == []


def test_the_environment_names_no_proxy(monkeypatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with served_fhir(OWN) as server:
        assert fetch(server).issues == ()


def test_a_cookie_goes_with_the_record_that_it_was_set_for_and_no_other() -> None:
    with served_fhir(OWN, page_size=2) as server:

        def cookie(path, request):
            answer = server.answer(path.partition("?")[0], request)
            answer.set_cookie("node", str(len(server.requests)))
            return answer

        server.faults = [cookie]
        fetch(server, times=2)
    first, *_ = (i for i, r in enumerate(server.requests) if "everything" in r and i)
    assert server.headers[1]["cookie"] == "node=1"
    assert "cookie" not in server.headers[first]


# What is never said


@pytest.mark.parametrize(
    "answer", [fhir(outcome("Jane"), 500), fhir(outcome("Jane"), 401), fhir(outcome("Jane"), 404), cut_off, silent]
)
def test_neither_messages_nor_logs_say_who_where_or_with_what_token(answer, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    with served_fhir(OWN, token="s3cret", faults=[at("", answer)]) as server, pytest.raises(TumorcastError) as caught:
        fetch(server, "id-4711", bearer_token="s3cret", timeout_s=0.3, retries=1)
    assert_silent(f"{caught.value!r} {caught.value} {caplog.text}", server)


def test_issues_say_neither_who_nor_where(caplog) -> None:
    caplog.set_level(logging.DEBUG)
    faults = [
        at("Observation?", fhir(outcome("Jane"), 500)),
        at("Condition?", searchset(*OWN, next_url="https://x.example")),
    ]
    with served_fhir([patient(id="id-4711")], everything=False, faults=faults, token="s3cret") as server:
        record = fetch(server, "id-4711", bearer_token="s3cret")
    assert len(record.issues) > 2
    assert_silent(f"{record!r} {caplog.text}", server)


def assert_silent(text: str, server: ServedFhir) -> None:
    for secret in ("s3cret", "4711", "Jane", "127.0.0.1", server.host, "x.example"):
        assert secret not in text


def test_a_token_that_is_refused_is_told_and_sent_nowhere_else() -> None:
    with served_fhir(OWN, token="right") as server, pytest.raises(FhirAccessDenied):
        fetch(server, bearer_token="wrong")
    assert server.authorizations() == {"Bearer wrong"}
    assert len(server.requests) == 1


def test_a_host_is_checked_as_httpx_connects_to_it() -> None:
    for text in (
        "https://evil.example#@ehr.example/",
        "https://evil.example\t@ehr.example",
        "https://evil.example\\@ehr.example",
    ):
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            continue
        if url.host != "ehr.example":
            with pytest.raises(FhirServerNotAllowed):
                check_host(url, ["ehr.example"])


# TLS


@pytest.fixture
def certificate(tmp_path):
    key, name = ec_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hospital")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA384())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path, write_pem(key, tmp_path / "tls.pem")


def test_a_hospitals_own_certificate_authority_can_be_trusted(certificate) -> None:
    with served_fhir(OWN, tls=certificate) as server:
        assert server.base_url.startswith("https://")
        assert len(names(fetch(server, ca_file=certificate[0]))) == len(OWN)


def test_a_certificate_that_nobody_vouches_for_is_not_taken(certificate) -> None:
    with served_fhir(OWN, tls=certificate, token="s3cret") as server:
        with pytest.raises(ServiceUnavailable):
            fetch(server, bearer_token="s3cret")
        assert server.requests == []
