"""Shared parts of the Kubernetes launchers: the pod of a job, and calls of the API."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from services.training.launchers.launcher import LaunchError

T = TypeVar("T")

USER = 10001  # of the images
KEPT_S = 24 * 3600  # what has finished, with its pods and their logs
GRACE_S = 30


class NotThereError(LaunchError):
    """The Kubernetes API has no such object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShape:
    """The pods of a job. `data`: mount path of the claim, the same as in the service's pod.
    `memory`: a Kubernetes quantity. `pods`: number of pods per run; each pod has these cores and
    GPUs."""

    namespace: str
    image: str
    claim: str
    data: Path
    cpus: float
    gpus: int
    memory: str
    pods: int = 1


def use_this_cluster() -> None:
    """Configures the client with the rights of the service's pod. Raises LaunchError outside a
    cluster."""
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        raise LaunchError(f"this launcher works in a cluster only: {error}") from error


async def ask(question: Callable[[], T]) -> T:
    """Runs a call of the synchronous client in a thread. Raises LaunchError, NotThereError."""
    try:
        return await asyncio.to_thread(question)
    except ApiException as error:
        kind = NotThereError if error.status == 404 else LaunchError
        raise kind(f"Kubernetes answered {error.status}: {error.reason}") from error
    except HTTPError as error:  # of the client's HTTP library
        raise LaunchError(f"Kubernetes does not answer: {error}") from error


def name_of(run_id: str, attempt: int) -> str:
    return f"nextframe-{run_id}-{attempt}"


def labels_of(run_id: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/part-of": "nextframe",
        "app.kubernetes.io/component": "training-job",
        "nextframe/run": run_id,
    }


def entrypoint(folder: Path, attempt: int) -> list[str]:
    return ["python", "-m", "training.job", str(folder), str(attempt)]


def pod_spec(shape: JobShape) -> dict[str, Any]:
    """Returns a pod spec for a job; the caller adds the command."""
    resources: dict[str, Any] = {
        "requests": {"cpu": f"{shape.cpus:g}", "memory": shape.memory},
        "limits": {"memory": shape.memory},
    }
    if shape.gpus:
        resources["limits"]["nvidia.com/gpu"] = str(shape.gpus)
    container = {
        "name": "job",
        "image": shape.image,
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
    return {
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
