"""Cards: within the rules of CDS Hooks whatever a model says, and nothing in them but text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from support.cds_rules import faults_of_cards
from support.full_prognosis import FULL
from support.gateway import PROGNOSIS
from tumorcast_core.prognosis import (
    CategoriesEstimate,
    CategoryProbability,
    CauseIncidence,
    CompetingRisksEstimate,
    Contribution,
    Endpoint,
    EndpointKind,
    EndpointStatus,
    Interval,
    ObservedUnder,
    Reason,
    SurvivalPoint,
)
from tumorcast_core.snapshot import Feature, Issue, Severity
from tumorcast_gateway.cds.cards import Beside, Places, card_of
from tumorcast_gateway.cds.documents import CdsCard, CdsCards
from tumorcast_gateway.cds.drafts import Drafts
from tumorcast_gateway.cds.markdown import plain, table
from tumorcast_gateway.cds.rows import headline_of, rows_of

ID = "0123456789abcdef0123456789abcdef"
REAL = replace(PROGNOSIS, prognosis_id=ID, simulated=False)
EVERYWHERE = Places("https://tumorcast.example.org", "https://app.example.org/launch")
GFM = MarkdownIt("commonmark").enable("table")
NIVOLUMAB = Drafts(features=(Feature("checkpoint_inhibitor_class", "pd_1_or_pd_l1"),))
UNDER = (
    ObservedUnder(
        "checkpoint_inhibitor_class", "pd_1_or_pd_l1", 65, False, (Contribution("objective_response", 0.46),)
    ),
    ObservedUnder("checkpoint_inhibitor_class", "ctla_4", 4, True, (), Reason("TOO_FEW", "Fewer than 10 had it.")),
)


def card(prognosis=REAL, places: Places = EVERYWHERE, **beside: object) -> CdsCard:
    return card_of(prognosis, Beside(**beside), places)


def sent(made: CdsCard) -> dict:
    return json.loads(CdsCards(cards=[made]).json_bytes())


@pytest.mark.parametrize("places", [Places(), EVERYWHERE])
@pytest.mark.parametrize("prognosis", [REAL, replace(REAL, simulated=True), replace(FULL, prognosis_id=ID)])
@pytest.mark.parametrize("beside", [{}, {"drafts": NIVOLUMAB}, {"wanting": {"laboratory": "first page only"}}])
def test_every_card_is_within_the_rules(prognosis, places, beside):
    assert faults_of_cards(sent(card(replace(prognosis, observed_under=UNDER), places, **beside))) == []


TEXT = st.text(max_size=400) | st.from_regex(r"(<b>|\[a\]\(http://x\)|www\.x\.org|\|\n){1,4}", fullmatch=True)


@given(TEXT, TEXT, TEXT)
@example("x" * 400, "| a\n# b", "\u2028<script>")
def test_no_text_breaks_the_rules_or_means_anything(disclaimer: str, reason: str, name: str):
    endpoint = Endpoint(
        name, EndpointKind.BINARY, EndpointStatus.PREDICTED, (Reason("R", reason),), REAL.endpoints[0].estimate
    )
    issue = Issue(Severity.ERROR, "CODE", reason, origin="clinical")
    made = card(replace(REAL, disclaimer=disclaimer, endpoints=(endpoint,), issues=(issue,), observed_under=UNDER))
    assert faults_of_cards(sent(made)) == []
    tokens = [inner for token in GFM.parse(made.detail) for inner in (token, *(token.children or ()))]
    assert {t.type for t in tokens}.isdisjoint(
        {"html_block", "html_inline", "link_open", "image", "code_inline", "fence"}
    )
    assert "www." not in made.detail.lower()
    assert "://" not in made.detail.replace("\\://", "")


@given(st.text(max_size=80))
def test_a_cell_shows_the_text_that_it_was_given(text: str):
    shown = GFM.parse(table(("Question",), [(text,)]))
    cells = [token.content for token in shown if token.type == "inline"]
    read = "".join(t.content for t in GFM.parseInline(cells[1])[0].children) if len(cells) > 1 and cells[1] else ""
    assert " ".join(read.split()) == " ".join(plain_words(text))


def plain_words(text: str) -> list[str]:
    """What is left of a text on one line, by another way than the renderer's."""
    kept = "".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)
    return kept.split()


