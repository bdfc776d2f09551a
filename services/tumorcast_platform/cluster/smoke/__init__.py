"""``tumorcast platform smoke``: a release tried as a caller would, with a patient who never lived."""
