"""The page that a person reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from support.full_prognosis import (
    ABSTAINED,
    BEST_RESPONSE,
    FULL,
    GENOMICS,
    GROWTH,
    LABS,
    PROGRESSION,
    RESPONSE,
    SURVIVAL,
    TREATMENTS,
)
from support.prognoses import example, prognoses
from tumorcast_core import prognosis as p
from tumorcast_core.prognosis import Endpoint, EndpointKind, EndpointStatus, Interval, Prognosis, Reason, SurvivalPoint
from tumorcast_core.snapshot import Issue, Severity
from tumorcast_platform.render import as_text, prognosis_page
from tumorcast_platform.render.curve import survival_curve
from tumorcast_platform.render.text import WIDTH


def text_of(prognosis: Prognosis) -> str:
    return as_text(prognosis_page(prognosis))


@pytest.mark.parametrize(
    "said",
    [
        "62 % (95 % interval 51–72)",
        "Cannot tell: at 90 % coverage neither response nor no response can be excluded.",
        "48 % from clinical and therapy inputs alone",
        "median 231 days (95 % interval 150–not reached)",
        "NOT_GIVEN: Nothing was given.",
        "UNIT_UNKNOWN: No unit was known.",
        "warning (imaging baseline) DATE_DIFFERS: The dates differ.",
        "Research software: not for care.",
        "Model simulated 1.2.3, sha256 " + "ab" * 32,
    ],
)
def test_the_page_says(said: str) -> None:
    assert said in text_of(example())


def test_a_simulated_prognosis_says_so_first() -> None:
    assert "SIMULATED" in text_of(example()).splitlines()[1]


def test_a_real_prognosis_does_not_say_simulated() -> None:
    model = replace(example().model, name="glioma")
    assert "SIMULATED" not in text_of(example(simulated=False, model=model))


def test_contributions_stand_in_percentage_points_with_a_sign() -> None:
    (row,) = [line for line in text_of(example()).splitlines() if line.startswith("  ct_baseline")]
    assert row.split() == ["ct_baseline", "imaging", "used", "+4.1", "−2.0"]


def test_an_abstention_is_not_shown_as_a_low_risk() -> None:
    reason = Reason("OUT_OF_DISTRIBUTION", "This patient is unlike those the model knows.")
    endpoint = Endpoint("objective_response", EndpointKind.BINARY, EndpointStatus.ABSTAINED, (reason,))
    text = text_of(example(endpoints=(endpoint,)))
    assert "the model abstains. This is not a low risk." in text
    assert "OUT_OF_DISTRIBUTION: This patient is unlike those the model knows." in text
    assert "%" not in text.split("Inputs")[0]


def test_grave_issues_come_first_and_the_rest_is_counted() -> None:
    minor = [Issue(Severity.INFORMATION, f"MINOR_{i}", "Nothing lost.") for i in range(9)]
    text = text_of(example(issues=(*minor, Issue(Severity.ERROR, "GRAVE", "Something lost."))))
    assert text.index("GRAVE") < text.index("MINOR_0")
    assert "and 2 more" in text
    assert "MINOR_7" not in text


def test_color_appears_only_where_asked() -> None:
    page = prognosis_page(example())
    assert "\x1b" not in as_text(page)
    assert "\x1b[1;31m" in as_text(page, color=True)


def test_terminal_controls_in_a_message_are_not_passed_on() -> None:
    text = text_of(example(disclaimer="\x1b[2J\x07gone"))
    assert "\x1b" not in text
    assert "\x07" not in text


@settings(max_examples=40, deadline=None)
@given(prognoses)
def test_every_prognosis_fits_100_columns_of_ascii_without_controls(prognosis: Prognosis) -> None:
    page = as_text(prognosis_page(prognosis), encoding="ascii")
    assert page.isascii()
    assert max(map(len, page.splitlines())) <= WIDTH
    assert not [c for c in page if not c.isprintable() and c != "\n"]


def test_the_curve_falls_from_the_top_left_to_the_survival_at_the_last_horizon() -> None:
    sure = Interval(0.5, 0.5, 0.95)
    rows = survival_curve([SurvivalPoint(100, 0.5, sure)])
    assert rows[0].startswith("100 % ┤●")
    assert rows[4].startswith(" 50 % ┤")
    assert rows[4].endswith("●")
    assert "●" not in "".join(rows[5:])


def test_the_band_of_the_curve_spans_the_interval() -> None:
    rows = survival_curve([SurvivalPoint(100, 0.5, Interval(0.25, 0.75, 0.95))])
    last = [row[-1] for row in rows[:9] if len(row) == max(map(len, rows[:9]))]
    assert last == ["░", "░", "●", "░", "░"]


def lines_of(prognosis: Prognosis) -> list[str]:
    return [" ".join(line.split()) for line in text_of(prognosis).splitlines()]


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        (SURVIVAL, "9 in 10 such patients live longer than 120 days."),
        (SURVIVAL, "25 % of surviving 365 days from clinical and therapy inputs alone"),
        (PROGRESSION, "after progression first death first neither"),
        (PROGRESSION, "182 days 25 % (12–38) 6 % (3–12) 69 %"),
        (PROGRESSION, "365 days 50 % (38–62) 12 % (6–25) 38 %"),
        (PROGRESSION, "44 % of no progression by 365 days from clinical and therapy inputs alone"),
        (PROGRESSION, "FEW_EVENTS: The horizon is near the end of follow-up."),
        (BEST_RESPONSE, "SD ████████████████████ 50 %"),
        (BEST_RESPONSE, "PR ██████████ 25 %"),
        (BEST_RESPONSE, "Cannot tell: at 90 % coverage neither PR nor SD can be excluded."),
        (GROWTH, "by day expected 90 % band PD PR"),
        (GROWTH, "168 72 40–104 38 % 81 %"),
        (
            GROWTH,
            "The part that resists grows by 0.35 % a day (95 % interval 0.1 to 0.6), doubling in 198 days.",
        ),
        (ABSTAINED, "No answer: the model abstains. This is not a low risk."),
    ],
)
def test_each_kind_of_endpoint_says(endpoint: Endpoint, said: str) -> None:
    assert said in lines_of(replace(FULL, endpoints=(endpoint,)))


@pytest.mark.parametrize(
    ("endpoint_id", "level", "said"),
    [
        ("progression_free_survival", 0.9, "9 in 10 such patients live without progression longer than 120 days."),
        ("lung_metastasis", 0.95, "95 in 100 such patients are without the event longer than 120 days."),
    ],
)
def test_a_lower_bound_is_a_sentence(endpoint_id: str, level: float, said: str) -> None:
    assert isinstance(SURVIVAL.estimate, p.SurvivalEstimate)
    estimate = replace(SURVIVAL.estimate, lower_bound_level=level)
    assert said in lines_of(replace(FULL, endpoints=(replace(SURVIVAL, id=endpoint_id, estimate=estimate),)))


def chart(prognosis: Prognosis) -> list[str]:
    rows = text_of(prognosis).splitlines()
    first = next(i for i, row in enumerate(rows) if row.startswith("  sum of diameters in mm")) + 1
    return rows[first : first + 14]


def test_the_chart_of_a_trajectory_shows_past_forecast_band_and_thresholds() -> None:
    rows = chart(replace(FULL, endpoints=(GROWTH,)))
    assert rows[0].startswith("     104 ┤●")  # 100 mm at the first scan, under a band that ends at 104
    assert [row.split()[-1] for row in rows if row.endswith((" PD", " PR"))] == ["PD", "PR"]
    today = rows[-1].index(" 0 ") + 1
    assert not any("░" in row[:today] for row in rows)
    assert sum(row.count("●") for row in rows) == 64
    assert next(row[10 + 63] for row in rows if len(row) > 10 + 63 and row[10 + 63] in "░●-") == "░"


def test_thresholds_are_drawn_only_where_past_sizes_and_criteria_are_told() -> None:
    assert isinstance(GROWTH.estimate, p.TrajectoryEstimate)
    future = replace(GROWTH.estimate, points=GROWTH.estimate.points[3:])
    untold = replace(GROWTH.estimate, criteria=())
    for estimate in (future, untold):
        page = text_of(replace(FULL, endpoints=(replace(GROWTH, estimate=estimate),)))
        assert "30 % below the first shown" not in " ".join(page.split())


def test_contributions_are_those_at_the_last_horizon_of_the_first_two_endpoints() -> None:
    table = lines_of(FULL)
    at = table.index("objective response overall survival")
    assert table[at + 1 : at + 3] == ["input modality at 365 days", "labs labs used +4.1 −5.0"]


def test_a_contribution_to_competing_risks_names_what_does_not_happen() -> None:
    table = lines_of(replace(FULL, endpoints=(PROGRESSION, RESPONSE)))
    at = table.index("no progression objective response")
    assert table[at + 1 : at + 3] == ["input modality by 365 days", "labs labs used −3.0 +4.1"]


@pytest.mark.parametrize(
    "said",
    [
        "hemoglobin 14.1 g/dL (about average) raises the odds to 1.06 times",
        "child pugh score (+0.50)",
        "Under each group its 3 strongest inputs, beside the average patient: --json shows all",
        "Given, it would raise the AUC of objective response by about .03. It would hardly raise the C of",
        "More unusual than 98 % of the training patients: alpha fetoprotein and lesion count.",
        "45 patients, 0.5 SD away: solitary lesion of 20 to 40 mm, Child-Pugh 5",
        "objective response 62 % (50–75); no progression by 365 days 50 % (25–75)",
        "… and 1 more: --json shows all",
        "embolization: present given 180 62 % 50 %",
        "embolization: absent 41 38 % 44 %",
        "withheld: TOO_FEW_ALIKE: Fewer than 20 such.",
    ],
)
def test_the_full_page_says(said: str) -> None:
    assert said in lines_of(FULL)


def test_single_inputs_stand_under_their_group_and_endpoint_the_strongest_first() -> None:
    lines = lines_of(FULL)
    at = lines.index("objective response:")
    assert lines[at - 1] == "labs labs used +4.1 −5.0"
    assert [line.split()[0] for line in lines[at + 1 : at + 4]] == ["alpha-fetoprotein", "albumin", "hemoglobin"]
    assert lines[at + 4] == "overall survival:"


def test_a_contribution_to_ordered_outcomes_names_the_category_that_it_moves_away_from() -> None:
    inputs = (replace(LABS, contributions=(p.Contribution("best_response", 0.125),)),)
    table = lines_of(replace(FULL, inputs=inputs))
    at = table.index("best response")
    assert table[at + 1 : at + 3] == ["input modality not CR", "labs labs used +12.5"]


def test_weaker_inputs_than_the_three_strongest_of_a_group_are_left_out() -> None:
    assert "platelets" not in text_of(FULL)


def test_treatments_are_never_shown_without_the_warning_that_they_show_no_effect() -> None:
    warning = "this is NOT an effect of the treatment and does not say which to choose."
    assert warning in " ".join(lines_of(FULL))
    assert "NOT an effect" not in text_of(replace(FULL, observed_under=()))


def test_the_treatment_of_the_query_comes_first_and_the_rest_is_counted() -> None:
    many = tuple(replace(TREATMENTS[1], category=f"arm_{i}", patients=100 - i) for i in range(9))
    rows = lines_of(replace(FULL, observed_under=(*many, TREATMENTS[2])))
    first = rows.index("treatment patients by 365 days") + 1
    assert rows[first] == "embolization: present given 180 62 % 50 %"
    assert rows[first + 7] == "embolization: arm 6 94 38 % 44 %"
    assert rows[first + 8] == "… and 2 more: --json shows all"


def test_a_usual_patient_is_not_called_unusual() -> None:
    text = text_of(replace(FULL, typicality=p.Typicality(0.6)))
    assert "Within the usual: 60 % of the training patients are less typical." in text
    assert "More unusual" not in text


def test_a_gain_within_noise_is_called_so() -> None:
    worth = p.Worth("objective_response", "AUC", 0.02, Interval(-0.01, 0.05, 0.95))
    text = text_of(replace(FULL, inputs=(replace(GENOMICS, worth=(worth,)),)))
    assert "Given, it would raise the AUC of objective response by about .02, within noise." in text


def test_however_much_is_told_the_page_is_not_overlong() -> None:
    labs = replace(LABS, features=LABS.features * 30)
    genomics = replace(GENOMICS, worth=GENOMICS.worth * 30)
    much = replace(
        FULL,
        inputs=(labs, genomics),
        similar=FULL.similar * 30,
        observed_under=TREATMENTS[1:] * 30,
        typicality=p.Typicality(0.01, tuple(f"input_{i}" for i in range(100))),
        issues=FULL.issues * 30,
    )
    assert len(text_of(FULL).splitlines()) < 120
    assert len(text_of(much).splitlines()) < 140
