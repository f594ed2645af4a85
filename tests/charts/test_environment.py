"""Variables set by chart and compose are accepted by the services' own readers."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from services.environment import SettingsError, read_settings
from tests.charts.helm import CHART, EXAMPLES, env, pod_specs, render

SECRET = "a secret that only this test knows, long enough"
COMPOSE = CHART.parents[1] / "docker-compose.yml"
SETTINGS = {
    "session": "SessionSettings",
    "ingest": "IngestSettings",
    "generation": "GenerationSettings",
    "training": "TrainingSettings",
}

Environment = dict[str, str]


def read(service: str, environment: Environment) -> Any:
    """Returns the service's settings for `environment`."""
    module = importlib.import_module(f"services.{service}.settings")
    return read_settings(getattr(module, SETTINGS[service]), module.PREFIX, environment)


def without_sources(variables: Mapping[str, Any]) -> Environment:
    """Replaces values from a secret or a field by a sample value."""
    samples = {"NEXTFRAME_REDIS_URL": "rediss://user:word@redis.example.com:6380/0"}
    return {
        name: v if isinstance(v, str) else samples.get(name, SECRET)
        for name, v in variables.items()
    }


def chart_environments() -> Iterator[tuple[str, str, Environment]]:
    for example, values in {"defaults": {}, **EXAMPLES}.items():
        for where, pod in pod_specs(render(values)):
            for service in SETTINGS:
                if f"-{service}" in where:
                    yield f"{example}:{where}", service, without_sources(env(pod))


def without_choice(value: str) -> str:
    """Resolves `${NAME:-default}` as compose does without NAME."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def compose_environments() -> Iterator[tuple[str, str, Environment]]:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name, content in services.items():
        service = name.removesuffix("-gpu")
        if service in SETTINGS:
            variables = {n: without_choice(v) for n, v in content["environment"].items()}
            for secret in ("NEXTFRAME_TOKEN_SECRET", "NEXTFRAME_TRAINING_OPERATOR_TOKEN"):
                if secret in variables:
                    variables[secret] = SECRET
            yield f"compose:{name}", service, variables


ALL = [*chart_environments(), *compose_environments()]


@pytest.mark.parametrize("service, environment", [c[1:] for c in ALL], ids=[c[0] for c in ALL])
def test_a_service_accepts_what_it_is_given(service: str, environment: Environment) -> None:
    read(service, environment)


@pytest.mark.parametrize("service, environment", [c[1:] for c in ALL], ids=[c[0] for c in ALL])
def test_no_variable_of_ours_is_read_by_nobody(service: str, environment: Environment) -> None:
    shared = {"NEXTFRAME_REDIS_URL", "NEXTFRAME_REDIS_PASSWORD", "NEXTFRAME_TOKEN_SECRET"}
    ours = {name for name in environment if name.startswith("NEXTFRAME_")}
    assert {n for n in ours if not n.startswith(f"NEXTFRAME_{service.upper()}_")} <= shared


def test_a_setting_that_does_not_exist_stops_the_service() -> None:
    values = {**EXAMPLES["cpu"], "session": {"settings": {"max_lime": 3}}}
    pods = dict(pod_specs(render(values)))
    environment = without_sources(env(pods["Deployment/test-nextframe-session"]))
    with pytest.raises(SettingsError, match="NEXTFRAME_SESSION_MAX_LIME"):
        read("session", environment)


def test_precision_and_fast_paths_of_a_gpu_can_be_chosen() -> None:
    chosen = {"precision": "fp32", "fast_paths": "graphs,fused"}
    values = {"generation": {"gpusPerReplica": 1, "settings": chosen}}
    for where, pod in pod_specs(render(values)):
        if "-generation" in where:
            settings = read("generation", without_sources(env(pod)))
            assert (settings.precision, settings.wanted_paths) == ("fp32", ("graphs", "fused"))


def test_by_default_they_are_those_that_every_device_has() -> None:
    for where, service, environment in ALL:
        if service == "generation":
            settings = read(service, environment)
            assert (settings.precision, settings.wanted_paths) == ("auto", ()), where
