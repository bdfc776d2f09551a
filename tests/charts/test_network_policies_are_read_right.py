"""The evaluator of NetworkPolicies against what networking.k8s.io/v1 says of each of its fields."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart_releases import pairwise
from support.network import Network, Pod

CALLER = Pod("caller", {"app": "caller", "tier": "front"}, address="10.0.1.1")
ABROAD = Pod("abroad", {"app": "caller"}, "ward", "10.0.2.1")
SERVER = Pod("server", {"app": "server"}, address="10.0.1.2", ports={"grpc": 50052, "metrics": 9464})


def network(ingress: list[dict[str, Any]] | None, **selector: Any) -> Network:
    spec = {"podSelector": selector, "policyTypes": ["Ingress"]}
    return Network((spec if ingress is None else spec | {"ingress": ingress},))


@pytest.mark.parametrize(
    ("ingress", "caller", "abroad"),
    [
        ([{}], True, True),  # an empty rule lets everything in
        ([], False, False),
        (None, False, False),
        ([{"from": []}], True, True),  # an empty list of peers is everyone
        ([{"from": [{"podSelector": {}}]}], True, False),  # pods of this namespace
        ([{"from": [{"namespaceSelector": {}}]}], True, True),
        ([{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"tier": "front"}}}]}], True, False),
        ([{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ward"}}}]}], False, True),
        ([{"from": [{"podSelector": {"matchLabels": {"app": "caller"}}}], "ports": [{"port": 50052}]}], True, False),
        ([{"ports": [{"port": 50052, "protocol": "UDP"}]}], False, False),
        ([{"ports": [{"port": "grpc"}]}], True, True),
        ([{"ports": [{"port": "metrics"}]}], False, False),
        ([{"ports": [{"port": 50000, "endPort": 50099}]}], True, True),
        ([{"ports": [{"protocol": "TCP"}]}], True, True),
        ([{"from": [{"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.2.0/24"]}}]}], True, False),
        ([{"ports": [{"port": 1}]}, {"ports": [{"port": 50052}]}], True, True),  # rules add up
    ],
)
def test_a_rule_lets_in_whom_it_says(ingress: list[dict[str, Any]] | None, caller: bool, abroad: bool):
    found = network(ingress, matchLabels={"app": "server"})
    assert found.allows(CALLER, SERVER, 50052) is caller
    assert found.allows(ABROAD, SERVER, 50052) is abroad


@pytest.mark.parametrize(
    ("expression", "selected"),
    [
        ({"key": "app", "operator": "In", "values": ["server"]}, True),
        ({"key": "app", "operator": "NotIn", "values": ["server"]}, False),
        ({"key": "tier", "operator": "Exists"}, False),
        ({"key": "tier", "operator": "DoesNotExist"}, True),
    ],
)
def test_a_pod_is_closed_only_if_a_policy_selects_it(expression: dict[str, Any], selected: bool):
    assert network([], matchExpressions=[expression]).allows(CALLER, SERVER, 50052) is not selected


def test_policies_add_up_and_both_ends_must_agree():
    out: dict[str, Any] = {"podSelector": {"matchLabels": {"app": "caller"}}, "policyTypes": ["Egress"]}
    way = {"to": [{"podSelector": {"matchLabels": {"app": "server"}}}], "ports": [{"port": 50052}]}
    assert not Network((out,)).allows(CALLER, SERVER, 50052)
    assert Network((out, out | {"egress": [way]})).allows(CALLER, SERVER, 50052)
    assert not Network((out | {"egress": [way]},)).allows(CALLER, SERVER, 9464)
    closed = {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"]}
    assert not Network((out | {"egress": [way]}, closed)).allows(CALLER, SERVER, 50052)


def test_pairwise_lets_every_two_settings_meet():
    switches = {"a": ["1", "2", "3"], "b": ["1", "2"], "c": ["1", "2", "3", "4"], "d": ["1", "2"]}
    rows = pairwise(switches)
    for one in switches:
        for other in switches.keys() - {one}:
            met = {(row[one], row[other]) for row in rows}
            assert met == {(x, y) for x in switches[one] for y in switches[other]}
    assert len(rows) < 20  # of 48
