"""Lesions over time: which is which from study to study, how each changed, and the response by RECIST 1.1.

::

    drawn(volume, lesions)   what is kept of a series, so that the volume may be forgotten: finding, overview, place
    course([…])              orders the studies and puts all of it together: course
      follow                   by tracking UID or place; new, gone, split, merged, ambiguous: tracks, pairing, overlap
      register                 where one study lies in another: registration; whether to trust it: alignment, residual
      respond                  targets, sums, nadir, responses: response, assessing, targets, organ
      changes                  differences from baseline and nadir, growth: measures
    study_sum(lesions)       the sum of diameters of a single study: targets
"""

from tumorcast_imaging.model.change.alignment import Alignment
from tumorcast_imaging.model.change.course import Course, LesionCourse, course
from tumorcast_imaging.model.change.finding import DrawnSeries, drawn
from tumorcast_imaging.model.change.measures import QUANTITIES, Change, Measured
from tumorcast_imaging.model.change.overview import Overview, overview
from tumorcast_imaging.model.change.registration import register
from tumorcast_imaging.model.change.response import Recist
from tumorcast_imaging.model.change.targets import study_sum
from tumorcast_imaging.model.change.tracks import Method, Sighting, Status

__all__ = [
    "QUANTITIES",
    "Alignment",
    "Change",
    "Course",
    "DrawnSeries",
    "LesionCourse",
    "Measured",
    "Method",
    "Overview",
    "Recist",
    "Sighting",
    "Status",
    "course",
    "drawn",
    "overview",
    "register",
    "study_sum",
]
