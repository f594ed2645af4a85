"""What launchers on Kubernetes share: the pod that runs a job, and how the API is asked."""

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
    """The API knows no such object (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShape:
    """What every job's pods look like. `data`: where the claim is mounted, the same path as in
    the service's own pod. `memory`: a Kubernetes quantity. `pods`: of one run, where it may have
    several; each has these cores and GPUs."""

    namespace: str
    image: str
    claim: str
    data: Path
    cpus: float
    gpus: int
    memory: str
    pods: int = 1


def use_this_cluster() -> None:
    """With the rights of the pod we run in. Raises LaunchError outside of a cluster."""
    try:
        config.load_incluster_config()  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        raise LaunchError(f"this launcher works in a cluster only: {error}") from error


async def ask(question: Callable[[], T]) -> T:
    """The client is synchronous. Raises LaunchError, NotThereError."""
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
    """A pod that can run a job; what it runs is for the caller to say."""
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
