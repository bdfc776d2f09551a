"""To which moment a PET was corrected for decay: told by the vendor, the series or the frames, or refused."""

from dataclasses import fields
from datetime import datetime

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from support.pet import (
    ADMIN_FACTOR,
    BED_S,
    F18_S,
    GE,
    PHILIPS,
    SIEMENS,
    START_FACTOR,
    average_s,
    code_of,
    factor,
    factors,
    header,
    philips,
    private,
    reread,
)
from tumorcast_imaging.dicom.suv import read_pet, suv_factors

# the vendors, with the times and factors of real headers that the cornerstonejs/calculate-suv tests publish


def test_siemens_continuous_bed_motion_agrees_with_its_frames():
    scan, injected = datetime(2020, 12, 17, 10, 48, 29), datetime(2020, 12, 17, 8, 30, 45)
    rows = [
        header(
            scan=scan,
            injected=injected,
            AcquisitionTime="104830.351370",
            FrameReferenceTime=reference,
            ActualFrameDuration=duration,
            PatientWeight="67",
            RadionuclideTotalDose="374000000",
        )
        for reference, duration in (("38513.36", "74324"), ("39189.36", "75676"), ("39864.86", "77027"))
    ]
    assert factor(*rows) == pytest.approx(67_000 / (374e6 * 2 ** (-8264 / 6586.2)), rel=1e-9)


def test_an_acquisition_some_microseconds_before_its_series_is_no_contradiction():
    image = header(
        scan=datetime(2020, 12, 17, 12, 35, 15),
        injected=datetime(2020, 12, 17, 11, 41),
        AcquisitionTime="123514.999995",
        FrameReferenceTime="59936.85",
        ActualFrameDuration="120000",
    )
    result = suv_factors([read_pet(image)])
    assert result.factors == pytest.approx([70_000 / 370e6 * 2 ** (3255 / 6586.2)], rel=1e-9)
    assert result.doubts == ()


def test_ge_frames_point_to_their_beginning():
    beds = [
        header(
            offset_s=offset_s,
            FrameReferenceTime=f"{offset_s * 1000}",
            DecayFactor=f"{2 ** ((offset_s + average_s(BED_S)) / F18_S):.5f}",
        )
        for offset_s in (0, 183, 366, 915)
    ]
    assert factor(*beds) == pytest.approx(START_FACTOR, rel=1e-6)


def test_philips_counts_use_the_factor_to_suv_and_nothing_else():
    image = header(Units="CNTS", PatientWeight=None, RadiopharmaceuticalInformationSequence=None)
    assert factor(philips(image, "0.000728")) == 0.000728


def test_philips_counts_may_be_scaled_image_by_image():
    images = [philips(header(Units="CNTS"), scale) for scale in ("0.0005", "0.0006")]
    assert factors(*images) == [0.0005, 0.0006]


@pytest.mark.parametrize("suv_scale", ["0", "0.0", None])
def test_philips_counts_without_that_factor_go_over_bq_per_ml(suv_scale):
    # a Gemini header: its own factor to SUV, 0.000551 with three digits, is what the dose must give
    image = header(
        scan=datetime(2020, 12, 17, 9, 35, 56),
        injected=datetime(2020, 12, 17, 8, 30),
        Units="CNTS",
        PatientWeight="54",
        AcquisitionTime="095439",
        FrameReferenceTime="1183000",
        ActualFrameDuration="120000",
        RadionuclideTotalDose="238000000",
        RadionuclideHalfLife="6588",
    )
    assert factor(philips(image, suv_scale, "1.602563")) == pytest.approx(0.000551, rel=2e-3)


def test_philips_bq_per_ml_is_confirmed_by_its_scale_factors_where_its_frames_mislead():
    def image(activity_scale: str | None) -> Dataset:
        d = header(
            scan=datetime(2020, 12, 17, 11, 1, 55),
            injected=datetime(2020, 12, 17, 10, 0, 58),
            PatientWeight="64",
            AcquisitionTime="110156",
            FrameReferenceTime="1328700",
            ActualFrameDuration="120700",
            RadionuclideTotalDose="126000000",
            RadionuclideHalfLife="6586.199707",
        )
        return philips(d, "0.003515736", activity_scale)

    assert factor(image("4.709921")) == pytest.approx(0.003515736 / 4.709921, rel=2e-4)  # a second
    assert code_of(image("4.5")) == code_of(image(None)) == "SUV_DECAY_CONTRADICTED"


@pytest.mark.parametrize("block", [0x10, 0x11, 0x13])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("vr", ["DS", "UN"])
def test_private_factors_are_found_in_the_file_in_any_block(block, syntax, vr):
    d = header(Units="CNTS", PatientWeight=None)
    if block != 0x10:
        private(d, (0x7053, "An archive"), 0x00, "7", "DS")
    private(d, PHILIPS, 0x00, b"0.00055 " if vr == "UN" else "0.00055", vr, block)
    assert factor(reread(d, syntax)) == 0.00055


def test_the_tags_keep_all_that_is_read():
    d = header(DecayFactor="1.00946", TimezoneOffsetFromUTC="+0100", SUVType="BW")
    philips(private(private(d, GE, 0x0D, "20240305113000.00", "DT"), SIEMENS, 0x22, "20240305113000", "DT"), "1", "2")
    image = read_pet(reread(d))
    assert image == read_pet(d)
    assert not [f.name for f in fields(image) if getattr(image, f.name) in (None, "", 0, frozenset())]


# the start of the scan, where the series was made anew later

LATER = datetime(2024, 3, 5, 14, 0)


