"""Who asks a FHIR server: a bearer token, or SMART Backend Services whose assertions the server really verifies."""

import asyncio
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.responses import JSONResponse, Response

from support.fetching import access, fetch, names
from support.fhir_server import ServedFhir, at, cut_off, served_fhir, trickling
from support.records import observation, patient
from support.smart import Smart, ec_key, jwk, rsa_key, write_pem
from tumorcast_clinical.adapters.fhir_server import FhirAccess, FhirServer
from tumorcast_clinical.adapters.fhir_server.signing import SigningKey
from tumorcast_clinical.app import fhir_access_of, servicer_of
from tumorcast_clinical.settings import Settings
from tumorcast_core.deadline import Deadline
from tumorcast_core.errors import DeadlineExceeded, FhirAccessDenied, FhirServerNotAllowed, ServiceUnavailable

OWN = [patient(), observation()]
RSA, EC = rsa_key(), ec_key()


@pytest.fixture
def key_file(tmp_path):
    return write_pem(EC, tmp_path / "key.pem")


def smart(**more) -> Smart:
    return Smart({"k1": EC, "k2": RSA}, **more)


def client(key_file, **more) -> dict:
    """What the operator sets for SMART."""
    return {"smart_client_id": "tumorcast", "smart_key": key_file, "smart_key_id": "k1", **more}


def granted(server: ServedFhir) -> int:
    return server.requests.count("POST token")


# Bearer tokens


def test_a_bearer_token_opens_the_server() -> None:
    with served_fhir(OWN, token="s3cret", page_size=1) as server:
        assert names(fetch(server, bearer_token="s3cret")) == ["Observation/o1", "Patient/p1"]
    assert server.authorizations() == {"Bearer s3cret"}


def test_without_a_token_no_authorization_is_sent() -> None:
    with served_fhir(OWN) as server:
        fetch(server)
    assert server.authorizations() == {""}


def test_a_token_file_is_read_anew_so_it_may_rotate(tmp_path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    with served_fhir(OWN, token="new", page_size=1) as server:

        def rotate(path, request):
            file.write_text("new\n")

        server.faults = [rotate]
        assert len(names(fetch(server, bearer_token_file=file))) == 2
    assert [headers["authorization"] for headers in server.headers] == ["Bearer old", "Bearer new", "Bearer new"]


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"two words", b"line\nX-Header: x"])
def test_a_token_file_without_a_token_is_told_or_opens_nothing(tmp_path, content) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with served_fhir(OWN, token="s3cret") as server, pytest.raises(FhirAccessDenied):
        fetch(server, bearer_token_file=file)
    assert server.authorizations() <= {""}


# SMART Backend Services


@pytest.mark.parametrize(("key", "kid", "algorithm"), [(EC, "k1", "ES384"), (RSA, "k2", "RS384")])
@pytest.mark.parametrize("form", ["pem", "jwk", "set"])
def test_a_signed_assertion_opens_the_server_with_each_kind_of_key(tmp_path, key, kid, algorithm, form) -> None:
    file = tmp_path / "key"
    if form == "pem":
        write_pem(key, file)
    else:
        one = jwk(key, kid)
        file.write_text(json.dumps(one if form == "jwk" else {"keys": [jwk(rsa_key(), "old"), one]}))
    assert SigningKey.load(file, kid).algorithm == algorithm
    with served_fhir(OWN, smart=smart()) as server:
        record = fetch(server, **client(file, smart_key_id="" if form == "jwk" else kid))
    assert len(names(record)) == 2
    assert server.smart.refusal == ""
    (claims,) = server.smart.assertions
    assert claims["iss"] == claims["sub"] == "tumorcast"
    assert claims["aud"] == server.smart.token_url
    assert 0 < claims["exp"] - claims["iat"] <= 300


def test_a_token_is_used_for_many_records_and_pages(key_file) -> None:
    with served_fhir(OWN, smart=smart(), page_size=1) as server:
        fetch(server, times=3, **client(key_file))
    assert granted(server) == 1
    assert len(server.requests) == 1 + 1 + 3 * 2


def test_a_token_is_renewed_before_it_expires(key_file) -> None:
    with served_fhir(OWN, smart=smart(expires_in=1)) as server:

        async def twice() -> None:
            fhir = FhirServer(access(server, **client(key_file)))
            await fhir.fetch(server.base_url, "p1", Deadline.after(10))
            await asyncio.sleep(0.6)
            await fhir.fetch(server.base_url, "p1", Deadline.after(10))
            await fhir.close()

        asyncio.run(twice())
    assert granted(server) == 2
    assert len({claims["jti"] for claims in server.smart.assertions}) == 2


def test_a_token_without_a_life_span_is_kept_for_a_while(key_file) -> None:
    with served_fhir(OWN, smart=smart(expires_in=None)) as server:
        fetch(server, times=2, **client(key_file))
    assert granted(server) == 1


def test_a_token_that_is_no_longer_taken_is_renewed_once(key_file) -> None:
    with served_fhir(OWN, smart=smart(), page_size=1) as server:

        def revoke(path, request):
            if "_getpages" in path and granted(server) == 1:
                server.smart.good.clear()

        server.faults = [revoke]
        record = fetch(server, **client(key_file))
    assert (len(names(record)), record.issues) == (2, ())
    assert granted(server) == 2


