"""Rules for every pod of every example."""

import kubernetes_validate
import pytest

from tests.charts.helm import EXAMPLES, Object, only_container, pod_specs, render

OBJECTS = {name: render(values) for name, values in EXAMPLES.items()}
PODS = [(f"{name}:{where}", pod) for name in OBJECTS for where, pod in pod_specs(OBJECTS[name])]
OTHER_OPERATORS = {"RayService", "ServiceMonitor", "PrometheusRule"}

each_pod = pytest.mark.parametrize("pod", [p for _, p in PODS], ids=[where for where, _ in PODS])
each_object = pytest.mark.parametrize(
    "document",
    [
        pytest.param(o, id=f"{name}:{o['kind']}/{o['metadata']['name']}")
        for name, objects in OBJECTS.items()
        for o in objects
        if o["kind"] not in OTHER_OPERATORS
    ],
)


@each_object
def test_an_object_fits_the_kubernetes_schema(document: Object) -> None:
    kubernetes_validate.validate(document, "1.32", strict=True)


def test_the_schema_check_finds_an_unknown_field() -> None:
    broken = {**OBJECTS["cpu"][0], "spek": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.32", strict=True)


@each_pod
def test_a_pod_is_not_root_and_has_no_rights(pod: Object) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    container = only_container(pod)["securityContext"]
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}


@each_pod
def test_a_root_filesystem_is_read_only_and_tmp_is_bounded(pod: Object) -> None:
    container = only_container(pod)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    for volume in pod.get("volumes", []):
        if volume["name"] == "tmp":
            assert volume["emptyDir"]["sizeLimit"]


@each_pod
def test_kubernetes_adds_no_variables_that_a_service_would_refuse(pod: Object) -> None:
    """A Service with our name would set NEXTFRAME_SESSION_PORT=tcp://... in every pod."""
    assert pod["enableServiceLinks"] is False


@each_pod
def test_a_pod_says_what_it_needs(pod: Object) -> None:
    resources = only_container(pod)["resources"]
    assert resources["requests"].keys() >= {"cpu", "memory"}
    assert "memory" in resources["limits"]


@each_pod
def test_a_pod_has_time_to_end(pod: Object) -> None:
    assert pod["terminationGracePeriodSeconds"] >= 30


@pytest.mark.parametrize("where", ["session", "ingest", "generation"])
def test_a_service_is_probed_where_it_answers(where: str) -> None:
    pods = dict(pod_specs(OBJECTS["cpu"]))
    container = only_container(pods[f"Deployment/test-nextframe-{where}"])
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "ops"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "ops"}
    assert "ops" in [port["name"] for port in container["ports"]]


@pytest.mark.parametrize("where", ["session", "ingest"])
def test_a_front_door_waits_for_its_proxies_before_it_ends(where: str) -> None:
    pods = dict(pod_specs(OBJECTS["gpu"]))
    assert "preStop" in only_container(pods[f"Deployment/test-nextframe-{where}"])["lifecycle"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_selectors_find_their_pods_and_nobody_elses(example: str) -> None:
    deployments = [o for o in OBJECTS[example] if o["kind"] in ("Deployment", "StatefulSet")]
    labels = {
        o["metadata"]["name"]: o["spec"]["template"]["metadata"]["labels"] for o in deployments
    }
    for o in deployments:
        wanted = o["spec"]["selector"]["matchLabels"].items()
        found = [name for name, own in labels.items() if wanted <= own.items()]
        assert found == [o["metadata"]["name"]]
