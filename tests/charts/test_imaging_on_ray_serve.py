"""The imaging chart's Serve configuration is what Ray takes, what the code has, and what the Ray cluster can place."""

from __future__ import annotations

import importlib
import json
import shlex
import subprocess
import sys
import warnings
from importlib import metadata
from typing import Any

import pytest
import yaml

from support.helm import Helm, Manifest
from support.schemas import errors, pick, serve_schema

PET_LESION = {"replicas": 2, "cpus": 1, "memory": "8Gi", "gpus": 1, "maxOngoingCrops": 4, "maxQueuedCrops": 8}
TWO_ENCODERS = {
    "imaging.encoders.ct-lesion.gpus": 1,
    "imaging.encoders.pet-lesion": PET_LESION,
    "imaging.ingress.replicas": 2,
    "imaging.studies.existingClaim": "studies",
}


BUILD = """
import importlib, json, sys
from ray.serve._private.api import call_user_app_builder_with_args_if_necessary as build
from ray.serve._private.build_app import build_app
application = json.loads(sys.argv[1])
module, _, attribute = application["import_path"].partition(":")
built = build(getattr(importlib.import_module(module), attribute), application["args"])
print(json.dumps([deployment.name for deployment in build_app(built, name=application["name"]).deployments]))
"""
"""What a Ray cluster does with an application of the Serve configuration before it starts a replica; needs no Ray."""


@pytest.fixture(params=[{}, TWO_ENCODERS], ids=["one-encoder", "two-encoders"])
def rayservice(helm: Helm, request: pytest.FixtureRequest) -> Manifest:
    return pick(helm.render(values=request.param), "RayService", "demo-imaging")


@pytest.fixture
def serve_config(rayservice: Manifest) -> dict[str, Any]:
    return yaml.safe_load(rayservice["spec"]["serveConfigV2"])


def groups(rayservice: Manifest) -> list[dict[str, Any]]:
    return rayservice["spec"]["rayClusterConfig"]["workerGroupSpecs"]


def custom_resources(group: dict[str, Any]) -> dict[str, float]:
    """What a group's `ray start` offers, read as bash and then Ray read it."""
    [word] = shlex.split(group["rayStartParams"]["resources"])
    return json.loads(word)


def test_ray_takes_the_serve_configuration(serve_config: dict[str, Any]):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's, on import
        from ray.serve.schema import ServeDeploySchema
    assert ServeDeploySchema.model_validate(serve_config).applications[0].name == "imaging"


def test_the_serve_configuration_has_no_unknown_key(serve_config: dict[str, Any]):
    assert errors(serve_config, serve_schema()) == []


@pytest.mark.parametrize(
    ("where", "key"),
    [
        (lambda config: config, "application"),
        (lambda config: config["grpc_options"], "grpc_servicer_function"),
        (lambda config: config["applications"][0]["deployments"][0], "max_ongoing_request"),
        (lambda config: config["applications"][0]["deployments"][1]["ray_actor_options"], "num_gpu"),
    ],
    ids=["top", "grpc", "deployment", "actor"],
)
def test_the_check_of_the_serve_configuration_refuses_what_ray_would_ignore(
    serve_config: dict[str, Any], where: Any, key: str
):
    where(serve_config)[key] = 1
    [error] = errors(serve_config, serve_schema())
    assert f"'{key}' was unexpected" in error


def test_the_grpc_port_is_the_one_that_the_service_and_the_pods_name(
    rayservice: Manifest, serve_config: dict[str, Any]
):
    port = serve_config["grpc_options"]["port"]
    service = {p["name"]: p["port"] for p in rayservice["spec"]["serveService"]["spec"]["ports"]}
    assert service == {"serve": serve_config["http_options"]["port"], "serve-grpc": port}
    head = rayservice["spec"]["rayClusterConfig"]["headGroupSpec"]
    for group in (head, *groups(rayservice)):
        ports = {p["name"]: p["containerPort"] for p in group["template"]["spec"]["containers"][0]["ports"]}
        assert service.items() <= ports.items()


