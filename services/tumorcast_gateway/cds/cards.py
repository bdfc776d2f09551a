"""A prognosis as a card: the headline in the summary, everything that qualifies it in the detail.

A card informs and suggests nothing: no model here knows the effect of an order. It is never ``critical``, as no
estimate is urgent; ``warning`` says that it must be taken with care: simulated, an unusual patient, or a search of
which only the first page came.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tumorcast_core.prognosis import (
    Contribution,
    Endpoint,
    EndpointStatus,
    InputStatus,
    ObservedUnder,
    Prognosis,
)
from tumorcast_gateway.cds.documents import CdsCard, CdsCoding, CdsLink, CdsSource
from tumorcast_gateway.cds.drafts import Drafts
from tumorcast_gateway.cds.markdown import bullets, one_line, plain, table
from tumorcast_gateway.cds.request import FIRST_PAGE_ONLY
from tumorcast_gateway.cds.rows import Row, headline_of, percent, rows_of, words

LONGEST_SUMMARY = 139
"""CDS Hooks 2.0, "Card Attributes": fewer than 140 characters."""
SIMULATED = "SIMULATED, not for care: "
NO_EFFECT = (
    "What the model says of patients like this one who were observed under each treatment. Who got which was a "
    "choice of their doctors: the differences are no effects of treatment."
)
OVERRIDE_REASONS = tuple(
    CdsCoding(system="urn:tumorcast:cds-override-reason", code=code, display=display)
    for code, display in (
        ("not-applicable", "Does not apply to this patient"),
        ("record-wrong", "The record it was made from is wrong or incomplete"),
        ("disagree", "I do not agree with the estimate"),
        ("no-influence", "Changes nothing in what will be done"),
    )
)
TOPIC = CdsCoding(system="urn:tumorcast:cds-topic", code="tumor-prognosis", display="Tumor prognosis")
_STRONGEST, _MOST_ROWS = 3, 20


@dataclass(frozen=True, slots=True)
class Places:
    """Where cards lead: the public URL of the REST door, and the launch URL of a SMART app; empty: no such link."""

    public_url: str = ""
    smart_url: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside the prognosis: parts of the record that are wanting, and the drafts of an order."""

    wanting: Mapping[str, str] = field(default_factory=dict)
    drafts: Drafts | None = None


def card_of(prognosis: Prognosis, beside: Beside, places: Places) -> CdsCard:
    """Write the card."""
    return CdsCard(
        uuid=str(uuid.UUID(hex=prognosis.prognosis_id)),
        summary=summary_of(prognosis, beside.drafts),
        detail="\n\n".join(part for part in _parts(prognosis, beside) if part),
        indicator="warning" if _with_care(prognosis, beside) else "info",
        source=CdsSource(
            label=f"Tumorcast {prognosis.model.name} {prognosis.model.version}",
            url=f"{places.public_url}/v1/models/{prognosis.model.name}/card" if places.public_url else None,
            topic=TOPIC,
        ),
        override_reasons=list(OVERRIDE_REASONS),
        links=list(_links(prognosis, places)) or None,
    )


def summary_of(prognosis: Prognosis, drafts: Drafts | None) -> str:
    """One sentence of at most 139 characters."""
    sentence = _observed(prognosis, drafts) or _headline(prognosis)
    return _shortened(SIMULATED * prognosis.simulated + sentence)


def _observed(prognosis: Prognosis, drafts: Drafts | None) -> str:
    for row in prognosis.observed_under:
        if drafts and drafts.include(row.input, row.category) and row.predictions:
            said = _prediction(row.predictions[0])
            return f"Patients observed under {words(row.category)}, no effect of it: {said}"
    return ""


def _headline(prognosis: Prognosis) -> str:
    name = prognosis.model.name
    for endpoint in prognosis.endpoints:
        if row := headline_of(endpoint):
            return f"Research model {name}: {row}"
    return f"Research model {name} abstains for this patient, which is not a low risk"


def _shortened(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1].rstrip()}…"


