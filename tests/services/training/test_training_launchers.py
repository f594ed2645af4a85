"""Launchers: local processes, a Ray job server and a Kubernetes API that validate requests."""

import asyncio
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest

from services.training.launchers.launcher import JobState, Launcher, LaunchError
from services.training.launchers.local import LocalLauncher
from tests.services.generation.generation_kit import eventually

if TYPE_CHECKING:
    from services.training.launchers.cluster import JobShape

pytestmark = pytest.mark.asyncio

Answer = tuple[int, Any]


@contextmanager
def http_server(answer: Callable[[str, str, Any], Answer]) -> Iterator[str]:
    """Yields the URL. `answer`: (method, path, JSON body) -> (status, JSON)."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size)) if size else None
            status, content = answer(self.command, self.path.partition("?")[0], body)
            reply = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_POST = do_DELETE = _reply

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


# Processes


def program(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def ends(launcher: Launcher, handle: str) -> JobState:
    polled: list[JobState] = []

    async def has_ended() -> bool:
        polled.append(await launcher.poll(handle))
        return not polled[-1].is_running

    await eventually(has_ended, timeout_s=20)
    return polled[-1]


@pytest.mark.parametrize("status", [0, 3])
async def test_a_process_is_given_its_folder_and_tells_how_it_ended(
    tmp_path: Path, status: int
) -> None:
    launcher = LocalLauncher(program=program(f"import sys; print(sys.argv[1:]); exit({status})"))
    handle = await launcher.start("run", tmp_path, 2)
    assert await ends(launcher, handle) == JobState(is_running=False, exit_status=status)
    assert (tmp_path / "log.txt").read_text() == f"{[str(tmp_path), '2']}\n"


async def test_a_process_gets_none_of_the_services_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also no unlisted variable: the chart sets REDIS_PASSWORD beside our variables."""
    secrets = ("NEXTFRAME_TRAINING_OPERATOR_TOKEN", "REDIS_PASSWORD", "AWS_SECRET_ACCESS_KEY")
    for name in (*secrets, "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    launcher = LocalLauncher(program=program("import os; print(sorted(os.environ))"))
    await ends(launcher, await launcher.start("run", tmp_path, 1))
    given = (tmp_path / "log.txt").read_text()
    assert "'PATH'" in given and "OMP_NUM_THREADS" in given
    assert not any(name in given for name in secrets)


async def test_another_service_finds_the_process_and_ends_it(tmp_path: Path) -> None:
    first = LocalLauncher(program=program("import time; time.sleep(60)"))
    handle = await first.start("run", tmp_path, 1)
    second = LocalLauncher(grace_s=5)
    assert (await second.poll(handle)).is_running
    await second.stop(handle)
    assert not (await second.poll(handle)).is_running
    assert await ends(first, handle) == JobState(is_running=False, exit_status=-signal.SIGTERM)
    await second.stop(handle)


async def test_a_process_that_will_not_end_is_ended_by_force_with_its_children(
    tmp_path: Path,
) -> None:
    child = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)"
    code = (
        f"import subprocess, sys; child = [sys.executable, '-c', {child + '; time.sleep(60)'!r}];"
        f"p = subprocess.Popen(child); {child}; p.wait()"
    )
    launcher = LocalLauncher(program=program(code), grace_s=0.3)
    handle = await launcher.start("run", tmp_path, 1)

    async def are_deaf() -> bool:
        return (tmp_path / "log.txt").read_text().count("deaf") == 2

    await eventually(are_deaf, timeout_s=20)
    await launcher.stop(handle)
    assert not (await launcher.poll(handle)).is_running


@pytest.mark.parametrize("change", [("0-0", "{pid}", "{at}"), ("{boot}", "{pid}", "1")])
async def test_another_process_of_the_same_number_is_not_ours(
    tmp_path: Path, change: tuple[str, str, str]
) -> None:
    first = LocalLauncher(program=program("import time; time.sleep(60)"))
    boot, pid, at = (handle := await first.start("run", tmp_path, 1)).split(":")
    other = ":".join(change).format(boot=boot, pid=pid, at=at)
    assert not (await LocalLauncher().poll(other)).is_running
    await first.stop(handle)