def test_the_servicer_functions_exist(serve_config: dict[str, Any]):
    for path in serve_config["grpc_options"]["grpc_servicer_functions"]:
        module, _, function = path.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_each_deployment_fits_on_its_group_and_on_no_other(rayservice: Manifest, serve_config: dict[str, Any]):
    [application] = serve_config["applications"]
    offers = {next(iter(custom_resources(group))): group for group in groups(rayservice)}
    assert len(offers) == len(groups(rayservice)) == len(application["deployments"])
    for deployment in application["deployments"]:
        options = deployment["ray_actor_options"]
        [(resource, amount)] = options["resources"].items()
        group = offers[resource]
        limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
        assert group["groupName"] == resource
        assert custom_resources(group) == {resource: amount} == {resource: 1}
        assert deployment["num_replicas"] == group["replicas"]
        assert options["num_cpus"] == int(limits["cpu"])
        assert options["num_gpus"] == int(limits.get("nvidia.com/gpu", 0))


def test_each_configured_encoder_is_built_and_placed(serve_config: dict[str, Any]):
    [application] = serve_config["applications"]
    ingress, *encoders = [deployment["name"] for deployment in application["deployments"]]
    assert ingress == "ingress"
    assert encoders == [f"encoder-{name}" for name in application["args"]["encoders"]]


def test_the_code_builds_the_deployments_that_the_configuration_names(helm: Helm):
    rayservice = pick(helm.render(), "RayService", "demo-imaging")
    [application] = yaml.safe_load(rayservice["spec"]["serveConfigV2"])["applications"]
    built = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, json.dumps(application)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert set(json.loads(built.stdout)) == {deployment["name"] for deployment in application["deployments"]}


def test_the_arguments_are_settings_of_the_code(serve_config: dict[str, Any]):
    from tumorcast_imaging.settings import Settings

    [application] = serve_config["applications"]
    settings = Settings(**application["args"])  # refuses unknown names
    assert settings.encoder_num_gpus == application["deployments"][1]["ray_actor_options"]["num_gpus"]
    assert settings.encoder_threads == application["deployments"][1]["ray_actor_options"]["num_cpus"]


def test_ray_takes_messages_as_large_as_every_service_does(rayservice: Manifest):
    from tumorcast_imaging.settings import Settings

    [container] = groups(rayservice)[0]["template"]["spec"]["containers"]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert int(environment["RAY_SERVE_GRPC_MAX_MESSAGE_SIZE"]) == Settings().max_message_mib << 20


def test_encoders_that_need_different_machines_are_refused(helm: Helm):
    assert "release of its own" in helm.refusal(values={"imaging.encoders.pet-lesion": PET_LESION})


def test_only_an_encoder_that_asks_for_a_gpu_gets_one(helm: Helm):
    values = {"imaging.encoders.ct-lesion.gpus": 1}
    ingress, encoder = groups(pick(helm.render(values=values), "RayService", "demo-imaging"))
    resources = encoder["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"] == resources["requests"] == {"cpu": "1", "memory": "3Gi", "nvidia.com/gpu": "1"}
    assert "nvidia.com/gpu" not in ingress["template"]["spec"]["containers"][0]["resources"]["limits"]


def test_the_head_runs_no_replica_and_takes_no_calls(rayservice: Manifest):
    head = rayservice["spec"]["rayClusterConfig"]["headGroupSpec"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert rayservice["spec"]["excludeHeadPodFromServeSvc"] is True


def test_the_ingress_alone_sees_the_studies(helm: Helm):
    values = {"imaging.studies.existingClaim": "pacs-cache"}
    rayservice = pick(helm.render(values=values), "RayService", "demo-imaging")
    ingress, encoder = [group["template"]["spec"] for group in groups(rayservice)]
    assert {"name": "studies", "persistentVolumeClaim": {"claimName": "pacs-cache"}} in ingress["volumes"]
    assert "studies" in {mount["name"] for mount in ingress["containers"][0]["volumeMounts"]}
    assert "studies" not in {volume["name"] for volume in encoder["volumes"]}


def test_the_cluster_runs_the_ray_that_the_tests_run(rayservice: Manifest):
    assert rayservice["spec"]["rayClusterConfig"]["rayVersion"] == metadata.version("ray")
