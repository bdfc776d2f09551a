"""Each rule of the diagnosis on the healthy recording, broken in one way; and that it says nothing without evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from support.recordings import Object, event, find, pods, recording, with_logs
from tumorcast_platform.cluster.diagnosis import Diagnosis, Finding, Weight, diagnose
from tumorcast_platform.cluster.snapshot import ReleaseSnapshot

NOW, LATELY = "2026-11-20T03:12:00Z", "2026-11-20T03:10:00Z"


def only(snapshot: ReleaseSnapshot) -> Finding:
    [finding] = diagnose(snapshot).findings
    return finding


def not_ready(pod: Object, *, phase: str = "Running") -> None:
    pod["status"]["phase"] = phase
    for condition in pod["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition["status"] = "False"


def waits(pod: Object, reason: str, message: str = "", **fields: Any) -> None:
    not_ready(pod, phase="Pending")
    pod["status"]["containerStatuses"][0] |= {
        "ready": False, "state": {"waiting": {"reason": reason, "message": message}}, **fields,
    }  # fmt: skip


def unscheduled(pod: Object, message: str) -> None:
    pod["spec"].pop("nodeName", None)
    pod["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}],
    }


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [
        ("failed to resolve reference: unexpected status from HEAD request: 401 Unauthorized", "auth", "does not let"),
        ("failed to authorize: failed to fetch anonymous token: 403 Forbidden", "auth", "does not let"),
        ("pull access denied, repository does not exist or may require authorization", "auth", "does not let"),
        ("toomanyrequests: You have reached your pull rate limit", "limit", "too many pulls"),
        ("dial tcp: lookup registry.example.org: no such host", "silent", "cannot reach"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "silent", "cannot reach"),
        ("registry.example.org/tumorcast/tumorcast-notes:0.1.0: not found", "missing", "has no image"),
        ("manifest unknown", "missing", "has no image"),
        ("something nobody has seen before", "unknown", "cannot be pulled"),
    ],
)
def test_why_an_image_is_not_pulled(told: str, code: str, words: str) -> None:
    snapshot = recording("healthy")
    for pod in pods(snapshot, "tumorcast-notes-"):
        waits(pod, "ImagePullBackOff", f"Back-off pulling image: ErrImagePull: {told}")
    finding = only(snapshot)
    assert finding.code == f"image-{code}"
    assert words in finding.cause
    assert "No pod of notes is ready now." in finding.cause
    assert finding.weight is Weight.BROKEN
    assert finding.runbook == "image-pull-failure"


def test_an_event_tells_more_than_a_back_off_and_a_missing_pull_secret_is_named() -> None:
    snapshot = recording("healthy")
    pod = pods(snapshot, "tumorcast-notes-")[0]
    waits(pod, "ImagePullBackOff", "Back-off pulling image")
    about = "Unable to retrieve some image pull secrets (registry); attempting to pull the image may not succeed."
    snapshot.objects["Event"] = [
        event(pod, "Failed", 'Failed to pull image "x": 401 Unauthorized'),
        event(pod, "FailedToRetrieveImagePullSecret", about),
    ]
    finding = only(snapshot)
    assert finding.code == "image-auth"
    assert finding.evidence[1].told == about
    assert finding.weight is Weight.WORSE
    assert "One other still serves." in finding.cause


def ended(pod: Object, code: int, reason: str = "Error", *, restarts: int = 3, back_off: bool = True) -> None:
    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}} if back_off else {"running": {}}
    pod["status"]["containerStatuses"][0] |= {
        "ready": not back_off, "restartCount": restarts, "state": state,
        "lastState": {"terminated": {"exitCode": code, "reason": reason, "finishedAt": LATELY}},
    }  # fmt: skip
    if back_off:
        not_ready(pod)


def test_a_container_that_was_killed_for_memory_and_runs_again_is_told_as_less_than_broken() -> None:
    snapshot = recording("healthy")
    ended(pods(snapshot, "tumorcast-fusion-")[0], 137, "OOMKilled", restarts=1, back_off=False)
    finding = only(snapshot)
    assert (finding.code, finding.weight) == ("out-of-memory", Weight.WORSE)
    assert "restarted once; limit" in finding.evidence[0].told
    assert "--set fusion.resources.limits.memory=" in finding.steps[1]


def test_an_end_of_long_ago_is_no_finding() -> None:
    snapshot = recording("healthy")
    pod = pods(snapshot, "tumorcast-fusion-")[0]
    ended(pod, 137, "OOMKilled", restarts=1, back_off=False)
    pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["finishedAt"] = "2026-11-19T20:00:00Z"
    assert not diagnose(snapshot).findings


def test_a_gateway_that_cannot_use_its_database_is_told_as_that() -> None:
    snapshot = recording("healthy")
    all_of_them = pods(snapshot, "tumorcast-gateway-")
    for pod in all_of_them:
        ended(pod, 1)
    line = "The gateway does not start: The store of records does not answer."
    snapshot = with_logs(snapshot, *((p["metadata"]["name"], "gateway", True, ["starting", line]) for p in all_of_them))
    finding = only(snapshot)
    assert finding.code == "gateway-without-database"
    assert finding.evidence[0].told == line
    assert finding.runbook == "database-or-migration"


def test_a_container_that_the_kubelet_kills_for_its_liveness_probe_is_told_with_the_probe() -> None:
    snapshot = recording("healthy")
    pod = pods(snapshot, "tumorcast-clinical-")[0]
    ended(pod, 137, restarts=2)
    failing = 'Liveness probe failed: timeout: failed to connect service "10.40.1.9:50059" within 5s'
    snapshot.objects["Event"] = [
        event(pod, "Killing", "Container clinical failed liveness probe, will be restarted", kind="Normal"),
        event(pod, "Unhealthy", failing, container="clinical"),
    ]
    finding = only(snapshot)
    assert finding.code == "killed-by-probe"
    assert failing in finding.evidence[0].told


@pytest.mark.parametrize(
    ("kind", "note", "words"),
    [
        ("readiness", 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")', "gRPC port 50059"),
        ("startup", "Startup probe failed: timeout: failed to connect service", "does not get through its start"),
    ],
)
def test_a_failing_probe_is_told_with_its_kind_and_port(kind: str, note: str, words: str) -> None:
    snapshot = recording("healthy")
    pod = pods(snapshot, "tumorcast-clinical-")[0]
    not_ready(pod)
    snapshot.objects["Event"] = [event(pod, "Unhealthy", note, container="clinical")]
    finding = only(snapshot)
    assert finding.code == f"{kind}-probe"
    assert words in finding.cause
    assert "(3 times)" in finding.evidence[0].told


def test_of_a_pod_that_is_killed_for_memory_the_failing_probe_is_not_told_as_well() -> None:
    snapshot = recording("healthy")
    pod = pods(snapshot, "tumorcast-fusion-")[0]
    ended(pod, 137, "OOMKilled")
    snapshot.objects["Event"] = [
        event(pod, "Unhealthy", "Readiness probe failed: connection refused", container="fusion")
    ]
    assert only(snapshot).code == "out-of-memory"


MESSAGE = "0/4 nodes are available: 4 {0}. preemption: 0/4 nodes are available: 4 No preemption victims found."


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [
        ("Insufficient cpu", "no-room", "enough processors (it asks for "),
        ("Insufficient memory", "no-room", "enough memory (it asks for "),
        ("node(s) didn't match Pod's node affinity/selector", "no-such-node", "none has the labels"),
        ("node(s) had untolerated taint {dedicated: billing}", "tainted", "taints that it does not tolerate"),
        ("Too many pods", "too-many-pods", "as many pods as they may"),
        ("something new", "unschedulable", "finds no node."),
    ],
)
def test_why_a_pod_finds_no_node(told: str, code: str, words: str) -> None:
    snapshot = recording("healthy")
    unscheduled(pods(snapshot, "tumorcast-clinical-")[0], MESSAGE.format(told))
    finding = only(snapshot)
    assert finding.code == code
    assert words in finding.cause


def encoder(snapshot: ReleaseSnapshot) -> Object:
    return next(p for p in snapshot.of("Pod") if "-encoder-ct-lesion-" in p["metadata"]["name"])


GPU = "nvidia.com/gpu"


def _no_gpu(snapshot: ReleaseSnapshot) -> None:
    for node in snapshot.of("Node"):
        node["status"]["allocatable"].pop(GPU, None)


def _taint(snapshot: ReleaseSnapshot) -> None:
    find(snapshot, "Node", "node-g")["spec"]["taints"] = [{"key": "team", "value": "x", "effect": "NoSchedule"}]


def _nobody_may_look(snapshot: ReleaseSnapshot) -> None:
    del snapshot.objects["Node"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_no_gpu, "gpu-absent", "no node offers nvidia.com/gpu"),
        (_taint, "gpu-tainted", "does not tolerate (team=x:NoSchedule)"),
        (lambda _: None, "gpu-taken", "the only nvidia.com/gpu is taken"),
        (_nobody_may_look, "gpu-insufficient", "could not be read"),
    ],
)
def test_why_an_encoder_gets_no_gpu(change: Callable[[ReleaseSnapshot], None], code: str, words: str) -> None:
    snapshot = recording("healthy")
    change(snapshot)
    unscheduled(encoder(snapshot), MESSAGE.format(f"Insufficient {GPU}"))
    finding = only(snapshot)
    assert finding.code == code
    assert words in finding.cause
    assert finding.runbook == "gpu-pods-pending"


def test_a_slice_of_a_gpu_counts_as_one() -> None:
    snapshot = recording("healthy")
    pod = encoder(snapshot)
    pod["spec"]["containers"][0]["resources"]["limits"] = {"nvidia.com/mig-1g.10gb": "1"}
    unscheduled(pod, MESSAGE.format("Insufficient nvidia.com/mig-1g.10gb"))
    assert only(snapshot).code == "gpu-absent"


@pytest.mark.parametrize(
    ("note", "code"),
    [
        ('Error creating: pods "x" is forbidden: exceeded quota: team, requested: limits.cpu=4, used: limits.cpu=30, '
         "limited: limits.cpu=32", "quota-exceeded"),
        ('Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
         "pod-security"),
        ('Error creating: pods "x" is forbidden: maximum memory usage per Container is 4Gi, but limit is 8Gi',
         "limit-range"),
        ('Error creating: admission webhook "policy.example.org" denied the request: no label', "admission"),
        ('Error creating: pods "x" is forbidden: error looking up service account tumor-board/tumorcast-notes: '
         'serviceaccount "tumorcast-notes" not found', "no-service-account"),
    ],
)  # fmt: skip
def test_why_pods_are_not_even_made(note: str, code: str) -> None:
    snapshot = recording("healthy")
    replica_set = next(r for r in snapshot.of("ReplicaSet") if r["metadata"]["name"].startswith("tumorcast-notes"))
    snapshot.objects["Event"] = [event(replica_set, "FailedCreate", note)]
    finding = only(snapshot)
    assert finding.code == code
    assert finding.evidence[0].told == note


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [
        ('secret "tumorcast-database" not found', "missing-secret", "no Secret tumorcast-database"),
        ('configmap "fhir-ca" not found', "missing-configmap", "no ConfigMap fhir-ca"),
        ("couldn't find key url in Secret tumor-board/tumorcast-database", "missing-key", "no key url"),
    ],
)
def test_what_a_container_names_and_is_not_there(told: str, code: str, words: str) -> None:
    snapshot = recording("healthy")
    for pod in pods(snapshot, "tumorcast-gateway-"):
        waits(pod, "CreateContainerConfigError", told)
    finding = only(snapshot)
    assert finding.code == code
    assert words in finding.cause


def test_a_key_that_a_volume_names_and_a_secret_lacks_is_told_with_the_secret() -> None:
    snapshot = recording("healthy")
    gateways = pods(snapshot, "tumorcast-gateway-")
    for pod in gateways:
        waits(pod, "ContainerCreating")
    note = 'MountVolume.SetUp failed for volume "master-key" : references non-existent secret key: master.key'
    snapshot.objects["Event"] = [event(gateways[0], "FailedMount", note)]
    finding = only(snapshot)
    assert finding.cause.startswith("The Secret tumorcast-master-key has no key master.key, which gateway needs")
    assert finding.runbook == "records-and-master-key"


def test_a_certificate_that_is_not_made_yet_is_told_by_its_secret() -> None:
    snapshot = recording("healthy")
    pod = pods(snapshot, "tumorcast-notes-")[0]
    waits(pod, "ContainerCreating")
    note = 'MountVolume.SetUp failed for volume "mtls" : secret "tumorcast-notes-mtls" not found'
    snapshot.objects["Event"] = [event(pod, "FailedMount", note)]
    finding = only(snapshot)
    assert finding.runbook == "certificates"
    assert finding.steps[1].endswith("describe certificate tumorcast-notes")


def test_a_claim_that_is_not_bound_is_told_with_the_reason() -> None:
    snapshot = recording("healthy")
    claim = find(snapshot, "PersistentVolumeClaim", "tumorcast-studies")
    claim["status"] = {"phase": "Pending"}
    for pod in (p for p in snapshot.of("Pod") if "-ingress-" in p["metadata"]["name"]):
        unscheduled(pod, "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    snapshot.objects["Event"] = [event(claim, "ProvisioningFailed", 'storageclass.storage.k8s.io "nfs" not found')]
    finding = only(snapshot)
    assert finding.code == "claim-pending"
    assert 'storageclass.storage.k8s.io "nfs" not found' in finding.evidence[0].told


def test_a_claim_that_is_not_there_is_told() -> None:
    snapshot = recording("healthy")
    snapshot.objects["PersistentVolumeClaim"] = []
    for pod in (p for p in snapshot.of("Pod") if "-ingress-" in p["metadata"]["name"]):
        unscheduled(pod, '0/4 nodes are available: persistentvolumeclaim "tumorcast-studies" not found.')
    assert only(snapshot).code == "claim-absent"


def test_a_pod_that_cannot_reach_its_storage_in_another_zone_is_told() -> None:
    snapshot = recording("healthy")
    for pod in (p for p in snapshot.of("Pod") if "-ingress-" in p["metadata"]["name"]):
        unscheduled(pod, "0/4 nodes are available: 4 node(s) had volume node affinity conflict.")
    assert only(snapshot).code == "claim-elsewhere"


def ray(snapshot: ReleaseSnapshot) -> Object:
    return find(snapshot, "RayService", "tumorcast-imaging")


def test_an_unhealthy_application_without_another_cause_is_told_with_its_message() -> None:
    snapshot = recording("healthy")
    application = ray(snapshot)["status"]["activeServiceStatus"]["applicationStatuses"]["imaging"]
    told = "A replica failed its health check 3 times in a row."
    application |= {"status": "UNHEALTHY", "message": "The deployments ['ingress'] are UNHEALTHY."}
    application["serveDeploymentStatuses"]["ingress"] = {"status": "UNHEALTHY", "message": told}
    finding = only(snapshot)
    assert finding.code == "serve-unhealthy"
    assert any(told in evidence.told for evidence in finding.evidence)


def test_an_application_that_failed_to_deploy_leaves_nothing_that_serves() -> None:
    snapshot = recording("upgrade-stuck")
    status = ray(snapshot)["status"]
    status["activeServiceStatus"] = {"rayClusterStatus": {}}
    finding = only(snapshot)
    assert (finding.code, finding.weight) == ("serve-deploy-failed", Weight.BROKEN)
    assert finding.cause == "Imaging does not serve: Ray Serve could not deploy its application."


def test_an_upgrade_without_an_end_is_told_with_the_cluster_that_it_waits_for() -> None:
    snapshot = recording("upgrade-stuck")
    ray(snapshot)["status"]["pendingServiceStatus"]["applicationStatuses"] = {"imaging": {"status": "DEPLOYING"}}
    finding = only(snapshot)
    assert finding.code == "upgrade-slow"
    assert "for 41 min" in finding.cause


def test_an_upgrade_that_waits_for_a_gpu_is_told_as_that_alone() -> None:
    snapshot = recording("upgrade-stuck")
    status = ray(snapshot)["status"]["pendingServiceStatus"]
    status.pop("applicationStatuses")
    pod = next(p for p in pods(snapshot, f"{status['rayClusterName']}-encoder"))
    unscheduled(pod, MESSAGE.format(f"Insufficient {GPU}"))
    finding = only(snapshot)
    assert finding.code == "gpu-taken"
    assert finding.cause.endswith("The upgrade waits for it; until then the old Ray cluster serves.")
    assert finding.weight is Weight.WORSE


def test_a_ray_head_that_keeps_restarting_is_told() -> None:
    snapshot = recording("healthy")
    head = next(p for p in snapshot.of("Pod") if "-head-" in p["metadata"]["name"])
    ended(head, 0, "Completed", restarts=4, back_off=False)
    finding = only(snapshot)
    assert finding.code == "ray-head-restarts"
    assert "restarted 4 times, the last time 2 min ago" in finding.evidence[0].told


def test_a_ray_service_that_kuberay_takes_for_wrong_is_told_with_its_message() -> None:
    snapshot = recording("healthy")
    ready = ray(snapshot)["status"]["conditions"][0]
    ready |= {"status": "False", "reason": "ValidationFailed", "message": "headGroupSpec: bad"}
    assert only(snapshot).evidence[0].told == "headGroupSpec: bad"


def test_a_ray_service_made_a_moment_ago_is_not_yet_without_an_operator() -> None:
    snapshot = recording("no-operator")
    ray(snapshot)["metadata"]["creationTimestamp"] = "2026-11-20T03:11:30Z"
    diagnosis = diagnose(snapshot)
    assert not diagnosis.findings
    assert [state.service for state in diagnosis.unexplained] == [
        "imaging head",
        "imaging ct-lesion",
        "imaging ingress",
    ]


def test_a_budget_that_lets_no_pod_go_is_a_note_and_leaves_all_well() -> None:
    snapshot = recording("healthy")
    budget = find(snapshot, "PodDisruptionBudget", "tumorcast-fusion")
    budget["status"] |= {"disruptionsAllowed": 0, "desiredHealthy": 2}
    diagnosis = diagnose(snapshot)
    assert [f.code for f in diagnosis.findings] == ["drain-blocked"]
    assert diagnosis.well


def _certificate(snapshot: ReleaseSnapshot, **status: Any) -> None:
    find(snapshot, "Certificate", "tumorcast-notes")["status"] |= status


NOT_READY = [{"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "Issuing certificate"}]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"notAfter": "2026-11-20T03:00:00Z"}, "certificate-expired"),
        ({"conditions": NOT_READY, "notAfter": None}, "certificate-not-ready"),
        ({"conditions": NOT_READY}, "certificate-not-ready"),
        ({"notAfter": "2026-11-23T00:00:00Z", "renewalTime": "2026-10-23T00:00:00Z"}, "certificate-expires"),
    ],
)
def test_certificates_that_are_not_in_order(status: dict[str, Any], code: str) -> None:
    snapshot = recording("healthy")
    _certificate(snapshot, **status)
    assert only(snapshot).code == code


def test_a_certificate_that_is_renewed_in_time_is_none() -> None:
    snapshot = recording("healthy")
    _certificate(snapshot, notAfter="2026-11-23T00:00:00Z", renewalTime="2026-11-20T03:00:00Z")
    assert not diagnose(snapshot).findings


def test_a_handshake_that_fails_is_told_from_the_log() -> None:
    snapshot = with_logs(recording("healthy"), ("p", "gateway", False, ["SSL: CERTIFICATE_VERIFY_FAILED"]))
    assert only(snapshot).code == "certificate-refused"


def test_a_node_under_pressure_is_told_only_where_the_release_runs_on_it() -> None:
    snapshot = recording("healthy")
    node = find(snapshot, "Node", "node-b")
    node["status"]["conditions"][0] |= {"status": "True", "reason": "KubeletHasInsufficientMemory"}
    finding = only(snapshot)
    assert finding.code == "node-pressure"
    assert "Node node-b runs out of memory" in finding.cause
    node["metadata"]["name"] = "elsewhere"
    assert not diagnose(snapshot).findings


def test_a_node_that_does_not_answer_is_told_with_the_pods_on_it() -> None:
    snapshot = recording("healthy")
    ready = find(snapshot, "Node", "node-a")["status"]["conditions"][3]
    ready |= {"status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    finding = only(snapshot)
    assert finding.code == "node-down"
    assert "pods of this release are on it" in finding.cause


def test_evicted_pods_are_told_with_the_reason() -> None:
    snapshot = recording("healthy")
    pod = pods(snapshot, "tumorcast-clinical-")[0]
    message = "The node was low on resource: ephemeral-storage."
    pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": message, "startTime": LATELY}
    assert only(snapshot).evidence[0].told == message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("getaddrinfo: Temporary failure in name resolution", "Names are not resolved"),
        ("connect: Connection timed out", "Connections are swallowed"),
    ],
)
def test_a_network_policy_is_suspected_only_where_a_log_gives_a_sign(line: str, words: str) -> None:
    snapshot = with_logs(recording("healthy"), ("p", "clinical", False, ["start", line, "end"]))
    finding = only(snapshot)
    assert words in finding.cause
    assert "may" in finding.cause
    without = replace(snapshot, objects={k: v for k, v in snapshot.objects.items() if k != "NetworkPolicy"})
    assert not diagnose(without).findings


def test_a_job_beside_the_migration_that_failed_is_a_note() -> None:
    snapshot = recording("migration-failed")
    for item in (*snapshot.of("Job"), *snapshot.of("Pod")):
        for owner in item["metadata"].get("ownerReferences", []):
            owner["name"] = owner["name"].replace("tumorcast-gateway-migration", "tumorcast-train-1")
    [job] = snapshot.of("Job")
    job["metadata"]["name"] = "tumorcast-train-1"
    diagnosis = diagnose(snapshot)
    assert [(f.code, f.weight) for f in diagnosis.findings] == [("job-failed", Weight.NOTE)]


def test_a_migration_that_took_too_long_is_told_as_that() -> None:
    snapshot = recording("migration-failed")
    [job] = snapshot.of("Job")
    job["status"]["conditions"][1]["reason"] = "DeadlineExceeded"
    assert "the migration took too long" in only(snapshot).cause


def test_without_evidence_it_says_what_it_looked_at_and_guesses_nothing() -> None:
    snapshot = recording("healthy")
    fusion = find(snapshot, "Deployment", "tumorcast-fusion")
    fusion["status"]["readyReplicas"] = 0
    for pod in pods(snapshot, "tumorcast-fusion-"):
        not_ready(pod)
    diagnosis = diagnose(snapshot)
    assert not diagnosis.findings
    assert [state.service for state in diagnosis.unexplained] == ["fusion"]
    assert "13 Pods" in diagnosis.looked_at
    assert not diagnosis.well


def test_a_release_that_is_not_there_is_told_as_that() -> None:
    diagnosis: Diagnosis = diagnose(ReleaseSnapshot("ward", "nothing", NOW, objects={"Node": [{"kind": "Node"}]}))
    assert diagnosis.nothing_there
    assert not diagnosis.well
