"""RECIST 1.1 and iRECIST as rules: from lesions and visits to responses, with every number and reason behind them.

A patient is a sequence of :class:`Assessment`, the first one the baseline; each holds :class:`Measurement` of
:class:`Lesion`. :func:`assess` answers for every follow-up visit, :func:`irecist` beside it for immunotherapy;
:func:`best_overall_response`, :func:`time_to_progression`, :func:`progression_free_survival` and
:func:`duration_of_response` answer for the patient. Cut-offs are :class:`Rules`.

What is refused (``UnsoundAssessments``) and what is answered with a reason:

=====================================================================  ==========================================
negative or non-finite diameter; a lesion twice on one visit           refused
visits out of order, or one before the baseline                        refused
a lesion changes its role, organ or kind; a node not flagged as one    refused
a target not measured, or not measurable, at baseline                  refused
more than 5 targets, more than 2 in one organ (nodes are one organ)    refused; other limits: ``Rules``
no lesion at baseline                                                  refused: RECIST does not apply
a lesion missing at a visit, or without a diameter                     NE, unless the others prove PD
too small to measure                                                   5 mm, ``TOO_SMALL_COUNTED_5_MM``
an equivocal new lesion                                                no PD; dates the PD if it proves true
a new lesion that is not mentioned again                               stands, ``NEW_LESION_NOT_RE_EVALUATED``
a lesion that split                                                    ``Measurement.split``: fragments are added
lesions that coalesced                                                 one holds the diameter, the other is ``MERGED``
disease after an overall CR                                            PD, ``TARGET_AFTER_CR``
=====================================================================  ==========================================

Not told apart: modalities, slice thickness, earlier irradiation, and whether lesions are measured on the same plane; a
reader decides what is measurable and writes it down.
"""

from tumorcast_core.recist.best import (
    BestResponse,
    TimeToEvent,
    best_overall_response,
    duration_of_response,
    progression_day,
    progression_free_survival,
    time_to_progression,
)
from tumorcast_core.recist.follow_up import assess
from tumorcast_core.recist.immune import best_immune_response, immune_progression, irecist
from tumorcast_core.recist.immune_response import ImmuneProgression, ImmuneReason, ImmuneResponse, ImmuneVisitResponse
from tumorcast_core.recist.lesions import Assessment, Lesion, Measurement, Role, State
from tumorcast_core.recist.overall import overall_response
from tumorcast_core.recist.response import Reason, Response, VisitResponse
from tumorcast_core.recist.rules import RECIST_1_1, Rules

__all__ = [
    "RECIST_1_1",
    "Assessment",
    "BestResponse",
    "ImmuneProgression",
    "ImmuneReason",
    "ImmuneResponse",
    "ImmuneVisitResponse",
    "Lesion",
    "Measurement",
    "Reason",
    "Response",
    "Role",
    "Rules",
    "State",
    "TimeToEvent",
    "VisitResponse",
    "assess",
    "best_immune_response",
    "best_overall_response",
    "duration_of_response",
    "immune_progression",
    "irecist",
    "overall_response",
    "progression_day",
    "progression_free_survival",
    "time_to_progression",
]
