"""The growth model's card: the same frame as the others', first screen for a clinician, then sections 1 to 12."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tumorcast_core.catalog import entry
from tumorcast_fusion.model.growth import PopulationPrior
from tumorcast_fusion.model.growth.events import PROGRESSION_MM, PROGRESSION_RATIO, RESPONSE_RATIO
from tumorcast_fusion.model.growth.posterior import DRAWS
from tumorcast_fusion.model.manifest import Manifest
from tumorcast_training.cards import checklists, prose
from tumorcast_training.cards.data import DEVELOPER
from tumorcast_training.cards.markdown import count, number, table, words
from tumorcast_training.growth import card_findings, card_results
from tumorcast_training.growth.calibration import DAMPING_DAYS, NO_DAMPING_DAYS
from tumorcast_training.growth.fitting import INNER_FOLDS

ATTRIBUTION = (
    "Patients of FFCD 2000-05 (Ducreux et al., Lancet Oncol 2011;12:1032), as `colorectal` and `colorectalLongi` of "
    "the R package frailtypack (Król et al., J Stat Softw 2017;81(3)), drawn at random from the trial's."
)


@dataclass(frozen=True)
class Source:
    """All that the card is made of; ``metrics`` is ``metrics.json``."""

    manifest: Manifest
    prior: PopulationPrior
    metrics: Mapping[str, Any]
    sha256: str
    plot: str


def card(manifest: Manifest, prior: PopulationPrior, metrics: Mapping[str, Any], sha256: str, plot: str) -> str:
    """Render the card as Markdown; the same arguments give the same text. ``plot`` is the figure's path from it."""
    source = Source(manifest, prior, metrics, sha256, plot)
    instead = {key: _texts()[key] for key in ("chai", "tripod_ai", "eu_ai_act")}
    lines = [
        *_first_screen(source),
        *_use(source),
        *_patients(source),
        *_outcomes(source),
        *_inputs(source),
        *_sample_size(source),
        *_methods(source),
        *card_results.render(metrics, plot),
        *_limits(source),
        *_provenance(source),
        *checklists.tables(manifest.name, manifest.version, instead),
    ]
    return "\n".join(lines).rstrip() + "\n"


@cache
def _texts() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(files(__package__).joinpath("card.yaml").read_text(encoding="utf-8"))
    return found


def _told(key: str, **values: Any) -> list[str]:
    found = _texts()[key]
    return [str(text).format(**values) for text in (found if isinstance(found, list) else [found])]


def _first_screen(source: Source) -> list[str]:
    manifest, metrics = source.manifest, source.metrics
    head = (
        f"**For.** {manifest.indication}",
        f"**Use.** {manifest.intended_use}",
        f"**Not for.** {_told('not_for')[0]}",
        f"**Learned from.** {manifest.training_cohort} {count(metrics['next_scan']['patients'])} of the patients have "
        "several scans, so one to forecast.",
        "**It abstains** without a usable dated scan. That is no answer, not a stable tumor.",
    )
    return [
        f"# {manifest.name} {manifest.version}",
        "",
        f"**{manifest.disclaimer}**",
        "",
        *prose.bullets(head),
        "",
        "How good it is, on patients that it had not seen (held out, 95 % intervals by patient):",
        "",
        *card_results.headline(metrics),
        *prose.paragraph(_told("first_screen")[0]),
        *prose.bullets(card_results.progression_lines(metrics)),
        "",
        "**Negative findings**",
        "",
        *prose.bullets([*card_findings.findings(metrics), *card_findings.CHOICES]),
        "",
    ]


def _use(source: Source) -> list[str]:
    manifest = source.manifest
    texts = _told(
        "use",
        name=manifest.name,
        intended_use=manifest.intended_use,
        indication=manifest.indication,
        not_for=_told("not_for")[0],
        horizon=source.prior.longest_horizon_days,
    )
    return ["## 1 Use", "", *prose.bullets(texts), ""]


