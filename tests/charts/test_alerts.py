"""The alerts: their runbooks and metrics exist, and each fires when it should and not when it should not (promtool)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.alert_cases import CASES
from support.helm import CHARTS, ROOT, Helm
from support.schemas import pick
from tumorcast_core.telemetry.metrics import REGISTRY

ON = {"global.monitoring.enabled": True, "global.monitoring.labels": {"release": "prometheus"}}
OURS = re.compile(r"\btumorcast_\w+")
NO_RUNBOOK = {"TumorcastCredentialsRefused"}


@pytest.fixture(scope="module")
def rule(one_helm: Helm) -> dict[str, Any]:
    return pick(one_helm.render("gateway", ON | {"alerts.labels": {"team": "board"}}), "PrometheusRule", "demo-gateway")


@pytest.fixture(scope="module")
def alerts(rule: dict[str, Any]) -> dict[str, dict[str, Any]]:
    rules = [each for group in rule["spec"]["groups"] for each in group["rules"]]
    return {each["alert"]: each for each in rules}


def test_alerts_are_there_where_prometheus_is_watching_and_can_be_left_out(helm: Helm, rule: dict[str, Any]):
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert not [m for m in helm.render("gateway") if m["kind"] == "PrometheusRule"]
    assert not [m for m in helm.render("gateway", ON | {"alerts.enabled": False}) if m["kind"] == "PrometheusRule"]
    own = pick(helm.render("gateway", ON | {"alerts.cluster": False}), "PrometheusRule", "demo-gateway")
    assert [group["name"] for group in own["spec"]["groups"]] == ["tumorcast-services"]


def test_nothing_is_left_to_put_in(rule: dict[str, Any]):
    assert not re.search("NAMESPACE|RELEASE|RUNBOOKS", yaml.safe_dump(rule))


def test_each_alert_says_how_bad_what_and_which_page_tells_more(alerts: dict[str, dict[str, Any]]):
    for name, alert in alerts.items():
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert alert["labels"]["team"] == "board"
        assert alert["annotations"].keys() >= {"summary", "description"}
        page = alert["annotations"].get("runbook_url")
        assert (page is None) == (name in NO_RUNBOOK)
        assert page is None or (CHARTS.parent / page).is_file(), f"{name}: there is no {page}"


def test_the_runbooks_are_linked_where_the_values_say(helm: Helm):
    place = "https://git.example.org/tumorcast/charts/runbooks"
    found = pick(helm.render("gateway", ON | {"alerts.runbookUrl": place}), "PrometheusRule", "demo-gateway")
    urls = {rule["annotations"].get("runbook_url") for group in found["spec"]["groups"] for rule in group["rules"]}
    assert f"{place}/overload.md" in urls
    assert all(url is None or url.startswith(place) for url in urls)


def test_each_metric_of_ours_is_one_that_the_services_have(alerts: dict[str, dict[str, Any]]):
    models = (ROOT / "services/tumorcast_fusion/adapters/model_metrics.py").read_text(encoding="utf-8")
    known = {metric.name for metric in REGISTRY.collect()} | set(re.findall(r'"(tumorcast_\w+)"', models))
    for name, alert in alerts.items():
        for metric in OURS.findall(alert["expr"]):
            assert re.sub(r"_(total|bucket)$", "", metric) in known, f"{name}: {metric}"


def test_an_alert_is_about_this_namespace_alone(alerts: dict[str, dict[str, Any]]):
    for name, alert in alerts.items():
        for selector in re.findall(r"\{([^}]*)\}", alert["expr"]):
            assert re.match(r'(exported_)?namespace="default"', selector), f"{name}: {selector}"


def test_an_alert_about_services_is_about_this_release_alone(rule: dict[str, Any]):
    [services] = [group for group in rule["spec"]["groups"] if group["name"] == "tumorcast-services"]
    for alert in services["rules"]:
        for selector in re.findall(r"\{([^}]*)\}", alert["expr"]):
            assert re.match(r'namespace="default", pod=~"demo-\([a-z|]+\)-\.\+"', selector), (
                f"{alert['alert']}: {selector}"
            )


def test_every_alert_has_a_case(alerts: dict[str, dict[str, Any]]):
    assert alerts.keys() == CASES.keys()


@pytest.fixture(scope="module")
def rules(rule: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    file = tmp_path_factory.mktemp("rules") / "rules.yaml"
    file.write_text(yaml.safe_dump(rule["spec"]), encoding="utf-8")
    return file


def promtool(*words: str) -> str:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.debian
def test_prometheus_takes_the_rules(rules: Path):
    assert f"{len(CASES)} rules found" in promtool("check", "rules", str(rules))


@pytest.mark.debian
def test_each_alert_fires_when_it_should_and_only_then(rules: Path):
    tests = [
        {
            "name": f"{name} {state}",
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in found.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}}) or vector(0)',
                    "eval_time": case.after,
                    "exp_samples": [{"labels": "{}", "value": int(state == "fires")}],
                }
            ],
        }
        for name, case in CASES.items()
        for state, found in (("fires", case.fires), ("is quiet", case.quiet))
    ]
    file = rules.with_name("tests.yaml")
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", str(file))


@pytest.mark.debian
def test_the_rules_serve_without_kubernetes_as_the_gateways_page_says(tmp_path: Path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    page = (ROOT / "services" / "tumorcast_gateway" / "operations.md").read_text(encoding="utf-8")
    [command] = [line for line in page.splitlines() if line.startswith("sed ") and "tumorcast-rules.yaml" in line]
    file = tmp_path / "tumorcast-rules.yaml"
    subprocess.run(["bash", "-c", command.replace("tumorcast-rules.yaml", str(file))], cwd=ROOT, check=True)
    assert "namespace" not in file.read_text(encoding="utf-8").partition("groups:")[2]
    assert "rules found" in promtool("check", "rules", str(file))


def test_the_gateways_page_tells_of_each_alert_of_the_services_and_its_runbook():
    page = (ROOT / "services" / "tumorcast_gateway" / "operations.md").read_text(encoding="utf-8")
    rows = {
        name: row
        for row in page.splitlines()
        for name in re.findall(r"`([A-Z][A-Za-z]+)`", row.split("|")[1] if row.startswith("| `") else "")
    }
    rules = yaml.safe_load((CHARTS / "gateway" / "alerts" / "services.yaml").read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        page_of = rule["annotations"].get("runbook_url", "").removeprefix("RUNBOOKS/")
        assert page_of in rows[rule["alert"].removeprefix("Tumorcast")]
