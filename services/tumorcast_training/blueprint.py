"""A blueprint: what a model of tables is to be, before it has seen a patient.

Plain YAML under ``blueprints/`` (or a user's own): purpose, groups of inputs, endpoints, how numbers become columns.
All that is fitted (clipping, scaling, categories seen, interval ends) is fitted here, on training rows only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tumorcast_core.catalog import entry
from tumorcast_core.errors import InvalidInput, UnknownModel
from tumorcast_core.prognosis import EndpointKind
from tumorcast_core.snapshot import Modality
from tumorcast_fusion.model import manifest as m
from tumorcast_fusion.model.tabular import raw_column
from tumorcast_imaging.model import EncoderManifest
from tumorcast_training.cohorts import SurvivalOutcome
from tumorcast_training.learners.linear import LinearRecipe

Array = NDArray[np.float64]
BLUEPRINTS = Path(__file__).parent / "blueprints"
_FEWEST_OF_CATEGORY = 5
_CLIPPED_SHARE = 0.005
_SD_OF_EVEN = 0.5
"""Categories are scaled as if half of the rows had them, so that a rare one is shrunk more (Gelman, Stat Med 2008)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmbeddingPlan(_Frozen):
    """The vector of an image that a group reads beside its features.

    ``encoder`` is what it is called, ``size`` how many elements it has. ``spaces`` are known once it is trained.
    """

    encoder: str
    dicom_modality: Literal["CT", "MR", "PT"]
    size: int
    spaces: tuple[str, ...] = ()


class GroupPlan(_Frozen):
    """Inputs that arrive together."""

    id: str
    modality: Modality
    timepoint: str = ""
    features: tuple[str, ...] = ()
    embedding: EmbeddingPlan | None = None

    @property
    def inputs(self) -> dict[str, str]:
        """Catalog name of each input, by input name."""
        return {f"{name}_{self.timepoint}" if self.timepoint else name: name for name in self.features}

    @property
    def elements(self) -> tuple[str, ...]:
        """Names of its embedding's elements, as columns of a cohort's inputs."""
        return m.element_names(self.id, self.embedding.size) if self.embedding else ()


class EndpointPlan(_Frozen):
    """One endpoint; times are divided into ``intervals`` with equally many events, up to ``follow_up_days``.

    Where only visits reveal the event, its day is that of the visit, as trials date progression; ``interval_censored``
    takes it as lying anywhere since the visit before, which answers another question: when it began.
    """

    id: str
    kind: EndpointKind
    definition: str
    outcomes: tuple[str, ...] = ("no", "yes")
    horizons_days: tuple[float, ...] = ()
    follow_up_days: float = 0.0
    intervals: int = 12
    interval_censored: bool = False

    @model_validator(mode="after")
    def _can_be_asked(self) -> EndpointPlan:
        if self.kind is EndpointKind.TRAJECTORY or not 1 < len(self.outcomes) == len(set(self.outcomes)):
            raise ValueError("an endpoint of a table has two or more different outcomes")
        if self.kind is EndpointKind.BINARY and self.outcomes[2:]:
            raise ValueError("a binary endpoint has two outcomes")
        if self.kind in (EndpointKind.TIME_TO_EVENT, EndpointKind.COMPETING_RISKS):
            if self.intervals < 1 or not self.horizons_days:
                raise ValueError("an endpoint about times has intervals and horizons")
            if not all(0 < day <= self.follow_up_days for day in self.horizons_days):
                raise ValueError("horizons lie within the follow-up")
        return self


class ColumnRule(_Frozen):
    """How a number becomes columns; clipped to ``low`` and ``high``, else to 0.5 and 99.5 % of the training rows."""

    transform: Literal["identity", "log"] = "identity"
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    hinges: tuple[float, ...] = ()
    change_from: tuple[str, ...] = ()
    at_most: float | None = None
    splits: bool = False


class Pretrained(_Frozen):
    """Weights that the encoder begins with: a path or fsspec URL and its SHA-256; ``frozen``: they stay as they are."""

    url: str
    sha256: str
    frozen: bool = False


