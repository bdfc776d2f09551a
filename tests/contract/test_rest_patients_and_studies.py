"""Patients, studies and model cards over REST."""

from __future__ import annotations

from support.gateway import Fakes
from support.gateway_served import Served
from support.rest import QUERY, made, problem, with_gateway
from tumorcast_core.errors import ServiceUnavailable
from tumorcast_core.snapshot import Coding, Extraction, Feature, Issue, MeasuredLesion, Severity

NOBODY = "0" * 32
TYPE = {"content-type": 'multipart/related; type="application/dicom"; boundary=b'}


def body_of(*files: bytes) -> bytes:
    return b"".join(b"--b\r\n\r\n" + file + b"\r\n" for file in files) + b"--b--\r\n"


def test_an_erased_patient_is_gone_for_every_operation() -> None:
    async def test(gateway: Served) -> None:
        erased, kept = await made(gateway), await made(gateway, patient_id="", fhir={})
        found = await gateway.http.post("/v1/patients/search", json={"patient_id": QUERY["patient_id"]})
        assert (found.status_code, found.json()["prognoses"]) == (200, 1)
        patient = found.json()["patient"]
        answer = await gateway.http.delete(f"/v1/patients/{patient}")
        assert (answer.status_code, answer.json()) == (200, {"prognoses": 1})

        for part in ("", "/explanation", "/feedback", "/outcomes"):
            gone = await gateway.http.get(f"/v1/prognoses/{erased}{part}")
            assert problem(gone) == (410, "RECORD_ERASED")
        assert problem(await gateway.http.post(f"/v1/prognoses/{erased}/replay")) == (410, "RECORD_ERASED")
        told = await gateway.http.post(f"/v1/prognoses/{erased}/feedback", json={"decision": "noted"})
        assert problem(told) == (410, "RECORD_ERASED")
        listed = (await gateway.http.get("/v1/prognoses")).json()["prognoses"]
        assert {p["prognosis_id"]: p["erased"] for p in listed} == {erased: True, kept: False}
        again = await gateway.http.post("/v1/patients/search", json={"patient_id": QUERY["patient_id"]})
        assert problem(again) == (404, "PATIENT_NOT_FOUND")
        assert problem(await gateway.http.delete(f"/v1/patients/{patient}")) == (410, "RECORD_ERASED")
        assert (await gateway.http.get(f"/v1/prognoses/{kept}")).status_code == 200

    with_gateway(test)


def test_a_patient_that_is_none_is_not_found_and_never_named() -> None:
    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/patients/search", json={"patient_id": "Jane Doe"})
        assert problem(answer) == (404, "PATIENT_NOT_FOUND")
        assert "Jane" not in answer.text
        assert problem(await gateway.http.delete(f"/v1/patients/{NOBODY}")) == (404, "PATIENT_NOT_FOUND")
        assert problem(await gateway.http.delete("/v1/patients/Jane")) == (404, "NOT_FOUND")
        refused = await gateway.http.post("/v1/patients/search", json={"patient_id": ""})
        assert problem(refused) == (400, "MALFORMED_REQUEST")
        wrong = await gateway.http.delete("/v1/patients/search")
        assert (*problem(wrong), wrong.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "POST")

    with_gateway(test)


