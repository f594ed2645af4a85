"""One row of the table: a world at a batch size, cached against naive."""

import statistics
import time
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model.bench.provenance import matmul_gflops
from model.cache.frame_store import ContextClip
from model.context.sliding_window import SlidingWindow
from model.engine.opening import opening_clip, opening_frame_idxs
from model.engine.reference import ReferenceSession
from model.engine.runner import NFDRunner
from model.engine.scheduler import Scheduler
from model.engine.types import PassPlan, PassResult
from model.tokenizer.vae import uint8_from_pixels
from model.world import World

NAIVE_EVERY = 3  # naive frames are slow: one for every so many cached ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Medians. The ms of the stages and of the frame are those of the whole batch."""

    world: str
    params_m: float
    tokens_per_frame: int
    window: int
    num_steps: int
    batch: int
    denoise_ms: float
    remember_ms: float
    decode_ms: float
    frame_ms: float
    best_frame_ms: float
    frames_per_s: float  # of all sessions together
    gflop_per_frame: float  # every pass and the decoder
    gflops: float
    share_of_matmul: float
    naive_frame_ms: float | None  # one session, one frame, whole window recomputed in every pass
    cached_over_naive: float | None


class TimedRunner(NFDRunner):
    """Notes how long the passes of each frame took."""

    def __init__(self, world: World, *, batch: int, device: torch.device) -> None:
        pages_per_slot = world.spec.nfd.window
        super().__init__(world, num_slots=batch, pages_per_slot=pages_per_slot, device=device)
        self.denoise_s: list[float] = []
        self.remember_s: list[float] = []

    def forget(self) -> None:
        self.denoise_s.clear()
        self.remember_s.clear()

    def run(self, plan: PassPlan) -> PassResult:
        result = super().run(plan)
        (self.denoise_s if plan.drawn else self.remember_s).append(result.denoise_s)
        return result


class Bench:
    """`batch` sessions of one world at full context, stepped through scheduler and runner."""

    def __init__(self, world: World, *, batch: int, device: torch.device) -> None:
        self._world = world
        self._batch = batch
        self._device = device
        self._num_steps = world.spec.sampler.default_steps
        self._action = (0.0,) * world.spec.nfd.action_size
        policy = SlidingWindow(world.spec.nfd.window - 1)
        self._scheduler = Scheduler(
            policy, max_sessions=batch, batch_sizes=range(1, 2 * batch + 1), merge=False
        )
        self._runner = TimedRunner(world, batch=batch, device=device)
        for slot in range(batch):
            clip, frame_idxs = _opening(world, seed=slot)
            self._runner.load(self._scheduler.open(str(slot), slot, frame_idxs), clip)
        for _ in range(policy.max_frames - len(clip) + 2):
            self._step()

    def measure(self, *, repeats: int, with_naive: bool) -> Row:
        """Cached and naive frames in turn, so that both meet the machine in the same mood."""
        flop = self._count_flop()
        naive = NaiveSession(self._world) if with_naive else None
        self._runner.forget()
        decode_s, frame_s, naive_s = [], [], []
        for repeat in range(repeats):
            started_s = time.perf_counter()
            decode_s.append(self._step())
            frame_s.append(time.perf_counter() - started_s)
            if naive and repeat % NAIVE_EVERY == 0:
                naive_s.append(naive.step_s())
        frame_ms, naive_ms = _median_ms(frame_s), _median_ms(naive_s) if naive_s else None
        gflops = flop / frame_ms / 1e6
        nfd = self._world.spec.nfd
        return Row(
            world=self._world.spec.name,
            params_m=round(_num_parameters(self._world) / 1e6, 2),
            tokens_per_frame=nfd.tokens_per_frame,
            window=nfd.window,
            num_steps=self._num_steps,
            batch=self._batch,
            denoise_ms=round(self._num_steps * _median_ms(self._runner.denoise_s), 2),
            remember_ms=_median_ms(self._runner.remember_s),
            decode_ms=_median_ms(decode_s),
            frame_ms=frame_ms,
            best_frame_ms=round(min(frame_s) * 1e3, 2),
            frames_per_s=round(self._batch * 1e3 / frame_ms, 2),
            gflop_per_frame=round(flop / self._batch / 1e9, 3),
            gflops=round(gflops, 1),
            share_of_matmul=round(gflops / matmul_gflops(self._device), 3),
            naive_frame_ms=naive_ms,
            cached_over_naive=naive_ms and round(naive_ms * self._batch / frame_ms, 2),
        )

    def _step(self) -> float:
        """One frame for everybody, remembered by a pass of its own; seconds spent decoding."""
        for session_id in self._scheduler.session_ids:
            self._scheduler.begin(
                session_id, self._action, num_steps=self._num_steps, deadline_s=0.0
            )
        decode_s = 0.0
        while (plan := self._scheduler.plan_pass()) is not None:
            decode_s += self._runner.run(plan).decode_s
            self._scheduler.commit(plan)
        return decode_s

    def _count_flop(self) -> int:
        """Floating-point operations of one step, by counting what is dispatched. Fused attention
        is not counted, so attention is written out for it."""
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            self._step()
        return int(counter.get_total_flops())


class NaiveSession:
    """One session without a cache, decoded alone, its window full."""

    def __init__(self, world: World) -> None:
        self._world = world
        max_frames = world.spec.nfd.window - 1
        clip, frame_idxs = _opening(world, seed=0)
        self._session = ReferenceSession(world, clip, frame_idxs, seed=0, max_frames=max_frames)
        for _ in range(max_frames - len(frame_idxs) + 1):
            self.step_s()

    @torch.inference_mode()
    def step_s(self) -> float:
        """Seconds of its next frame."""
        started_s = time.perf_counter()
        spec = self._world.spec
        action = (0.0,) * spec.nfd.action_size
        latents_Chw = self._session.step(action, spec.sampler.default_steps)
        uint8_from_pixels(self._world.tokenizer.decode(latents_Chw[None])).numpy()
        return time.perf_counter() - started_s


def _opening(world: World, seed: int) -> tuple[ContextClip, tuple[int, ...]]:
    frame_idxs = opening_frame_idxs(world.starts[0], world.spec.nfd.window - 1)
    context_t = world.spec.sampler.context_t
    return opening_clip(world.starts[0], frame_idxs, seed=seed, context_t=context_t), frame_idxs


def _median_ms(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1e3, 2)


def _num_parameters(world: World) -> int:
    return sum(parameter.numel() for parameter in world.transformer.parameters())
