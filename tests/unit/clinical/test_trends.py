"""Trends of labs: last, nadir, peak, slope, and change since the current therapy began."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.records import INDEX, bundle, medication, observation
from tumorcast_clinical.model import extract_features
from tumorcast_clinical.model.derived.trends import FORMULAS
from tumorcast_core.catalog import catalog, entry
from tumorcast_core.catalog.trends import has_trends

INDEX_DAY = date.fromisoformat(INDEX)


def hemoglobin(value, days_before, **more):
    """A hemoglobin so many days before the index date."""
    when = (INDEX_DAY - timedelta(days=days_before)).isoformat()
    id_ = more.pop("id", f"h{days_before}")
    return observation(id_, value=value, **({"effectiveDateTime": when} | more))


def bound(value, days_before, comparator="<", **more):
    quantity = {"value": value, "unit": "g/dL", "comparator": comparator}
    return hemoglobin(value, days_before, valueQuantity=quantity, **more)


def trends(*resources, index_date=INDEX):
    """Trends of hemoglobin by the last word of their names."""
    features = extract_features(bundle(*resources), index_date).features
    return {f.name.removeprefix("hemoglobin_"): f for f in features if f.name.startswith("hemoglobin_")}


def numbers(*resources):
    return {name: feature.value for name, feature in trends(*resources).items()}


def test_last_nadir_peak_and_slope_of_four_days():
    # x = -30, -20, -10, 0; y = 12, 9, 11, 10: slope = sum((x + 15)(y - 10.5)) / 500 = -20 / 500
    series = [hemoglobin(y, x) for x, y in ((30, 12), (20, 9), (10, 11), (0, 10))]
    assert numbers(*series) == {"last": 10, "nadir": 9, "peak": 12, "slope": pytest.approx(-0.04)}


def test_a_trend_names_its_day_sources_unit_and_formula():
    found = trends(hemoglobin(9, 20), hemoglobin(12, 10), hemoglobin(10, 5))
    assert {name: feature.effective for name, feature in found.items()} == {
        "last": "2026-03-23",
        "nadir": "2026-03-08",
        "peak": "2026-03-18",
        "slope": "2026-03-23",
    }
    all_three = ("Observation/h20", "Observation/h10", "Observation/h5")
    assert found["last"].sources == ("Observation/h5",)
    assert found["nadir"].sources == found["peak"].sources == found["slope"].sources == all_three
    assert (found["slope"].unit, found["nadir"].unit) == ("g/dL/d", "g/dL")
    assert found["slope"].formula == FORMULAS["slope"]
    assert all(feature.source == "" for feature in found.values())


@pytest.mark.parametrize(
    "series",
    [
        [],
        [hemoglobin(12, 3)],
        [hemoglobin(12, 3), hemoglobin(11, 3, id="again")],
        [hemoglobin(12, 3), hemoglobin(11, 9, status="preliminary")],
        [hemoglobin(12, 3), hemoglobin(11, 9, status="entered-in-error")],
        [hemoglobin(12, 3), hemoglobin(11, 0, effectiveDateTime="2026-02")],
        [hemoglobin(12, 3), hemoglobin(11, 0, effectiveDateTime=None)],
        [hemoglobin(12, 3), hemoglobin(11, -1)],
        [hemoglobin(12, 3), observation("alb", "1751-7", 4, effectiveDateTime="2026-01-01")],
    ],
)
def test_a_lab_of_one_day_has_no_trend(series):
    assert trends(*series) == {}


def test_a_days_results_count_as_their_mean():
    found = trends(hemoglobin(12, 9), hemoglobin(10, 3, id="a"), hemoglobin(11, 3, id="b"))
    assert (found["last"].value, found["nadir"].value) == (10.5, 10.5)
    assert found["last"].sources == ("Observation/a", "Observation/b")


def test_a_result_stated_twice_counts_once():
    again = [hemoglobin(9.7, 3, id=id_) for id_ in "abc"]
    assert numbers(hemoglobin(12, 9), *again)["last"] == 9.7


def test_times_of_one_day_are_one_day():
    times = [hemoglobin(12, 3, id=f"t{h}", effectiveDateTime=f"2026-03-25T{h}:00:00Z") for h in ("08", "20")]
    assert trends(*times) == {}


@pytest.mark.parametrize(("days_before", "counts"), [(180, True), (181, False)])
def test_nadir_and_slope_look_back_180_days(days_before, counts):
    found = numbers(hemoglobin(7, days_before), hemoglobin(12, 40), hemoglobin(11, 10))
    assert (found["nadir"] == 7) is counts
    assert found["last"] == 11


def test_old_results_alone_give_only_the_last():
    assert numbers(hemoglobin(12, 400), hemoglobin(11, 300)) == {"last": 11}


def test_without_an_index_date_the_latest_day_of_the_record_counts():
    found = trends(hemoglobin(12, 400), hemoglobin(11, 300), index_date="")
    assert found["nadir"].value == 11


def test_corrected_and_amended_results_count_and_mark_what_follows():
    found = trends(hemoglobin(12, 9, status="corrected"), hemoglobin(11, 3, status="amended"), hemoglobin(13, 1))
    assert {name: feature.status for name, feature in found.items()} == {
        "last": "",
        "nadir": "amended",
        "peak": "amended",
        "slope": "amended",
    }


@pytest.mark.parametrize(
    ("series", "left"),
    [
        ([hemoglobin(12, 9), bound(8, 5), hemoglobin(11, 3)], {"last"}),
        ([hemoglobin(12, 9), hemoglobin(11, 5), bound(8, 3)], set()),
        ([hemoglobin(12, 9), hemoglobin(11, 5), hemoglobin(10, 3), bound(8, 3, id="b")], set()),
        ([bound(8, 300), hemoglobin(11, 5), hemoglobin(10, 3)], {"last", "nadir", "peak", "slope"}),
    ],
)
def test_what_would_need_a_day_with_a_bound_is_not_derived_and_told(series, left):
    found = extract_features(bundle(*series), INDEX)
    names = {f.name.removeprefix("hemoglobin_") for f in found.features if f.name.startswith("hemoglobin_")}
    assert names == left
    told = [issue.message for issue in found.issues if issue.code == "NOT_DERIVED"]
    assert len(told) == (0 if len(left) == 4 else 1)
    assert not {name for name in left if f"hemoglobin_{name}" in " ".join(told)}


def therapy(start):
    """Oxaliplatin, given since that day."""
    return medication("MedicationStatement", status="active", effectivePeriod={"start": start}, effectiveDateTime=None)


@pytest.mark.parametrize(
    ("days_before", "change"),
    [
        ([28, 5], -2),  # the day of the start itself
        ([30, 5], -2),
        ([56, 5], -2),  # 28 days before the start
        ([57, 5], None),
        ([35, 30, 5], -3),  # the last one before the start counts: values fall by 1 a reading from 13
        ([20, 5], None),
        ([40, 30], None),
    ],
)
def test_the_change_is_from_the_last_value_before_the_current_therapy(days_before, change):
    values = {2: [13, 11], 3: [14, 13, 10]}[len(days_before)]
    series = [hemoglobin(value, before) for value, before in zip(values, days_before, strict=True)]
    found = trends(*series, therapy("2026-02-28"))
    assert ("change" in found) is (change is not None)
    if change is not None:
        assert found["change"].value == pytest.approx(change)
        assert found["change"].sources == tuple(f"Observation/h{before}" for before in days_before[-2:])


@pytest.mark.parametrize("start", ["2026-02", "2026-04-10"])
def test_a_therapy_without_a_day_or_not_begun_gives_no_change(start):
    assert "change" not in trends(hemoglobin(12, 40), hemoglobin(11, 5), therapy(start))


def test_every_numeric_lab_has_bounded_trends_in_its_unit():
    labs = [known for known in catalog().values() if has_trends(known)]
    assert len(labs) > 50
    for lab in labs:
        trends_of_lab = [entry(f"{lab.name}_{trend}") for trend in FORMULAS]
        last, nadir, peak, slope, change = trends_of_lab
        assert last.range == nadir.range == peak.range == lab.range
        assert last.unit == nadir.unit == peak.unit == change.unit == lab.unit
        assert slope.unit == f"{lab.unit}/d"
        assert slope.range == change.range == (lab.range[0] - lab.range[1], lab.range[1] - lab.range[0])
        assert not any(trend.observed for trend in trends_of_lab)


@given(st.lists(st.sampled_from([2, 25, 24.999, 2.001]), min_size=2, max_size=9))
def test_values_at_the_ends_of_the_range_have_trends_within_theirs(values):
    resources = [hemoglobin(value, i // 2, id=f"h{i}") for i, value in enumerate(values)]
    assert all(
        entry(feature.name).check(feature.value, feature.unit) is None for feature in trends(*resources).values()
    )


@pytest.mark.parametrize("month", ["0001-01", "9999-12"])
def test_the_first_and_the_last_days_of_the_calendar_are_days(month):
    series = [hemoglobin(12, 0, id=day, effectiveDateTime=f"{month}-{day}") for day in ("01", "02", "30", "31")]
    found = extract_features(bundle(*series), f"{month}-31")
    assert {f.name for f in found.features} >= {f"hemoglobin_{trend}" for trend in ("last", "nadir", "peak", "slope")}


def test_trends_are_of_labs_alone():
    assert not {"age_last", "neutrophil_lymphocyte_ratio_last", "child_pugh_score_last", "albumin_last_last"} & set(
        catalog()
    )


SERIES = st.lists(st.tuples(st.integers(20, 250), st.integers(0, 170)), min_size=2, max_size=12)


@given(SERIES, st.randoms(use_true_random=False))
def test_the_order_of_results_changes_no_trend(series, order: random.Random):
    resources = [hemoglobin(tenths / 10, before, id=f"h{i}") for i, (tenths, before) in enumerate(series)]
    assert trends(*order.sample(resources, len(resources))) == trends(*resources)


@given(SERIES, st.integers(1, 400), st.integers(20, 250))
def test_a_result_after_the_index_date_changes_no_trend(series, days_after, tenths):
    resources = [hemoglobin(tenths / 10, before, id=f"h{i}") for i, (tenths, before) in enumerate(series)]
    assert trends(*resources, hemoglobin(tenths / 10, -days_after, id="later")) == trends(*resources)


@given(SERIES)
def test_the_last_lies_between_nadir_and_peak(series):
    found = numbers(*(hemoglobin(tenths / 10, before, id=f"h{i}") for i, (tenths, before) in enumerate(series)))
    if found:
        assert found["nadir"] <= found["last"] <= found["peak"]


@given(
    st.sets(st.integers(0, 170), min_size=2, max_size=10),
    st.integers(-60, 60).map(lambda n: n / 1000),
    st.integers(13, 14),
)
def test_the_slope_of_a_linear_series_is_its_slope(days, slope, intercept):
    resources = [hemoglobin(round(intercept - slope * before, 6), before) for before in days]
    found = numbers(*resources)
    assert found["slope"] == pytest.approx(slope, abs=1e-6)


@given(SERIES, st.integers(1, 5))
def test_the_slope_scales_with_time(series, factor):
    def slope(scale):
        days = {before // 5 * scale: tenths for tenths, before in series}
        return numbers(*(hemoglobin(tenths / 10, before) for before, tenths in days.items())).get("slope")

    first, second = slope(1), slope(factor)
    assert second == (None if first is None else pytest.approx(first / factor))
