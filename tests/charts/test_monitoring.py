"""Alerts and dashboard use only existing metrics."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.helm import CHART, EXAMPLES, named, render

SERVICES = CHART.parents[1] / "services"
ALERTS = CHART / "monitoring" / "alerts.yaml"
DASHBOARD = CHART / "monitoring" / "dashboard.json"

# What Prometheus appends to the name that the code gives: by kind, then by unit.
KIND = re.compile(r"_(total|bucket|count|sum)$")
UNIT = re.compile(r"_(seconds|bytes|bits_per_second)$")


def metrics_in_code() -> set[str]:
    sources = "\n".join(path.read_text() for path in SERVICES.rglob("*.py"))
    return {
        UNIT.sub("", KIND.sub("", name)) for name in re.findall(r'"(nextframe_[a-z_]+)"', sources)
    }


def metrics_in(text: str) -> set[str]:
    return {UNIT.sub("", KIND.sub("", name)) for name in re.findall(r"\bnextframe_[a-z_]+", text)}


@pytest.mark.parametrize("path", [ALERTS, DASHBOARD], ids=lambda path: path.name)
def test_every_metric_we_watch_is_one_that_we_observe(path: Path) -> None:
    assert metrics_in(path.read_text()) <= metrics_in_code()


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return list(group["rules"])


def test_every_alert_says_what_to_do() -> None:
    assert len(rules()) == 6
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here to read the PromQL")
def test_prometheus_can_read_the_alerts() -> None:
    subprocess.run(["promtool", "check", "rules", str(ALERTS)], check=True)


def test_the_chart_installs_the_alerts_as_they_are() -> None:
    objects = render({"monitoring": {"alerts": {"enabled": True}}})
    rule = named(objects, "PrometheusRule", "monitoring")
    assert rule["apiVersion"] == "monitoring.coreos.com/v1"
    assert rule["spec"] == yaml.safe_load(ALERTS.read_text())


def test_the_dashboard_survives_the_templates() -> None:
    objects = render({"monitoring": {"dashboard": {"enabled": True}}})
    data = named(objects, "ConfigMap", "monitoring")["data"]
    assert json.loads(data["nextframe.json"]) == json.loads(DASHBOARD.read_text())


def test_prometheus_finds_every_service_by_its_labels() -> None:
    objects = render(EXAMPLES["gpu"])
    monitor = named(objects, "ServiceMonitor", "monitoring")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    (endpoint,) = monitor["spec"]["endpoints"]
    (expression,) = monitor["spec"]["selector"]["matchExpressions"]
    for component in expression["values"]:
        service = named(objects, "Service", component)
        labels = service["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]


def test_nothing_of_monitoring_is_there_unless_asked_for() -> None:
    kinds = {o["kind"] for o in render({})}
    assert not kinds & {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
