"""The imaging chart's Serve configuration is what Ray takes, what the code has, and what the Ray cluster can place."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings
from importlib import metadata
from typing import Any

import pytest
import yaml

from support.helm import CHARTS, Helm
from support.imaging_chart import ImagingRelease, container, custom_resources, environment, pod, serve_errors
from support.schemas import errors

MIG = "nvidia.com/mig-1g.10gb"
MIXED = {
    "ingress.replicas": 2,
    "studies.existingClaim": "studies",
    "encoders.ct-lesion": {"gpus": 1, "replicas": 5, "replicasPerPod": 3, "cpus": 2, "maxOngoingCrops": 20},
    "encoders.sarcoma": {"gpus": 2, "cpus": 4, "memory": "16Gi"},
    "encoders.pet-lesion": {"gpus": 1, "gpuResource": MIG, "replicasPerPod": 2, "replicas": 2},
}
SCALED = {
    "studies.existingClaim": "studies",
    "ingress.autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 6},
    "encoders.ct-lesion": {
        "gpus": 1,
        "replicasPerPod": 4,
        "autoscaling": {"enabled": True, "minReplicas": 2, "maxReplicas": 9, "upscalingFactor": 0.5},
    },
    "encoders.sarcoma": {"replicas": 2},
}
ONE_MACHINE = {"encoderPlacement": "ingress", "encoders.sarcoma": {}, "ingress.cpus": 2}
PACS = {
    "ingress.replicas": 3,
    "studies.dicomweb.url": "https://pacs.example.org:8443/dicom-web",
    "studies.dicomweb.allowedHosts": ["pacs.example.org:8443"],
    "studies.dicomweb.existingSecret": "pacs",
    "studies.dicomweb.user": "tumorcast",
    "studies.dicomweb.ca.existingConfigMap": "hospital-ca",
    "encoderFolder.existingClaim": "encoders",
    "encoding.precision": "float32",
    "encoding.batchWaitMilliseconds": 5,
    "proxy": "ray",
}
RELEASES = {"default": {}, "mixed": MIXED, "scaled": SCALED, "one-machine": ONE_MACHINE, "pacs": PACS}

BUILD = """
import importlib, json, sys
from ray.serve._private.api import call_user_app_builder_with_args_if_necessary as build
from ray.serve._private.build_app import build_app
for line in sys.stdin:
    application = json.loads(line)
    module, _, attribute = application["import_path"].partition(":")
    built = build(getattr(importlib.import_module(module), attribute), application["args"])
    made = {d.name: d._deployment_config.max_ongoing_requests for d in build_app(built, name="imaging").deployments}
    made |= {d.name + " GPUs": d.ray_actor_options.get("num_gpus") or 0 for d in build_app(built, name="x").deployments}
    print(json.dumps(made))
