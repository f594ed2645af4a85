"""Settings of the training service: NEXTFRAME_TRAINING_<FIELD>, read once at start."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from services.backplane.settings import RedisSettings
from services.environment import setting
from services.setting_kinds import http_url, origin

PREFIX = "NEXTFRAME_TRAINING_"
ROOT = Path(__file__).parents[2]
MIN_TOKEN_CHARS = 32
LAUNCHERS = ("local", "ray", "kubernetes", "rayjob")
ON_KUBERNETES = ("kubernetes", "rayjob")
_RECORDINGS = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})=(/.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings(RedisSettings):
    """`operator_token`: grants access to all operations. `public_url`: address of the page for
    operators; pages of this origin and of `allowed_origins` may call the service. `data`: the
    folder of runs and registry; with a launcher other than `local`, the jobs must see the same
    path. `recordings`: name=path of each folder in VPT's format, seen likewise by jobs; on
    Kubernetes inside `data`, the only mounted folder.

    `launcher`: the place of the jobs; `max_running`: maximum concurrent jobs. `keep_runs_days`:
    days until an ended run is deleted, 0: never. `jobs_outlive`: whether local jobs survive the end
    of the service's process session; a restarted service finds the jobs in both cases. `job_cpus`,
    `job_gpus`, `job_memory`: resources per job, for a RayJob per pod of `job_pods`. `ray_address`:
    address of the dashboard, http://host:8265. `kubernetes_*`: namespace, image and volume claim of
    the jobs; the claim contains `data`.

    `ops_host`, `ops_port`: probes, metrics and the OpenAPI document, for operators only.
    `max_connections`, `max_connections_per_address`: open HTTP connections.
    """

    host: str = setting("127.0.0.1")
    port: int = setting(8083, at_least=0, at_most=65535)
    ops_host: str = setting("127.0.0.1")
    ops_port: int = setting(8093, at_least=0, at_most=65535)
    max_connections: int = setting(512, at_least=16, at_most=65536)
    max_connections_per_address: int = setting(128, at_least=8, at_most=65536)
    operator_token: str = setting(min_chars=MIN_TOKEN_CHARS, secret=True)
    public_url: str = setting("http://127.0.0.1:8083", parse=http_url)
    allowed_origins: tuple[str, ...] = setting((), parse=origin)
    data: Path = setting(ROOT / "build" / "training")  # noqa: RUF009 - a field, and frozen
    recordings: tuple[str, ...] = setting(())
    launcher: str = setting("local")
    max_running: int = setting(1, at_least=1, at_most=64)
    jobs_outlive: bool = setting(True)
    min_free_mb: int = setting(500, at_least=0)
    keep_runs_days: float = setting(0.0, at_least=0.0)
    job_cpus: float = setting(2.0, at_least=0.1)
    job_gpus: int = setting(0, at_least=0, at_most=8)
    job_memory: str = setting("8Gi")
    job_pods: int = setting(1, at_least=1, at_most=64)
    ray_address: str = setting("", parse=http_url)
    kubernetes_namespace: str = setting("default")
    kubernetes_image: str = setting("")
    kubernetes_claim: str = setting("")

    def __post_init__(self) -> None:
        RedisSettings.__post_init__(self)  # super() does not work in a class with slots
        if self.launcher not in LAUNCHERS:
            raise ValueError(f"launcher must be {', '.join(LAUNCHERS)}, got {self.launcher!r}")
        if self.launcher == "ray" and not self.ray_address:
            raise ValueError("launcher ray needs ray_address")
        is_complete = self.kubernetes_image and self.kubernetes_claim
        if self.launcher in ON_KUBERNETES and not is_complete:
            raise ValueError(f"launcher {self.launcher} needs kubernetes_image, kubernetes_claim")
        self._check_recordings()

    def _check_recordings(self) -> None:
        for said in self.recordings:
            if not _RECORDINGS.fullmatch(said):
                raise ValueError(f"recordings must be name=/path, got {said!r}")
        if len(self.recording_folders) < len(self.recordings):
            raise ValueError("recordings must have a name each")
        for name, folder in self.recording_folders.items():
            if self.launcher in ON_KUBERNETES and not folder.is_relative_to(self.data):
                raise ValueError(f"jobs on Kubernetes see {self.data} only, not {name}={folder}")

    @property
    def origins(self) -> tuple[str, ...]:
        """Returns all origins whose pages may call the training service."""
        page = urlsplit(self.public_url)
        return (f"{page.scheme}://{page.netloc}", *self.allowed_origins)

    @property
    def recording_folders(self) -> dict[str, Path]:
        """Returns name -> folder of recordings."""
        pairs = (said.partition("=") for said in self.recordings)
        return {name: Path(folder) for name, _, folder in pairs}

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def registry(self) -> Path:
        return self.data / "registry"
