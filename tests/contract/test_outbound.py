"""Outbound HTTP against real servers on loopback: pinned, bounded, and nothing from the environment."""

import asyncio
import gzip
import logging
import time

import httpx
import pytest
from starlette.responses import Response, StreamingResponse

from support.fhir_server import ServedFhir, at, cut_off, served_fhir, silent
from support.records import patient
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import (
    DeadlineExceeded,
    HostNotAllowed,
    MalformedRequest,
    PayloadTooLarge,
    ServiceUnavailable,
    TumorcastError,
)
from tumorcast_core.outbound import Answer, Destinations, Outbound


def asked(url: str, *hosts: str, method: str = "GET", networks=(), times: int = 1, deadline=None, **chosen) -> Answer:
    async def ask() -> Answer:
        outbound = Outbound(Destinations.of(hosts, networks), **chosen)
        try:
            for _ in range(times):
                answer = await outbound.send(method, url, deadline=deadline)
            return answer
        finally:
            await outbound.close()

    return asyncio.run(ask())


@pytest.fixture
def server():
    with served_fhir([patient()]) as served:
        yield served


def test_an_allowed_server_is_asked_and_any_status_is_an_answer(server: ServedFhir) -> None:
    assert asked(f"{server.base_url}/Patient/p1", server.host).json()["id"] == "p1"
    assert asked(f"{server.base_url}/Patient/nobody", server.host).status == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://{other}/fhir/metadata",
        "http://localhost:{port}/fhir/metadata",
        "http://[::ffff:127.0.0.1]:{port}/fhir/metadata",
        "http://2130706433:{port}/fhir/metadata",
        "http://0x7f000001:{port}/fhir/metadata",
        "http://127.1:{port}/fhir/metadata",
        "http://0:{port}/fhir/metadata",
        "http://user@127.0.0.1:{port}/fhir/metadata",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        "",
    ],
)
def test_no_spelling_of_another_host_is_asked(server: ServedFhir, url) -> None:
    port = server.host.split(":")[1]
    with served_fhir([patient()]) as other, pytest.raises((HostNotAllowed, MalformedRequest)):
        asked(url.format(port=port, other=other.host), server.host)
    assert server.requests == other.requests == []


def resolving(*answers: list[str]):
    """A resolver that gives these addresses one after another, and counts."""

    async def resolve(host: str, port: int) -> list[str]:
        resolve.asked.append(host)
        return answers[min(len(resolve.asked), len(answers)) - 1]

    resolve.asked = []
    return resolve


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "::ffff:127.0.0.1", "fd00:ec2::254", "0.0.0.0"]
)
def test_a_name_that_leads_inside_is_not_asked(server: ServedFhir, address) -> None:
    port = server.host.split(":")[1]
    resolve = resolving([address])
    with pytest.raises(HostNotAllowed) as caught:
        asked(f"https://ehr.example.org:{port}/fhir/metadata", f"ehr.example.org:{port}", resolve=resolve)
    assert server.requests == []
    assert "example" not in str(caught.value)
    assert address not in str(caught.value)


def test_a_name_is_resolved_once_for_a_connection_and_not_again_for_the_socket(server: ServedFhir) -> None:
    """Rebinding: what the second answer says is never asked for."""
    port = server.host.split(":")[1]
    resolve = resolving(["127.0.0.1"], ["169.254.169.254"])
    answer = asked(f"http://localhost:{port}/fhir/metadata", f"localhost:{port}", resolve=resolve, times=3)
    assert answer.status == 200
    assert resolve.asked == ["localhost"]


def test_of_several_addresses_only_allowed_ones_are_tried(server: ServedFhir) -> None:
    port = server.host.split(":")[1]
    resolve = resolving(["10.0.0.1", "127.0.0.2", "127.0.0.1"])
    answer = asked(f"http://localhost:{port}/fhir/metadata", f"localhost:{port}", resolve=resolve, timeout_s=5)
    assert answer.status == 200


