"""Values of the imaging chart that cannot be meant are refused, each by a sentence that names what to change."""

from __future__ import annotations

from typing import Any

import pytest

from support.helm import Helm

SCALED = {"enabled": True, "minReplicas": 2, "maxReplicas": 4}
PACS = {"studies.dicomweb.url": "https://pacs.example.org/dicom-web"}

CONTRADICTIONS = {
    "fewer at most than at least": (
        {"encoders.ct-lesion.autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 4}},
        "encoders.ct-lesion.autoscaling.minReplicas must not exceed maxReplicas",
    ),
    "scaling without Ray's autoscaler": (
        {"encoders.ct-lesion.autoscaling": SCALED, "autoscaler.enabled": False},
        "autoscaling needs Ray's autoscaler",
    ),
    "the ingress likewise": (
        {"ingress.autoscaling": {"enabled": True, "minReplicas": 5, "maxReplicas": 4}, "studies.existingClaim": "x"},
        "ingress.autoscaling.minReplicas must not exceed maxReplicas",
    ),
    "a target that no replica takes": (
        {"encoders.ct-lesion": {"maxOngoingCrops": 20, "autoscaling": SCALED | {"targetOngoing": 21}}},
        "targetOngoing must not exceed maxOngoingCrops, 20",
    ),
    "a target beyond what the code takes by itself": (
        {"encoders.sarcoma": {"autoscaling": SCALED | {"targetOngoing": 33}}},
        "targetOngoing must not exceed maxOngoingCrops, 32",
    ),
    "a target that no ingress takes": (
        {"ingress.autoscaling": {"enabled": True, "maxReplicas": 1, "targetOngoing": 64.5}},
        "targetOngoing must not exceed maxConcurrentCalls, 64",
    ),
    "GPUs that do not divide": (
        {"encoders.ct-lesion": {"gpus": 2, "replicasPerPod": 3}},
        "encoders.ct-lesion: 2 GPUs do not divide evenly among replicasPerPod=3",
    ),
    "replicas that do not divide": (
        {"encoders.ct-lesion": {"gpus": 3, "replicasPerPod": 2}},
        "3 GPUs do not divide evenly among replicasPerPod=2",
    ),
    "a processor for too many": ({"encoders.ct-lesion": {"replicasPerPod": 9}}, "cpus=1 is too little"),
    "GPUs where the ingress encodes": (
        {"encoderPlacement": "ingress", "encoders.ct-lesion.gpus": 1},
        "set encoderPlacement=apart",
    ),
    "scaling where the ingress encodes": (
        {"encoderPlacement": "ingress", "encoders.sarcoma": {"autoscaling": {"enabled": True}}},
        "set encoderPlacement=apart",
    ),
    "two ingresses, two stores": ({"ingress.replicas": 2}, "needs studies.existingClaim or studies.dicomweb.url"),
    "an ingress that may become two": (
        {"ingress.autoscaling": {"enabled": True, "minReplicas": 1, "maxReplicas": 2}},
        "needs studies.existingClaim or studies.dicomweb.url",
    ),
    "two places for studies": (
        PACS | {"studies.existingClaim": "x", "studies.dicomweb.allowedHosts": ["pacs.example.org"]},
        "exclude each other",
    ),
    "a server that is not allowed": (
        PACS | {"studies.dicomweb.allowedHosts": ["other.example.org"]},
        "allowedHosts must name the server's host, pacs.example.org",
    ),
    "a secret for nobody": ({"studies.dicomweb.existingSecret": "pacs"}, "but no url"),
}

OUT_OF_SCHEMA: dict[str, dict[str, Any]] = {
    "an encoder's name": {"encoders.CT_lesion": {}},
    "an encoder's name that is too long": {"encoders": {"x" * 41: {}}},
    "no encoder": {"encoders": {"ct-lesion": None}},
    "a key of an encoder": {"encoders.sarcoma": {"replica": 2}},
    "a key of an encoder's scaling": {"encoders.sarcoma": {"autoscaling": {"minReplica": 2}}},
    "a part of a GPU": {"encoders.ct-lesion.gpus": 0.5},
    "another's GPU": {"encoders.ct-lesion.gpuResource": "nvidia.com/mig-1g"},
    "no replica": {"encoders.ct-lesion.replicas": 0},
    "an upgrade that KubeRay does not know": {"upgrade.strategy": "Rolling"},
    "one by a Gateway, which has no route for gRPC": {"upgrade.strategy": "NewClusterWithIncrementalUpgrade"},
    "a proxy": {"proxy": "nginx"},
    "a placement": {"encoderPlacement": "elsewhere"},
    "a precision": {"encoding.precision": "float16"},
    "a server without a scheme": {"studies.dicomweb.url": "pacs.example.org"},
    "half a processor": {"ingress.cpus": 0.5},
    "memory without a unit": {"encoders.ct-lesion.memory": "3"},
    "an address of Redis": {"headState.redis.address": "redis"},
    "no port of Kubernetes": {"kubernetesApi.ports": []},
    "a version of Ray": {"rayVersion": "latest"},
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_values_that_contradict_one_another_are_refused(helm: Helm, case: str):
    values, why = CONTRADICTIONS[case]
    assert why in helm.refusal("imaging", values)


@pytest.mark.parametrize("case", OUT_OF_SCHEMA)
def test_values_out_of_the_schema_are_refused(one_helm: Helm, case: str):
    said = one_helm.refusal("imaging", OUT_OF_SCHEMA[case])
    assert "specifications of the schema" in said, said


def test_a_name_that_kuberay_would_refuse_is_refused(one_helm: Helm):
    release = "r" * 34  # and "-imaging" makes 42
    assert "allows a RayService's name 41 characters" in one_helm.refusal("imaging", release=release)
    assert one_helm.render("imaging", release=release[:-1])
