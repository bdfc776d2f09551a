"""What ``tumorcast platform scale`` would change, and what it refuses; no API in sight."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support import releases
from tumorcast_core.errors import Conflict, InvalidInput, NotFound
from tumorcast_platform.cluster.scaling import deployments, ray
from tumorcast_platform.cluster.scaling.checks import over_quota, rigid
from tumorcast_platform.cluster.scaling.plan import BEFORE_HOLD, Plan, Target
from tumorcast_platform.cluster.scaling.serve_text import with_numbers
from tumorcast_platform.cluster.scaling.waiting import missing_of_deployment

CLINICAL = Target.of("clinical")
TWICE = releases.SERVE.replace("        num_replicas: 2", "        num_replicas: 2\n        num_replicas: 2")
ENCODER, SARCOMA, INGRESS = Target.of("imaging/ct-lesion"), Target.of("imaging/sarcoma"), Target.of("imaging")


def merged(found: Any, patch: Any) -> Any:
    """RFC 7386, as the API does it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def after(found: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The object once the plan's patches of it are in."""
    for patch in plan.patches:
        if (patch.kind, patch.name) == (found["kind"], found["metadata"]["name"]):
            found = merged(found, patch.body)
    return found


@pytest.mark.parametrize("text", ["", "pacs", "clinical/x", "imaging/", "/ct-lesion"])
def test_what_is_no_service_is_refused(text: str) -> None:
    if text == "imaging/":
        assert Target.of(text) == INGRESS
        return
    with pytest.raises(InvalidInput):
        Target.of(text)


def test_a_deployment_without_an_autoscaler_goes_by_its_scale_subresource() -> None:
    plan = deployments.plan_replicas(CLINICAL, releases.deployment(), 5, [releases.hpa("notes")], [])
    [patch] = plan.patches
    assert (patch.kind, patch.name, patch.subresource) == ("Deployment", "tumorcast-clinical", "scale")
    assert patch.body == {"spec": {"replicas": 5}}
    assert (plan.before, plan.after, plan.keep) == (2, 5, ("clinical.replicas=5",))


def test_a_hpa_is_not_fought_but_named_with_its_bounds() -> None:
    with pytest.raises(Conflict, match=r"HorizontalPodAutoscaler tumorcast-clinical .* between 2 and 10.*--override"):
        deployments.plan_replicas(CLINICAL, releases.deployment(), 5, [releases.hpa()], [])


def test_a_hpa_is_held_and_gets_its_own_bounds_back() -> None:
    hpa = releases.hpa()
    plan = deployments.plan_replicas(CLINICAL, releases.deployment(), 5, [hpa], [], override=True)
    held = after(hpa, plan)
    assert (held["spec"]["minReplicas"], held["spec"]["maxReplicas"]) == (5, 5)
    assert plan.patches[0].body["metadata"]["resourceVersion"] == "15"
    again = after(held, deployments.plan_replicas(CLINICAL, releases.deployment(), 7, [held], []))
    assert again["spec"]["maxReplicas"] == 7  # held already, so nobody is fought
    released = after(again, deployments.plan_release(CLINICAL, releases.deployment(replicas=7), [again], []))
    assert released["spec"] == hpa["spec"]
    assert BEFORE_HOLD not in released["metadata"]["annotations"]


def test_a_hold_that_helm_has_undone_is_none() -> None:
    hpa = releases.hpa()
    held = after(hpa, deployments.plan_replicas(CLINICAL, releases.deployment(), 5, [hpa], [], override=True))
    upgraded = merged(held, {"spec": {"minReplicas": 4, "maxReplicas": 20}})  # the annotation is not Helm's
    with pytest.raises(Conflict, match=r"between 4 and 20.*--override"):
        deployments.plan_replicas(CLINICAL, releases.deployment(), 6, [upgraded], [])
    with pytest.raises(Conflict, match="not held"):
        deployments.plan_release(CLINICAL, releases.deployment(), [upgraded], [])
    again = after(
        upgraded, deployments.plan_replicas(CLINICAL, releases.deployment(), 6, [upgraded], [], override=True)
    )
    released = after(again, deployments.plan_release(CLINICAL, releases.deployment(), [again], []))
    assert released["spec"] == upgraded["spec"]


def test_a_hold_of_ray_serve_that_helm_has_undone_is_none() -> None:
    before = releases.rayservice()
    held = after(before, ray.plan_replicas(SARCOMA, before, 5, override=True))
    serve = releases.SERVE.replace("min_replicas: 1", "min_replicas: 2").replace("max_replicas: 6", "max_replicas: 9")
    upgraded = merged(held, {"spec": {"serveConfigV2": serve}})
    with pytest.raises(Conflict, match="between 2 and 9"):
        ray.plan_replicas(SARCOMA, upgraded, 5)
    with pytest.raises(Conflict, match="not held"):
        ray.plan_release(SARCOMA, upgraded)
    again = after(upgraded, ray.plan_replicas(SARCOMA, upgraded, 5, override=True))
    assert after(again, ray.plan_release(SARCOMA, again))["spec"]["serveConfigV2"] == serve


def test_with_no_replica_a_hpa_sleeps_and_is_woken_by_its_release() -> None:
    hpa = releases.hpa()
    plan = deployments.plan_replicas(CLINICAL, releases.deployment(), 0, [hpa], [], override=True)
    assert [(p.kind, p.body) for p in plan.patches] == [("Deployment", {"spec": {"replicas": 0}})]
    woken = deployments.plan_release(CLINICAL, releases.deployment(replicas=0), [hpa], [])
    assert [(p.kind, p.body) for p in woken.patches] == [("Deployment", {"spec": {"replicas": 2}})]


def test_keda_is_held_by_its_own_annotation_and_its_hpa_is_left_alone() -> None:
    keda, hpa = releases.scaled_object(), releases.hpa(owner="tumorcast-clinical")
    with pytest.raises(Conflict, match=r"KEDA's ScaledObject tumorcast-clinical .* between 2 and 8"):
        deployments.plan_replicas(CLINICAL, releases.deployment(), 5, [hpa], [keda])
    plan = deployments.plan_replicas(CLINICAL, releases.deployment(), 5, [hpa], [keda], override=True)
    [patch] = plan.patches
    assert (patch.kind, patch.body["metadata"]["annotations"]) == ("ScaledObject", {deployments.PAUSED_AT: "5"})
    held = after(keda, plan)
    assert deployments.plan_replicas(CLINICAL, releases.deployment(), 6, [], [held]).before == 5
    released = after(held, deployments.plan_release(CLINICAL, releases.deployment(), [], [held]))
    assert released["metadata"]["annotations"] == {}


@pytest.mark.parametrize(
    ("hpas", "scaled"),
    [([], []), ([releases.hpa()], []), ([], [releases.scaled_object()])],
    ids=["none", "hpa", "keda"],
)
def test_what_is_not_held_cannot_be_released(hpas: list[Any], scaled: list[Any]) -> None:
    with pytest.raises(Conflict):
        deployments.plan_release(CLINICAL, releases.deployment(), hpas, scaled)


def test_a_second_gateway_needs_a_database() -> None:
    gateway = Target.of("gateway")
    with pytest.raises(Conflict, match="PostgreSQL"):
        deployments.plan_replicas(gateway, releases.deployment("gateway", 1), 2)
    shared = releases.deployment("gateway", 1, TUMORCAST_GATEWAY_DATABASE_URL_FILE="/run/database/url")
    assert deployments.plan_replicas(gateway, shared, 2).after == 2
    assert "nobody gets an answer" in deployments.plan_replicas(gateway, shared, 0).notes[0]


def test_an_annotation_that_somebody_edited_is_refused_not_guessed_at() -> None:
    broken = releases.hpa(**{BEFORE_HOLD: "{"})
    with pytest.raises(Conflict, match="annotation"):
        deployments.plan_replicas(CLINICAL, releases.deployment(), 5, [broken], [], override=True)


def test_an_encoder_changes_its_two_numbers_and_not_one_other_character() -> None:
    before = releases.rayservice()
    plan = ray.plan_replicas(ENCODER, before, 4, [releases.raycluster()])
    now = after(before, plan)
    assert now["spec"]["serveConfigV2"] == releases.SERVE.replace("num_replicas: 2", "num_replicas: 4")
    old, new = (o["spec"]["rayClusterConfig"]["workerGroupSpecs"] for o in (before, now))
    assert new[1] == {**old[1], "replicas": 4, "minReplicas": 4, "maxReplicas": 4}
    assert [new[0], new[2]] == [old[0], old[2]]
    assert [(p.kind, p.body["metadata"]["resourceVersion"]) for p in plan.patches] == [
        ("RayService", "41"),
        ("RayCluster", "77"),
    ]
    assert plan.keep == ("imaging.encoders.ct-lesion.replicas=4",)


def test_the_live_ray_cluster_gets_the_same_pods() -> None:
    cluster = releases.raycluster()
    now = after(cluster, ray.plan_replicas(ENCODER, releases.rayservice(), 4, [cluster]))
    assert [g["replicas"] for g in now["spec"]["workerGroupSpecs"]] == [1, 4, 1]
    assert now["spec"]["workerGroupSpecs"][1]["template"] == cluster["spec"]["workerGroupSpecs"][1]["template"]


def test_during_an_upgrade_both_ray_clusters_are_live() -> None:
    upgrading = releases.rayservice(pendingServiceStatus={"rayClusterName": "tumorcast-imaging-fghij"})
    assert ray.live_clusters(upgrading) == ["tumorcast-imaging-abcde", "tumorcast-imaging-fghij"]
    live = [releases.raycluster(name=name) for name in ray.live_clusters(upgrading)]
    plan = ray.plan_replicas(ENCODER, upgrading, 3, live)
    assert [p.name for p in plan.patches[1:]] == ray.live_clusters(upgrading)
    assert "upgrade is under way" in plan.notes[0]


def test_ray_serve_is_not_fought_but_held_and_released() -> None:
    before, cluster = releases.rayservice(), releases.raycluster(autoscaled=True)
    with pytest.raises(Conflict, match="Ray Serve scales imaging/sarcoma between 1 and 6"):
        ray.plan_replicas(SARCOMA, before, 5)
    plan = ray.plan_replicas(SARCOMA, before, 5, [cluster], override=True)
    held = after(before, plan)
    expected = releases.SERVE.replace("min_replicas: 1", "min_replicas: 5").replace(
        "max_replicas: 6", "max_replicas: 5"
    )
    assert held["spec"]["serveConfigV2"] == expected
    group = held["spec"]["rayClusterConfig"]["workerGroupSpecs"][2]
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"], plan.pods) == (1, 1, 3, 3)  # there is room
    assert any("holds 2 replicas: 5 need 3 pods" in note for note in plan.notes)
    more = after(held, ray.plan_replicas(SARCOMA, held, 6))
    released = after(more, ray.plan_release(SARCOMA, more))
    assert released["spec"] == before["spec"]
    assert released["metadata"]["annotations"] == {}
    with pytest.raises(Conflict, match="not held"):
        ray.plan_release(SARCOMA, released)


def test_rays_own_autoscaler_takes_pods_away_so_only_a_cluster_without_it_shrinks() -> None:
    plan = ray.plan_replicas(ENCODER, releases.rayservice(), 1)
    assert ray.shrinking(plan, releases.raycluster())
    assert not ray.shrinking(plan, releases.raycluster(autoscaled=True))
    left = ray.cluster_patch(
        releases.raycluster(autoscaled=True), "encoder-ct-lesion", {"replicas": 1, "maxReplicas": 1}
    )
    group = left.body["spec"]["workerGroupSpecs"][1]
    assert (group["replicas"], group["maxReplicas"]) == (2, 1)


@pytest.mark.parametrize(
    ("target", "replicas", "serve", "match"),
    [
        (INGRESS, 2, releases.SERVE, "shared claim"),
        (ENCODER, 0, releases.SERVE, "at least one replica"),
        (ENCODER, 3, releases.SERVE.replace("num_replicas: 2", "num_replicas: auto"), "auto"),
        (ENCODER, 3, releases.SERVE.replace("{encoder-ct-lesion: 1}", "{elsewhere: 1}"), "No worker group"),
        (ENCODER, 3, TWICE, "more than"),
        (ENCODER, 3, "applications: [", "not YAML"),
        (ENCODER, 3, "applications: {}", "not a list"),
        (ENCODER, 3, "- 1", "not a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_scaled_is_refused_with_its_reason(
    target: Target, replicas: int, serve: str, match: str
) -> None:
    with pytest.raises(Conflict, match=match):
        ray.plan_replicas(target, releases.rayservice(serve), replicas)


def test_an_encoder_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(NotFound, match="ct-lesion, sarcoma"):
        ray.plan_replicas(Target.of("imaging/pet"), releases.rayservice(), 2)


@pytest.mark.parametrize("store", ["https://pacs.example.org/dicom-web", "http://orthanc:8042/dicom-web"])
def test_with_a_pacs_the_ingress_scales(store: str) -> None:
    serve = releases.SERVE.replace("study_store: /studies", f'study_store: "{store}"')
    assert ray.plan_replicas(INGRESS, releases.rayservice(serve), 3).pods == 3


def test_a_missing_number_is_put_in_place() -> None:
    text = "applications:\n- name: a\n  deployments:\n  - name: x\n    # why\n    max_queued_requests: 3\n"
    changed = with_numbers(text, "x", {("num_replicas",): 2})
    assert yaml.safe_load(changed)["applications"][0]["deployments"] == [
        {"num_replicas": 2, "name": "x", "max_queued_requests": 3}
    ]
    assert changed.replace("num_replicas: 2\n    ", "") == text


_NAMES = st.lists(st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=4, unique=True)
_TEXTS = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("C",)), max_size=12)


@given(names=_NAMES, data=st.data(), number=st.integers(1, 1000), flow=st.sampled_from([None, True, False]))
def test_any_configuration_is_changed_in_one_place_only(
    names: list[str], data: st.DataObject, number: int, flow: bool | None
) -> None:
    every = [
        {"name": n, "num_replicas": i + 1, "user_config": {"text": data.draw(_TEXTS)}} for i, n in enumerate(names)
    ]
    text = yaml.safe_dump(
        {"applications": [{"name": "a", "deployments": every}]}, default_flow_style=flow, allow_unicode=True
    )
    wanted = data.draw(st.sampled_from(names))
    changed = with_numbers(text, wanted, {("num_replicas",): number})
    found = yaml.safe_load(changed)["applications"][0]["deployments"]
    assert found == [{**d, "num_replicas": number} if d["name"] == wanted else d for d in every]
    assert len(changed) - len(text) == len(str(number)) - len(str(names.index(wanted) + 1))


@pytest.mark.parametrize(
    ("hard", "used", "more", "told"),
    [
        ({"pods": "10"}, {"pods": "9"}, 2, True),
        ({"pods": "10"}, {"pods": "9"}, 1, False),
        ({"requests.cpu": "2"}, {"requests.cpu": "1500m"}, 1, False),
        ({"requests.cpu": "2"}, {"requests.cpu": "1500m"}, 2, True),
        ({"limits.memory": "4Gi"}, {"limits.memory": "3Gi"}, 1, True),
        ({"requests.nvidia.com/gpu": "1"}, {"requests.nvidia.com/gpu": "1"}, 3, False),
    ],
)
def test_a_quota_that_is_too_small_is_told(hard: dict[str, str], used: dict[str, str], more: int, told: bool) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": hard}, "status": {"hard": hard, "used": used}}
    spec = releases.deployment()["spec"]["template"]["spec"]  # 500m and 1 GiB asked for, limited to 2 GiB
    assert bool(list(over_quota(quota, spec, more))) == told
    scoped = {**quota, "spec": {"hard": hard, "scopes": ["BestEffort"]}}
    assert not list(over_quota(scoped, spec, more))


@pytest.mark.parametrize(("least", "wanted", "told"), [(2, 2, True), (2, 3, False), (1, 0, False), ("50%", 1, False)])
def test_a_disruption_budget_that_lets_no_pod_go_is_told(least: Any, wanted: int, told: bool) -> None:
    labels = {"app.kubernetes.io/name": "clinical"}
    spec = {"minAvailable": least, "selector": {"matchLabels": {**labels, "app.kubernetes.io/instance": "tumorcast"}}}
    assert bool(list(rigid({"metadata": {"name": "b"}, "spec": spec}, labels, wanted))) == told
    assert not list(rigid({"metadata": {"name": "b"}, "spec": spec}, {"app.kubernetes.io/name": "notes"}, wanted))


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({}, ""),
        ({"status": {"observedGeneration": 3}}, "not been seen"),
        ({"spec": {"replicas": 7}}, "asks for 7"),
        ({"status": {"observedGeneration": 4, "replicas": 3, "readyReplicas": 2, "updatedReplicas": 2}}, "1 are still"),
        ({"status": {"observedGeneration": 4, "replicas": 2, "readyReplicas": 1, "updatedReplicas": 2}}, "1 of 2 pods"),
        ({"status": {}}, "not been seen"),
    ],
)
def test_a_deployment_is_scaled_when_exactly_its_pods_are_ready(change: dict[str, Any], missing: str) -> None:
    found = merged(releases.deployment(), change) if "spec" in change else {**releases.deployment(), **change}
    assert missing in missing_of_deployment(found, 2)
    assert bool(missing) == bool(missing_of_deployment(found, 2))


def test_a_plan_can_be_told_as_json() -> None:
    document = ray.plan_replicas(ENCODER, releases.rayservice(), 4, [releases.raycluster()]).to_json()
    assert json.loads(json.dumps(document))["pods"] == 4
