"""The engine of models of tables: labs, genomics, readings and radiomics of one patient at one landmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from tumorcast_core.errors import UnknownModel
from tumorcast_core.prognosis import EndpointKind
from tumorcast_core.snapshot import PatientSnapshot
from tumorcast_fusion.model.engine import Reading, Remarks
from tumorcast_fusion.model.manifest import EndpointSpec, Manifest, Tabular, TabularEndpoint
from tumorcast_fusion.model.outputs import EndpointOutput
from tumorcast_fusion.model.tabular import links
from tumorcast_fusion.model.tabular.blend import Blend, LinkCalibration, Part, Predictor
from tumorcast_fusion.model.tabular.boosted import BoostedPredictor
from tumorcast_fusion.model.tabular.design import Design
from tumorcast_fusion.model.tabular.gated import GatedPredictor
from tumorcast_fusion.model.tabular.imputation import Gaussian
from tumorcast_fusion.model.tabular.linear import LinearPredictor
from tumorcast_fusion.model.tabular.reading import TableRow, read
from tumorcast_fusion.model.tabular.remarks import remarks_of
from tumorcast_fusion.model.tabular.similar import SimilarGroups
from tumorcast_fusion.model.tabular.typicality import TypicalPatients

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
TENSORS = "tabular.safetensors"


@dataclass(frozen=True, eq=False)
class TabularEngine:
    """All predictors of one model; ``scores`` has the score of each endpoint for every subset, (2^groups, folds)."""

    manifest: Manifest
    design: Design
    blends: Mapping[str, Blend]
    typical: TypicalPatients
    similar: SimilarGroups
    scores: Mapping[str, Array]

    @property
    def spec(self) -> Tabular:
        """The manifest's part on tables."""
        if self.manifest.tabular is None:
            raise UnknownModel("The model's manifest says nothing of tables.")
        return self.manifest.tabular

    def read(self, snapshot: PatientSnapshot) -> Reading[TableRow]:
        """Take what the model reads of a snapshot."""
        return read(snapshot, self.manifest, self.design)

    def outputs(self, reading: Reading[TableRow], subsets: Mask) -> Mapping[str, EndpointOutput]:
        """Every endpoint for every subset of the groups read."""
        return self.outputs_of(np.repeat(reading.content.z[None], len(subsets), axis=0), subsets)

    def outputs_of(self, z: Array, present: Mask) -> dict[str, EndpointOutput]:
        """Every endpoint for rows of columns (n, columns) with groups ``present`` (n, groups)."""
        return {
            spec.id: output_of(spec, self.spec.endpoints[spec.id], self.blends[spec.id].with_limits(z, present))
            for spec in self.manifest.endpoints
        }

    def remarks(self, reading: Reading[TableRow], horizons_days: Mapping[str, float]) -> Remarks:
        """Contributions of single inputs, what is missing, who is alike, what was observed under treatments."""
        return remarks_of(self, reading, horizons_days)

    def save(self, folder: Path) -> None:
        """Write ``tabular.safetensors`` and the trees."""
        tensors = {
            "typical.mean": self.typical.gaussian.mean,
            "typical.covariance": self.typical.gaussian.covariance,
            "typical.quantiles": self.typical.quantiles,
            "similar.centers": self.similar.centers,
        }
        for endpoint, blend in self.blends.items():
            tensors[f"scores.{endpoint}"] = self.scores[endpoint]
            for part in blend.parts:
                tensors |= _part_tensors(part, endpoint, folder)
        (folder / TENSORS).write_bytes(save({k: _stored(v) for k, v in sorted(tensors.items())}))

    @classmethod
    def load(cls, folder: Path, manifest: Manifest) -> TabularEngine:
        """Read what ``save`` wrote; raises ``UnknownModel`` where it does not fit the manifest."""
        if manifest.tabular is None:
            raise UnknownModel("The model's manifest says nothing of tables.")
        design = Design.of(manifest)
        try:
            tensors = load_file(folder / TENSORS)
            blends = {
                spec.id: _load_blend(spec, manifest.tabular.endpoints[spec.id], design, tensors, folder)
                for spec in manifest.endpoints
            }
            typical = TypicalPatients(_gaussian(tensors, "typical"), tensors["typical.quantiles"].astype(float))
            similar = SimilarGroups(manifest.tabular.prototypes, tensors["similar.centers"].astype(float))
            scores = {spec.id: tensors[f"scores.{spec.id}"].astype(float) for spec in manifest.endpoints}
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as e:
            raise UnknownModel("The model's weights are missing or do not fit its manifest.") from e
        return cls(manifest, design, blends, typical, similar, scores)