"""
"""What a Ray cluster does with an application of the Serve configuration before it starts a replica; needs no Ray."""


@pytest.fixture(params=RELEASES)
def imaging(helm: Helm, request: pytest.FixtureRequest) -> ImagingRelease:
    return ImagingRelease.of(helm, RELEASES[request.param])


def test_ray_takes_the_serve_configuration(imaging: ImagingRelease):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's, on import
        from ray.serve.schema import ServeDeploySchema
    assert ServeDeploySchema.model_validate(imaging.serve_config).applications[0].name == "imaging"


def test_the_serve_configuration_has_no_unknown_key(imaging: ImagingRelease):
    assert serve_errors(imaging.serve_config) == []


def test_the_rayservice_has_no_unknown_field(imaging: ImagingRelease, rayservice_schema: dict[str, Any]):
    assert errors(imaging.rayservice, rayservice_schema) == []


@pytest.mark.parametrize(
    ("where", "key"),
    [
        (lambda config: config, "application"),
        (lambda config: config["grpc_options"], "grpc_servicer_function"),
        (lambda config: config["applications"][0]["deployments"][0], "max_ongoing_request"),
        (lambda config: config["applications"][0]["deployments"][0]["autoscaling_config"], "min_replica"),
        (lambda config: config["applications"][0]["deployments"][1]["ray_actor_options"], "num_gpu"),
    ],
    ids=["top", "grpc", "deployment", "scaling", "actor"],
)
def test_the_check_of_the_serve_configuration_refuses_what_ray_would_ignore(one_helm: Helm, where: Any, key: str):
    config = ImagingRelease.of(one_helm, SCALED).serve_config
    where(config)[key] = 1
    assert any(f"'{key}' was unexpected" in error for error in serve_errors(config))


def test_the_grpc_port_is_the_one_that_the_service_and_the_pods_name(imaging: ImagingRelease):
    config = imaging.serve_config
    service = {p["name"]: p["port"] for p in imaging.rayservice["spec"]["serveService"]["spec"]["ports"]}
    assert service == {"serve": config["http_options"]["port"], "serve-grpc": config["grpc_options"]["port"]}
    for group in (imaging.head, *imaging.groups.values()):
        ports = {p["name"]: p["containerPort"] for p in container(group)["ports"]}
        assert service.items() <= ports.items()


def test_the_servicer_functions_exist(one_helm: Helm):
    for path in ImagingRelease.of(one_helm).serve_config["grpc_options"]["grpc_servicer_functions"]:
        module, _, function = path.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_each_deployment_fits_on_its_group_and_on_no_other(imaging: ImagingRelease):
    assert list(imaging.deployments) == list(imaging.groups)
    for name, deployment in imaging.deployments.items():
        options = deployment["ray_actor_options"]
        assert options["resources"] == {name: 1}
        assert [other for other, group in imaging.groups.items() if name in custom_resources(group)] == [name]


def test_the_replicas_of_a_pod_fill_it_and_its_container_as_ray_reads_them(imaging: ImagingRelease):
    node_types = imaging.node_types()
    for name, deployment in imaging.deployments.items():
        group, options, offered = imaging.groups[name], deployment["ray_actor_options"], node_types[name]["resources"]
        [(resource, per_pod)] = custom_resources(group).items()
        assert resource == name == group["groupName"]
        limits = dict(container(group)["resources"]["limits"])
        assert container(group)["resources"]["requests"] == limits
        assert offered["CPU"] == int(limits.pop("cpu"))
        del limits["memory"]
        assert [offered["GPU"]] == ([int(count) for count in limits.values()] or [0])
        assert offered[name] == per_pod
        for unit, whole in (("num_cpus", offered["CPU"]), ("num_gpus", offered["GPU"])):
            share = round(options[unit] * 10_000)
            assert share == pytest.approx(options[unit] * 10_000, abs=1e-6), "Ray counts in ten-thousandths"
            assert 0 <= whole * 10_000 - share * per_pod < per_pod


def test_a_group_starts_with_pods_for_the_fewest_replicas_and_rays_autoscaler_may_add_any(imaging: ImagingRelease):
    """KubeRay takes no change of bounds to a running cluster, so with an autoscaler there are none to change."""
    node_types, scaled = imaging.node_types(), imaging.cluster["enableInTreeAutoscaling"]
    for name, deployment in imaging.deployments.items():
        [per_pod] = custom_resources(imaging.groups[name]).values()
        scaling = deployment.get("autoscaling_config") or {"min_replicas": deployment["num_replicas"]}
        fewest = -(-scaling["min_replicas"] // per_pod)
        assert imaging.groups[name]["replicas"] == fewest
        bounds = (0, 1000) if scaled else (fewest, fewest)
        assert (node_types[name]["min_workers"], node_types[name]["max_workers"]) == bounds


def test_what_is_divided_by_three_still_fits(one_helm: Helm):
    imaging = ImagingRelease.of(one_helm, MIXED)
    assert imaging.deployments["encoder-ct-lesion"]["ray_actor_options"]["num_gpus"] == 0.3333
    assert imaging.groups["encoder-ct-lesion"]["replicas"] == 2  # five replicas, three in a pod
    assert container(imaging.groups["encoder-pet-lesion"])["resources"]["limits"] == {
        "cpu": "1",
        "memory": "3Gi",
        MIG: "1",
    }


def test_each_configured_encoder_is_built_and_placed(imaging: ImagingRelease):
    arguments = imaging.application["args"]
    ingress, *encoders = imaging.deployments
    assert ingress == "ingress"
    apart = arguments["encoder_placement"] == "apart"
    assert encoders == ([f"encoder-{name}" for name in arguments["encoders"]] if apart else [])


def test_the_code_builds_the_deployments_that_the_configuration_names(one_helm: Helm):
    """Every encoder that the repository ships, and as many GPUs as its pods offer."""
    releases = {
        "default": {},
        "scaled": SCALED,
        "shared": {"encoders.ct-lesion": {"gpus": 1, "replicasPerPod": 2}, "encoders.sarcoma": {}},
        "one-machine": ONE_MACHINE,
    }
    applications = [ImagingRelease.of(one_helm, values).application for values in releases.values()]
    built = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD],
        input="\n".join(json.dumps(application) for application in applications),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    for application, line in zip(applications, built.stdout.splitlines(), strict=True):
        made = json.loads(line)
        for deployment in application["deployments"]:
            name, scaling = deployment["name"], deployment.get("autoscaling_config", {})
            ongoing = deployment.get("max_ongoing_requests", made[name])
            assert scaling.get("target_ongoing_requests", 0) <= ongoing
            assert made[f"{name} GPUs"] == deployment["ray_actor_options"]["num_gpus"]
        assert {name for name in made if " " not in name} == {d["name"] for d in application["deployments"]}


def test_the_arguments_are_settings_of_the_code(imaging: ImagingRelease):
    from tumorcast_imaging.settings import Settings

    settings = Settings(**imaging.application["args"])  # refuses unknown names
    for name in settings.encoders:
        if settings.encoder_placement == "apart":
            options = imaging.deployments[f"encoder-{name}"]["ray_actor_options"]
            assert settings.resources_of(name).num_gpus == options["num_gpus"]
            assert settings.resources_of(name).num_cpus == options["num_cpus"]
            assert settings.device_of(name) == ("cuda" if options["num_gpus"] else "cpu")
            assert settings.resources_of(name).threads == max(1, int(options["num_cpus"]))
        else:
            threads = settings.resources_of(name).threads
            assert threads == imaging.deployments["ingress"]["ray_actor_options"]["num_cpus"]


def test_what_every_replica_must_know_does_not_hold_what_may_change_in_place(one_helm: Helm):
    """A change of an application's arguments replaces all of its replicas; a change of a deployment need not."""
    changed = {
        "studies.existingClaim": "studies",
        "ingress.replicas": 4,
        "ingress.maxQueuedCalls": 9,
        "encoders.ct-lesion": {"replicas": 7, "maxOngoingCrops": 99, "maxQueuedCrops": 3},
    }
    one, other = (
        ImagingRelease.of(one_helm, values).application["args"]
        for values in ({"studies.existingClaim": "studies"}, changed)
    )
    assert one == other


