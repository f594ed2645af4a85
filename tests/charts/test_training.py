"""The training service on a cluster: rights, volume, and replicas of the canary."""

from typing import Any

import pytest

from services.training.launchers.cluster import USER
from tests.charts.helm import EXAMPLES, HelmError, Object, env, named, only_container, render

ON = {"training": {"enabled": True}}


def kinds(objects: list[Object], component: str) -> set[str]:
    label = "app.kubernetes.io/component"
    return {o["kind"] for o in objects if o["metadata"]["labels"].get(label) == component}


def pod(objects: list[Object], component: str) -> Object:
    spec = named(objects, "Deployment", component)["spec"]["template"]["spec"]
    return dict(spec)


def test_nothing_of_it_is_there_unless_asked_for() -> None:
    objects = render({})
    assert kinds(objects, "training") == kinds(objects, "generation-canary") == set()


def test_it_may_make_and_delete_jobs_and_nothing_else() -> None:
    objects = render(ON)
    rules = named(objects, "Role", "training")["rules"]
    assert {(r["apiGroups"][0], *r["resources"], *r["verbs"]) for r in rules} == {
        ("batch", "jobs", "create", "delete"),
        ("batch", "jobs/status", "get"),
    }
    account = named(objects, "ServiceAccount", "training")["metadata"]["name"]
    assert pod(objects, "training")["serviceAccountName"] == account
    assert named(objects, "RoleBinding", "training")["subjects"][0]["name"] == account


def test_for_rayjobs_it_has_the_right_to_them_instead() -> None:
    objects = render({"training": {"enabled": True, "launcher": "rayjob", "job": {"pods": 4}}})
    (rule,) = named(objects, "Role", "training")["rules"]
    assert (rule["apiGroups"], rule["resources"]) == (["ray.io"], ["rayjobs"])
    variables = env(pod(objects, "training"))
    assert variables["NEXTFRAME_TRAINING_LAUNCHER"] == "rayjob"
    assert variables["NEXTFRAME_TRAINING_JOB_PODS"] == "4"


def test_with_jobs_in_its_own_pod_it_has_no_rights_at_all() -> None:
    objects = render({"training": {"enabled": True, "launcher": "local"}})
    assert not kinds(objects, "training") & {"Role", "RoleBinding", "ServiceAccount"}
    assert pod(objects, "training")["automountServiceAccountToken"] is False


def test_one_writer_and_its_volume_is_kept() -> None:
    objects = render(ON)
    assert named(objects, "Deployment", "training")["spec"]["strategy"] == {"type": "Recreate"}
    claim = named(objects, "PersistentVolumeClaim", "training")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    variables = env(pod(objects, "training"))
    assert variables["NEXTFRAME_TRAINING_KUBERNETES_CLAIM"] == claim["metadata"]["name"]
    assert pod(objects, "training")["securityContext"]["runAsUser"] == USER  # as its jobs do


def test_a_claim_that_exists_is_used_and_none_is_made() -> None:
    objects = render({"training": {"enabled": True, "persistence": {"existingClaim": "mine"}}})
    assert "PersistentVolumeClaim" not in kinds(objects, "training")
    assert env(pod(objects, "training"))["NEXTFRAME_TRAINING_KUBERNETES_CLAIM"] == "mine"


@pytest.mark.parametrize("component", ["generation", "generation-canary"])
def test_replicas_read_published_worlds_and_never_write_them(component: str) -> None:
    values: dict[str, Any] = {**ON, "generation": {"mode": "deployment"}}
    values["generation"]["canary"] = {"enabled": True, "world": "/data/registry/w/d"}
    spec = pod(render(values), component)
    (mount,) = [m for m in only_container(spec)["volumeMounts"] if m["name"] == "data"]
    assert mount == {"name": "data", "mountPath": "/data", "readOnly": True}


def test_the_canary_serves_another_world_and_is_otherwise_the_same() -> None:
    objects = render(
        {
            **ON,
            "generation": {
                "mode": "deployment",
                "settings": {"world": "/data/registry/w/first"},
                "canary": {"enabled": True, "replicas": 2, "world": "/data/registry/w/second"},
            },
        }
    )
    first, second = (env(pod(objects, c)) for c in ("generation", "generation-canary"))
    assert first.pop("NEXTFRAME_GENERATION_WORLD") == "/data/registry/w/first"
    assert second.pop("NEXTFRAME_GENERATION_WORLD") == "/data/registry/w/second"
    assert first == second
    assert named(objects, "Deployment", "generation-canary")["spec"]["replicas"] == 2


def test_a_canary_must_name_its_world() -> None:
    with pytest.raises(HelmError, match="world"):
        render({"generation": {"canary": {"enabled": True}}})


def test_pods_do_not_reach_the_training_service_but_it_reaches_redis() -> None:
    objects = render(EXAMPLES["gpu"])
    (rule,) = named(objects, "NetworkPolicy", "training")["spec"]["ingress"]
    assert all("namespaceSelector" in peer for peer in rule["from"])
    peers = named(objects, "NetworkPolicy", "redis")["spec"]["ingress"][0]["from"]
    clients = {p["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for p in peers}
    assert {"training", "generation-canary"} <= clients
