"""Use, patients, outcomes, sample size, limits, provenance."""

from __future__ import annotations

from tumorcast_core.prognosis import EndpointKind
from tumorcast_training.cards.markdown import count, span, table, words
from tumorcast_training.cards.reading import Endpoint, Source, mapping

DEVELOPER = "The Tumorcast project (open source)"


def use(source: Source) -> list[str]:
    """Section 1: who uses it, how, and what it is not for."""
    name = source.manifest.name
    return [
        "## 1 Use",
        "",
        f"- **Intended.** {source.manifest.intended_use}",
        f"- **Not for.** {source.blueprint.not_for_use or 'Any other use.'}",
        "- **Users.** Researchers, and oncologists of a tumor board in a study. Reading it takes knowledge of the disease and",
        "  of what an interval and a calibrated probability are.",
        f"- **Where in care.** {source.manifest.indication} The answer is one document beside others; nothing follows from it",
        "  by itself.",
        f"- **How.** `tumorcast predict --model {name} …`, or `POST /v1/prognosis`. `tumorcast models show {name}` lists every",
        "  input with unit, code and range. Give what is there: any subset of the groups is answered, and the answer says what",
        "  each missing group would have been worth.",
        "- **Reading an answer.** Look first whether it abstained and how typical the patient is; then at the interval and the",
        "  prediction set or lower bound; then at the number. *Observed under* a treatment is what patients had who were given",
        "  it; it is no effect of treatment.",
        "",
    ]


def patients(source: Source) -> list[str]:
    """Section 2: where the patients come from, and who was left out."""
    cohort, folds = source.cohort, mapping(source.metrics, "folds")
    notes = [f"- {note}" for note in cohort.get("notes") or ()] or ["- What was done to the source is not recorded."]
    design = (
        f"Published folds: {folds.get('folds')} folds, {folds.get('repeats')} times; patients never span folds."
        if folds
        else "Folds are not recorded."
    )
    return [
        "## 2 Patients",
        "",
        f"- **Source.** {source.manifest.training_cohort}",
        *([f"- **Cite.** {source.blueprint.attribution}"] if source.blueprint.attribution else []),
        f"- **Counts.** {count(cohort.get('patients'))} patients, {count(cohort.get('rows'))} rows"
        + (" (a row is a visit; rows of one patient stay together everywhere)." if source.clustered else "."),
        f"- **Design.** Retrospective, secondary use of public, de-identified data. {design}",
        "- **Dates, centers, eligibility, treatments.** As the source tells them; what is not told there is not known here.",
        "",
        "What was done to the source:",
        "",
        *notes,
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
        "Outcomes are those of the source; who judged them, and whether blind to the inputs, is as far as the source says.",
        "",
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
    rows = [(f"`{e.spec.id}`", count(e.first.get("events")), _per_column(e, columns)) for e in source.endpoints]
    return [
        "## 5 Sample size",
        "",
        f"All patients of the source were taken; no sample size was calculated beforehand. {columns} columns are read; a ridge",
        "penalty chosen inside each training set keeps them from being fitted to noise. Events per column, out of fold:",
        "",
        *table(("endpoint", "events", "events per column"), rows),
    ]


def _per_column(endpoint: Endpoint, columns: int) -> str:
    events, others = endpoint.first.get("events"), endpoint.first.get("non_events")
    if not isinstance(events, int) or not columns:
        return "not computed"
    fewer = min(events, others) if isinstance(others, int) else events
    return f"{fewer / columns:.1f}"


def limits(source: Source) -> list[str]:
    """Section 8: what the figures do not show."""
    kinds = {e.spec.kind for e in source.endpoints}
    test = "one split of the same source" if source.metrics.get("test") else "none: all figures are of the training source"
    lines = [
        f"{source.manifest.disclaimer}",
        f"Validation in other hospitals: {test}. Expect scores to be lower elsewhere and calibration to need",
        "Treatments were not assigned at random: nothing here says what a treatment does.",
        "What is missing is taken to be missing for reasons that the other inputs tell; where it is not, answers are biased.",
        "Intervals of an answer come from resampling patients; they do not hold what is wrong with the data or the model.",
        "Subgroups are small: a wide interval is no proof of equal performance. Race, income and insurance are known for no"
        " cohort but where the table of subgroups shows them.",
        "Scanners, assays and readers are those of the source. Inputs measured otherwise may shift every answer.",
    ]
    lines[1] += f" `tumorcast recalibrate {source.manifest.name}`."
    if EndpointKind.COMPETING_RISKS in kinds:
        lines.append("Progression is seen at visits only: its day lies between two visits, and how often visits were made matters.")
    return ["## 8 Limits", "", *(f"- {line}" for line in lines), ""]


def provenance(source: Source) -> list[str]:
    """Section 9: licence, digest, how to make it again."""
    command = source.metrics.get("command") or f"tumorcast train {source.manifest.name} --data DIR --out DIR"
    seed = source.metrics.get("seed")
    return [
        "## 9 Licence, digest, reproduction",
        "",
        f"- **Developer.** {DEVELOPER}.",
        f"- **Licence.** {source.manifest.licence}",
        *([f"- **Attribution.** {source.blueprint.attribution}"] if source.blueprint.attribution else []),
        f"- **sha256** of manifest and weights: `{source.sha256}`. `tumorcast models verify {source.manifest.name}` checks every",
        "  file of the model against its `SHA256SUMS`.",
        "- **Same to the bit.** The command below" + (f" with seed {seed}" if seed is not None else "") + " gives the same files:",
        "",
        "```",
        str(command),
        "```",
        "",
    ]
