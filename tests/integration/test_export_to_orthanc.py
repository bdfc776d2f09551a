"""``tumorcast imaging export --stow`` to a real archive, and what its viewer shows of the lesions."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from support.dicom_factory import STUDY, Phantom, save
from support.objects import MADE, region, source_of
from support.orthanc import PASSWORD, PLUGIN, USER, WEB_VIEWER, Orthanc
from tumorcast_imaging.adapters.studies.dicomweb_client import Credentials, DicomwebClient
from tumorcast_imaging.adapters.studies.dicomweb_store import DicomwebStudyStore
from tumorcast_imaging.dicom import read_segmentation
from tumorcast_imaging.model.objects import segmentation_object, write_object
from tumorcast_platform import cli

pytestmark = pytest.mark.debian

PHANTOM = Phantom()


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    server = Orthanc(tmp_path / "orthanc", plugins=(PLUGIN, WEB_VIEWER))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A CT and its segmentation, as a reader made it."""
    path = PHANTOM.write(tmp_path / "in")
    save(PHANTOM.segmentation(), path / "seg.dcm")
    return path


@pytest.fixture
def export(folder: Path, tmp_path: Path, orthanc: Orthanc, capsys: pytest.CaptureFixture[str]) -> Any:
    secret = tmp_path / "secret"

    def run(out: str, *options: str, password: str = PASSWORD) -> tuple[int, dict[str, Any]]:
        secret.write_text(password)
        stow = ["--stow", orthanc.url, "--user", USER, "--secret-file", str(secret)]
        status = cli.run(["imaging", "export", str(folder), "--out", str(tmp_path / out), *stow, *options, "--json"])
        return status, json.loads(capsys.readouterr().out)

    return run


def stored(orthanc: Orthanc, tmp_path: Path) -> dict[str, Path]:
    """What another client fetches from the archive, by SOP instance UID."""
    client = DicomwebClient(orthanc.url, allowed_hosts=["127.0.0.1"], credentials=Credentials(USER, PASSWORD))
    try:
        files = DicomwebStudyStore(client, tmp_path / "fetched", min_free_bytes=0).files(STUDY)
    finally:
        client.close()
    return {path.stem: path for path in files}


def send(orthanc: Orthanc, path: Path) -> str:
    """Put a file into the archive by its own REST; its id there."""
    url = f"http://127.0.0.1:{orthanc.port}/instances"
    answer = httpx.post(url, content=path.read_bytes(), auth=(USER, PASSWORD), trust_env=False)
    return str(answer.raise_for_status().json()["ID"])


def test_what_is_exported_comes_back_from_orthanc_byte_for_byte(export: Any, orthanc: Orthanc, tmp_path: Path) -> None:
    status, said = export("out")
    assert status == 0
    assert [entry["new"] for entry in said["sent"]] == [True, True]
    found = stored(orthanc, tmp_path)
    for entry in (*said["segmentations"], *said["reports"]):
        assert found[entry["sop_instance_uid"]].read_bytes() == (tmp_path / "out" / entry["path"]).read_bytes()


def test_sending_again_changes_nothing_even_from_another_folder(export: Any, orthanc: Orthanc, tmp_path: Path) -> None:
    _, first = export("out")
    _, again = export("out")
    shutil.rmtree(tmp_path / "out")
    _, anew = export("elsewhere")
    assert [entry["new"] for entry in (*again["sent"], *anew["sent"])] == [False] * 4
    assert len(stored(orthanc, tmp_path)) == len(first["sent"])


def test_a_wrong_password_is_told_and_the_files_stay(export: Any, tmp_path: Path) -> None:
    status, said = export("out", password="wrong")
    assert status != 0
    assert said["error"]["code"] == "SERVICE_UNAVAILABLE"
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_orthanc_tells_the_tags_of_segmentation_and_report(export: Any, orthanc: Orthanc) -> None:
    _, said = export("out")
    tags = {
        one["SOPInstanceUID"]: one
        for one in (orthanc.get(f"/instances/{i}/tags?simplify").json() for i in orthanc.get("/instances").json())
    }
    seg = tags[said["segmentations"][0]["sop_instance_uid"]]
    assert (seg["Modality"], seg["SegmentationType"], seg["SegmentSequence"][0]["SegmentLabel"]) == (
        "SEG",
        "BINARY",
        "Tumor 1",
    )
    assert len(seg["PerFrameFunctionalGroupsSequence"]) == int(seg["NumberOfFrames"]) == PHANTOM.shape[0]
    report = tags[said["reports"][0]["sop_instance_uid"]]
    assert (report["Modality"], report["CompletionFlag"], report["VerificationFlag"]) == (
        "SR",
        "COMPLETE",
        "UNVERIFIED",
    )
    assert report["ContentTemplateSequence"][0]["TemplateIdentifier"] == "1500"


def viewer_frame(orthanc: Orthanc, instance: str, frame: int) -> NDArray[np.int16]:
    """The pixels that Orthanc's web viewer sends to the browser."""
    answer = orthanc.get(f"/web-viewer/instances/deflate-{instance}_{frame}")
    assert answer.status_code == 200, answer.text
    image = answer.json()
    pixels = np.frombuffer(zlib.decompress(base64.b64decode(image["Orthanc"]["PixelData"])), "<i2")
    return pixels.reshape(image["rows"], image["columns"])


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_the_web_viewer_shows_every_frame_of_the_mask(orthanc: Orthanc, kind: Any, tmp_path: Path) -> None:
    PHANTOM.write(tmp_path / "ct")
    source, volume = source_of(tmp_path / "ct")
    drawn = region(PHANTOM.mask)
    file = write_object(segmentation_object(source, [drawn], made=MADE, segmentation_type=kind), tmp_path)
    instance = send(orthanc, file.path)
    series = orthanc.get(f"/instances/{instance}").json()["ParentSeries"]
    slices = orthanc.get(f"/web-viewer/series/{series}").json()["Slices"]
    assert slices == [f"{instance}_{k}" for k in range(PHANTOM.shape[0])]
    for k in range(PHANTOM.shape[0]):
        assert np.array_equal(viewer_frame(orthanc, instance, k) > 0, drawn.mask[k])
    assert np.array_equal(read_segmentation(file.path, volume).regions[0].mask, drawn.mask)


def test_orthanc_keeps_but_cannot_show_binary_frames_whose_width_is_no_multiple_of_eight(
    orthanc: Orthanc, tmp_path: Path
) -> None:
    """A limit of the decoder of Orthanc 1.10 (PS3.5 8.1.1 packs bits across rows); FRACTIONAL is shown at any width."""
    phantom = Phantom(shape=(4, 12, 21))
    phantom.write(tmp_path / "ct")
    source, _ = source_of(tmp_path / "ct")
    mask = np.zeros(phantom.shape, bool)
    mask[1, 3:7, 5:20] = True
    shown = {}
    for kind in ("BINARY", "FRACTIONAL"):
        file = write_object(segmentation_object(source, [region(mask)], made=MADE, segmentation_type=kind), tmp_path)
        instance = send(orthanc, file.path)
        shown[kind] = orthanc.get(f"/instances/{instance}/frames/1/preview").status_code
        kept = pydicom.dcmread(io.BytesIO(orthanc.get(f"/instances/{instance}/file").content))
        assert kept == pydicom.dcmread(file.path)
    assert shown == {"BINARY": 415, "FRACTIONAL": 200}
