"""Values written by a person: typing errors are refused, examples and defaults agree."""

from typing import Any

import pytest
import yaml

from tests.charts.helm import CHART, HelmError, env, helm, named, render

MISTAKES: list[tuple[str, dict[str, Any]]] = [
    ("sesion", {"sesion": {"replicas": 1}}),
    ("replicas", {"session": {"replicas": 0}}),
    ("port", {"ingest": {"port": 99999}}),
    ("mode", {"ingest": {"udp": {"mode": "nodePort"}}}),
    ("settings", {"session": {"settings": {"MAX_LINE": 3}}}),
    ("play", {"publicUrl": {"play": "play.example.com"}}),
    ("nodeCidrs", {"networkPolicy": {"nodeCidrs": ["everybody"]}}),
    ("memory", {"session": {"resources": {"requests": {"memory": "lots"}}}}),
    ("servers", {"ice": {"servers": ["turn.example.com"]}}),
    ("fast_paths", {"generation": {"settings": {"fast_paths": False}}}),  # a bare off in YAML
    ("fast_paths", {"generation": {"settings": {"fast_paths": "warp"}}}),
    ("precision", {"generation": {"settings": {"precision": "fp8"}}}),
    ("digest", {"image": {"edge": {"digest": "latest"}}}),
    ("openshift", {"openshift": "yes"}),
    ("revision", {"secret": {"revision": 2}}),
    ("framePort", {"generation": {"framePort": 80}}),
    ("upgrade", {"generation": {"ray": {"upgrade": "Rolling"}}}),
    ("auth", {"generation": {"ray": {"auth": "none"}}}),
    ("targetSessions", {"generation": {"ray": {"autoscaling": {"targetSessions": 3}}}}),
    ("warmSlots", {"generation": {"ray": {"autoscaling": {"warmSlots": -1}}}}),
    ("initContainers", {"generation": {"initContainers": [{"name": "worlds"}]}}),
    ("extraEnv", {"generation": {"extraEnv": [{"value": "4"}]}}),
    ("maxSlotsPerReplica", {"generation": {"maxSlotsPerReplica": 0}}),
    ("launcher", {"training": {"launcher": "slurm"}}),
    ("accessMode", {"training": {"persistence": {"accessMode": "Many"}}}),
    ("maxMemory", {"redis": {"maxMemory": "384"}}),
    ("interval", {"monitoring": {"serviceMonitor": {"interval": "15"}}}),
    ("pullPolicy", {"image": {"pullPolicy": "Sometimes"}}),
    ("terminationGracePeriodSeconds", {"generation": {"terminationGracePeriodSeconds": 1}}),
]


@pytest.mark.parametrize("named_in_error, values", MISTAKES, ids=[name for name, _ in MISTAKES])
def test_a_mistake_is_refused_by_name(named_in_error: str, values: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match=named_in_error):
        render(values)


def test_lint_is_content() -> None:
    helm("lint", "--strict", str(CHART))


def test_every_value_is_one_that_a_template_reads() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    templates = "\n".join(path.read_text() for path in (CHART / "templates").iterdir())
    unread = [
        f"{section}.{key}"
        for section, content in values.items()
        if isinstance(content, dict)
        for key in content
        if f".{key}" not in templates and f'"{key}"' not in templates
    ]
    assert unread == []


def test_a_setting_becomes_a_variable_of_its_service() -> None:
    settings = {"max_line": 1000000, "drain": True, "rate": 2.5}
    pod = named(render({"session": {"settings": settings}}), "Deployment", "session")
    variables = env(pod["spec"]["template"]["spec"])
    assert variables["NEXTFRAME_SESSION_MAX_LINE"] == "1000000"
    assert variables["NEXTFRAME_SESSION_DRAIN"] == "true"
    assert variables["NEXTFRAME_SESSION_RATE"] == "2.5"


def test_the_values_stay_readable() -> None:
    assert len((CHART / "values.yaml").read_text().splitlines()) < 250