def test_ray_takes_messages_as_large_as_every_service_does(one_helm: Helm):
    from tumorcast_imaging.settings import Settings

    seen = environment(ImagingRelease.of(one_helm).groups["ingress"])
    assert int(seen["RAY_SERVE_GRPC_MAX_MESSAGE_SIZE"]) == Settings().max_message_mib << 20


def test_haproxy_has_the_preset_of_the_code(one_helm: Helm):
    from tumorcast_imaging import haproxy, ray_runtime

    for group in ImagingRelease.of(one_helm).groups.values():
        seen = environment(group)
        assert haproxy.PRESET.items() <= seen.items()
        name = "RAY_max_direct_call_object_size"
        assert seen[name] == ray_runtime._ENVIRONMENT[name]


def test_an_encoder_that_says_nothing_is_what_the_manual_shows(one_helm: Helm):
    shown = yaml.safe_load((CHARTS / "imaging/values.yaml").read_text(encoding="utf-8"))["encoders"]["ct-lesion"]
    imaging = ImagingRelease.of(one_helm, {"encoders.sarcoma": {}, "encoders.spelled-out": shown})
    named = [json.dumps(imaging.groups[f"encoder-{name}"]) for name in ("ct-lesion", "sarcoma", "spelled-out")]
    alike = {text.replace(name, "x") for text, name in zip(named, ("ct-lesion", "sarcoma", "spelled-out"), strict=True)}
    assert len(alike) == 1


def test_only_an_encoder_that_asks_for_a_gpu_gets_one(one_helm: Helm):
    groups = ImagingRelease.of(one_helm, {"encoders.ct-lesion.gpus": 1, "encoders.sarcoma": {}}).groups
    named = {name: set(container(group)["resources"]["limits"]) for name, group in groups.items()}
    assert named == {
        "ingress": {"cpu", "memory"},
        "encoder-ct-lesion": {"cpu", "memory", "nvidia.com/gpu"},
        "encoder-sarcoma": {"cpu", "memory"},
    }


def test_the_head_runs_no_replica_and_takes_no_calls(imaging: ImagingRelease):
    resources = imaging.node_types()["headgroup"]["resources"]
    assert (resources["CPU"], resources["GPU"]) == (0, 0)
    assert imaging.rayservice["spec"]["excludeHeadPodFromServeSvc"] is True


def test_the_ingress_alone_sees_the_studies(one_helm: Helm):
    imaging = ImagingRelease.of(one_helm, {"studies.existingClaim": "pacs-cache"})
    ingress, encoder = (pod(group) for group in imaging.groups.values())
    assert {"name": "studies", "persistentVolumeClaim": {"claimName": "pacs-cache"}} in ingress["volumes"]
    assert "studies" in {mount["name"] for mount in ingress["containers"][0]["volumeMounts"]}
    assert "studies" not in {volume["name"] for volume in encoder["volumes"]}


def test_a_dicomweb_server_is_named_and_its_secret_is_a_file(one_helm: Helm):
    imaging = ImagingRelease.of(one_helm, PACS)
    arguments = imaging.application["args"]
    assert arguments["study_store"] == PACS["studies.dicomweb.url"]
    ingress = pod(imaging.groups["ingress"])
    mounts = {mount["mountPath"] for mount in ingress["containers"][0]["volumeMounts"]}
    for name in ("dicomweb_secret_file", "dicomweb_ca_file", "study_cache"):
        assert arguments[name].rpartition("/")[0] in mounts
    secrets = [volume["secret"]["secretName"] for volume in ingress["volumes"] if "secret" in volume]
    assert secrets == ["pacs"]
    others = (pod(group) for name, group in imaging.groups.items() if name != "ingress")
    assert not any("secret" in volume for other in others for volume in other["volumes"])


def test_encoders_of_ones_own_are_read_by_every_pod(one_helm: Helm):
    imaging = ImagingRelease.of(one_helm, PACS)
    for group in (imaging.head, *imaging.groups.values()):  # Ray may build the application on any of them
        assert {"name": "encoders", "mountPath": "/encoders", "readOnly": True} in container(group)["volumeMounts"]
    assert imaging.application["args"]["encoder_root"] == "/encoders"


def test_the_cluster_runs_the_ray_that_the_tests_run(one_helm: Helm):
    assert ImagingRelease.of(one_helm).cluster["rayVersion"] == metadata.version("ray")
