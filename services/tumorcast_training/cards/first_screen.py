"""The first screen: what the model is, whether it is any good, and what must not be missed."""

from __future__ import annotations

from tumorcast_training.cards import prose
from tumorcast_training.cards.markdown import NOT_COMPUTED, count, estimate, gain, table, words
from tumorcast_training.cards.reading import Endpoint, Source, discrimination, mapping, test_scores
from tumorcast_training.cards.verdicts import calibrated, clears, findings

_MOST_FINDINGS = 12


def render(source: Source) -> list[str]:
    """Title, warning, one table, negative findings."""
    manifest, cohort = source.manifest, source.cohort
    simulated = ["**SIMULATED: it says nothing of real patients.**", ""] if manifest.simulated else []
    visits = f" ({count(cohort.get('rows'))} visits)" if source.clustered else ""
    read = f"{count(cohort.get('patients'))} patients{visits} were read." if cohort else ""
    return [
        f"# {manifest.name} {manifest.version}",
        "",
        f"**{manifest.disclaimer}**",
        "",
        *simulated,
        *prose.bullets(
            (
                f"**For.** {manifest.indication}",
                f"**Use.** {manifest.intended_use}",
                f"**Not for.** {source.blueprint.not_for_use or 'Anything but the use above; as a medical device.'}",
                f"**Learned from.** {manifest.training_cohort} {read}",
                "**It abstains** from patients unlike all it learned from. That is no answer, not a low risk.",
            )
        ),
        "",
        "How good it is, on patients that it had not seen (out of fold, 95 % intervals by patient):",
        "",
        *table(
            ("endpoint", "patients and events", "score", "beats plain ridge?", "calibrated?", "shipped"),
            map(_row, source.endpoints),
        ),
        *prose.paragraph(prose.told("first_screen")[0]),
        *_test_scores(source),
        *_told(source),
    ]


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    return (
        f"{words(endpoint.spec.id)} ({endpoint.spec.kind})",
        f"{count(endpoint.figures.get('patients', endpoint.figures.get('rows')))}: {endpoint.events}",
        f"{endpoint.score_name} {estimate(endpoint.headline)}",
        _beats(endpoint),
        calibrated(endpoint),
        str(endpoint.figures.get("chosen", NOT_COMPUTED)),
    )


def _beats(endpoint: Endpoint) -> str:
    floor = endpoint.best_floor
    if not floor:
        return NOT_COMPUTED
    verdict = {True: "yes", False: "**no**", None: "not tested"}[clears(floor)]
    return f"{verdict}: {gain(mapping(floor, 'gain'))}"


def _test_scores(source: Source) -> list[str]:
    scores = [
        f"{words(e.spec.id)}: {e.score_name} {estimate(found)}"
        for e, of in test_scores(source)
        if (found := discrimination(of[0][1]))
    ]
    return [f"On the test set, scored once: {'; '.join(scores)}.", ""] if scores else []


def _told(source: Source) -> list[str]:
    found = findings(source)
    if not found:
        return ["Every claim that was tested holds; see [7 Results](#7-results).", ""]
    more = [f"- {len(found) - _MOST_FINDINGS} more in section 7."] if len(found) > _MOST_FINDINGS else []
    return ["**Negative findings**", "", *prose.bullets(found[:_MOST_FINDINGS]), *more, ""]
