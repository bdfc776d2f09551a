"""The models of ``fhir.resources`` → quick checks of JSON objects, made when they are first needed.

Objects of one type come in few shapes (their keys, in order). Which keys a type has, requires, or allows only one of
is asked of the model once per shape; the answer is one check per value, and each further object of that shape costs
one look-up and those checks. Like the checks of ``lexical.py`` these answer true only where the model surely would.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from operator import call, eq
from typing import Any, ClassVar

from fhir_core.fhirabstractmodel import FHIRAbstractModel
from fhir_core.types import FhirBase, FhirElementOrResourceBase

from tumorcast_clinical.model.validation.lexical import CHECKS, Check, is_boolean
from tumorcast_clinical.model.validation.resource_types import model_of

Model = type[FHIRAbstractModel]
Keys = tuple[str, ...]

_MAX_DEPTH = 16
"""Objects within objects; what lies deeper is left to the model."""
MAX_SHAPES = 16384
_MAX_KEYS = 64
_WITH_A_MEANING_OF_THEIR_OWN = frozenset({"modifierExtension", "implicitRules"})


@dataclass(frozen=True, slots=True)
class Elements:
    """What a model says of the JSON keys of its objects; ``choices`` are the sets of which one at most may stand."""

    annotations: dict[str, Any]
    required: frozenset[str]
    choices: tuple[tuple[frozenset[str], bool], ...]
    resource_type: str


class Shapes(dict[Keys, tuple[Check, ...]]):
    """The checks of an object's values by its keys; no checks where the shape is left to the model."""

    tables: ClassVar[list[Shapes]] = []
    _kept: ClassVar[int] = 0

    def __init__(self, model: Model, depth: int) -> None:
        super().__init__()
        self._elements = elements_of(model)
        self._depth = depth
        Shapes.tables.append(self)

    def __missing__(self, keys: Keys) -> tuple[Check, ...]:
        if len(keys) > _MAX_KEYS or not _fits(keys, self._elements):
            return ()
        checks = tuple(self._checks(keys))
        self._keep(keys, checks)
        return checks

    def _keep(self, keys: Keys, checks: tuple[Check, ...]) -> None:
        """Keep a shape of known keys; once all tables together have too many, all start afresh."""
        if Shapes._kept >= MAX_SHAPES:
            for table in Shapes.tables:
                table.clear()
            Shapes._kept = 0
        Shapes._kept += 1
        self[keys] = checks

    def _checks(self, keys: Keys) -> Iterator[Check]:
        for key in keys:
            if key == "resourceType":
                yield partial(eq, self._elements.resource_type)
            else:
                yield check_of(self._elements.annotations[key], self._depth + 1)


def shapes_kept() -> int:
    """Count the shapes in memory, over all types."""
    return sum(map(len, Shapes.tables))


@cache
def elements_of(model: Model) -> Elements:
    """Ask a model for its keys, leaving out those that stand for something else: ``_status``, modifier extensions."""
    fields = model.model_fields
    blank = model.model_construct()
    keys = {name: field.alias or name for name, field in fields.items() if not name.endswith("__ext")}
    resource_type = model.get_resource_type() if model.has_resource_base() else ""
    required = {name for name, _ in blank.get_required_fields()}
    required |= {keys[name] for name in keys if fields[name].is_required()}
    choices = []
    for names in blank.get_one_of_many_fields().values():
        extra = typing.cast(dict[str, Any], fields[names[0]].json_schema_extra)
        choices.append((frozenset(keys[name] for name in names), extra["one_of_many_required"] is True))
    return Elements(
        annotations={
            key: fields[name].annotation for name, key in keys.items() if key not in _WITH_A_MEANING_OF_THEIR_OWN
        },
        required=frozenset(required | {"resourceType"} if resource_type else required),
        choices=tuple(choices),
        resource_type=resource_type,
    )


def _fits(keys: Keys, elements: Elements) -> bool:
    present = set(keys)
    known = elements.annotations.keys() | ({"resourceType"} if elements.resource_type else set())
    if not present or not present <= known or not elements.required <= present:
        return False
    counts = ((len(names & present), is_required) for names, is_required in elements.choices)
    return all(count == 1 or (count == 0 and not is_required) for count, is_required in counts)


@cache
def object_check(model: Model, depth: int = 0) -> Check:
    """Make the check of a model's JSON objects; ``depth`` counts the objects around them."""
    if depth > _MAX_DEPTH:
        return _never
    shapes = Shapes(model, depth)

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return False
        if checks := shapes[tuple(value)]:
            return all(map(call, checks, value.values()))
        return False

    return check


def check_of(annotation: Any, depth: int) -> Check:
    """Make the check of one element from the annotation of its field."""
    parts = typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [part for part in parts if part is not type(None)]
        return check_of(kinds[0], depth) if len(kinds) == 1 else _never
    if typing.get_origin(annotation) is list:
        return partial(_is_list, check_of(parts[0], depth))
    if typing.get_origin(annotation) is typing.Annotated:
        return CHECKS.get(getattr(parts[-1], "__visit_name__", ""), _never)
    if annotation is bool:
        return is_boolean
    if not isinstance(annotation, type) or not issubclass(annotation, FhirBase):
        return _never
    if issubclass(annotation, FhirElementOrResourceBase):
        return partial(_is_contained, depth)
    return object_check(annotation.get_model_klass(), depth)


def _is_list(check: Check, value: Any) -> bool:
    if type(value) is not list:
        return False
    return bool(check(value[0])) if len(value) == 1 else len(value) > 1 and all(map(check, value))


def _is_contained(depth: int, value: Any) -> bool:
    model = model_of(value["resourceType"]) if type(value) is dict and "resourceType" in value else None
    return model is not None and bool(object_check(model, depth)(value))


def _never(_value: Any) -> bool:
    return False
