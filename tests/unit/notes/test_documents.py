"""From documents to features: decoding, sections, dates, several documents."""

import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorcast_core import catalog, wire
from tumorcast_core.errors import MalformedRequest, PayloadTooLarge, TumorcastError
from tumorcast_core.snapshot import Severity
from tumorcast_notes.model import Assertion, Document, Limits, encode_notes
from tumorcast_notes.model.lexicon import lexicon


def note(text: str, id_: str = "n", day: str = "2026-03-04", **more) -> Document:
    return Document(id_, day, content=text.encode(), **more)


def values(documents, index_date: str = "") -> dict[str, str]:
    return {f.name: f.value for f in encode_notes(documents, index_date).extraction.features}


def codes(documents, index_date: str = "") -> list[str]:
    return [issue.code for issue in encode_notes(documents, index_date).extraction.issues]


SIMULATED = """Date: 2026-03-04
SIMULATED ONCOLOGY NOTE

HISTORY: He tolerates therapy reasonably well. He has lost 6 kg without trying. Denies pain.
EXAM: No jaundice. Moderate ascites on ultrasound.
IMPRESSION: Liver tumor under systemic therapy. Early CT planned.
"""


def test_a_simulated_note_gives_its_three_findings_in_catalog_terms():
    extraction = encode_notes([note(SIMULATED, timepoint="baseline")]).extraction
    assert {f.name: f.value for f in extraction.features} == {
        "weight_loss": "present",
        "pain": "absent",
        "ascites": "present",
    }
    for feature in extraction.features:
        assert catalog.checked(feature) == feature
        assert (feature.effective, feature.timepoint) == ("2026-03-04", "baseline")
    assert extraction.date == "2026-03-04"
    assert extraction.issues == ()


def test_a_span_counts_code_points_of_the_decoded_text():
    text = "HISTORY: Größe 1,8 m 🙂. Denies pain.\r\n"
    found = encode_notes([note(text)])
    (finding,) = found.findings
    assert text[finding.start : finding.end] == "pain"
    assert finding.section == "HISTORY"
    assert found.extraction.features[0].source == f"n#char={finding.start},{finding.end}"


def test_a_byte_order_mark_is_no_character():
    (finding,) = encode_notes([Document(content=b"\xef\xbb\xbfPain.")]).findings
    assert (finding.start, finding.end, finding.document_id) == (0, 4, "0")


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/html", b"<p>pain</p>"),
        ("application/pdf", b"%PDF-1.7"),
        ("text/plain; charset=utf-7", b"pain"),
        ("text/plain; charset=utf-8", b"pain \xff"),
        ("", b"pain\x00"),
        ("nonsense", b"pain"),
        ("text/plain\r\nX: y", b"pain"),
        ("application/rtf", rb"{\rtf1 pain}"),
    ],
)
def test_a_document_that_is_not_plain_text_costs_only_itself(content_type, content):
    found = encode_notes([Document("bad", "2026-03-04", content_type, content), note("Ascites.", "good")])
    assert [f.value for f in found.extraction.features] == ["present"]
    (issue,) = found.extraction.issues
    assert (issue.code, issue.severity, issue.location, issue.origin) == (
        "MALFORMED_DOCUMENT", Severity.ERROR, "bad", "notes",
    )  # fmt: skip
    assert content.decode(errors="replace") not in issue.message


@pytest.mark.parametrize(
    "content_type", ["text/plain;charset=ISO-8859-1", 'text/plain; format=flowed; charset="latin-1"']
)
def test_a_stated_character_set_is_used(content_type):
    (finding,) = encode_notes([Document("a", "", content_type, "Größe. Pain.".encode("latin-1"))]).findings
    assert (finding.start, finding.end) == (7, 11)


