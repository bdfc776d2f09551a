"""What iRECIST answers: immune responses in CDISC's words, the reason of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tumorcast_core.recist.response import VisitResponse


class ImmuneResponse(StrEnum):
    """A response of iRECIST, written as CDISC writes it."""

    ICR = "iCR"
    IPR = "iPR"
    ISD = "iSD"
    IUPD = "iUPD"
    ICPD = "iCPD"
    NE = "NE"
    NON_ICR_NON_IUPD = "NON-iCR/NON-iUPD"


class ImmuneReason(StrEnum):
    """Why a visit got its immune response."""

    TARGETS_PROGRESSED = "TARGETS_PROGRESSED"
    NON_TARGETS_PROGRESSED = "NON_TARGETS_PROGRESSED"
    NEW_LESION = "NEW_LESION"
    TARGETS_GREW_FURTHER = "TARGETS_GREW_FURTHER"
    NON_TARGETS_GREW_FURTHER = "NON_TARGETS_GREW_FURTHER"
    NEW_LESIONS_GREW = "NEW_LESIONS_GREW"
    MORE_NEW_LESIONS = "MORE_NEW_LESIONS"
    PROGRESSED_ELSEWHERE = "PROGRESSED_ELSEWHERE"  # in a category that had not progressed at the iUPD
    TOO_EARLY_TO_CONFIRM = "TOO_EARLY_TO_CONFIRM"
    CONFIRMED_LATE = "CONFIRMED_LATE"
    NO_FURTHER_GROWTH = "NO_FURTHER_GROWTH"
    RESET = "RESET"
    AFTER_CONFIRMED_PROGRESSION = "AFTER_CONFIRMED_PROGRESSION"


@dataclass(frozen=True, slots=True)
class ImmuneVisitResponse:
    """One follow-up visit by iRECIST, beside its RECIST 1.1 response.

    ``unconfirmed_since_day`` is the visit of the iUPD that stands or that was confirmed. New-lesion targets (at most
    five, two an organ, measurable) are summed apart from the targets; ``None``: there is none, or one of them was not
    measured.
    """

    day: int
    response: ImmuneResponse
    recist: VisitResponse
    unconfirmed_since_day: int | None
    new_lesion_count: int
    new_lesion_sum_mm: float | None
    reasons: tuple[ImmuneReason, ...]


@dataclass(frozen=True, slots=True)
class ImmuneProgression:
    """The day of progression: that of the iUPD, and whether it was confirmed."""

    day: int
    is_confirmed: bool
