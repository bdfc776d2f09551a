"""What is derived from laboratory results that are repeated, refused, contradictory or of doubtful units."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, bundle, observation
from tumorcast_clinical.model import extract_features
from tumorcast_core.snapshot import Extraction

HB, ALB, BILI, NEU, LYM = "718-7", "1751-7", "1975-2", "751-8", "731-0"
TEN = "2026-03-01T10:00:00Z"


def extract(*resources: Any) -> Extraction:
    return extract_features(bundle(*resources), INDEX)


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit}


def at(id_: str, when: str, value: float, **more: Any) -> dict[str, Any]:
    return observation(id_, value=value, effectiveDateTime=when, **more)


NEU4, LYM2 = observation("neu", NEU, 4, "10*9/L"), observation("lym", LYM, 2, "10*9/L")
CONTAINED = {"contained": [{"resourceType": "Specimen", "id": "s"}], "specimen": {"reference": "#s"}}


@pytest.mark.parametrize(
    ("resources", "ratio"),
    [
        ([NEU4, LYM2], 2),
        ([NEU4, LYM2, observation("again", NEU, 4000, "/uL")], 2),
        ([NEU4, LYM2, observation("early", NEU, 3, "10*9/L", status="preliminary")], 2),
        ([NEU4, LYM2, observation("other", NEU, 5, "10*9/L")], None),
        ([NEU4 | {"effectiveDateTime": TEN}, LYM2 | {"effectiveDateTime": "2026-03-01T11:00:00+01:00"}], 2),
        ([NEU4 | {"effectiveDateTime": TEN}, LYM2], None),
        ([resource | CONTAINED | {"effectiveDateTime": TEN} for resource in (NEU4, LYM2)], 2),
        ([resource | CONTAINED for resource in (NEU4, LYM2)], None),
        ([resource | {"specimen": {"reference": "Specimen/1"}} for resource in (NEU4, LYM2)], 2),
        (
            [
                NEU4 | {"specimen": {"reference": "Specimen/1"}},
                LYM2 | {"specimen": {"reference": "Specimen/1"}, "effectiveDateTime": "2026-01-01"},
            ],
            None,
        ),
    ],
)
def test_the_ratio_takes_each_result_of_one_sample_once(resources, ratio):
    found = [f.value for f in extract(*resources).features if f.name == "neutrophil_lymphocyte_ratio"]
    assert found == ([ratio] if ratio else [])


def trend(name: str, *resources: Any) -> float | str | None:
    return next((f.value for f in extract(*resources).features if f.name == name), None)


EARLIER, LATER = at("e", "2026-02-01", 10), at("l", "2026-03-01", 12)


@pytest.mark.parametrize(
    ("more", "last"),
    [
        ([], 12),
        ([at("r", "2026-03-01", 12), at("s", "2026-03-01", 11)], 11.5),  # of 12, 12 and 11 on one day
        ([at("g", "2026-03-01", 12, valueQuantity=quantity(120, "g/L"))], 12),
        ([at("w", "2026-03-05", 12, valueQuantity=quantity(120, "g/dL"))], 12),  # refused
        ([at("n", "2026-03-05", 12, valueQuantity={"value": 9})], 12),  # no unit
        ([at("p", "2026-03-05", 9, status="preliminary")], 12),
        ([at("c", "2026-03-05", 9, status="cancelled")], 12),
        ([at("x", "2026-03-05", 9, issued="2026-04-01T00:00:00Z")], 12),
        ([at("m", "2026-03", 9)], 12),
        ([at("u", "2026-03-05", 7.5), at("v", "2026-03-05", 7.5, valueQuantity=quantity(7.5, "mmol/L"))], 12),
    ],
)
def test_the_last_value_is_not_moved_by_repeats_refusals_or_units_in_doubt(more, last):
    assert trend("hemoglobin_last", EARLIER, LATER, *more) == last


def test_weight_sent_twice_gives_one_body_mass_index():
    weights = [observation(id_, "29463-7", 70, "kg") for id_ in "ab"]
    found = extract(*weights, observation("h", "8302-2", 175, "cm")).features
    assert [f.sources for f in found if f.name == "body_mass_index"] == [("Observation/a", "Observation/h")]


def test_a_score_of_a_result_sent_in_two_units_is_derived_once():
    bilirubin = [observation("a", BILI, 1, "mg/dL"), observation("b", BILI, 17.1, "umol/L")]
    found = [f for f in extract(*bilirubin, observation("c", ALB, 4, "g/dL")).features if f.name == "albi_score"]
    # 0.66 * log10(17.104) - 0.085 * 40
    assert [f.value for f in found] == [pytest.approx(-2.5862, abs=1e-4)]


RESULTS = st.lists(
    st.tuples(st.sampled_from([NEU, LYM, HB]), st.integers(1, 4), st.sampled_from([TEN, "2026-03-01", "2026-02-01"])),
    min_size=1,
    max_size=8,
)


@given(RESULTS, st.randoms(use_true_random=False))
def test_sending_every_result_again_changes_nothing_derived(results, order: random.Random):
    def derived(copies: int) -> str:
        resources = [
            observation(f"o{i}-{copy}", loinc, 3 * number, "g/dL" if loinc == HB else "10*9/L", effectiveDateTime=when)
            for i, (loinc, number, when) in enumerate(results)
            for copy in range(copies)
        ]
        found = extract(*order.sample(resources, len(resources))).features
        return json.dumps([(f.name, f.value, f.effective) for f in found if f.formula and f.name != "age"])

    assert derived(1) == derived(2)
