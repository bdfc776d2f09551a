"""Which columns a table may have: a model's or a blueprint's inputs, and the outcome columns of its endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tumorcast_core.prognosis import EndpointKind
from tumorcast_fusion.model.description import outcome_columns
from tumorcast_fusion.model.manifest import EndpointSpec, Manifest

if TYPE_CHECKING:
    from tumorcast_training.blueprint import Blueprint


@dataclass(frozen=True, slots=True)
class EndpointColumns:
    """One endpoint: its outcomes (categories, or the causes of a time), and the columns that hold them."""

    id: str
    kind: EndpointKind
    outcomes: tuple[str, ...]
    columns: tuple[str, ...]
    optional: tuple[str, ...]

    @classmethod
    def of(cls, spec: EndpointSpec) -> EndpointColumns:
        """Of a model's endpoint; a trajectory has no outcome columns."""
        columns = outcome_columns(spec)
        return cls(
            spec.id,
            spec.kind,
            spec.outcomes,
            tuple(c.name for c in columns if not c.optional),
            tuple(c.name for c in columns if c.optional),
        )

    @property
    def causes(self) -> int:
        """Number of events that a time can end with."""
        return len(self.outcomes) if self.kind is EndpointKind.COMPETING_RISKS else 1


@dataclass(frozen=True, slots=True)
class Schema:
    """Inputs by name with their catalog feature and group, and endpoints."""

    name: str
    features: Mapping[str, str]
    groups: Mapping[str, str]
    endpoints: tuple[EndpointColumns, ...]

    @classmethod
    def of_manifest(cls, manifest: Manifest) -> Schema:
        """What a model reads and answers."""
        inputs = manifest.inputs()
        return cls(
            manifest.name,
            {name: feature for name, (_, feature) in inputs.items()},
            {name: group.id for name, (group, _) in inputs.items()},
            tuple(EndpointColumns.of(spec) for spec in manifest.endpoints),
        )

    @classmethod
    def of_blueprint(cls, blueprint: Blueprint) -> Schema:
        """What a model is to read and answer."""
        inputs = blueprint.inputs()
        specs = (
            EndpointSpec(id=e.id, kind=e.kind, definition=e.definition, outcomes=e.outcomes)
            for e in blueprint.endpoints
        )
        return cls(
            blueprint.name,
            {name: feature for name, (_, feature) in inputs.items()},
            {name: group.id for name, (group, _) in inputs.items()},
            tuple(EndpointColumns.of(spec) for spec in specs),
        )

    def without(self, groups: Sequence[str]) -> Schema:
        """The same without the inputs of some groups: a table's columns of them are not read."""
        kept = {name: feature for name, feature in self.features.items() if self.groups[name] not in groups}
        return Schema(self.name, kept, {name: self.groups[name] for name in kept}, self.endpoints)

    def places(self) -> dict[str, tuple[str, str]]:
        """Catalog feature and timepoint of each input."""
        return {name: (feature, name[len(feature) + 1 :]) for name, feature in self.features.items()}

    def outcome_names(self) -> tuple[str, ...]:
        """All outcome columns."""
        return tuple(name for e in self.endpoints for name in (*e.columns, *e.optional))
