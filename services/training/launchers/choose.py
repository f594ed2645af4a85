"""The launcher that the settings name. Imports only that one: each brings a large library."""

from services.training.launchers.launcher import Launcher
from services.training.settings import TrainingSettings


def make_launcher(settings: TrainingSettings) -> Launcher:
    if settings.launcher == "ray":
        from services.training.launchers.ray_job import RayLauncher

        return RayLauncher(
            settings.ray_address, num_cpus=settings.job_cpus, num_gpus=settings.job_gpus
        )
    if settings.launcher == "kubernetes":
        from services.training.launchers.kubernetes_job import JobShape, KubernetesLauncher

        shape = JobShape(
            namespace=settings.kubernetes_namespace,
            image=settings.kubernetes_image,
            claim=settings.kubernetes_claim,
            data=settings.data,
            cpus=settings.job_cpus,
            gpus=settings.job_gpus,
            memory=settings.job_memory,
        )
        return KubernetesLauncher.of_this_cluster(shape)
    from services.training.launchers.local import LocalLauncher

    return LocalLauncher(outlive=settings.jobs_outlive)