def test_an_uncertain_finding_gives_no_value_and_says_so():
    found = encode_notes([note("Ascites cannot be excluded.")])
    assert found.extraction.features == ()
    assert [f.assertion for f in found.findings] == [Assertion.UNCERTAIN]
    (issue,) = found.extraction.issues
    assert (issue.code, issue.severity, issue.location) == (
        "UNCERTAIN_FINDING", Severity.INFORMATION, "n#char=0,7",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FAMILY HISTORY: Ascites.", {}),
        ("PAST MEDICAL HISTORY: Ascites.", {}),
        ("INDICATION: Ascites.", {}),
        ("RETURN PRECAUTIONS: Worsening pain.", {}),
        ("HISTORY: Pain.\nIMPRESSION: No pain.", {"pain": "absent"}),
        ("IMPRESSION: Pain.\nHISTORY: No pain.", {"pain": "present"}),
        ("HISTORY: No pain.\nEXAM: Pain on palpation.", {"pain": "present"}),
        ("IMPRESSION: Ascites cannot be excluded.\nFINDINGS: No ascites.", {"ascites": "absent"}),
        ("Impression: no ascites.", {"ascites": "absent"}),
        ("IMPRESSION\n1. Ascites.\n2. No pain.", {"ascites": "present", "pain": "absent"}),
        ("PAIN: none\nASCITES: moderate", {"pain": "absent", "ascites": "present"}),
        ("FAMILY HISTORY: none.\nHISTORY: Pain.", {"pain": "present"}),
        ("Nothing of note.", {}),
    ],
)
def test_a_section_decides_what_its_words_count_for(text, expected):
    assert values([note(text)]) == expected


def test_the_latest_document_that_states_a_finding_wins():
    documents = [
        note("Pain.", "a", "2026-03-01"),
        note("Denies pain.", "b", "2026-03-09"),
        note("Ascites.", "c", "2026-03-10"),
    ]
    for order in (documents, documents[::-1]):
        features = {f.name: f for f in encode_notes(order).extraction.features}
        assert (features["pain"].value, features["pain"].effective) == ("absent", "2026-03-09")
        assert features["pain"].source.startswith("b#")


def test_an_uncertain_later_document_does_not_hide_an_earlier_statement():
    assert values([note("Ascites.", "a", "2026-03-01"), note("Possible ascites.", "b", "2026-03-02")]) == {
        "ascites": "present"
    }


def test_an_undated_document_counts_as_the_oldest():
    assert values([note("No pain.", "a", "2020-01-01"), note("Pain.", "b", "")]) == {"pain": "absent"}


def test_timepoints_are_kept_apart():
    documents = [note("Pain.", "a", timepoint="baseline"), note("No pain.", "b", timepoint="follow_up")]
    features = encode_notes(documents).extraction.features
    assert {f.timepoint: f.value for f in features} == {"baseline": "present", "follow_up": "absent"}


def test_a_document_after_the_index_date_is_left_out_and_that_is_said():
    documents = [note("Pain.", "a", "2026-03-05"), note("No pain.", "b", "2026-03-04")]
    assert values(documents, "2026-03-04") == {"pain": "absent"}
    assert codes(documents, "2026-03-04") == ["AFTER_INDEX_DATE"]


def test_a_document_whose_first_line_lies_after_the_index_date_is_left_out_whatever_the_caller_says():
    late = note("Date: 2026-04-02\nNo ascites.", day="2026-03-01")
    assert (values([late], "2026-03-28"), codes([late], "2026-03-28")) == ({}, ["AFTER_INDEX_DATE"])


@pytest.mark.parametrize(("day", "expected"), [("2026-03", ["DATE_NOT_CERTAIN"]), ("2026-02", []), ("2025", [])])
def test_a_rough_date_that_may_lie_after_the_index_date_is_pointed_out(day, expected):
    rough = note("No ascites.", day=day)
    assert (values([rough], "2026-03-28"), codes([rough], "2026-03-28")) == ({"ascites": "absent"}, expected)