def output_of(spec: EndpointSpec, how: TabularEndpoint, link: Array) -> EndpointOutput:
    """What links with their limits, (3, n, causes, points), mean for an endpoint."""
    level, threshold = how.conformal_level, how.conformal_threshold
    if spec.kind is EndpointKind.BINARY:
        return EndpointOutput(probability=links.probability(link), level=level, threshold=threshold)
    if spec.kind is EndpointKind.ORDINAL:
        return EndpointOutput(categories=links.categories(link[0]), level=level, threshold=threshold)
    hazards = links.cumulative_hazards(link)
    return EndpointOutput(hazards=hazards, edges_days=how.edges_days, level=level, threshold=threshold)


def _stored(value: Array) -> NDArray[np.float32]:
    return np.ascontiguousarray(value, dtype=np.float32)


def _gaussian(tensors: Mapping[str, Array], prefix: str) -> Gaussian:
    return Gaussian(tensors[f"{prefix}.mean"].astype(float), tensors[f"{prefix}.covariance"].astype(float))


def _part_tensors(part: Part, endpoint: str, folder: Path) -> dict[str, Array]:
    prefix = f"{part.learner}.{endpoint}"
    tensors = {
        f"{prefix}.intercept": part.calibration.intercept,
        f"{prefix}.slope": part.calibration.slope,
        f"{prefix}.reference": part.calibration.reference,
    }
    match part.predictor:
        case LinearPredictor():
            tensors |= part.predictor.tensors(prefix)
            gaussian = part.predictor.gaussian
            tensors |= {f"{prefix}.mean": gaussian.mean, f"{prefix}.covariance": gaussian.covariance}
        case GatedPredictor():
            tensors |= part.predictor.tensors(prefix)
        case BoostedPredictor():
            part.predictor.save(folder, endpoint)
    return tensors


def _load_blend(
    spec: EndpointSpec, how: TabularEndpoint, design: Design, tensors: Mapping[str, Array], folder: Path
) -> Blend:
    parts = []
    for given in how.parts:
        prefix = f"{given.learner}.{spec.id}"
        calibration = LinkCalibration(
            *(tensors[f"{prefix}.{name}"].astype(float) for name in ("intercept", "slope", "reference"))
        )
        parts.append(
            Part(
                given.learner,
                _load(given.learner, spec, design, tensors, folder, calibration),
                given.weight,
                calibration,
            )
        )
    return Blend(parts)


def _load(
    learner: str,
    spec: EndpointSpec,
    design: Design,
    tensors: Mapping[str, Array],
    folder: Path,
    calibration: LinkCalibration,
) -> Predictor:
    prefix = f"{learner}.{spec.id}"
    causes, points = calibration.reference.shape
    if learner == "linear":
        gaussian = _gaussian(tensors, prefix)
        return LinearPredictor.of_tensors(design, gaussian, tensors, prefix, shrinks=not spec.about_times)
    if learner == "boosted":
        parts = causes if spec.about_times else points
        return BoostedPredictor.load(folder, spec.id, design, parts, points if spec.about_times else 0)
    return GatedPredictor.of_tensors(design, tensors, prefix, causes, points, times=spec.about_times)
