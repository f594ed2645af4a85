"""Runs jobs as RayJobs of the KubeRay operator: one Ray cluster per run, with one or several pods,
for training with several workers. The job runs in the first pod."""

import shlex
from importlib.metadata import version
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

GROUP, VERSION, PLURAL = "ray.io", "v1", "rayjobs"
_ENDED = ("Complete", "Failed", "ValidationFailed")


class RayJobLauncher:
    """A handle is the RayJob's name."""

    def __init__(self, api: client.CustomObjectsApi, shape: JobShape) -> None:
        self._api = api
        self._shape = shape
        self._place = (GROUP, VERSION, shape.namespace, PLURAL)

    @classmethod
    def of_this_cluster(cls, shape: JobShape) -> "RayJobLauncher":
        """Raises LaunchError outside a cluster."""
        use_this_cluster()
        return cls(client.CustomObjectsApi(), shape)

    async def start(self, run_id: str, folder: Path, attempt: int) -> str:
        job = ray_job_object(self._shape, run_id, folder, attempt)
        await ask(lambda: self._api.create_namespaced_custom_object(*self._place, job))
        return name_of(run_id, attempt)

    async def poll(self, handle: str) -> JobState:
        try:
            job: Any = await ask(
                lambda: self._api.get_namespaced_custom_object(*self._place, handle)
            )
        except NotThereError:
            return JobState(is_running=False)
        # Why it failed is in the job's own progress; without a word there it was killed.
        return JobState(is_running=job.get("status", {}).get("jobDeploymentStatus") not in _ENDED)

    async def stop(self, handle: str) -> None:
        try:
            await ask(lambda: self._api.delete_namespaced_custom_object(*self._place, handle))
        except NotThereError:
            return


def ray_job_object(shape: JobShape, run_id: str, folder: Path, attempt: int) -> dict[str, Any]:
    """Returns the RayJob in KubeRay's format. KubeRay adds the command of the Ray pods."""
    pod = {"metadata": {"labels": labels_of(run_id)}, "spec": pod_spec(shape)}
    others = {
        "groupName": "others",
        "replicas": shape.pods - 1,
        "minReplicas": shape.pods - 1,
        "maxReplicas": shape.pods - 1,
        "rayStartParams": {},
        "template": pod,
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "RayJob",
        "metadata": {
            "name": name_of(run_id, attempt),
            "namespace": shape.namespace,
            "labels": labels_of(run_id),
        },
        "spec": {
            "entrypoint": shlex.join(entrypoint(folder, attempt)),
            "submissionMode": "HTTPMode",  # by the operator, with no pod of its own
            "backoffLimit": 0,  # attempts are counted by the service
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": KEPT_S,
            "rayClusterSpec": {
                "rayVersion": version("ray"),
                "headGroupSpec": {
                    "rayStartParams": {"dashboard-host": "0.0.0.0"},
                    "template": pod,
                },
                "workerGroupSpecs": [others] if shape.pods > 1 else [],
            },
        },
    }
