"""Cases of hostile records: resources, the features that must come of them, and the issues with their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from support.records import INDEX, Resource, bundle
from tumorcast_clinical.model import extract_features
from tumorcast_core.snapshot import Extraction

ENTRY = "Bundle.entry[{}].resource"
BESIDES = frozenset({"age", "sex", "charlson_comorbidity_index", "stage_iv", "immunotherapy_cancer_type"})
"""Features that follow from what nearly every record gives; they have cases of their own."""

Expected = Mapping[str, tuple[Any, ...]]
NONE: Expected = {}


class Case(NamedTuple):
    """``features``: name → value, status and comparator if any; ``issues``: code and place below entry 1."""

    name: str
    resources: list[Resource]
    features: Expected
    issues: list[tuple[str, str]]


def found_in(extraction: Extraction) -> dict[str, tuple[Any, ...]]:
    found = {}
    for feature in extraction.features:
        marks = (feature.status, feature.comparator)
        found[feature.name] = (feature.value, *marks[: 2 if marks[1] else 1 if marks[0] else 0])
    return {name: value for name, value in found.items() if name not in BESIDES}


def check(case: Case) -> None:
    extraction = extract_features(bundle(*case.resources), INDEX)
    assert found_in(extraction) == dict(case.features)
    first = ENTRY.format(1)
    told = [(i.code, i.location.removeprefix(first).lstrip(".")) for i in extraction.issues]
    assert told == case.issues
    assert all("/" in issue.message.split()[0] for issue in extraction.issues)


def named(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])