@pytest.mark.parametrize("outlive", [True, False])
async def test_a_job_stays_in_the_session_of_a_service_that_takes_it_along(
    tmp_path: Path, outlive: bool
) -> None:
    launcher = LocalLauncher(program=program("import time; time.sleep(60)"), outlive=outlive)
    handle = await launcher.start("run", tmp_path, 1)
    pid = int(handle.split(":")[1])
    assert (os.getsid(pid) == os.getsid(0)) is not outlive
    assert os.getpgid(pid) == pid
    await launcher.stop(handle)


async def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="No such file"):
        await LocalLauncher(program=("/nowhere/python",)).start("run", tmp_path, 1)


# Kubernetes


def check(pod: Any) -> None:
    """Validates a pod inside an object for which Kubernetes has no schema."""
    metadata = {"name": "pod", **pod["metadata"]}
    whole = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
    kubernetes_validate.validate(whole, "1.32", strict=True)


class FakeKubernetes:
    """The part of the API for jobs; a request outside Kubernetes' schema fails the test."""

    def __init__(self) -> None:
        self.jobs: dict[str, Any] = {}

    def answer(self, method: str, path: str, body: Any) -> Answer:
        group = r"/apis/(?:batch/v1/namespaces/lab/jobs|ray\.io/v1/namespaces/lab/rayjobs)"
        found = re.fullmatch(group + r"(?:/([^/]+))?(?:/status)?", path)
        assert found, path
        name = found[1]
        if method == "POST":
            if body["kind"] == "Job":
                kubernetes_validate.validate(body, "1.32", strict=True)
            else:
                cluster = body["spec"]["rayClusterSpec"]
                for ray_group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
                    check(ray_group["template"])
            self.jobs[body["metadata"]["name"]] = body | {"status": {}}
            return 201, body
        if name not in self.jobs:
            return 404, {"kind": "Status", "code": 404, "reason": "NotFound"}
        if method == "DELETE":
            return 200, self.jobs.pop(name)
        return 200, self.jobs[name]


@pytest.fixture
def cluster() -> FakeKubernetes:
    return FakeKubernetes()


@pytest.fixture
def api(cluster: FakeKubernetes) -> Iterator[Any]:
    """The real client, connected to the fake cluster."""
    from kubernetes import client

    with http_server(cluster.answer) as url:
        configuration = client.Configuration(host=url)
        configuration.retries = False
        with client.ApiClient(configuration) as api_client:
            yield api_client


def shape(**others: Any) -> "JobShape":
    from services.training.launchers.cluster import JobShape

    return JobShape(
        namespace="lab", image="nextframe-training:1", claim="data", data=Path("/data"),
        cpus=4, gpus=1, memory="16Gi", **others,
    )  # fmt: skip


@pytest.fixture
def kubernetes(api: Any) -> Launcher:
    from kubernetes import client

    from services.training.launchers.kubernetes_job import KubernetesLauncher

    return KubernetesLauncher(client.BatchV1Api(api), shape())


@pytest.fixture
def rayjob(api: Any) -> Launcher:
    from kubernetes import client

    from services.training.launchers.kubernetes_ray_job import RayJobLauncher

    return RayJobLauncher(client.CustomObjectsApi(api), shape(pods=4))


def assert_pod_is_safe(pod: Any) -> None:
    (container,) = pod["containers"]
    assert container["resources"]["limits"] == {"memory": "16Gi", "nvidia.com/gpu": "1"}
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "data"}
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]


async def test_a_kubernetes_job_runs_the_job_on_the_shared_volume(
    cluster: FakeKubernetes, kubernetes: Launcher
) -> None:
    handle = await kubernetes.start("20260101-000000-abcdef", Path("/data/runs/r"), 3)
    assert handle == "nextframe-20260101-000000-abcdef-3"
    job = cluster.jobs[handle]
    assert (job["kind"], job["spec"]["backoffLimit"]) == ("Job", 0)
    pod = job["spec"]["template"]["spec"]
    command = pod["containers"][0]["command"]
    assert command == ["python", "-m", "training.job", "/data/runs/r", "3"]
    assert_pod_is_safe(pod)


