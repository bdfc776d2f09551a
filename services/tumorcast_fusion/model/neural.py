"""The engine of models that read images and everything else: an ensemble of fusion networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.prognosis import EndpointKind
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.model.encoding import Row, encode
from tumorcast_fusion.model.engine import NOTHING_TO_REMARK, Reading, Remarks
from tumorcast_fusion.model.ensemble import Ensemble
from tumorcast_fusion.model.manifest import Manifest
from tumorcast_fusion.model.outputs import EndpointOutput


@dataclass(frozen=True, slots=True)
class NeuralEngine:
    """A binary endpoint and one about a time, from one ensemble."""

    manifest: Manifest
    ensemble: Ensemble

    @classmethod
    def load(cls, folder: Path, manifest: Manifest) -> NeuralEngine:
        """Read the weights; raises ``UnknownModel``."""
        return cls(manifest, Ensemble.load(folder, manifest))

    def read(self, snapshot: PatientSnapshot) -> Reading[Row]:
        """Encode the snapshot as one row."""
        encoded = encode(snapshot, self.manifest)
        return Reading(encoded.row, encoded.present, encoded.rejections, encoded.issues)

    def outputs(self, reading: Reading[Row], subsets: NDArray[np.bool_]) -> Mapping[str, EndpointOutput]:
        """One pass of the ensemble over all subsets."""
        rows = np.repeat(reading.content[None], len(subsets), axis=0)
        found = self.ensemble.predict(rows, subsets)
        calibration = self.manifest.response_calibration
        return {
            spec.id: EndpointOutput(
                probability=found.response,
                level=calibration.conformal_level,
                threshold=calibration.conformal_threshold,
            )
            if spec.kind is EndpointKind.BINARY
            else EndpointOutput(hazards=found.cumulative_hazard[:, :, None], edges_days=self.manifest.edges_days)
            for spec in self.manifest.endpoints
        }

    def remarks(self, reading: Reading[Row], horizons_days: Mapping[str, float]) -> Remarks:  # noqa: ARG002
        """Nothing beside the estimates."""
        return NOTHING_TO_REMARK
