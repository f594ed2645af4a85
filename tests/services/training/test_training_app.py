"""The training service from outside: access, refusals and probes."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from services.environment import SettingsError, read_settings
from services.guard import MAX_BODY_BYTES
from services.training.app import create_app
from services.training.settings import PREFIX, ROOT, TrainingSettings
from tests.services.training.training_kit import BEARER, TOKEN, FakeLauncher, client_of, settings

ENVIRON = {
    "NEXTFRAME_REDIS_URL": "redis://127.0.0.1:1",
    "NEXTFRAME_TRAINING_OPERATOR_TOKEN": TOKEN,
}


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings(tmp_path), FakeLauncher())) as client:
        yield client


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["/v1/runs", "/v1/worlds", "/v1/recipes", "/v1/recordings"])
@pytest.mark.parametrize(
    "shown", [None, "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer \xe9"]
)
async def test_nobody_but_the_operator_gets_in(
    client: httpx.AsyncClient, path: str, shown: str | None
) -> None:
    client.headers.pop("Authorization")
    headers = [] if shown is None else [(b"Authorization", shown.encode("latin-1"))]
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN[:-1] not in answer.text


@pytest.mark.asyncio
async def test_the_operator_gets_in(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/runs")).json() == {"runs": []}
    recipes = (await client.get("/v1/recipes")).json()
    assert "debug" in recipes["recipes"]
    assert recipes["overrides"]["teacher.batch_size"] == {"kind": "int", "min": 1, "max": 1024}


@pytest.mark.asyncio
async def test_other_pages_and_large_bodies_are_refused(client: httpx.AsyncClient) -> None:
    for origin in ("http://[", "null", ""):
        garbage = await client.get("/v1/runs", headers={"Origin": origin})
        assert garbage.status_code == 403
    foreign = await client.get("/v1/runs", headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    own = await client.get("/v1/runs", headers={"Origin": "http://127.0.0.1:8083"})
    assert own.status_code == 200
    large = await client.post("/v1/runs", content=b" " * (MAX_BODY_BYTES + 1))
    assert large.status_code == 413


@pytest.mark.asyncio
async def test_the_page_may_load_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    client.headers.pop("Authorization")
    page = await client.get("/")
    assert page.status_code == 200 and "<title>" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<script>" not in page.text and "style=" not in page.text
    assert (await client.get("/../settings.py")).status_code == 404


@pytest.mark.asyncio
async def test_probes_and_documents_are_not_on_the_public_port(client: httpx.AsyncClient) -> None:
    client.headers.pop("Authorization")
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "variable, value, complaint",
    [
        ("OPERATOR_TOKEN", "short", "at least 32"),
        ("LAUNCHER", "cloud", "local, ray, kubernetes, rayjob"),
        ("LAUNCHER", "ray", "ray_address"),
        ("LAUNCHER", "kubernetes", "kubernetes_image"),
        ("PUBLIC_URL", "here", "http"),
        ("MAX_RUNNING", "0", "at least 1"),
        ("RECORDINGS", "/data/vpt", "name=/path, got '/data/vpt'"),
        ("RECORDINGS", "lab=vpt", "name=/path"),
        ("RECORDINGS", "../lab=/vpt", "name=/path"),
        ("RECORDINGS", "lab=/a,lab=/b", "a name each"),
    ],
)
def test_a_wrong_setting_is_named(variable: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        read_settings(TrainingSettings, PREFIX, ENVIRON | {PREFIX + variable: value})


@pytest.mark.parametrize("launcher", ["kubernetes", "rayjob"])
def test_recordings_that_no_job_would_see_are_refused_at_the_start(launcher: str) -> None:
    chosen = {"LAUNCHER": launcher, "KUBERNETES_IMAGE": "i", "KUBERNETES_CLAIM": "c"}
    chosen |= {"DATA": "/data", "RECORDINGS": "lab=/data/vpt,elsewhere=/mnt/vpt"}
    environ = ENVIRON | {PREFIX + name: value for name, value in chosen.items()}
    with pytest.raises(SettingsError, match="see /data only, not elsewhere=/mnt/vpt"):
        read_settings(TrainingSettings, PREFIX, environ)


def test_the_service_holds_no_torch() -> None:
    """The service reads the registry and judges versions without loading a model."""
    code = "import sys, services.training.app; print('torch' in sys.modules, 'ray' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=os.environ
    )
    assert done.stdout.strip() == "False False", done.stderr


@pytest.mark.parametrize("launcher", ["kubernetes", "rayjob"])
def test_outside_of_a_cluster_it_says_that_it_makes_no_jobs_there(launcher: str) -> None:
    chosen = {"LAUNCHER": launcher, "KUBERNETES_IMAGE": "i", "KUBERNETES_CLAIM": "c"}
    done = subprocess.run(
        [sys.executable, "-m", "services.training"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | ENVIRON | {PREFIX + name: value for name, value in chosen.items()},
    )
    assert done.returncode == 1 and "in a cluster only" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_token_is_in_no_repr() -> None:
    assert TOKEN not in repr(read_settings(TrainingSettings, PREFIX, ENVIRON))
    assert BEARER["Authorization"].endswith(TOKEN)