class Blueprint(_Frozen):
    """Everything that is decided before training.

    ``encoder`` is the one whose vectors groups read as their ``embedding``; it is trained for every fold anew. Columns
    of the cohort that are ``scored_alone`` stand beside such a model, higher taken for the outcome.
    """

    name: str
    version: str
    indication: str
    intended_use: str
    not_for_use: str = ""
    disclaimer: str
    training_cohort: str
    licence: str
    attribution: str = ""
    cohort: str = ""
    folder: str = ""
    groups: tuple[GroupPlan, ...]
    baseline_groups: tuple[str, ...] = ()
    endpoints: tuple[EndpointPlan, ...]
    columns: Mapping[str, ColumnRule] = {}
    therapy_input: str = ""
    wide_groups: tuple[str, ...] = ()
    exact_groups: tuple[str, ...] = ()
    has_test_split: bool = False
    simulated: bool = False
    encoder: EncoderManifest | None = None
    pretrained: Pretrained | None = None
    scored_alone: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_are_its_own(self) -> Blueprint:
        ids, inputs, endpoints = ([x.id for x in self.groups], self.inputs(), [x.id for x in self.endpoints])
        if not 0 < len(ids) == len(set(ids)) or len(inputs) < sum(len(group.features) for group in self.groups):
            raise ValueError("groups and inputs stand once each")
        if not 0 < len(endpoints) == len(set(endpoints)):
            raise ValueError("endpoints stand once each")
        if not {*self.baseline_groups, *self.wide_groups, *self.exact_groups} <= set(ids):
            raise ValueError("a group is named that there is not")
        named = {*self.columns, *(name for rule in self.columns.values() for name in rule.change_from)}
        named |= {self.therapy_input} if self.therapy_input else set()
        if not named <= set(inputs):
            raise ValueError("an input is named that there is not")
        return self

    @property
    def recipe(self) -> LinearRecipe:
        """How the linear predictor is fitted."""
        factors = (1.0, 10.0, 100.0) if self.wide_groups else (1.0,)
        return LinearRecipe(wide_groups=self.wide_groups, wide_factors=factors, exact_groups=self.exact_groups)

    def inputs(self) -> dict[str, tuple[GroupPlan, str]]:
        """Group and catalog name of each input, by input name."""
        return {name: (group, feature) for group in self.groups for name, feature in group.inputs.items()}

    def manifest(self, table: pd.DataFrame, columns: Sequence[m.Column] = ()) -> m.Manifest:
        """The manifest of a model trained on these rows, without what training adds."""
        return m.Manifest(
            name=self.name,
            version=self.version,
            engine="tabular",
            simulated=self.simulated,
            indication=self.indication,
            intended_use=self.intended_use,
            disclaimer=self.disclaimer,
            training_cohort=self.training_cohort,
            licence=self.licence,
            groups=tuple(self._group(plan, table) for plan in self.groups),
            baseline_groups=self.baseline_groups,
            endpoints=tuple(
                m.EndpointSpec(**e.model_dump(include={"id", "kind", "definition", "outcomes", "horizons_days"}))
                for e in self.endpoints
            ),
            tabular=m.Tabular(columns=tuple(columns), endpoints={}, therapy_input=self.therapy_input),
        )

    def _group(self, plan: GroupPlan, table: pd.DataFrame) -> m.Group:
        scaling = {}
        for name, feature in plan.inputs.items():
            if not entry(feature).categories and name in table and table[name].notna().any():
                values = table[name].to_numpy(float)
                low, high, mean, sd = (float(f(values)) for f in (np.nanmin, np.nanmax, np.nanmean, np.nanstd))
                scaling[feature] = m.Scaling(mean=_short(mean), sd=_short(sd or 1.0), low=low, high=high)
        return m.Group(
            id=plan.id,
            modality=plan.modality,
            timepoint=plan.timepoint,
            features=plan.features,
            scaling=scaling,
            embedding=_embedding_input(plan, plan.embedding, table) if plan.embedding else None,
        )

    def fit_columns(self, table: pd.DataFrame) -> tuple[m.Column, ...]:
        """Columns of these training rows, clipped and standardized by them; what does not vary in them is left out."""
        columns = []
        features: dict[str, str] = {name: feature for name, (_, feature) in self.inputs().items()}
        for name in (*features, *(element for group in self.groups for element in group.elements)):
            if name not in table:
                continue
            categorical = name in features and entry(features[name]).categories
            plain = self._categories(name, features[name], table) if categorical else self._numbers(name, table)
            for column in plain:
                raw = raw_column(
                    column, [table[i].to_numpy() if i in table else None for i in column.inputs], len(table)
                )
                if np.isfinite(raw).sum() >= _FEWEST_OF_CATEGORY and _varies(raw):
                    sd = float(np.nanstd(raw))
                    scale = {
                        "mean": _short(np.nanmean(raw)),
                        "sd": _short(max(sd, _SD_OF_EVEN) if column.category else sd),
                    }
                    columns.append(column.model_copy(update=scale))
        return tuple(columns)

    @staticmethod
    def _categories(name: str, feature: str, table: pd.DataFrame) -> list[m.Column]:
        """A column per category that was seen often enough; one for two categories, none for one."""
        counts = table[name].value_counts()
        seen = [c for c in entry(feature).categories if counts.get(c, 0) >= _FEWEST_OF_CATEGORY]
        reference = seen[0] if len(seen) == 2 else ""
        chosen = seen[1:] if len(seen) <= 2 else seen
        return [
            m.Column(name=f"{name}={c}", kind="category", inputs=(name,), category=c, reference=reference)
            for c in chosen
        ]

    def _numbers(self, name: str, table: pd.DataFrame) -> list[m.Column]:
        rule = self.columns.get(name, ColumnRule())
        values = table[name].to_numpy(float)
        if np.isnan(values).all():
            return []
        low, high = np.nanquantile(values, [_CLIPPED_SHARE, 1 - _CLIPPED_SHARE])
        scale = {
            "transform": rule.transform,
            "offset": rule.offset,
            "low": _short(low if rule.low is None else rule.low),
            "high": _short(high if rule.high is None else rule.high),
        }
        made = [m.Column(name=name, kind="value", inputs=(name,), **scale)]
        if rule.at_most is not None:
            below = {"name": f"{name}<={rule.at_most:g}", "knot": rule.at_most, "splits": rule.splits}
            made.append(m.Column(kind="at_most", inputs=(name,), **below))
        for knot in rule.hinges:
            at = float(np.log(rule.offset + knot)) if rule.transform == "log" else knot
            made.append(m.Column(name=f"{name}>{knot:g}", kind="hinge", inputs=(name,), knot=at, **scale))
        changes = (m.Column(name=f"{name}-{o}", kind="change", inputs=(name, o), **scale) for o in rule.change_from)
        return [*made, *changes]


