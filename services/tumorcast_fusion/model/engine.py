"""What every engine does for the façade: read a snapshot, and compute its endpoints for subsets of what it read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import FeatureContribution, ObservedUnder, Reason, SimilarPatients, Typicality, Worth
from tumorcast_core.snapshot import Issue, PatientSnapshot
from tumorcast_fusion.model.outputs import EndpointOutput

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True, eq=False)
class Reading(Generic[Content]):
    """What of a snapshot a model can use: which groups (groups,), why not the others, what was noticed.

    ``rejections`` has, for each group, the first error that one of its values raised, or ``None``.
    """

    content: Content
    present: NDArray[np.bool_]
    rejections: tuple[Issue | None, ...]
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Remarks:
    """What an engine says of a patient beside the estimates; ``features`` and ``worth`` by group.

    An endpoint in ``abstains`` is not answered; ``limits`` are what limits every answer.
    """

    features: Mapping[str, tuple[FeatureContribution, ...]]
    worth: Mapping[str, tuple[Worth, ...]]
    abstains: tuple[Reason, ...] = ()
    limits: tuple[Reason, ...] = ()
    typicality: Typicality | None = None
    similar: tuple[SimilarPatients, ...] = ()
    observed_under: tuple[ObservedUnder, ...] = ()


NOTHING_TO_REMARK = Remarks({}, {})


class Engine(Protocol[Content]):
    """Weights of a kind, and how they answer."""

    def read(self, snapshot: PatientSnapshot) -> Reading[Content]:
        """Take what the model can use."""
        ...

    def outputs(self, reading: Reading[Content], subsets: NDArray[np.bool_]) -> Mapping[str, EndpointOutput]:
        """Every endpoint for every subset, (n, groups), of the groups that were read."""
        ...

    def remarks(self, reading: Reading[Content], horizons_days: Mapping[str, float]) -> Remarks:
        """What else is to be said; ``horizons_days`` has the last horizon of each endpoint about times."""
        ...