def _with_care(prognosis: Prognosis, beside: Beside) -> bool:
    limited = any(e.reasons and e.status is EndpointStatus.PREDICTED for e in prognosis.endpoints)
    return prognosis.simulated or limited or FIRST_PAGE_ONLY in beside.wanting.values()


def _parts(prognosis: Prognosis, beside: Beside) -> Iterator[str]:
    """The paragraphs of the detail, the weightiest first."""
    if prognosis.simulated:
        yield "**SIMULATED: the model was trained on simulated patients. This must not inform care.**"
    if disclaimer := plain(prognosis.disclaimer):
        yield f"**{disclaimer}**"
    rows: list[Row] = [row for endpoint in prognosis.endpoints for row in rows_of(endpoint)]
    if rows:
        shown = [(row.question, row.answer, row.interval) for row in rows[:_MOST_ROWS]]
        yield table(("Question", "Answer", "How sure"), shown)
    yield bullets(_reservations(prognosis.endpoints))
    if beside.drafts is not None and prognosis.observed_under:
        yield NO_EFFECT
        yield bullets(_treatment(row, beside.drafts) for row in prognosis.observed_under)
    yield _said("Strongest inputs", list(_strongest(prognosis)))
    yield _said("Not used", [f"{words(key)}: {why}" for key, why in _unused(prognosis, beside)])
    if prognosis.typicality:
        share = percent(prognosis.typicality.percentile)
        yield plain(f"Of the patients it learned from, {share} are less typical than this one.")
    issues = [plain(f"{issue.message} [{issue.code}]") for issue in prognosis.issues if issue.blocks]
    yield bullets(dict.fromkeys(issues))
    of = prognosis.model
    yield plain(f"Model {of.name} {of.version}, index date {prognosis.index_date or 'unknown'}.")


def _reservations(endpoints: tuple[Endpoint, ...]) -> Iterator[str]:
    for endpoint in endpoints:
        why = " ".join(reason.message for reason in endpoint.reasons)
        if endpoint.status is EndpointStatus.ABSTAINED:
            yield plain(f"{words(endpoint.id)}: the model abstains, which is not a low risk. {why}")
        elif why:
            yield plain(f"{words(endpoint.id)}: {why}")


def _treatment(row: ObservedUnder, drafts: Drafts) -> str:
    drafted = drafts.include(row.input, row.category)
    marks = [word for word, fits in (("drafted", drafted), ("given", row.given)) if fits]
    marked = f" ({', '.join(marks)})" if marks else ""
    said = row.withheld.message if row.withheld else "; ".join(map(_prediction, row.predictions))
    return f"**{plain(words(row.category))}**{marked}, {row.patients} patients: {plain(said)}"


def _prediction(prediction: Contribution) -> str:
    when = f", no event within {prediction.horizon_days:.0f} days" if prediction.horizon_days else ""
    return f"{words(prediction.endpoint_id)}{when} {percent(prediction.value)}"


def _strongest(prognosis: Prognosis) -> Iterator[str]:
    """The strongest inputs of the first endpoint that was answered."""
    first = next((e.id for e in prognosis.endpoints if e.estimate), "")
    inputs = [f for use in prognosis.inputs for f in use.features if f.endpoint_id == first]
    for each in sorted(inputs, key=lambda f: -abs(f.value))[:_STRONGEST]:
        yield each.words or words(each.input)


def _unused(prognosis: Prognosis, beside: Beside) -> Iterator[tuple[str, str]]:
    yield from beside.wanting.items()
    for use in prognosis.inputs:
        if use.status is not InputStatus.USED:
            yield use.group, use.reason.message if use.reason else str(use.status)


def _said(title: str, items: list[str]) -> str:
    return f"{title}:\n\n{bullets(map(plain, items))}" if items else ""


def _links(prognosis: Prognosis, places: Places) -> Iterator[CdsLink]:
    if places.smart_url:
        context = f"prognosis={prognosis.prognosis_id}"
        yield CdsLink(label="Open in Tumorcast", url=places.smart_url, type="smart", app_context=context)
    if places.public_url:
        url = f"{places.public_url}/v1/prognoses/{prognosis.prognosis_id}"
        yield CdsLink(label="The whole answer (JSON)", url=url, type="absolute")
