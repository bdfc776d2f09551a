"""Findings on the tumor that follow from several tests: mismatch repair, IDH, HER2, hormone receptors.

Each takes the latest final result of each test; an earlier or preliminary one counts where there is no other. A test
whose latest results contradict each other is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tumorcast_clinical.model.derived.formulas import joint_status, sources_of
from tumorcast_clinical.model.readers.context import Context, Reading
from tumorcast_clinical.model.readers.observations import NOT_FINAL
from tumorcast_core.catalog import entry as catalog_entry
from tumorcast_core.dates import PartialDate, moment
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
    latest = latest_of(readings, {name for conclusion in _CONCLUSIONS for name in (conclusion.name, *conclusion.tests)})
    features = []
    for conclusion in _CONCLUSIONS:
        stated = [reading for test in conclusion.tests for reading in latest.get(test, ())]
        if not stated or conclusion.name in latest:
            continue
        found = {test: latest[test][0] for test in conclusion.tests if is_of_one_value(latest.get(test, ()))}
        outcome = conclusion.conclude({test: str(reading.feature.value) for test, reading in found.items()})
        if outcome:
            features.append(_feature(conclusion, outcome, found))
        else:
            message = f"leaves {conclusion.name} open; it is not derived."
            context.report.inform(stated[0].entry, "NOT_DERIVED", message)
    return features


def latest_of(readings: Iterable[Reading], names: Collection[str]) -> dict[str, list[Reading]]:
    """Of each name the final results of the latest moment, by source; of results to be confirmed, if there is no other.

    What has no date counts as the oldest.
    """
    latest: dict[str, list[Reading]] = {}
    for reading in readings:
        if reading.feature.name in names:
            known = latest.setdefault(reading.feature.name, [])
            if known and _rank(reading) > _rank(known[0]):
                known.clear()
            if not known or _rank(reading) == _rank(known[0]):
                known.append(reading)
    return {name: sorted(same, key=lambda reading: reading.feature.source) for name, same in latest.items()}


def is_of_one_value(readings: Iterable[Reading]) -> bool:
    """Whether there are results, and all of them state the same."""
    return len({reading.feature.value for reading in readings}) == 1


def _rank(reading: Reading) -> tuple[bool, str]:
    feature = reading.feature
    return feature.status not in NOT_FINAL, moment(feature.effective)


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


def _hormone_receptors(answers: Mapping[str, str]) -> Outcome | None:
    positive = [test for test, answer in answers.items() if answer == "positive"]
    if positive:
        return "positive", positive
    return ("negative", _HORMONE_RECEPTORS) if len(answers) == len(_HORMONE_RECEPTORS) else None


_PROTEINS = ("mlh1_protein", "msh2_protein", "msh6_protein", "pms2_protein")
_IDH = ("idh1_mutation", "idh2_mutation")
_HER2 = ("her2_immune_stain", "her2_in_situ_hybridization")
_HORMONE_RECEPTORS = ("estrogen_receptor", "progesterone_receptor")
_CONCLUSIONS = (
    _Conclusion(
        "mismatch_repair",
        _PROTEINS,
        _mismatch_repair,
        "deficient if any protein is lost, proficient if all are retained",
    ),
    _Conclusion("idh_mutation", _IDH, _idh, "present if IDH1 or IDH2 is mutated, absent if neither is"),
    _Conclusion("her2_status", _HER2, _her2, "the immune stain; if that is equivocal, in situ hybridization"),
    _Conclusion(
        "hormone_receptor_status",
        _HORMONE_RECEPTORS,
        _hormone_receptors,
        "positive if the estrogen or the progesterone receptor is, negative if both are",
    ),
)