def test_the_name_still_decides_about_the_certificate(server: ServedFhir) -> None:
    """TLS is spoken with the pinned address under the name of the URL; a server without TLS does not answer it."""
    port = server.host.split(":")[1]
    resolve = resolving(["127.0.0.1"])
    with pytest.raises(ServiceUnavailable):
        asked(f"https://localhost:{port}/fhir/metadata", f"localhost:{port}", resolve=resolve)


def test_a_host_without_an_address_does_not_answer() -> None:
    with pytest.raises(ServiceUnavailable):
        asked("https://nowhere.invalid/", "nowhere.invalid", resolve=resolving([]))

    async def fails(host: str, port: int) -> list[str]:
        raise OSError

    with pytest.raises(ServiceUnavailable):
        asked("https://nowhere.invalid/", "nowhere.invalid", resolve=fails)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: ServedFhir, status) -> None:
    with served_fhir([patient()]) as elsewhere:
        server.faults = [at("", Response(status_code=status, headers={"Location": elsewhere.base_url + "/metadata"}))]
        with pytest.raises(ServiceUnavailable, match="redirects"):
            asked(f"{server.base_url}/metadata", server.host, elsewhere.host)
        assert elsewhere.requests == []


def test_the_environment_names_no_proxy_and_no_certificates(server: ServedFhir, monkeypatch, tmp_path) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password s3cret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert asked(f"{server.base_url}/metadata", server.host).status == 200
    assert server.authorizations() == {""}


def test_cookies_are_not_kept(server: ServedFhir) -> None:
    def cookie(path, request):
        answer = server.answer(path.partition("?")[0], request)
        answer.set_cookie("session", "s3cret")
        return answer

    server.faults = [cookie]
    asked(f"{server.base_url}/metadata", server.host, times=2)
    assert len(server.headers) == 2
    assert not [headers for headers in server.headers if "cookie" in headers]


@pytest.mark.parametrize("zipped", [False, True])
def test_an_answer_is_bounded_however_well_it_was_compressed(server: ServedFhir, zipped) -> None:
    body = gzip.compress(bytes(50 << 20)) if zipped else bytes(3 << 20)
    headers = {"Content-Encoding": "gzip"} if zipped else {}
    server.faults = [at("", Response(body, headers=headers))]
    with pytest.raises(PayloadTooLarge):
        asked(f"{server.base_url}/metadata", server.host, max_bytes=1 << 20)


def test_a_body_that_never_ends_is_given_up(server: ServedFhir) -> None:
    async def drops():
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    server.faults = [lambda path, request: StreamingResponse(drops())]
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        asked(f"{server.base_url}/metadata", server.host, timeout_s=0.5)
    with pytest.raises(DeadlineExceeded):
        asked(f"{server.base_url}/metadata", server.host, timeout_s=5, deadline=Deadline.after(0.3))
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("fault", [cut_off, silent])
def test_a_failure_says_neither_who_nor_where(server: ServedFhir, fault, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    server.faults = [at("", fault)]
    with pytest.raises(TumorcastError) as caught:
        asked(f"{server.base_url}/Patient/id-4711", server.host, timeout_s=0.3)
    text = f"{caught.value!r} {caught.value} {caplog.text}"
    assert not [word for word in ("4711", "127.0.0.1", server.host) if word in text]


def test_an_answer_shows_nothing_of_its_body() -> None:
    assert "Jane" not in repr(Answer(200, httpx.Headers({"x-name": "Jane"}), b"Jane"))


@pytest.mark.parametrize("url", ["https://ehr.example.org/" + "x" * 10_000, "https://[/", "https://a b/", "\x00"])
def test_what_is_no_url_is_said_to_be_none(url) -> None:
    with pytest.raises((MalformedRequest, HostNotAllowed)):
        asked(url, "ehr.example.org")