def _embedding_input(plan: GroupPlan, embedding: EmbeddingPlan, table: pd.DataFrame) -> m.EmbeddingInput:
    values = [table[name].to_numpy(float) if name in table else np.zeros(1) for name in plan.elements]
    return m.EmbeddingInput(
        spaces=embedding.spaces,
        dicom_modality=embedding.dicom_modality,
        mean=tuple(_short(np.nanmean(v)) for v in values),
        sd=tuple(_short(np.nanstd(v) or 1.0) for v in values),
    )


def edges_of(plan: EndpointPlan, outcome: SurvivalOutcome) -> tuple[float, ...]:
    """Interval ends with about equally many events between them, the last at the end of follow-up."""
    days = outcome.days[(outcome.event > 0) & (outcome.days < plan.follow_up_days)]
    shares = np.arange(1, plan.intervals) / plan.intervals
    inner = np.unique(np.round(np.quantile(days, shares))) if len(days) else np.zeros(0)
    return (*(float(d) for d in inner if 0 < d < plan.follow_up_days), float(plan.follow_up_days))


def load(name_or_file: str | Path) -> Blueprint:
    """A shipped blueprint by name, or one from a YAML file; raises ``UnknownModel`` or ``InvalidInput``."""
    file = Path(name_or_file)
    if not file.suffix:
        file = BLUEPRINTS / f"{name_or_file}.yaml"
        if not file.is_file():
            known = ", ".join(sorted(path.stem for path in BLUEPRINTS.glob("*.yaml")))
            raise UnknownModel(f"There is no blueprint of that name; there are: {known}.")
    try:
        found = Blueprint.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as e:
        raise InvalidInput("The blueprint cannot be read.") from e
    for name in (feature for group in found.groups for feature in group.features):
        entry(name)
    return found


def _varies(values: Array) -> bool:
    """Whether values differ by more than rounding."""
    return bool(np.nanmax(values) - np.nanmin(values) > 1e-9 * max(1.0, float(np.nanmax(np.abs(values)))))


def _short(x: float | np.floating[Any]) -> float:
    return float(f"{float(x):.6g}")
