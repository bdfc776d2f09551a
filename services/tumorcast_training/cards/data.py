"""Use, patients, outcomes, sample size, limits, provenance."""

from __future__ import annotations

from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cards import prose
from tumorcast_training.cards.markdown import NOT_COMPUTED, count, span, table, words
from tumorcast_training.cards.reading import Endpoint, Source, mapping, test_scores

DEVELOPER = "The Tumorcast project (open source)"


def use(source: Source) -> list[str]:
    """Section 1: who uses it, how, and what it is not for."""
    manifest = source.manifest
    texts = prose.told(
        "use",
        name=manifest.name,
        intended_use=manifest.intended_use,
        not_for_use=source.blueprint.not_for_use or "Any other use.",
        indication=manifest.indication,
    )
    return ["## 1 Use", "", *prose.bullets(texts), ""]


def patients(source: Source) -> list[str]:
    """Section 2: where the patients come from, and who was left out."""
    cohort, folds = source.cohort, mapping(source.metrics, "folds")
    design = (
        f"Published folds: {folds['folds']}, {folds['repeats']} times" if len(folds) == 2 else "Folds are not recorded"
    )
    visits = " (a row is a visit; rows of one patient stay together everywhere)" if source.clustered else ""
    cite = [f"**Cite.** {source.blueprint.attribution}"] if source.blueprint.attribution else []
    facts = [
        f"**Source.** {source.manifest.training_cohort}",
        *cite,
        f"**Counts.** {count(cohort.get('patients'))} patients, {count(cohort.get('rows'))} rows{visits}.",
        f"**Design.** Retrospective, secondary use of public, de-identified data. {design}; patients never span folds.",
        "**Dates, centers, eligibility, treatments.** As far as the source tells them.",
    ]
    notes = cohort.get("notes") or ["What was done to the source is not recorded."]
    return [
        "## 2 Patients",
        "",
        *prose.bullets(facts),
        "",
        "What was done to the source:",
        "",
        *prose.bullets(map(str, notes)),
        "",
    ]


def outcomes(source: Source) -> list[str]:
    """Section 3: what is predicted, and how often it happened."""
    return [
        "## 3 Outcomes",
        "",
        *table(
            ("endpoint", "kind", "definition", "answered for", "seen"),
            (
                (f"`{e.spec.id}`", str(e.spec.kind), e.spec.definition, _answered_for(e), e.events)
                for e in source.endpoints
            ),
        ),
        *prose.paragraph(prose.told("outcomes")[0]),
    ]


def _answered_for(endpoint: Endpoint) -> str:
    if not endpoint.spec.about_times:
        return " / ".join(map(words, endpoint.spec.outcomes))
    horizons = ", ".join(f"{h:g}" for h in endpoint.spec.horizons_days)
    until = f"any day until {span(endpoint.plan.follow_up_days)}" if endpoint.plan else "any day of the follow-up"
    median = endpoint.figures.get("median_follow_up_days")
    followed = f"; median follow-up {span(median)}" if isinstance(median, int | float) else ""
    return f"{until}; scored at {horizons or 'no horizon'}{followed}"


def sample_size(source: Source) -> list[str]:
    """Section 5: how many events there are for how many columns."""
    columns = len(source.manifest.tabular.columns) if source.manifest.tabular else 0
    rows = [(f"`{e.spec.id}`", count(_fewer(e)), _per_column(e, columns)) for e in source.endpoints]
    return [
        "## 5 Sample size",
        "",
        *prose.paragraph(prose.told("sample_size", columns=columns)[0]),
        *table(("endpoint", "events", "events per column"), rows),
    ]


def _fewer(endpoint: Endpoint) -> int | None:
    events, others = endpoint.first.get("events"), endpoint.first.get("non_events")
    if not isinstance(events, int):
        return None
    return min(events, others) if isinstance(others, int) else events


def _per_column(endpoint: Endpoint, columns: int) -> str:
    fewer = _fewer(endpoint)
    return NOT_COMPUTED if fewer is None or not columns else f"{fewer / columns:.1f}"


def limits(source: Source) -> list[str]:
    """Section 8: what the figures do not show."""
    tested = bool(test_scores(source))
    validation = "a test set of the same source only" if tested else "none; all figures are of the training source"
    manifest = source.manifest
    texts = prose.told("limits", name=manifest.name, disclaimer=manifest.disclaimer, validation=validation)
    if any(e.spec.kind is EndpointKind.COMPETING_RISKS for e in source.endpoints):
        texts += prose.told("limits_of_visits")
    return ["## 8 Limits", "", *prose.bullets(texts), ""]


def provenance(source: Source) -> list[str]:
    """Section 9: licence, digest, how to make it again."""
    manifest, seed = source.manifest, source.metrics.get("seed")
    texts = prose.told(
        "provenance",
        name=manifest.name,
        developer=DEVELOPER,
        licence=manifest.licence,
        attribution=source.blueprint.attribution or "none asked for",
        sha256=source.sha256,
        seed="" if seed is None else f", with seed {seed},",
    )
    command = source.metrics.get("command") or f"tumorcast train {manifest.name} --data DIR --out DIR"
    heading = ["## 9 Licence, digest, reproduction", ""]
    return [*heading, *prose.bullets(texts), "", "```", str(command), "```", ""]
