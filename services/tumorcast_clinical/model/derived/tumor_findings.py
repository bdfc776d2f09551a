"""Findings on the tumor that follow from several tests: mismatch repair, IDH, HER2.

Each takes the latest final result of each test; an earlier or preliminary one counts where there is no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tumorcast_clinical.model.derived.formulas import joint_status, sources_of
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature

Outcome = tuple[str, Sequence[str]]
"""The category, and the tests that it follows from."""


@dataclass(frozen=True, slots=True)
class _Conclusion:
    """A feature, the tests it follows from, and how: answers by test → outcome, or ``None``."""

    name: str
    tests: tuple[str, ...]
    conclude: Callable[[Mapping[str, str]], Outcome | None]
    wording: str


def tumor_findings(readings: list[Reading], context: Context, _today: PartialDate | None) -> list[Feature]:
    """Every conclusion that the record does not state itself and that its tests allow."""
    wanted = {name for conclusion in _CONCLUSIONS for name in (conclusion.name, *conclusion.tests)}
    latest: dict[str, Reading] = {}
    for reading in readings:
        name = reading.feature.name
        if name in wanted and (name not in latest or _rank(reading) >= _rank(latest[name])):
            latest[name] = reading
    features = []
    for conclusion in _CONCLUSIONS:
        found = {test: latest[test] for test in conclusion.tests if test in latest}
        if not found or conclusion.name in latest:
            continue
        outcome = conclusion.conclude({test: str(reading.feature.value) for test, reading in found.items()})
        if outcome:
            features.append(_feature(conclusion, outcome, found))
        else:
            message = f"leaves {conclusion.name} open; it is not derived."
            context.report.inform(next(iter(found.values())).entry, "NOT_DERIVED", message)
    return features


def _rank(reading: Reading) -> tuple[bool, str]:
    return reading.feature.status not in NOT_FINAL, reading.feature.effective


def _feature(conclusion: _Conclusion, outcome: Outcome, found: Mapping[str, Reading]) -> Feature:
    inputs = [found[test] for test in outcome[1]]
    return catalog_entry(conclusion.name).make(
        outcome[0],
        effective=max(reading.feature.effective for reading in inputs),
        status=joint_status(reading.feature.status for reading in inputs),
        sources=sources_of(inputs),
        formula=conclusion.wording,
    )


def _mismatch_repair(answers: Mapping[str, str]) -> Outcome | None:
    lost = [test for test, answer in answers.items() if answer == "lost"]
    if lost:
        return "deficient", lost
    return ("proficient", _PROTEINS) if len(answers) == len(_PROTEINS) else None


def _idh(answers: Mapping[str, str]) -> Outcome | None:
    mutated = [test for test, answer in answers.items() if answer == "present"]
    if mutated:
        return "present", mutated
    return ("absent", _IDH) if len(answers) == len(_IDH) else None


def _her2(answers: Mapping[str, str]) -> Outcome | None:
    """Conclude as Wolff 2018 (J Clin Oncol 36:2105): an equivocal stain is decided by hybridization."""
    stain, hybridization = (answers.get(test) for test in _HER2)
    if stain and hybridization and "equivocal" not in (stain, hybridization) and stain != hybridization:
        return None
    if stain and (stain != "equivocal" or not hybridization):
        return stain, _HER2[:1]
    return (hybridization, _HER2 if stain else _HER2[1:]) if hybridization else None


_PROTEINS = ("mlh1_protein", "msh2_protein", "msh6_protein", "pms2_protein")
_IDH = ("idh1_mutation", "idh2_mutation")
_HER2 = ("her2_immune_stain", "her2_in_situ_hybridization")
_CONCLUSIONS = (
    _Conclusion(
        "mismatch_repair",
        _PROTEINS,
        _mismatch_repair,
        "deficient if any protein is lost, proficient if all are retained",
    ),
    _Conclusion("idh_mutation", _IDH, _idh, "present if IDH1 or IDH2 is mutated, absent if neither is"),
    _Conclusion("her2_status", _HER2, _her2, "the immune stain; if that is equivocal, in situ hybridization"),
)
