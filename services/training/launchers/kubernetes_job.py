"""Jobs as Kubernetes Jobs: one pod each, on the volume that the service's data lies on.

Kubernetes never restarts them: a start is an attempt, and attempts are counted by the service.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from services.training.launchers.launcher import LaunchError, Look

T = TypeVar("T")

USER = 10001  # of the images
KEPT_S = 24 * 3600  # a finished Job's pod and its log
GRACE_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShape:
    """What every job's pod looks like. `data`: where the claim is mounted, the same path as in
    the service's own pod. `memory`: a Kubernetes quantity."""

    namespace: str
    image: str
    claim: str
    data: Path
    cpus: float
    gpus: int
    memory: str


class KubernetesLauncher:
    """A handle is the Job's name."""

    def __init__(self, api: client.BatchV1Api, shape: JobShape) -> None:
        self._api = api
        self._shape = shape

    @classmethod
    def of_this_cluster(cls, shape: JobShape) -> "KubernetesLauncher":
        """With the rights of the pod we run in. Raises LaunchError outside of a cluster."""
        try:
            config.load_incluster_config()  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise LaunchError(f"launcher kubernetes works in a cluster only: {error}") from error
        return cls(client.BatchV1Api(), shape)

    async def start(self, run_id: str, folder: Path, attempt: int) -> str:
        job = job_object(self._shape, run_id, folder, attempt)
        # The client takes the object as its JSON too, whatever its types say.
        body: Any = job
        await _ask(lambda: self._api.create_namespaced_job(self._shape.namespace, body))
        return str(job["metadata"]["name"])

    async def look(self, handle: str) -> Look:
        try:
            job = await _ask(
                lambda: self._api.read_namespaced_job_status(handle, self._shape.namespace)
            )
        except _NotFoundError:
            return Look(is_running=False)
        # Why a pod failed is in the job's own progress; without a word there it was killed.
        status = job.status
        return Look(is_running=status is None or not (status.succeeded or status.failed))

    async def stop(self, handle: str) -> None:
        try:
            await _ask(
                lambda: self._api.delete_namespaced_job(
                    handle, self._shape.namespace, propagation_policy="Foreground"
                )
            )
        except _NotFoundError:
            return


def job_object(shape: JobShape, run_id: str, folder: Path, attempt: int) -> dict[str, Any]:
    """The Job, as the API takes it."""
    resources: dict[str, Any] = {
        "requests": {"cpu": f"{shape.cpus:g}", "memory": shape.memory},
        "limits": {"memory": shape.memory},
    }
    if shape.gpus:
        resources["limits"]["nvidia.com/gpu"] = str(shape.gpus)
    labels = {
        "app.kubernetes.io/part-of": "nextframe",
        "app.kubernetes.io/component": "training-job",
        "nextframe/run": run_id,
    }
    container = {
        "name": "job",
        "image": shape.image,
        "command": ["python", "-m", "training.job", str(folder), str(attempt)],
        "env": [{"name": "HOME", "value": "/tmp"}],  # libraries keep caches there
        "resources": resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": str(shape.data)},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "shm", "mountPath": "/dev/shm"},
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": shape.claim}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "4Gi"}},
            # Workers that train together speak to each other there.
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}},
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"nextframe-{run_id}-{attempt}",
            "namespace": shape.namespace,
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


class _NotFoundError(LaunchError):
    pass


async def _ask(question: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(question)
    except ApiException as error:
        kind = _NotFoundError if error.status == 404 else LaunchError
        raise kind(f"Kubernetes answered {error.status}: {error.reason}") from error
    except HTTPError as error:  # of the client's HTTP library
        raise LaunchError(f"Kubernetes does not answer: {error}") from error
