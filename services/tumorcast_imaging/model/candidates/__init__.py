"""Places on a PET that may be lesions, without a click."""

from tumorcast_imaging.model.candidates.finding import Candidate, candidates, organs_told

__all__ = ["Candidate", "candidates", "organs_told"]
