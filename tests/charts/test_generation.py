"""The engines: under KubeRay or as plain pods."""

import ast
import importlib.util
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.generation.deployment import _named
from tests.charts.helm import (
    CHART,
    EXAMPLES,
    HelmError,
    Object,
    env,
    named,
    only_container,
    pod_specs,
    render,
)


def ray_service(**generation: Any) -> Object:
    return named(render({"generation": generation}), "RayService", "generation")


def deployments(service: Object) -> dict[str, Any]:
    """Returns deployment name -> part of the Serve config."""
    (application,) = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"]
    return {d["name"]: d for d in application["deployments"]}


def test_the_ray_service_has_the_form_that_kuberay_reads() -> None:
    service = ray_service()
    assert service["apiVersion"] == "ray.io/v1"
    assert service["spec"].keys() == {"upgradeStrategy", "serveConfigV2", "rayClusterConfig"}
    cluster = service["spec"]["rayClusterConfig"]
    assert cluster.keys() >= {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    assert cluster["headGroupSpec"].keys() == {"rayStartParams", "template"}
    (group,) = cluster["workerGroupSpecs"]
    assert group.keys() >= {"groupName", "replicas", "minReplicas", "maxReplicas", "template"}
    for params in (cluster["headGroupSpec"]["rayStartParams"], group["rayStartParams"]):
        assert all(isinstance(value, str) for value in params.values())


def test_the_serve_config_names_the_app_that_the_code_has() -> None:
    (application,) = yaml.safe_load(ray_service()["spec"]["serveConfigV2"])["applications"]
    assert application["import_path"] == "services.generation.deployment:app"


def test_the_serve_config_names_the_deployments_that_the_code_has() -> None:
    tree = ast.parse((CHART.parents[1] / "services/generation/deployment.py").read_text())
    names = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    assert set(deployments(ray_service())) == {names["GENERATOR"], names["DISPATCHER"]}


def test_a_pod_takes_one_engine_and_the_head_none() -> None:
    service = ray_service(cpusPerReplica=7)
    cluster = service["spec"]["rayClusterConfig"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["workerGroupSpecs"][0]["rayStartParams"]["num-cpus"] == "7"
    assert deployments(service)["Generator"]["ray_actor_options"]["num_cpus"] == 7


@pytest.mark.parametrize("mode", ["rayservice", "deployment"])
def test_a_stopping_replica_hands_its_worlds_over_first(mode: str) -> None:
    pods = dict(pod_specs(render({"generation": {"mode": mode}})))
    (pod,) = [p for where, p in pods.items() if where.endswith(("generator", "-generation"))]
    command = only_container(pod)["lifecycle"]["preStop"]["exec"]["command"]
    assert command == ["python", "-m", "services.generation.sessions.drain"]
    assert importlib.util.find_spec(command[-1])


def test_the_ray_version_is_the_one_we_install() -> None:
    assert ray_service()["spec"]["rayClusterConfig"]["rayVersion"] == version("ray")


def test_one_slot_is_one_request_that_serve_lets_through() -> None:
    assert deployments(ray_service())["Generator"]["max_ongoing_requests"] == 16  # measured
    service = ray_service(slotsPerReplica=9)
    assert deployments(service)["Generator"]["max_ongoing_requests"] == 9
    for where, pod in pod_specs([service]):
        assert env(pod)["NEXTFRAME_GENERATION_SLOTS"] == "9", where


def test_serve_and_cluster_scale_between_the_same_bounds() -> None:
    service = ray_service(replicas=2, ray={"autoscaling": {"enabled": True, "maxReplicas": 5}})
    # Our policy is named by the code; a number here would be a second scaler.
    assert not {"num_replicas", "autoscaling_config"} & deployments(service)["Generator"].keys()
    for where, pod in pod_specs([service]):
        variables = env(pod)
        bounds = [variables[f"NEXTFRAME_GENERATION_{end}_REPLICAS"] for end in ("MIN", "MAX")]
        assert bounds == ["2", "5"], where
    (group,) = service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    assert (group["minReplicas"], group["maxReplicas"]) == (2, 5)


def test_only_an_autoscaling_head_may_talk_to_kubernetes() -> None:
    still = dict(pod_specs([ray_service()]))
    assert not any(pod["automountServiceAccountToken"] for pod in still.values())
    scaling = dict(pod_specs([ray_service(ray={"autoscaling": {"enabled": True}})]))
    with_token = [w for w, pod in scaling.items() if pod["automountServiceAccountToken"]]
    assert [where.split("/")[-1] for where in with_token] == ["head"]


def test_a_gpu_is_asked_for_by_workers_only() -> None:
    pods = dict(pod_specs([ray_service(gpusPerReplica=1)]))
    limits = {w.split("/")[-1]: only_container(p)["resources"]["limits"] for w, p in pods.items()}
    assert limits["generator"]["nvidia.com/gpu"] == 1
    assert "nvidia.com/gpu" not in limits["head"]
    assert {env(pod)["NEXTFRAME_GENERATION_DEVICE"] for pod in pods.values()} == {"cuda"}


def test_without_kuberay_it_is_a_plain_deployment() -> None:
    objects = render(EXAMPLES["cpu"])
    assert "RayService" not in [o["kind"] for o in objects]
    deployment = named(objects, "Deployment", "generation")
    container = only_container(deployment["spec"]["template"]["spec"])
    assert container["args"] == ["python", "-m", "services.generation"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_an_edge_can_reach_a_replica_in_another_pod() -> None:
    for where, pod in pod_specs([ray_service()]):
        assert env(pod)["NEXTFRAME_GENERATION_FRAME_HOST"] == "0.0.0.0", where
        assert env(pod)["NEXTFRAME_GENERATION_FRAME_ADVERTISE"] == "$(POD_IP)", where


@pytest.mark.parametrize("bad", [{"mode": "pods"}, {"gpusPerReplica": 2}, {"slotsPerReplica": 65}])
def test_what_no_engine_can_do_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(HelmError, match=f"generation.{next(iter(bad))}"):
        render({"generation": bad})


def test_ray_itself_reads_the_serve_config() -> None:
    from ray.serve.schema import ServeDeploySchema  # late: it takes seconds to import

    scaling = {"enabled": True, "maxReplicas": 5}
    for values in ({}, {"gpusPerReplica": 1, "ray": {"autoscaling": scaling}}):
        config = yaml.safe_load(ray_service(**values)["spec"]["serveConfigV2"])
        ServeDeploySchema.model_validate(config)


TWO: list[dict[str, Any]] = [
    {"folder": "/app/model/worlds/freedoom", "replicas": 2},
    {"folder": "/app/isle_2"},
]


def test_each_world_has_engines_of_its_own_in_one_ray_service() -> None:
    autoscaling = {"autoscaling": {"enabled": True, "maxReplicas": 5}}
    service = ray_service(worlds=TWO, ray=autoscaling)
    found = deployments(service)
    folders = [world["folder"] for world in TWO]
    assert set(found) == {"Dispatcher", *_named([Path(folder) for folder in folders])}
    fixed = deployments(ray_service(worlds=TWO))
    assert [fixed[f"Generator-{n}"]["num_replicas"] for n in ("freedoom", "isle_2")] == [2, 1]
    (group,) = service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    assert (group["minReplicas"], group["maxReplicas"]) == (3, 10)
    for where, pod in pod_specs([service]):
        assert env(pod)["NEXTFRAME_GENERATION_WORLD"] == ",".join(folders), where


def test_each_world_is_a_plain_deployment_without_kuberay() -> None:
    objects = render({"generation": {"mode": "deployment", "worlds": TWO}})
    plain = [
        o for o in objects if o["kind"] == "Deployment" and "-generation" in o["metadata"]["name"]
    ]
    assert [o["metadata"]["name"] for o in plain] == [
        "test-nextframe-generation-freedoom", "test-nextframe-generation-isle-2",
    ]  # fmt: skip
    assert [o["spec"]["replicas"] for o in plain] == [2, 1]
    served = [env(o["spec"]["template"]["spec"])["NEXTFRAME_GENERATION_WORLD"] for o in plain]
    assert served == [world["folder"] for world in TWO]
    for o in plain:
        selector = o["spec"]["selector"]["matchLabels"]
        for other in plain:
            labels = other["spec"]["template"]["metadata"]["labels"]
            assert (selector.items() <= labels.items()) is (other is o)
    disrupted = named(objects, "PodDisruptionBudget", "generation")["spec"]["selector"]
    assert disrupted["matchLabels"].items() <= labels.items()


def test_one_world_has_the_names_that_it_always_had() -> None:
    world = {"folder": "/app/model/worlds/isle"}
    choices: list[dict[str, Any]] = [
        {"worlds": [world]},
        {"settings": {"world": world["folder"]}},
        {},
    ]
    for values in choices:
        assert set(deployments(ray_service(**values))) == {"Generator", "Dispatcher"}
        objects = render({"generation": {"mode": "deployment", **values}})
        plain = named(objects, "Deployment", "generation")
        assert plain["metadata"]["name"] == "test-nextframe-generation"
        served = env(plain["spec"]["template"]["spec"])["NEXTFRAME_GENERATION_WORLD"]
        assert served == (world["folder"] if values else "/app/model/worlds/freedoom")


@pytest.mark.parametrize(
    "worlds, settings, reason",
    [
        (TWO, {"world": "/w/a"}, "not in both"),
        ([{"folder": "/a/isle"}, {"folder": "/b/Isle"}], {}, "the same last part"),
        ([{"folder": "isle"}], {}, "worlds"),
        ([{"folder": "/a,/b"}], {}, "worlds"),
        ([], {"world": "/a,/b"}, "world"),
    ],
)
def test_worlds_that_could_not_be_told_apart_are_refused(
    worlds: list[Any], settings: dict[str, str], reason: str
) -> None:
    with pytest.raises(HelmError, match=reason):
        render({"generation": {"worlds": worlds, "settings": settings}})