async def test_a_rayjob_gives_the_job_a_cluster_of_its_own(
    cluster: FakeKubernetes, rayjob: Launcher
) -> None:
    handle = await rayjob.start("r", Path("/data/runs/r"), 3)
    job = cluster.jobs[handle]
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert job["spec"]["entrypoint"] == "python -m training.job /data/runs/r 3"
    assert (job["spec"]["backoffLimit"], job["spec"]["shutdownAfterJobFinishes"]) == (0, True)
    ray = job["spec"]["rayClusterSpec"]
    (others,) = ray["workerGroupSpecs"]
    assert [others[n] for n in ("replicas", "minReplicas", "maxReplicas")] == [3, 3, 3]
    for group in (ray["headGroupSpec"], others):
        assert_pod_is_safe(group["template"]["spec"])
        assert "command" not in group["template"]["spec"]["containers"][0]  # KubeRay's own


@pytest.mark.parametrize(
    "launcher_name, ended",
    [
        ("kubernetes", {"failed": 1}),
        ("kubernetes", {"succeeded": 1}),
        ("rayjob", {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED"}),
        ("rayjob", {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}),
    ],
)
async def test_a_job_of_the_cluster_is_looked_at_and_stopped(
    cluster: FakeKubernetes,
    request: pytest.FixtureRequest,
    launcher_name: str,
    ended: dict[str, Any],
) -> None:
    launcher: Launcher = request.getfixturevalue(launcher_name)
    handle = await launcher.start("r", Path("/data/runs/r"), 1)
    assert (await launcher.poll(handle)).is_running
    cluster.jobs[handle]["status"] = ended
    assert await launcher.poll(handle) == JobState(is_running=False)
    await launcher.stop(handle)
    await launcher.stop(handle)
    assert await launcher.poll(handle) == JobState(is_running=False)


@pytest.mark.parametrize("launcher_name", ["kubernetes", "rayjob"])
async def test_a_cluster_that_is_away_is_no_verdict_on_the_job(
    api: Any, request: pytest.FixtureRequest, launcher_name: str
) -> None:
    launcher: Launcher = request.getfixturevalue(launcher_name)
    api.configuration.host = "http://127.0.0.1:1"
    with pytest.raises(LaunchError, match="does not answer"):
        await launcher.poll("r")


# Ray


class FakeRay:
    """The part of Ray's job server used by Ray's client."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.jobs: dict[str, Any] = {}

    def answer(self, method: str, path: str, body: Any) -> Answer:
        if path == "/api/version":
            return 200, {"version": "4", "ray_version": self.version, "ray_commit": ""}
        if method == "POST" and path == "/api/jobs/":
            self.jobs[body["submission_id"]] = body | {"type": "SUBMISSION", "status": "RUNNING"}
            return 200, {"job_id": body["submission_id"], "submission_id": body["submission_id"]}
        name = path.split("/")[3]
        if name not in self.jobs:
            return 404, "no such job"
        if path.endswith("/stop"):
            self.jobs[name]["status"] = "STOPPED"
            return 200, {"stopped": True}
        return 200, self.jobs[name]


@pytest.mark.slow
async def test_a_ray_job_is_submitted_looked_at_and_stopped() -> None:
    import ray

    from services.training.launchers.ray_job import RayLauncher

    cluster = FakeRay(ray.__version__)
    with http_server(cluster.answer) as url:
        launcher = RayLauncher(url, num_cpus=2, num_gpus=1)
        handle = await launcher.start("r", Path("/data/runs/r"), 2)
        job = cluster.jobs[handle]
        assert handle == "r-2" and job["entrypoint"].endswith("-m training.job /data/runs/r 2")
        assert (job["entrypoint_num_cpus"], job["entrypoint_num_gpus"]) == (2, 1)
        assert (await launcher.poll(handle)).is_running
        job |= {"status": "FAILED", "driver_exit_code": 1}
        assert await launcher.poll(handle) == JobState(is_running=False, exit_status=1)
        job |= {"driver_exit_code": -9}
        assert await launcher.poll(handle) == JobState(is_running=False)
        await launcher.stop(handle)
        assert job["status"] == "STOPPED"
    with pytest.raises(LaunchError, match="job server"):
        await asyncio.wait_for(launcher.poll(handle), 20)
