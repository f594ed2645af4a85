"""Settings of a generation service: NEXTFRAME_GENERATION_<FIELD>, read once at start."""

import os
from dataclasses import dataclass
from pathlib import Path

from services.environment import setting
from services.generation.frames.quality_levels import SPECULATIONS
from services.generation.frames.slot_bounds import SlotBounds
from services.generation.scaling.settings import ScalingSettings

PREFIX = "NEXTFRAME_GENERATION_"
FAST_PATHS = {"flash", "graphs", "fused", "compiled", "beside"}
MIN_TOKEN_CHARS = 16
PRECISIONS = ("fp32", "bf16", "int8", "auto")
SHIPPED_WORLDS = Path(__file__).parents[2] / "model" / "worlds"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSettings(ScalingSettings):
    """`worlds`: folders, separated by commas; a folder of world folders stands for all of them.
    Each world has a replica of its own. `slots`: sessions that play at once on a replica; 0: as
    many as a measurement at warm-up finds room for, between `min_slots` and `max_slots`. The engine
    reserves memory for `max_slots` sessions.

    `threads`: CPU threads of the model, 0 for all cores. `num_cpus`, `num_gpus`: reserved by Ray
    for a replica. `ops_host`, `ops_port`: probes, metrics and the drain; the replica of a second
    world on the same machine takes the next port. `drain_token`: secret for draining by HTTP, which
    is disabled while the token is empty. `frame_host`, `frame_port`: where ingest fetches frames, 0
    for a free port. `frame_advertise`: the host for ingest, if different from `frame_host`.
    `encoder`: auto, x264 or nvenc. `upscale`: factor between the size of a world's frames and of
    the encoded frames, because the halved chroma of the codecs smears small frames; 0 is the
    largest factor within H.264 level 3.1, at most 4. `absent_s`: seconds without a sign of the
    player until the session pauses. `drain_s`: seconds for saving all sessions while stopping.

    `speculation`: frames computed in spare time before their action is known. `exact` changes no
    frame. `joint` also denoises two frames at once while a key is held; a jointly denoised frame
    differs a little from the frame denoised alone. `precision`: number format of the engine. `int8`
    needs a CPU with AVX-512 VNNI, `bf16` a GPU; both are faster than `fp32` with slightly different
    frames; `auto` is the fastest precision of the device. `fast_paths`: `off`, `auto`, or some of
    FAST_PATHS, separated by commas: faster kernels for a GPU with the same frames up to rounding,
    each used only if a probe passes. Off by default, because no GPU has run the fast paths yet.
    `context`: newest frames that a frame sees, 0 for as many as in training. `sinks`: frames of a
    session's beginning that stay visible for the life of the session. `context` and `sinks`
    together are at most the context in training. `compile_cache`: a folder where compiled code
    outlives the replica, none if empty."""

    worlds: tuple[Path, ...] = setting((SHIPPED_WORLDS,), env="NEXTFRAME_GENERATION_WORLD")
    device: str = setting("cpu")
    slots: int = setting(0, at_least=0, at_most=64)
    min_slots: int = setting(1, at_least=1, at_most=64)
    max_slots: int = setting(16, at_least=1, at_most=64)
    threads: int = setting(0, at_least=0, at_most=256)
    num_cpus: float = setting(1.0, at_least=0)
    num_gpus: float = setting(0.0, at_least=0)
    ops_host: str = setting("127.0.0.1")
    ops_port: int = setting(8082, at_least=0, at_most=65535)
    drain_token: str = setting("", secret=True)
    frame_host: str = setting("127.0.0.1")
    frame_port: int = setting(0, at_least=0, at_most=65535)
    frame_advertise: str = setting("")
    encoder: str = setting("auto")
    upscale: int = setting(0, at_least=0, at_most=8)
    absent_s: float = setting(30.0, at_least=1)
    drain_s: float = setting(10.0, at_least=1)
    speculation: str = setting("exact")
    precision: str = setting("fp32")
    fast_paths: str = setting("off")
    context: int = setting(0, at_least=0, at_most=1024)
    sinks: int = setting(0, at_least=0, at_most=64)
    compile_cache: str = setting("")

    def __post_init__(self) -> None:
        ScalingSettings.__post_init__(self)  # super() does not work in a class with slots
        if not self.worlds:
            raise ValueError("world must name at least one folder")
        if self.min_slots > self.max_slots:
            raise ValueError(f"min_slots is {self.min_slots}, but max_slots is {self.max_slots}")
        if self.drain_token and len(self.drain_token) < MIN_TOKEN_CHARS:
            raise ValueError(f"drain_token must have at least {MIN_TOKEN_CHARS} characters")
        if self.encoder not in ("auto", "x264", "nvenc"):
            raise ValueError(f"encoder must be auto, x264 or nvenc, got {self.encoder!r}")
        if self.speculation not in SPECULATIONS:
            raise ValueError(f"speculation is one of {SPECULATIONS}, got {self.speculation!r}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is one of {PRECISIONS}, got {self.precision!r}")
        if self.precision == "int8" and self.is_on_gpu:
            raise ValueError(f"precision int8 is for device cpu, got {self.device!r}")
        if self.precision == "bf16" and not self.is_on_gpu:
            raise ValueError(f"precision bf16 is for a GPU, got device {self.device!r}")
        if not FAST_PATHS.issuperset(self.wanted_paths):
            raise ValueError(f"fast_paths are {sorted(FAST_PATHS)}, got {self.fast_paths!r}")

    @property
    def is_on_gpu(self) -> bool:
        return self.device != "cpu"

    @property
    def most_slots(self) -> int:
        """Slots that a replica has at most."""
        return self.slots or self.max_slots

    @property
    def slot_bounds(self) -> SlotBounds:
        if self.slots:
            return SlotBounds(at_least=self.slots, at_most=self.slots)
        return SlotBounds(at_least=self.min_slots, at_most=self.max_slots)

    @property
    def wanted_paths(self) -> tuple[str, ...]:
        """Names of the chosen fast paths."""
        if self.fast_paths == "off":
            return ()
        return tuple(FAST_PATHS) if self.fast_paths == "auto" else tuple(self.fast_paths.split(","))

    @property
    def num_threads(self) -> int:
        return self.threads or os.cpu_count() or 1