@pytest.mark.parametrize("owner", [(GE, 0x0D), (SIEMENS, 0x22)])
def test_the_vendors_own_time_stands_for_that_of_a_later_series(owner):
    beds = [header(series=LATER, offset_s=offset_s, FrameReferenceTime=None) for offset_s in (BED_S, 2 * BED_S)]
    for bed in beds:
        private(bed, *owner, "20240305113000.000000", "DT")
    assert factor(*beds) == pytest.approx(START_FACTOR, rel=1e-6)


@pytest.mark.parametrize("factors_too", [True, False])
def test_the_start_of_a_later_series_is_counted_back_from_its_frames_and_said(factors_too):
    def bed(offset_s: float) -> Dataset:
        decay = {"DecayFactor": f"{2 ** ((offset_s + average_s(BED_S)) / F18_S):.7f}"} if factors_too else {}
        return header(series=LATER, offset_s=offset_s, **decay)

    result = suv_factors([read_pet(bed(offset_s)) for offset_s in (360, 540, 1080)])
    assert result.factors == pytest.approx([START_FACTOR] * 3, rel=1e-5)
    assert result.doubts == ("SUV_SCAN_START_INFERRED",)


def test_the_start_is_counted_back_rightly_where_frames_point_to_their_beginning():
    long_s = 1200.0
    images = [
        header(
            series=LATER,
            offset_s=offset_s,
            ActualFrameDuration="1200000",
            FrameReferenceTime=f"{offset_s * 1000}",
            DecayFactor=f"{2 ** ((offset_s + average_s(long_s)) / F18_S):.7f}",
        )
        for offset_s in (600, 1800)
    ]
    assert factor(*images) == pytest.approx(START_FACTOR, rel=1e-5)


@pytest.mark.parametrize("reference_s", [0.0, average_s(1200), 600.0])
def test_a_long_frame_may_point_to_its_beginning_its_average_or_its_middle(reference_s):
    frame = {"ActualFrameDuration": "1200000", "FrameReferenceTime": f"{(300 + reference_s) * 1000}"}
    assert factor(header(offset_s=300, **frame)) == pytest.approx(START_FACTOR, rel=1e-6)


@pytest.mark.parametrize("reference_s", [300.0, 900.0])
def test_a_long_frame_that_points_elsewhere_is_refused(reference_s):
    frame = {"ActualFrameDuration": "1200000", "FrameReferenceTime": f"{(300 + reference_s) * 1000}"}
    assert code_of(header(offset_s=300, **frame)) == "SUV_DECAY_CONTRADICTED"


def test_the_only_bed_of_a_later_series_without_frame_times_is_its_start():
    result = suv_factors([read_pet(header(series=LATER, FrameReferenceTime="0"))] * 2)
    assert result.factors == pytest.approx([START_FACTOR] * 2, rel=1e-6)
    assert result.doubts == ("SUV_SCAN_START_INFERRED",)


@pytest.mark.parametrize(
    "beds",
    [
        [header(series=LATER, offset_s=o, FrameReferenceTime=None) for o in (0, 180)],
        [header(series=LATER, offset_s=o, FrameReferenceTime="90000") for o in (0, 180)],
        [header(series=LATER, ActualFrameDuration=None)],
        [header(series=datetime(2024, 3, 5, 11, 35), offset_s=o, FrameReferenceTime=None) for o in (0, 1080)],
        [private(header(series=LATER), GE, 0x0D, "20240305140000", "DT")],
    ],
    ids=[
        "several beds say nothing",
        "beds contradict each other",
        "no duration",
        "series amid its beds",
        "the vendor's time is later too",
    ],
)
def test_a_start_that_cannot_be_told_is_refused(beds):
    assert code_of(*beds) == "SUV_TIMES_UNSURE"


@pytest.mark.parametrize(
    "beds",
    [
        # both from the sarcoma data's headers, there harmless since their units are GML
        [header(FrameReferenceTime="915000", DecayFactor="1.11152")],
        [header(DecayCorrection="ADMIN", DecayFactor="1.00952")],
        [header(series=datetime(2024, 3, 5, 11, 15))],
        [private(header(), GE, 0x0D, "20240305111500", "DT")],
        [header(offset_s=o, FrameReferenceTime=None, DecayFactor="1.00952") for o in (0, 1800)],
        [header(DecayFactor="-1")],
    ],
    ids=["late bed", "ADMIN only to the start", "series too early", "vendor's time", "beds to own start", "negative"],
)
def test_a_decay_correction_that_its_witnesses_deny_is_refused(beds):
    assert code_of(*beds) == "SUV_DECAY_CONTRADICTED"


def test_admin_with_a_decay_factor_from_the_injection_is_confirmed():
    decay = f"{2 ** ((3600 + average_s(BED_S)) / F18_S):.5f}"
    assert factor(header(DecayCorrection="ADMIN", DecayFactor=decay)) == pytest.approx(ADMIN_FACTOR, rel=1e-7)
    assert code_of(header(DecayFactor=decay)) == "SUV_DECAY_CONTRADICTED"


def test_admin_needs_no_times():
    timeless = header(
        DecayCorrection="ADMIN",
        AcquisitionTime=None,
        SeriesTime=None,
        RadiopharmaceuticalStartTime=None,
        RadiopharmaceuticalStartDateTime=None,
    )
    assert factor(timeless) == pytest.approx(ADMIN_FACTOR, rel=1e-7)


def test_a_series_far_before_its_only_frame_needs_a_witness():
    early = datetime(2024, 3, 5, 11, 20)
    assert code_of(header(series=early, FrameReferenceTime=None)) == "SUV_TIMES_UNSURE"
    vouched = private(header(series=early, FrameReferenceTime=None), GE, 0x0D, "20240305112000", "DT")
    assert factor(vouched) == pytest.approx(START_FACTOR * 2 ** (-600 / F18_S), rel=1e-6)
