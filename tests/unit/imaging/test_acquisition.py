"""What headers state of an acquisition, read from files as scanners write them; nothing else comes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support.adversarial.phantom import Series, raw
from support.dicom_factory import Phantom
from tumorcast_imaging.dicom import open_study
from tumorcast_imaging.dicom.acquisition import Acquisition, acquisition


def read(folder: Path, **attributes: object) -> Acquisition:
    def edit(k: int, d: Dataset) -> None:
        for keyword, value in attributes.items():
            setattr(d, keyword, value)

    Phantom(shape=(3, 8, 8)).write(folder, edit)
    return acquisition(open_study(folder).series[0].headers)


STATED = [
    ({}, {}),
    ({"RepetitionTime": "550", "EchoTime": "12.5"}, {"repetition_time_ms": 550.0, "echo_time_ms": 12.5}),
    ({"RepetitionTime": "", "EchoTime": None}, {}),
    ({"InversionTime": "160", "FlipAngle": "90"}, {"inversion_time_ms": 160.0, "flip_angle_degrees": 90.0}),
    ({"ScanningSequence": "SE"}, {"sequence": ("SE",)}),
    ({"ScanningSequence": ["SE", "IR"]}, {"sequence": ("SE", "IR")}),
    ({"ScanningSequence": "DOE^JANE"}, {}),
    ({"InPlanePhaseEncodingDirection": "COL"}, {"phase_encoding": "COL"}),
    ({"InPlanePhaseEncodingDirection": "COLUMN"}, {"phase_encoding": "COL"}),
    ({"SeriesDescription": "ax_T2-TSE knee"}, {"weighting": "T2"}),
    ({"SeriesDescription": "T1 and T2"}, {}),
    ({"SeriesDescription": "T10 vertebra"}, {}),
    ({"SeriesDescription": "x", "ProtocolName": "STIR cor"}, {"weighting": "STIR"}),
    ({"AcquisitionContrast": "T1", "SeriesDescription": "T2"}, {"weighting": "T1"}),
    ({"ContrastBolusAgent": "Omnipaque 350"}, {"intravenous_contrast": True}),
    ({"ContrastBolusAgent": "GASTRO & OMNI", "ContrastBolusRoute": "Oral & IV"}, {"intravenous_contrast": True}),
    ({"ContrastBolusAgent": "Gastrografin", "ContrastBolusRoute": "ORAL"}, {"intravenous_contrast": False}),
    ({"ContrastBolusAgent": "none"}, {"intravenous_contrast": False}),
    ({"ContrastBolusAgent": "W/O"}, {"intravenous_contrast": False}),
    ({"ContrastBolusAgent": ""}, {}),
    ({"ContrastBolusStartTime": "120010", "AcquisitionTime": "120120"}, {"contrast_delay_s": 70.0}),
    ({"ContrastBolusStartTime": "120010", "AcquisitionTime": "115900"}, {}),
    ({"ContrastBolusStartTime": "080000", "AcquisitionTime": "120000"}, {}),
    ({"SeriesDescription": "Thorax portal venous"}, {"contrast_phase": "portal venous"}),
    ({"SeriesDescription": "Leber arterial + venous"}, {}),
    ({"SeriesDescription": "native Abdomen"}, {"contrast_phase": "native"}),
]


@pytest.mark.parametrize(("attributes", "expected"), STATED, ids=[str(list(a.values())) for a, _ in STATED])
def test_an_attribute_is_read_or_states_nothing(
    tmp_path: Path, attributes: dict[str, object], expected: dict[str, object]
) -> None:
    assert read(tmp_path, **attributes) == Acquisition(slice_thickness_mm=4.0, **expected)  # type: ignore[arg-type]


def test_functional_groups_of_enhanced_images_are_read(tmp_path: Path) -> None:
    timing, echo, groups = Dataset(), Dataset(), Dataset()
    timing.RepetitionTime, timing.FlipAngle, echo.EffectiveEchoTime = 5.5, 12.0, 2.5
    groups.MRTimingAndRelatedParametersSequence, groups.MREchoSequence = Sequence([timing]), Sequence([echo])
    found = read(tmp_path, SharedFunctionalGroupsSequence=Sequence([groups]), EchoPulseSequence="GRADIENT")
    assert (found.repetition_time_ms, found.echo_time_ms, found.flip_angle_degrees) == (5.5, 2.5, 12.0)
    assert found.sequence == ("GR",)


def test_of_a_series_of_two_echoes_each_volume_has_its_own(tmp_path: Path) -> None:
    for number, echo in enumerate(("10", "80")):

        def edit(k: int, d: Dataset, number: int = number, echo: str = echo) -> None:
            d.EchoTime, d.EchoNumbers = echo, number + 1
            d.SOPInstanceUID = f"1.2.3.{number}.{k}"

        Series(modality="MR", shape=(4, 8, 8), intercepts=(-2048.0,)).write(tmp_path, edit)
    series = open_study(tmp_path).series[0]
    found = {acquisition(series.headers, volume.sop_instance_uids).echo_time_ms for volume in series.read()}
    assert found == {10.0, 80.0}


def test_free_text_never_comes_out(tmp_path: Path) -> None:
    found = read(tmp_path, SeriesDescription="DOE T1 JANE", ProtocolName="JANE", ContrastBolusAgent="JANE DOE")
    assert "JANE" not in repr(found)
    assert "DOE" not in repr(found)


@pytest.mark.filterwarnings("ignore:Found unknown escape sequence")  # pydicom, of an ESC in text
@given(
    st.sampled_from(["EchoTime", "RepetitionTime", "ScanningSequence", "ContrastBolusStartTime", "SeriesDescription"]),
    st.text(st.characters(max_codepoint=255), max_size=24),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_in_an_attribute_are_a_value_or_none(tmp_path: Path, keyword: str, text: str) -> None:
    vr = {"EchoTime": "DS", "RepetitionTime": "DS", "ScanningSequence": "CS", "ContrastBolusStartTime": "TM"}
    Phantom(shape=(2, 4, 4)).write(tmp_path, lambda k, d: raw(d, keyword, vr.get(keyword, "LO"), text))
    for series in open_study(tmp_path).series:
        assert isinstance(acquisition(series.headers), Acquisition)


def test_no_headers_state_nothing() -> None:
    assert acquisition(()) == Acquisition()


def test_a_file_that_is_gone_states_only_what_was_read_before(tmp_path: Path) -> None:
    Phantom(shape=(2, 4, 4)).write(tmp_path, lambda k, d: setattr(d, "EchoTime", "10"))
    headers = open_study(tmp_path).series[0].headers
    for file in tmp_path.iterdir():
        file.unlink()
    assert acquisition(headers) == Acquisition(slice_thickness_mm=4.0)
