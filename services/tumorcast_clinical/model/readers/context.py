"""What readers share while one record is read, and what they hand on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.landmark import Landmark
from tumorcast_clinical.model.record.references import Referred
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature


class Reading(NamedTuple):
    """One feature, the sample it was measured in (empty: not known), and when."""

    feature: Feature
    entry: Entry
    sample: str
    when: PartialDate | None


@dataclass(frozen=True, slots=True)
class Course:
    """One drug of known class that one resource says was given or ordered.

    It began at ``begin`` and was given until ``last`` at least (``None``: not known, or still going on); it counts as
    current until ``end``, unless ``current`` is false: stopped, paused, completed long ago. ``mark`` is the feature's
    status.
    """

    drug: str
    drug_class: str
    entry: Entry
    begin: PartialDate | None
    end: PartialDate | None
    last: PartialDate | None = None
    current: bool = True
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """The index date, the issues so far, resources that others refer to, and the treatments found so far.

    ``referred`` holds resources (Medication, Condition) that references may mean. ``significances`` are the
    clinical significances of variants, by what a reference may call them, as ``implications`` elsewhere state them;
    ``unweighed`` are the variants that wait for theirs (``significance.weighed``).
    """

    landmark: Landmark
    report: Report
    referred: Referred = field(default_factory=Referred)
    courses: list[Course] = field(default_factory=list)
    significances: dict[str, set[str]] = field(default_factory=dict)
    implications: list[tuple[Entry, set[str]]] = field(default_factory=list)
    unweighed: list[Reading] = field(default_factory=list)
