"""What readers share while one record is read, and what they hand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tumorcast_clinical.model.record.entry import Entry, Report
from tumorcast_clinical.model.record.landmark import Landmark
from tumorcast_clinical.model.record.tree import Json
from tumorcast_core.dates import PartialDate
from tumorcast_core.snapshot import Feature


@dataclass(frozen=True, slots=True)
class Reading:
    """One feature, the sample it was measured in (empty: not known), and when."""

    feature: Feature
    entry: Entry
    sample: str
    when: PartialDate | None


@dataclass(frozen=True, slots=True)
class Course:
    """One treatment of known class, when it began and until when it counts (``None``: not known, still going on)."""

    drug: str
    drug_class: str
    entry: Entry
    begin: PartialDate | None
    end: PartialDate | None


@dataclass(frozen=True, slots=True)
class Context:
    """The index date, the issues so far, resources that others refer to, and the treatments found so far.

    ``referred`` holds resources (Medication) by everything that a reference may call them.
    """

    landmark: Landmark
    report: Report
    referred: Mapping[str, Json] = field(default_factory=dict)
    courses: list[Course] = field(default_factory=list)
