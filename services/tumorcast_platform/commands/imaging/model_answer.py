"""What a prognosis model answers from one embedding: the seam between saliency and fusion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from tumorcast_core.errors import InvalidInput, UnknownEmbeddingSpace
from tumorcast_core.snapshot import Embedding, PatientSnapshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tumorcast_core.prognosis import Estimate
    from tumorcast_fusion.model import PrognosisModel

_NEAREST = 1e-9


def answer_from(
    model: PrognosisModel,
    embedding_space: str,
    dicom_modality: str,
    endpoint: str = "",
    beside: PatientSnapshot | None = None,
) -> tuple[Callable[[NDArray[np.float32]], float], str]:
    """The model's answer as a function of one embedding, and the endpoint that it answers (its first by default).

    Log odds of a probability; log cumulative hazard at the last horizon of a time. ``beside`` is what else is known of
    the patient, without that embedding. The function raises ``InvalidInput`` where the model abstains; this raises
    ``UnknownEmbeddingSpace`` if the model does not read the space, ``InvalidInput`` for an endpoint that it lacks.
    """
    group = next(
        (
            group
            for group in model.manifest.groups
            if group.embedding
            and embedding_space in group.embedding.spaces
            and group.embedding.dicom_modality in ("", dicom_modality)
        ),
        None,
    )
    if group is None:
        raise UnknownEmbeddingSpace("The model does not read this encoder's vectors of that DICOM modality.")
    ids = [spec.id for spec in model.manifest.endpoints]
    wanted = endpoint or ids[0]
    if wanted not in ids:
        raise InvalidInput(f"The model answers {', '.join(ids)}.")
    known = beside or PatientSnapshot()

    def answer(vector: NDArray[np.float32]) -> float:
        embedding = Embedding(embedding_space, vector, group.modality, group.timepoint, dicom_modality)
        snapshot = PatientSnapshot(features=known.features, embeddings=(*known.embeddings, embedding))
        found = next(one for one in model.predict(snapshot).endpoints if one.id == wanted)
        if found.estimate is None:
            raise InvalidInput("The model does not answer from this image alone.")
        return _number(found.estimate)

    return answer, wanted


def _number(estimate: Estimate) -> float:
    from tumorcast_core.prognosis import (
        CategoriesEstimate,
        CompetingRisksEstimate,
        ProbabilityEstimate,
        SurvivalEstimate,
    )

    if isinstance(estimate, ProbabilityEstimate):
        return _log_odds(estimate.probability)
    if isinstance(estimate, SurvivalEstimate):
        survival = min(max(estimate.points[-1].survival, _NEAREST), 1 - _NEAREST)
        return math.log(-math.log(survival))
    if isinstance(estimate, CategoriesEstimate):
        return _log_odds(estimate.categories[-1].probability)
    if isinstance(estimate, CompetingRisksEstimate):
        return _log_odds(1 - estimate.causes[0].points[-1].survival)
    raise InvalidInput("That endpoint is no answer about risk.")


def _log_odds(probability: float) -> float:
    held = min(max(probability, _NEAREST), 1 - _NEAREST)
    return math.log(held / (1 - held))
