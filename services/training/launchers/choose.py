"""Selects the launcher named in the settings. Imports only the selected launcher, since each
launcher needs a large library."""

from typing import TYPE_CHECKING

from services.training.launchers.launcher import Launcher
from services.training.settings import TrainingSettings

if TYPE_CHECKING:
    from services.training.launchers.cluster import JobShape


def make_launcher(settings: TrainingSettings) -> Launcher:
    """Raises LaunchError if the selected launcher cannot work."""
    if settings.launcher == "ray":
        from services.training.launchers.ray_job import RayLauncher

        return RayLauncher(
            settings.ray_address, num_cpus=settings.job_cpus, num_gpus=settings.job_gpus
        )
    if settings.launcher == "kubernetes":
        from services.training.launchers.kubernetes_job import KubernetesLauncher

        return KubernetesLauncher.of_this_cluster(_shape(settings))
    if settings.launcher == "rayjob":
        from services.training.launchers.kubernetes_ray_job import RayJobLauncher

        return RayJobLauncher.of_this_cluster(_shape(settings))
    from services.training.launchers.local import LocalLauncher

    return LocalLauncher(outlive=settings.jobs_outlive)


def _shape(settings: TrainingSettings) -> "JobShape":
    from services.training.launchers.cluster import JobShape

    return JobShape(
        namespace=settings.kubernetes_namespace,
        image=settings.kubernetes_image,
        claim=settings.kubernetes_claim,
        data=settings.data,
        cpus=settings.job_cpus,
        gpus=settings.job_gpus,
        memory=settings.job_memory,
        pods=settings.job_pods,
    )
