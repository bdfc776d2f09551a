"""Each Dockerfile copies and installs what its own service needs, and runs it without rights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.helm import SERVICES, Helm
from support.images import build_wheel, copied_from_context, copy_file_set, dockerfile, import_in_image
from support.schemas import pod_specs

EVERY_SERVICE = {*SERVICES, "training", "platform"}


@pytest.fixture(scope="module", params=SERVICES)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A service, and the folder that its image has as /opt/tumorcast."""
    service = request.param
    source = copy_file_set(copied_from_context(dockerfile(service)), tmp_path_factory.mktemp("context"))
    return service, build_wheel(source, tmp_path_factory.mktemp("image"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_dockerfile_copies_the_shared_code_and_its_own_service_only(service: str):
    assert copied_from_context(dockerfile(service)) == [
        "pyproject.toml",
        "README.md",
        "constraints.txt",
        "shared/",
        f"services/tumorcast_{service}/",
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_a_dockerfile_installs_its_own_extra_in_pinned_versions_and_keeps_no_cache(service: str):
    instructions = dockerfile(service)
    installs = [i.text for i in instructions if i.name == "RUN" and "pip install" in i.text]
    assert installs == [
        f'pip install --constraint constraints.txt ".[{service}]" && pip uninstall --yes tumorcast',
        "pip install --no-deps --target /opt/tumorcast .",
    ]
    assert any(i.name == "ENV" and "PIP_NO_CACHE_DIR=1" in i.words for i in instructions)


@pytest.mark.parametrize("service", SERVICES)
def test_the_last_stage_has_no_source_and_no_build_tool_and_no_root(service: str):
    instructions = dockerfile(service)
    last = max(n for n, i in enumerate(instructions) if i.name == "FROM")
    final = instructions[last:]
    assert [i.name for i in instructions].count("FROM") == 2
    assert all(i.words[0] == "--from=build" for i in final if i.name == "COPY")
    assert not any("pip" in i.text for i in final if i.name == "RUN")
    assert [i.text for i in final if i.name == "USER"] == ["10001:10001"]
    assert [json.loads(i.text) for i in final if i.name == "ENTRYPOINT"] == [
        ["python", "-m", f"tumorcast_{service}.app"]
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_image_and_chart_agree_on_user_and_ports(helm: Helm, service: str):
    instructions = dockerfile(service)
    [exposed] = [sorted(map(int, i.words)) for i in instructions if i.name == "EXPOSE"]
    [user] = [i.text for i in instructions if i.name == "USER"]
    for pod in (pod for manifest in helm.render(service) for pod in pod_specs(manifest)):
        context = pod["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == user
        assert set(exposed) <= {port["containerPort"] for port in pod["containers"][0]["ports"]}


def test_the_imaging_image_has_what_kuberay_runs_in_it():
    final = " ".join(i.text for i in dockerfile("imaging"))
    assert "install --yes --no-install-recommends wget" in final  # its probes
    assert "/etc/profile.d/" in final  # its login shells


def test_an_image_holds_the_shared_code_and_one_service(image: tuple[str, Path]):
    service, folder = image
    packages = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.endswith(".dist-info")}
    assert packages == {"tumorcast", "tumorcast_core", "tumorcast_api", "tumorcast_client", f"tumorcast_{service}"}


@pytest.fixture(scope="module")
def imports(image: tuple[str, Path]) -> dict[str, str]:
    """What happens in the image when each service, and a distribution of the training extra, is imported."""
    service, folder = image
    return import_in_image(folder, service, [*(f"tumorcast_{name}" for name in EVERY_SERVICE), "lifelines"])


def test_every_module_of_a_service_imports_with_its_own_extra_alone(image: tuple[str, Path], imports: dict[str, str]):
    service, folder = image
    assert (folder / f"tumorcast_{service}" / "app.py").is_file()
    assert imports[f"tumorcast_{service}"] == ""


def test_no_other_service_can_be_imported_in_an_image(image: tuple[str, Path], imports: dict[str, str]):
    service, _ = image
    for other in EVERY_SERVICE - {service}:
        assert f"No module named 'tumorcast_{other}'" in imports[f"tumorcast_{other}"]


def test_what_another_extra_brings_is_not_in_an_image(imports: dict[str, str]):
    assert "the image has no lifelines" in imports["lifelines"]
