"""The page that a person reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from support.prognoses import example, prognoses
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
