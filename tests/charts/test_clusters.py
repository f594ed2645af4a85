"""What an operator's cluster demands: nodes that drain, Pod Security, GitOps, mounted worlds."""

import functools
from collections import Counter
from typing import Any

import kubernetes_validate
import pytest

from tests.charts.helm import (
    EXAMPLES,
    HelmError,
    Object,
    env,
    named,
    only_container,
    pod_specs,
    render,
)

VERSIONS = [f"1.{minor}" for minor in range(30, 38)]
OF_OPERATORS = {"RayService", "ServiceMonitor", "PrometheusRule"}  # no schema of Kubernetes'
AUTOSCALED = {"generation": {"ray": {"autoscaling": {"enabled": True}}}}


@functools.cache
def example(name: str) -> list[Object]:
    return render(EXAMPLES[name])


def cluster_of(values: dict[str, Any]) -> Object:
    spec = named(render(values), "RayService", "generation")["spec"]
    return dict(spec["rayClusterConfig"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_object_is_valid_in_every_supported_kubernetes(name: str, version: str) -> None:
    for one in example(name):
        if one["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_container_sets_a_variable_twice(name: str) -> None:
    for where, pod in pod_specs(example(name)):
        counts = Counter(variable["name"] for variable in only_container(pod)["env"])
        assert [n for n, count in counts.items() if count > 1] == [], where


def test_with_a_secret_of_ones_own_two_renders_are_equal() -> None:
    assert render(EXAMPLES["gitops"]) == example("gitops")


def test_a_budget_of_ray_pods_is_a_number() -> None:
    """cases/cluster.md B1: a share needs a scale, which a RayCluster lacks; no node could drain."""
    budget = named(render({"generation": {"replicas": 3}}), "PodDisruptionBudget", "generation")
    assert "maxUnavailable" not in budget["spec"]
    assert budget["spec"]["minAvailable"] == 2
    assert budget["spec"]["selector"]["matchLabels"]["ray.io/node-type"] == "worker"


def test_the_node_of_an_only_replica_may_drain() -> None:
    budgets = [o for o in render({}) if o["kind"] == "PodDisruptionBudget"]
    assert not any("generation" in budget["metadata"]["name"] for budget in budgets)


def test_the_edge_reaches_one_port_of_generation() -> None:
    """cases/cluster.md B5: it reached the ports at which Ray runs anybody's code."""
    objects = example("gpu")
    for component in ("generation", "generation-canary"):
        policy = named(objects, "NetworkPolicy", component)["spec"]["ingress"]
        peers = [r["ports"] for r in policy if "ingest" in str(r["from"])]
        assert peers == [[{"protocol": "TCP", "port": 8094}]]
    for where, pod in pod_specs(objects):
        if "generation" in where:
            assert env(pod)["NEXTFRAME_GENERATION_FRAME_PORT"] == "8094", where


def test_ray_asks_for_a_token_and_its_head_may_restart() -> None:
    cluster = cluster_of({})
    assert cluster["authOptions"] == {"mode": "token"}
    tolerance = cluster["gcsFaultToleranceOptions"]
    assert tolerance["redisAddress"] == "test-nextframe-redis:6379"
    source = tolerance["redisPassword"]["valueFrom"]["secretKeyRef"]
    assert source == {"name": "test-nextframe", "key": "redis-password"}
    external = {"redis": {"external": {"enabled": True, "secretName": "managed"}}}
    assert "gcsFaultToleranceOptions" not in cluster_of(external)


def test_the_autoscaler_beside_the_head_is_restricted_too() -> None:
    """cases/cluster.md B13: a namespace under Pod Security refused the head."""
    options = cluster_of(AUTOSCALED)["autoscalerOptions"]
    assert options["securityContext"]["allowPrivilegeEscalation"] is False
    assert options["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "autoscalerOptions" not in cluster_of({})


def test_the_price_of_an_upgrade_is_chosen() -> None:
    for upgrade in ("NewCluster", "None"):
        service = named(
            render({"generation": {"ray": {"upgrade": upgrade}}}), "RayService", "generation"
        )
        assert service["spec"]["upgradeStrategy"] == {"type": upgrade}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_world_is_where_something_is_mounted(name: str) -> None:
    """cases/cluster.md B8: the example for a GPU served a folder that was nowhere."""
    for where, pod in pod_specs(example(name)):
        if "-generation" not in where:
            continue
        container = only_container(pod)
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]} | {"/app"}
        for world in env(pod)["NEXTFRAME_GENERATION_WORLD"].split(","):
            assert any(world.startswith(f"{path}/") for path in mounted), (where, world)


@pytest.mark.parametrize("folder, reason", [("/worlds/a", "worldsClaim"), ("/data/a", "training")])
def test_a_world_that_nothing_mounts_is_refused(folder: str, reason: str) -> None:
    with pytest.raises(HelmError, match=reason):
        render({"generation": {"worlds": [{"folder": folder}]}})


def test_a_new_revision_of_the_secret_is_a_new_pod() -> None:
    def annotations(revision: str) -> list[Any]:
        objects = render({"secret": {"existing": "mine", "revision": revision}})
        pods = [
            named(objects, "Deployment", component)["spec"]["template"]
            for component in ("session", "ingest")
        ]
        cluster = named(objects, "RayService", "generation")["spec"]["rayClusterConfig"]
        pods += [cluster["headGroupSpec"]["template"], cluster["workerGroupSpecs"][0]["template"]]
        return [pod["metadata"].get("annotations") for pod in pods]

    assert annotations("") == [None] * 4
    assert annotations("2") == [{"nextframe/secret-revision": "2"}] * 4


def test_openshift_chooses_the_ids() -> None:
    for where, pod in pod_specs(example("openshift")):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & pod["securityContext"].keys(), where
        assert pod["securityContext"]["runAsNonRoot"] is True


def test_a_digest_pins_an_image() -> None:
    pods = dict(pod_specs(example("gitops")))
    image = only_container(pods["Deployment/test-nextframe-session"])["image"]
    assert image.startswith("nextframe-edge@sha256:")


def test_an_operator_token_reaches_the_session_service_where_the_secret_has_one() -> None:
    pods = dict(pod_specs(render({})))
    source = env(pods["Deployment/test-nextframe-session"])["NEXTFRAME_SESSION_OPERATOR_TOKEN"]
    assert source["secretKeyRef"]["optional"] is True
    assert source["secretKeyRef"]["key"] in named(render({}), "Secret", "secret")["data"]


def test_the_file_of_redis_fits_its_volume() -> None:
    """cases/security.md M13: what is there, its rewrite, and what comes meanwhile."""
    redis = named(render({}), "StatefulSet", "redis")["spec"]
    args = redis["template"]["spec"]["containers"][0]["args"]
    memory_mb = int(args[args.index("--maxmemory") + 1].removesuffix("mb"))
    (claim,) = redis["volumeClaimTemplates"]
    size_mb = 1024 * int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
    assert size_mb >= 4 * memory_mb