def test_the_summary_names_the_model_the_question_and_how_sure_it_is():
    assert card().summary == ("Research model simulated: objective response 44 % (95 % interval 25 % to 62 %)")


def test_a_simulated_model_says_so_first_everywhere():
    made = card(replace(REAL, simulated=True))
    assert made.summary.startswith("SIMULATED, not for care: ")
    assert made.detail.startswith("**SIMULATED")
    assert made.indicator == "warning"


def test_an_abstention_is_told_and_is_no_low_risk():
    abstained = tuple(
        replace(e, status=EndpointStatus.ABSTAINED, estimate=None, reasons=(Reason("UNLIKE", "Unlike all."),))
        for e in REAL.endpoints
    )
    made = card(replace(REAL, endpoints=abstained))
    assert made.summary == "Research model simulated abstains for this patient, which is not a low risk"
    assert "objective response: the model abstains, which is not a low risk. Unlike all." in made.detail
    assert "| Question |" not in made.detail


def test_treatments_are_told_beside_orders_only_and_never_as_effects():
    prognosis = replace(REAL, observed_under=UNDER)
    assert "blockade" not in card(prognosis).detail
    made = card(prognosis, drafts=NIVOLUMAB)
    assert made.summary == "Patients observed under PD-1 or PD-L1 blockade, no effect of it: objective response 46 %"
    assert "no effects of treatment" in made.detail
    assert "**PD-1 or PD-L1 blockade** (drafted), 65 patients: objective response 46 %" in made.detail
    assert "**CTLA-4 blockade** (given), 4 patients: Fewer than 10 had it." in made.detail


def test_what_is_wanting_is_told_and_asks_for_care():
    made = card(wanting={"medicationRequests": "first page only"})
    assert "- medicationRequests: first page only" in made.detail
    assert made.indicator == "warning"
    assert card(wanting={"procedures": "not handed over"}).indicator == "info"


def test_a_card_without_public_places_links_nowhere():
    document = sent(card(places=Places()))["cards"][0]
    assert "links" not in document
    assert "url" not in document["source"]


def test_the_uuid_is_the_prognosis():
    assert card().uuid == "01234567-89ab-cdef-0123-456789abcdef"


def _point(day: float, survival: float) -> SurvivalPoint:
    return SurvivalPoint(day, survival, Interval(survival - 0.1, survival + 0.1, 0.95))


@pytest.mark.parametrize(
    ("estimate", "rows", "headline"),
    [
        (
            CompetingRisksEstimate((CauseIncidence("death", (_point(90, 0.9), _point(365, 0.7))),)),
            ["x, death first within 365 days 30 % (95 % interval 20 % to 40 %)"],
            "x, death first within 365 days 30 % (95 % interval 20 % to 40 %)",
        ),
        (
            CategoriesEstimate((CategoryProbability("cr", 0.1), CategoryProbability("pd", 0.9)), ("pd",), 0.9),
            ["x, cr 10 %", "x, pd 90 %"],
            "x, pd 90 %",
        ),
        (PROGNOSIS.endpoints[1].estimate, None, "x, no event within 180 days 50 % (95 % interval 25 % to 75 %)"),
        (None, [], None),
    ],
)
def test_estimates_in_words(estimate, rows, headline):
    endpoint = Endpoint("x", EndpointKind.BINARY, EndpointStatus.PREDICTED, estimate=estimate)
    if rows is not None:
        assert list(map(str, rows_of(endpoint))) == rows
    found = headline_of(endpoint)
    assert (str(found) if found else None) == headline


def test_plain_text_keeps_its_units():
    assert plain("albumin 3.2 g/dL (1.3 SD below average)") == "albumin 3.2 g/dL (1.3 SD below average)"
