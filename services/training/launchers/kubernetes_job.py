"""Runs jobs as Kubernetes Jobs: one pod each, on the volume with the service's data.

Kubernetes never restarts a job, because the service counts the attempts.
"""

from pathlib import Path
from typing import Any

from kubernetes import client

from services.training.launchers.cluster import (
    KEPT_S,
    JobShape,
    NotThereError,
    ask,
    entrypoint,
    labels_of,
    name_of,
    pod_spec,
    use_this_cluster,
)
from services.training.launchers.launcher import JobState


class KubernetesLauncher:
    """A handle is the Job's name."""

    def __init__(self, api: client.BatchV1Api, shape: JobShape) -> None:
        self._api = api
        self._shape = shape

    @classmethod
    def of_this_cluster(cls, shape: JobShape) -> "KubernetesLauncher":
        """Raises LaunchError outside a cluster."""
        use_this_cluster()
        return cls(client.BatchV1Api(), shape)

    async def start(self, run_id: str, folder: Path, attempt: int) -> str:
        # The client takes the object as its JSON too, whatever its types say.
        job: Any = job_object(self._shape, run_id, folder, attempt)
        await ask(lambda: self._api.create_namespaced_job(self._shape.namespace, job))
        return name_of(run_id, attempt)

    async def poll(self, handle: str) -> JobState:
        try:
            job = await ask(
                lambda: self._api.read_namespaced_job_status(handle, self._shape.namespace)
            )
        except NotThereError:
            return JobState(is_running=False)
        # Why a pod failed is in the job's own progress; without a word there it was killed.
        status = job.status
        return JobState(is_running=status is None or not (status.succeeded or status.failed))

    async def stop(self, handle: str) -> None:
        try:
            await ask(
                lambda: self._api.delete_namespaced_job(
                    handle, self._shape.namespace, propagation_policy="Foreground"
                )
            )
        except NotThereError:
            return


def job_object(shape: JobShape, run_id: str, folder: Path, attempt: int) -> dict[str, Any]:
    """Returns the Job in the format of the Kubernetes API."""
    pod = pod_spec(shape) | {"restartPolicy": "Never"}
    pod["containers"][0]["command"] = entrypoint(folder, attempt)
    labels = labels_of(run_id)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name_of(run_id, attempt),
            "namespace": shape.namespace,
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
