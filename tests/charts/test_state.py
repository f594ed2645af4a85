"""Redis and the secret, which an upgrade must not lose."""

import base64
from typing import Any

import pytest

from tests.charts.helm import HelmError, env, named, pod_specs, render


def test_a_secret_is_made_long_enough_and_kept() -> None:
    secret = named(render({}), "Secret", "secret")
    assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert len(base64.b64decode(secret["data"]["token-secret"])) >= 32


def test_no_two_installs_share_a_secret() -> None:
    first, second = (named(render({}), "Secret", "secret")["data"] for _ in range(2))
    assert first["token-secret"] != second["token-secret"]


def test_an_existing_secret_is_used_and_none_is_made() -> None:
    objects = render({"secret": {"existing": "mine"}})
    assert "Secret" not in [o["kind"] for o in objects]
    for component in ("session", "ingest"):
        pod = named(objects, "Deployment", component)["spec"]["template"]["spec"]
        source = env(pod)["NEXTFRAME_TOKEN_SECRET"]["secretKeyRef"]
        assert source == {"name": "mine", "key": "token-secret"}


def test_generation_never_sees_the_token_secret() -> None:
    for where, pod in pod_specs([named(render({}), "RayService", "generation")]):
        assert "NEXTFRAME_TOKEN_SECRET" not in env(pod), where


@pytest.mark.parametrize("enabled, keeps", [(False, "no"), (True, "yes")])
def test_redis_writes_to_disk_only_where_there_is_one(enabled: bool, keeps: str) -> None:
    objects = render({"redis": {"persistence": {"enabled": enabled}}})
    redis = named(objects, "StatefulSet", "redis")["spec"]
    args = redis["template"]["spec"]["containers"][0]["args"]
    assert args[args.index("--appendonly") + 1] == keeps
    assert ("volumeClaimTemplates" in redis) is enabled


def test_redis_needs_its_password() -> None:
    args = named(render({}), "StatefulSet", "redis")["spec"]["template"]["spec"]["containers"][0][
        "args"
    ]
    assert args[args.index("--requirepass") + 1] == "$(REDIS_PASSWORD)"


def test_with_an_external_redis_we_run_none() -> None:
    external = {"enabled": True, "secretName": "managed"}
    objects = render({"redis": {"external": external}})
    assert "StatefulSet" not in [o["kind"] for o in objects]
    for where, pod in pod_specs(objects):
        source: Any = env(pod)["NEXTFRAME_REDIS_URL"]
        assert source == {"secretKeyRef": {"name": "managed", "key": "redis-url"}}, where


def test_an_external_redis_must_be_named() -> None:
    with pytest.raises(HelmError, match="secretName"):
        render({"redis": {"external": {"enabled": True}}})
