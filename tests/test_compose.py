"""docker-compose.yml: the same processes as in other deployments, closed to the outside."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

COMPOSE = Path(__file__).parent.parent / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
OURS = sorted(set(SERVICES) - {"redis"})


def docker_compose() -> list[str] | None:
    """The installed command: `docker compose` or the older `docker-compose`, else None."""
    if shutil.which("docker"):
        found = subprocess.run(["docker", "compose", "version"], capture_output=True)
        if found.returncode == 0:
            return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


@pytest.mark.skipif(docker_compose() is None, reason="no docker compose here to read the file")
@pytest.mark.parametrize("secret, accepted", [("0" * 32, True), (None, False)])
def test_compose_reads_the_file_and_insists_on_a_secret(secret: str | None, accepted: bool) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "NEXTFRAME_TOKEN_SECRET"}
    if secret:
        environment["NEXTFRAME_TOKEN_SECRET"] = secret
    command = [*(docker_compose() or []), "--file", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert (done.returncode == 0) is accepted


def test_every_process_is_there() -> None:
    assert set(SERVICES) == {
        "redis", "session", "ingest", "generation", "generation-gpu", "training",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["generation", "generation-gpu"])
def test_every_world_that_comes_with_the_image_is_served_unless_some_are_named(name: str) -> None:
    world = SERVICES[name]["environment"]["NEXTFRAME_GENERATION_WORLD"]
    assert world == "${NEXTFRAME_GENERATION_WORLD:-/app/model/worlds}"
    assert (COMPOSE.parent / "model" / "worlds" / "freedoom" / "world.json").is_file()


def test_only_the_training_service_writes_where_worlds_are_published() -> None:
    mounts = {name: s["volumes"] for name, s in SERVICES.items() if "volumes" in s}
    assert mounts.pop("training") == ["training:/data"]
    assert mounts == {name: ["training:/data:ro"] for name in ("generation", "generation-gpu")}


def test_a_gpu_is_used_only_when_asked_for() -> None:
    assert [name for name, s in SERVICES.items() if "gpu" in s.get("profiles", [])] == [
        "generation-gpu"
    ]


@pytest.mark.parametrize("name", OURS)
def test_a_service_has_no_rights_and_writes_nowhere(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_nothing_listens_beyond_this_machine() -> None:
    redis = SERVICES["redis"]["command"]
    assert redis[redis.index("--bind") + 1] == "127.0.0.1"
    for name in OURS:
        hosts = [v for k, v in SERVICES[name]["environment"].items() if k.endswith("_HOST")]
        assert hosts == [], f"{name} leaves 127.0.0.1"


@pytest.mark.parametrize("name", OURS)
def test_an_image_is_a_target_of_the_dockerfile(name: str) -> None:
    build = SERVICES[name]["build"]
    dockerfile = (COMPOSE.parent / build["dockerfile"]).read_text()
    assert f" AS {build['target']}\n" in dockerfile
