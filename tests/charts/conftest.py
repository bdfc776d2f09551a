"""Helm 3 and Helm 4, each with charts built in a folder of its own; a test that takes `helm` runs under both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.chart_releases import RELEASES, Release
from support.helm import Helm, Manifest, binaries, copy_charts
from support.schemas import CUSTOM, crd_folder, custom_resource_schema

BINARIES = binaries()
NO_HELM = "no helm: run `make tools`, or install Helm 3 or 4"
NO_SCHEMAS = "no schemas of custom resources: set TUMORCAST_SHARED to the folder that has schemas/crds"


@pytest.fixture(scope="session")
def helms(tmp_path_factory: pytest.TempPathFactory) -> list[Helm]:
    helms = [Helm(binary, copy_charts(tmp_path_factory.mktemp("release") / "charts")) for binary in BINARIES]
    for helm in helms:
        helm.build()
    return helms


@pytest.fixture(scope="session", params=BINARIES or [None], ids=lambda path: Path(path).name if path else "no-helm")
def helm(request: pytest.FixtureRequest, helms: list[Helm]) -> Helm:
    if request.param is None:
        pytest.skip(NO_HELM)
    return helms[BINARIES.index(request.param)]


@pytest.fixture(scope="session")
def one_helm(helms: list[Helm]) -> Helm:
    """One of the two, for what does not depend on which: both render the same."""
    if not helms:
        pytest.skip(NO_HELM)
    return helms[0]


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Release:
    """Every preset and every pairwise combination of settings."""
    return RELEASES[request.param]


@pytest.fixture
def rendered(release: Release, one_helm: Helm) -> list[Manifest]:
    return release.render(one_helm)


@pytest.fixture(scope="session")
def custom_schemas() -> None:
    """The schemas of custom resources are there."""
    if not all((crd_folder() / f"{name}.json.gz").is_file() for name in CUSTOM.values()):
        pytest.skip(NO_SCHEMAS)


@pytest.fixture(scope="session")
def rayservice_schema(custom_schemas: None) -> dict[str, Any]:
    return custom_resource_schema(CUSTOM["RayService"])