def test_a_server_that_takes_no_token_is_asked_for_no_third(key_file) -> None:
    with served_fhir(OWN, smart=smart(), faults=[at("Patient", Response(status_code=401))]) as server:
        with pytest.raises(FhirAccessDenied):
            fetch(server, **client(key_file))
        assert granted(server) == 2


def test_records_that_are_fetched_at_once_share_one_token(key_file) -> None:
    with served_fhir(OWN, smart=smart()) as server:

        async def many() -> None:
            fhir = FhirServer(access(server, **client(key_file)))
            await asyncio.gather(*(fhir.fetch(server.base_url, "p1", Deadline.after(10)) for _ in range(8)))
            await fhir.close()

        asyncio.run(many())
    assert granted(server) == 1


def test_records_whose_token_is_refused_at_once_renew_it_once(key_file) -> None:
    with served_fhir(OWN, smart=smart()) as server:

        async def many() -> None:
            fhir = FhirServer(access(server, **client(key_file)))
            await fhir.fetch(server.base_url, "p1", Deadline.after(10))
            server.smart.good.clear()
            await asyncio.gather(*(fhir.fetch(server.base_url, "p1", Deadline.after(10)) for _ in range(8)))
            await fhir.close()

        asyncio.run(many())
    assert granted(server) == 2


def test_one_that_gives_up_waiting_for_a_token_leaves_the_others_theirs(key_file) -> None:
    with served_fhir(OWN, smart=smart(), faults=[at("token", trickling, forever=False)]) as server:

        async def two() -> list:
            fhir = FhirServer(access(server, **client(key_file)))
            deadlines = (Deadline.after(0.4), Deadline.after(10))
            found = await asyncio.gather(
                *(fhir.fetch(server.base_url, "p1", deadline) for deadline in deadlines), return_exceptions=True
            )
            await fhir.close()
            return found

        first, second = asyncio.run(two())
    assert isinstance(first, DeadlineExceeded)
    assert len(names(second)) == 2


@pytest.mark.parametrize("wrong", [{"smart_client_id": "other"}, {"smart_key_id": "k2"}, {"smart_scope": "user/*.*"}])
def test_who_is_not_registered_gets_no_token_and_sends_nothing_else(key_file, wrong) -> None:
    with served_fhir(OWN, smart=smart()) as server, pytest.raises(FhirAccessDenied, match="no access token"):
        fetch(server, **client(key_file, **wrong))
    assert server.requests == ["GET .well-known/smart-configuration", "POST token"]


@pytest.mark.parametrize("answer", [Response(status_code=503), Response(status_code=429), cut_off])
def test_a_token_request_is_tried_again_with_a_new_assertion(key_file, answer) -> None:
    with served_fhir(OWN, smart=smart()) as server:

        def used(path, request):  # as a server that took the assertion and then failed
            if path == "token" and granted(server) == 1:
                return answer if isinstance(answer, Response) else answer()
            return None

        server.faults = [used]
        assert len(names(fetch(server, retries=1, **client(key_file)))) == 2
    assert granted(server) == 2


@pytest.mark.parametrize(
    "answer",
    [
        Response("no JSON"),
        Response("[" * 100_000),
        JSONResponse([]),
        JSONResponse({}),
        JSONResponse({"access_token": 7}),
        JSONResponse({"access_token": "x", "token_type": "mac"}),
        JSONResponse({"access_token": "x\r\nX-Header: y", "token_type": "bearer"}),
        JSONResponse({"access_token": "", "token_type": "bearer"}),
        Response(status_code=404),
        Response(status_code=500),
        Response(status_code=302, headers={"Location": "https://evil.example"}),
    ],
)
def test_an_answer_without_a_usable_token_is_an_error_of_the_call(key_file, answer) -> None:
    with served_fhir(OWN, smart=smart(), faults=[at("token", answer)]) as server:
        with pytest.raises((ServiceUnavailable, FhirAccessDenied)):
            fetch(server, **client(key_file))
        assert server.authorizations() == {""}


@pytest.mark.parametrize("life", [-5, 0, "300", True, 1e308, None])
def test_a_life_span_that_makes_no_sense_does_not_stop_the_fetch(key_file, life) -> None:
    with served_fhir(OWN, smart=smart(expires_in=life)) as server:
        assert len(names(fetch(server, **client(key_file)))) == 2


@pytest.mark.parametrize(
    "answer", [Response(status_code=404), Response("x"), JSONResponse({}), JSONResponse({"token_endpoint": 7}), cut_off]
)
def test_a_server_that_names_no_token_endpoint_is_unavailable(key_file, answer) -> None:
    with served_fhir(OWN, smart=smart(), faults=[at("smart-configuration", answer)]) as server:
        with pytest.raises(ServiceUnavailable):
            fetch(server, **client(key_file))
        assert granted(server) == 0