def _patients(source: Source) -> list[str]:
    cohort = source.metrics["cohort"]
    facts = [
        f"**Source.** {source.manifest.training_cohort}",
        f"**Cite.** {ATTRIBUTION}",
        f"**Counts.** {count(cohort['patients'])} patients, {count(cohort['scans'])} scans; "
        f"{count(cohort['patients_with_one_scan'])} patients have one scan, which teaches nothing of change.",
        "**Design.** Retrospective, secondary use of public, de-identified data; patients never span folds.",
        "**Dates, centers, eligibility.** As far as the source tells them.",
        "**What was done to the source.** The Box-Cox transform of its sums was undone; centimeters became "
        f"millimeters; days are counted from the first scan. {count(cohort['scans_of_zero'])} sums at the source's "
        "detection limit are read as zero. Nobody was left out. Arm S is sequential, C combination chemotherapy.",
    ]
    spread = [
        ("scans of a patient", _quartiles(cohort["scans_per_patient"])),
        ("days between scans", _quartiles(cohort["days_between_scans"])),
        ("days from first to last scan", _quartiles(cohort["days_observed"])),
        ("first sum of diameters, mm", _quartiles(cohort["first_sum_mm"])),
    ]
    labels = [
        (words(name), ", ".join(f"{label}: {count(n)}" for label, n in counts.items()))
        for name, counts in cohort["groups_of_patients"].items()
    ]
    return [
        "## 2 Patients",
        "",
        *prose.bullets(facts),
        "",
        *table(("", "median [quartiles]"), spread),
        *(table(("patients by", "how many"), labels) if labels else []),
    ]


def _quartiles(values: Sequence[float]) -> str:
    if not values:
        return "not computed"
    median, low, high = map(number, values)
    return f"{median} [{low}, {high}]"


def _outcomes(source: Source) -> list[str]:
    spec = source.manifest.endpoints[0]
    days = ", ".join(f"{day:g}" for day in spec.horizons_days)
    told = _told(
        "outcomes", pd_ratio=100 * (PROGRESSION_RATIO - 1), pd_mm=PROGRESSION_MM, pr_ratio=100 * (1 - RESPONSE_RATIO)
    )  # fmt: skip
    row = (f"`{spec.id}`", str(spec.kind), spec.definition, f"days asked for, by default {days} after the index date")
    header = ("endpoint", "kind", "definition", "answered for")
    return ["## 3 Outcomes", "", *table(header, [row]), *prose.paragraph(told[0])]


def _inputs(source: Source) -> list[str]:
    rows = []
    for group in source.manifest.groups:
        for feature in group.features:
            known = entry(feature)
            low, high = known.range
            rows.append((f"`{feature}`", known.description, known.unit, f"{number(low)} to {number(high)}", group.id))
    header = ("input, with its date", "what it is", "unit", "accepted", "group")
    return ["## 4 Inputs", "", *table(header, rows), *prose.paragraph(_told("inputs")[0])]


def _sample_size(source: Source) -> list[str]:
    prior = source.prior
    fitted = len(prior.mean) + len(prior.mean) * (len(prior.mean) + 1) // 2 + 3
    text = (
        "All patients of the source were taken; no sample size was calculated beforehand. "
        f"{fitted} numbers of the population were fitted to {count(prior.scans)} scans of {count(prior.patients)} "
        "patients; three more (damping, scale and tails of the bands) were chosen from grids."
    )
    return ["## 5 Sample size", "", *prose.paragraph(text)]


def _methods(source: Source) -> list[str]:
    prior, metrics = source.prior, source.metrics
    form, chosen = metrics["form"], metrics["forms_chosen"]
    texts = _told(
        "methods",
        inner=INNER_FOLDS,
        form=form["chosen"],
        form_gain=form["gain_of_resistant_fraction_per_patient"],
        form_error=form["standard_error"],
        forms=", ".join(f"{name} {times}" for name, times in chosen.items()),
        offset=prior.offset_mm,
        noise=prior.noise_sd,
        drift=prior.drift_sd_per_100_days,
        freedom=prior.degrees_of_freedom,
        draws=DRAWS,
        damping=prior.damping_days,
        dampings=", ".join(f"{days:g}" for days in DAMPING_DAYS if days < NO_DAMPING_DAYS),
        inflation=prior.scale_inflation,
        cap=prior.largest_degrees_of_freedom,
        design=metrics["design"].capitalize(),
    )
    return ["## 6 Methods", "", *prose.bullets(texts), ""]


def _limits(source: Source) -> list[str]:
    texts = _told("limits", disclaimer=source.manifest.disclaimer, patients=source.metrics["patients"])
    return ["## 8 Limits", "", *prose.bullets(texts), ""]


def _provenance(source: Source) -> list[str]:
    texts = prose.told(
        "provenance",
        name=source.manifest.name,
        developer=DEVELOPER,
        licence=source.manifest.licence,
        attribution=ATTRIBUTION,
        sha256=source.sha256,
        seed=f", with seed {source.metrics['seed']},",
    )
    command = str(source.metrics["command"])
    return ["## 9 Licence, digest, reproduction", "", *prose.bullets(texts), "", "```", command, "```", ""]
