"""Helm 3 and Helm 4, each with charts built in a folder of its own; a test that takes `helm` runs under both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.helm import Helm, binaries, copy_charts
from support.schemas import crd_folder, custom_resource_schema

BINARIES = binaries()


@pytest.fixture(scope="session")
def helms(tmp_path_factory: pytest.TempPathFactory) -> list[Helm]:
    helms = [Helm(binary, copy_charts(tmp_path_factory.mktemp("release") / "charts")) for binary in BINARIES]
    for helm in helms:
        helm.build()
    return helms


@pytest.fixture(scope="session", params=BINARIES or [None], ids=lambda path: Path(path).name if path else "no-helm")
def helm(request: pytest.FixtureRequest, helms: list[Helm]) -> Helm:
    if request.param is None:
        pytest.skip("no helm: run `make tools`, or install Helm 3 or 4")
    return helms[BINARIES.index(request.param)]


@pytest.fixture(scope="session")
def rayservice_schema() -> dict[str, Any]:
    if not (crd_folder() / "rayservice_ray.io_v1.json.gz").is_file():
        pytest.skip("no schemas of custom resources: set TUMORCAST_SHARED to the folder that has schemas/crds")
    return custom_resource_schema("rayservice_ray.io_v1")