@pytest.mark.parametrize("url", ["https://evil.example/token", "http://ehr.example/token", "//x/token", "token", ""])
def test_a_token_endpoint_by_no_allowed_host_or_without_tls_is_refused(key_file, url) -> None:
    with served_fhir(OWN, smart=smart(token_url=url or "\n")) as server:
        hosts = (server.host, "ehr.example")
        with pytest.raises(FhirServerNotAllowed if url else ServiceUnavailable):
            fetch(server, **client(key_file, allowed_hosts=hosts))
        assert len(server.requests) == 1


def test_an_assertion_is_sent_to_no_token_endpoint_that_is_not_allowed(key_file) -> None:
    with served_fhir(OWN, smart=smart()) as elsewhere, served_fhir(OWN, smart=smart()) as server:
        server.smart.token_url = elsewhere.smart.token_url
        with pytest.raises(FhirServerNotAllowed):
            fetch(server, **client(key_file))
        assert elsewhere.requests == []
        assert len(names(fetch(elsewhere, **client(key_file)))) == 2


def test_a_token_endpoint_that_is_set_needs_no_discovery(key_file) -> None:
    with served_fhir(OWN, smart=smart()) as server:
        fetch(server, **client(key_file, smart_token_url=server.smart.token_url))
    assert not [r for r in server.requests if "well-known" in r]


def test_a_key_may_be_replaced_while_the_service_runs(key_file) -> None:
    later = ec_key()
    with served_fhir(OWN, smart=smart(expires_in=1)) as server:

        async def fetched() -> None:
            fhir = FhirServer(access(server, **client(key_file)))
            await fhir.fetch(server.base_url, "p1", Deadline.after(10))
            write_pem(later, key_file)
            server.smart.keys["k1"] = later
            await asyncio.sleep(0.6)
            await fhir.fetch(server.base_url, "p1", Deadline.after(10))
            await fhir.close()

        asyncio.run(fetched())
    assert granted(server) == 2


def test_a_key_that_is_lost_while_the_service_runs_is_told(key_file) -> None:
    with served_fhir(OWN, smart=smart()) as server:
        server.faults = [lambda path, request: key_file.unlink(missing_ok=True)]
        with pytest.raises(FhirAccessDenied, match="key"):
            fetch(server, **client(key_file))


# What is refused when the service starts


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_pem(rsa_key(1024), path),
        lambda path: write_pem(ec_key(ec.SECP256R1()), path),
        lambda path: path.write_bytes(
            RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        ),
        lambda path: path.write_bytes(
            RSA.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"password"),
            )
        ),
        lambda path: path.write_text("{}"),
        lambda path: path.write_text('{"keys": []}'),
        lambda path: path.write_text('{"keys": 7}'),
        lambda path: path.write_text('{"kty": "oct", "k": "c2VjcmV0", "d": "x"}'),
        lambda path: path.write_text(json.dumps({k: v for k, v in jwk(RSA, "k1").items() if k != "d"})),
        lambda path: path.write_text(json.dumps({"keys": [jwk(RSA, "a"), jwk(EC, "b")]})),
        lambda path: path.write_text("garbage"),
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_file_without_a_usable_key_is_refused_at_the_start(tmp_path, write) -> None:
    write(tmp_path / "key")
    with pytest.raises(ValueError, match="no usable private RSA or P-384 key"):
        FhirServer(FhirAccess(smart_client_id="x", smart_key=tmp_path / "key"))


def test_a_key_file_that_is_not_there_is_refused_at_the_start(tmp_path) -> None:
    with pytest.raises(OSError, match="No such file"):
        FhirServer(FhirAccess(smart_client_id="x", smart_key=tmp_path / "key"))


@pytest.mark.parametrize(
    "chosen",
    [
        {"fhir_token": "x", "smart_client_id": "x", "smart_key_file": "key", "fhir_allowed_hosts": ("a",)},
        {"smart_client_id": "x"},
        {"smart_key_file": "key"},
        {"fhir_token": "x"},
        {"fhir_token": "x", "fhir_allowed_hosts": ("a", "b")},
        {"fhir_token_file": "x", "fhir_allowed_hosts": ("a", "b")},
    ],
)
def test_settings_that_contradict_each_other_are_refused_at_the_start(chosen) -> None:
    with pytest.raises(ValueError, match=r"token|client id"):
        servicer_of(Settings(**chosen))


def test_settings_reach_the_client_and_show_no_secret(monkeypatch) -> None:
    monkeypatch.setenv("TUMORCAST_CLINICAL_FHIR_ALLOWED_HOSTS", '["ehr.example:8443"]')
    monkeypatch.setenv("TUMORCAST_CLINICAL_FHIR_TOKEN", "s3cret")
    monkeypatch.setenv("TUMORCAST_CLINICAL_MAX_FHIR_MIB", "3")
    chosen = fhir_access_of(Settings())
    assert (chosen.allowed_hosts, chosen.bearer_token, chosen.max_bytes) == (("ehr.example:8443",), "s3cret", 3 << 20)
    assert "s3cret" not in f"{chosen!r} {Settings()!r}"


def test_defaults_of_the_settings_are_those_of_the_client() -> None:
    assert fhir_access_of(Settings()) == FhirAccess()
