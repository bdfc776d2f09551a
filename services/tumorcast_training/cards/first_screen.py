"""The first screen: what the model is, whether it is any good, and what must not be missed."""

from __future__ import annotations

from tumorcast_training.cards.markdown import NOT_COMPUTED, count, estimate, gain, table, words
from tumorcast_training.cards.reading import Endpoint, Source, mapping
from tumorcast_training.cards.verdicts import calibrated, clears, findings

_MOST_FINDINGS = 12


def render(source: Source) -> list[str]:
    """Title, warning, one table, negative findings."""
    manifest, cohort = source.manifest, source.cohort
    simulated = ["**SIMULATED: it says nothing of real patients.**", ""] if manifest.simulated else []
    visits = f" ({count(cohort.get('rows'))} visits)" if source.clustered else ""
    return [
        f"# {manifest.name} {manifest.version}",
        "",
        f"**{manifest.disclaimer}**",
        "",
        *simulated,
        f"- **For.** {manifest.indication}",
        f"- **Use.** {manifest.intended_use}",
        f"- **Not for.** {source.blueprint.not_for_use or 'Anything but the use above; as a medical device.'}",
        f"- **Learned from.** {manifest.training_cohort} {count(cohort.get('patients'))} patients{visits} were read.",
        "- **It abstains** from patients unlike all it learned from. That is no answer, not a low risk.",
        "",
        "How good it is, on patients that it had not seen (out of fold, 95 % intervals by patient):",
        "",
        *table(
            ("endpoint", "patients and events", "score", "beats plain ridge?", "calibrated?", "shipped"),
            map(_row, source.endpoints),
        ),
        "AUC and Harrell's C: 0.5 is a coin, 1 is perfect. *Calibrated*: the 95 % intervals of slope and intercept contain",
        "1 and 0, and the calibration error is what chance allows. Details: [7 Results](#7-results).",
        "",
        *_told(source),
    ]


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    return (
        f"{words(endpoint.spec.id)} ({endpoint.spec.kind})",
        f"{count(endpoint.figures.get('patients', endpoint.figures.get('rows')))}: {endpoint.events}",
        f"{endpoint.score_name} {estimate(endpoint.headline)}",
        _beats(endpoint),
        calibrated(endpoint.first),
        str(endpoint.figures.get("chosen", NOT_COMPUTED)),
    )


def _beats(endpoint: Endpoint) -> str:
    if not endpoint.floors:
        return NOT_COMPUTED
    _, floor = endpoint.floors[-1]
    verdict = {True: "yes", False: "**no**", None: "not tested"}[clears(floor)]
    return f"{verdict}: {gain(mapping(floor, 'gain'))}"


def _told(source: Source) -> list[str]:
    found = findings(source)
    if not found:
        return ["Every claim that was tested holds; see [7 Results](#7-results).", ""]
    more = [f"- {len(found) - _MOST_FINDINGS} more in section 7."] if len(found) > _MOST_FINDINGS else []
    return ["**Negative findings**", "", *(f"- {text}" for text in found[:_MOST_FINDINGS]), *more, ""]