def test_the_first_line_dates_an_undated_document():
    text = "Date: 2026-03-05\nPain."
    assert codes([note(text, day="")], "2026-03-04") == ["AFTER_INDEX_DATE"]
    assert encode_notes([note(text, day="")]).extraction.features[0].effective == "2026-03-05"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (note("  \n"), "EMPTY_DOCUMENT"),
        (note("Pain.", day="yesterday"), "INVALID_DATE"),
        (note("Pain.", day="2026-02-30"), "INVALID_DATE"),
        (note("Pain.", day=""), "DATE_NOT_CERTAIN"),
        (note("History of ascites in 2019."), "NOT_CURRENT"),
        (note("Her mother had ascites."), "OTHER_PERSON"),
    ],
)
def test_what_is_doubtful_or_not_used_is_said(document, code):
    assert code in codes([document], "2026-03-04")


def test_two_documents_of_one_id_are_pointed_out():
    assert codes([note("Pain."), note("Pain.")]) == ["DUPLICATE_DOCUMENT_ID"]


@pytest.mark.parametrize("index_date", ["2026", "2026-03", "04.03.2026", "2026-13-01", "today"])
def test_an_index_date_that_is_no_day_is_refused(index_date):
    with pytest.raises(MalformedRequest):
        encode_notes([], index_date)


def test_too_much_is_refused():
    with pytest.raises(PayloadTooLarge):
        encode_notes([note("x" * 11)], limits=Limits(max_document_bytes=10))
    with pytest.raises(PayloadTooLarge):
        encode_notes([note("x")] * 3, limits=Limits(max_documents=2))


def test_the_lexicon_covers_exactly_the_catalogs_findings():
    names = {e.name for e in catalog.catalog().values() if e.modality == "notes"}
    assert {concept.name for concept in lexicon().concepts} == names
    for name in names:
        assert catalog.entry(name).categories == ("absent", "present")


@pytest.mark.parametrize(
    "text",
    [
        "pain " * 40_000,
        "no " * 60_000 + "pain",
        "a" * 200_000,
        "A" * 200_000,
        "\n" * 200_000,
        "no pain, " * 20_000,
        "?" * 200_000,
    ],
    ids=["mentions", "cues", "one word", "one heading", "empty lines", "list", "question marks"],
)
def test_hostile_text_ends_in_bounded_time(text):
    begun = time.monotonic()
    encode_notes([note(text)])
    assert time.monotonic() - begun < 20


_WORDS = st.sampled_from(
    [
        *("no", "not", "denies", "without", "pain", "ascites", "weight", "loss", "but", "has", "resolved", "possible"),
        *("mother", "history of", "HISTORY:", "IMPRESSION:", "cannot be excluded", "6 kg", "0/10", "İ", "ß", "🙂"),
        *(",", ".", ";", ":", "?", "[", "]", "\n", "\t"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_WORDS, max_size=25).map(" ".join), max_size=4))
def test_every_finding_lies_where_it_says_and_order_does_not_matter(texts):
    documents = [note(text, f"d{i}", f"2026-03-0{i + 1}") for i, text in enumerate(texts)]
    found = encode_notes(documents)
    content = {document.id: document.content.decode() for document in documents}
    for finding in found.findings:
        said = content[finding.document_id][finding.start : finding.end].lower()
        concept = next(c for c in lexicon().concepts if c.name == finding.name)
        assert concept.said.fullmatch(said) or concept.denied.fullmatch(said)
    assert encode_notes(documents[::-1]).extraction.features == found.extraction.features


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.builds(
            Document,
            st.text(max_size=5),
            st.text(max_size=12),
            st.text(max_size=30),
            st.binary(max_size=300),
            st.text(max_size=5),
        ),
        max_size=4,
    ),
    st.sampled_from(["", "2026-03-04"]) | st.text(max_size=12),
)
def test_whatever_arrives_only_tumorcast_errors_leave(documents, index_date):
    try:
        found = encode_notes(documents, index_date)
    except TumorcastError:
        return
    for feature in found.extraction.features:
        wire.feature_to(feature).SerializeToString()
    limit = date.fromisoformat(index_date.strip()[:10]) if index_date else None
    assert limit is None or all(f.effective[:10] <= limit.isoformat() for f in found.extraction.features)