def test_an_uploaded_study_is_read_under_its_opaque_id() -> None:
    fakes = Fakes()
    volume = Feature(
        "tumor_volume", 12.5, "mL", Coding("http://snomed.info/sct", "258708006", "Volume"), "2026-03-04", "1.2.9"
    )
    lesion = MeasuredLesion("1.2.3.7", "target 1", "1.2.3.4", "CT", "1.2.3.9", "2026-03-04", (volume,))
    issue = Issue(Severity.WARNING, "THICK_SLICES", "The slices are thick.", origin="imaging")
    grade = Feature("tumor_grade", "G2", source="1.2.9")
    fakes.imaging.answer = Extraction((volume, grade), issues=(issue,), date="2026-03-04", lesions=(lesion,))

    async def test(gateway: Served) -> None:
        answer = await gateway.http.post("/v1/studies", content=body_of(b"DICM1", b"DICM2"), headers=TYPE)
        assert answer.status_code == 201
        (study,) = answer.json()["studies"]
        assert answer.headers["location"] == f"/v1/studies/{study['study_id']}"
        assert (study["study_instance_uid"], study["instances"]) == ("1.2.3", 2)
        read = await gateway.http.get(answer.headers["location"])
        told = read.json()
        assert (read.status_code, told["study_instance_uid"], told["date"]) == (200, "1.2.3", "2026-03-04")
        assert [(f["name"], f["number"], f["category"]) for f in told["features"]] == [
            ("tumor_volume", 12.5, None),
            ("tumor_grade", None, "G2"),
        ]
        assert told["features"][0]["coding"]["code"] == "258708006"
        assert told["lesions"][0]["tracking_uid"] == "1.2.3.7"
        assert told["lesions"][0]["measurements"] == told["features"][:1]
        assert told["issues"][0]["code"] == "THICK_SLICES"
        stow = await gateway.http.post(
            "/dicomweb/studies", content=body_of(b"DICM1"), headers=TYPE | {"accept": "application/json"}
        )
        assert stow.json()["studies"][0]["study_id"] == study["study_id"]

    with_gateway(test, fakes=fakes)


def test_an_upload_says_what_was_refused() -> None:
    async def test(gateway: Served) -> None:
        some = await gateway.http.post("/v1/studies", content=body_of(b"DICM1", b"GIF"), headers=TYPE)
        assert (some.status_code, [r["code"] for r in some.json()["refusals"]]) == (202, ["NOT_DICOM"])
        none = await gateway.http.post("/v1/studies", content=body_of(b"GIF"), headers=TYPE)
        assert (none.status_code, none.json()["studies"]) == (409, [])
        cases = [
            (b"--b--\r\n", TYPE, 422, "NO_INPUT"),
            (b"--b\r\n\r\nDICM", TYPE, 400, "MALFORMED_REQUEST"),
            (b"x", {"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
            (body_of(b"DICM"), TYPE | {"accept": "application/dicom+json"}, 406, "NOT_ACCEPTABLE"),
        ]
        for content, headers, status, code in cases:
            assert problem(await gateway.http.post("/v1/studies", content=content, headers=headers)) == (status, code)
        bad_uid = await gateway.http.post("/dicomweb/studies/1..2", content=body_of(b"DICM"), headers=TYPE)
        assert problem(bad_uid) == (400, "MALFORMED_REQUEST")

    with_gateway(test)


def test_a_study_that_is_none_is_not_found_and_one_that_cannot_be_read_says_why() -> None:
    async def test(gateway: Served) -> None:
        for study_id in (NOBODY, "1.2.3"):
            assert problem(await gateway.http.get(f"/v1/studies/{study_id}")) == (404, "STUDY_NOT_FOUND")
        made_ = await gateway.http.post("/v1/studies", content=body_of(b"DICM1"), headers=TYPE)
        gateway.fakes.imaging.error = ServiceUnavailable()
        failed = await gateway.http.get(made_.headers["location"])
        assert problem(failed) == (503, "SERVICE_UNAVAILABLE")
        assert failed.headers["retry-after"] == "2"

    with_gateway(test)


def test_a_card_comes_as_markdown_or_json() -> None:
    async def test(gateway: Served) -> None:
        plain = await gateway.http.get("/v1/models/simulated/card")
        assert plain.headers["content-type"] == "text/markdown; charset=utf-8"
        asked = {"headers": {"accept": "application/json"}}
        told = (await gateway.http.get("/v1/models/simulated/card", **asked)).json()
        assert told["markdown"] == plain.text
        assert told["ref"] == (await gateway.http.get("/v1/models/simulated")).json()["ref"]
        assert problem(await gateway.http.get("/v1/models/other/card")) == (404, "UNKNOWN_MODEL")
        assert problem(await gateway.http.get("/v1/models/../card")) == (404, "NOT_FOUND")

    with_gateway(test)
