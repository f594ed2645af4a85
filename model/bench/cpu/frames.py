"""How long a frame takes in each form of a world, with one thread and more, interleaved."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from model.bench.cpu.variants import variants
from model.bench.interleaved import InterleavedTimes, time_interleaved
from model.bench.workloads.driver import Driver
from model.bench.workloads.worlds import drive
from model.world import World

CPU = torch.device("cpu")
PLAYERS = (1, 3)
REFERENCE = "fp32"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTime:
    """Medians. `frame_ms`: one frame for all players, by the clock; `cpu_ms`: in processor time,
    which other work on the machine lengthens less. `gain`, `cpu_gain`: how many times as long fp32
    takes with as many threads; `gain_of_threads`: how many times as long one thread takes."""

    players: int
    steps: int
    threads: int
    form: str
    frame_ms: float
    cpu_ms: float
    gain: float
    cpu_gain: float
    gain_of_threads: float


def measure_frames(
    world: World, *, thread_counts: tuple[int, ...], rounds: int
) -> Iterator[FrameTime]:
    """For 1 and 3 players at 1 and 2 denoise steps."""
    forms = variants(world)
    for players in PLAYERS:
        for steps in (1, 2):
            drivers = {
                name: drive(form, batch=players, device=CPU, num_steps=steps)
                for name, form in forms.items()
            }
            yield from _interleave(drivers, thread_counts, rounds)


def _interleave(
    drivers: dict[str, Driver], thread_counts: tuple[int, ...], rounds: int
) -> Iterator[FrameTime]:
    before = torch.get_num_threads()
    variants = {
        f"{name} x{threads}": _Variant(driver, threads)
        for threads in thread_counts
        for name, driver in drivers.items()
    }
    times = time_interleaved(
        {name: variant.frame_s for name, variant in variants.items()}, rounds=rounds
    )
    cpu_times = InterleavedTimes({name: variant.cpu_s[1:] for name, variant in variants.items()})
    torch.set_num_threads(before)
    for threads in thread_counts:
        for name, driver in drivers.items():
            reference, variant = f"{REFERENCE} x{threads}", f"{name} x{threads}"
            yield FrameTime(
                players=driver.batch,
                steps=driver.num_steps,
                threads=threads,
                form=name,
                frame_ms=times.median_ms(variant),
                cpu_ms=cpu_times.median_ms(variant),
                gain=times.ratio(reference, variant),
                cpu_gain=cpu_times.ratio(reference, variant),
                gain_of_threads=times.ratio(f"{name} x{thread_counts[0]}", variant),
            )


class _Variant:
    """Owns the processor seconds of its frames, the unmeasured first one among them."""

    def __init__(self, driver: Driver, threads: int) -> None:
        self._driver = driver
        self._threads = threads
        self.cpu_s: list[float] = []

    def frame_s(self) -> float:
        torch.set_num_threads(self._threads)
        started_s = time.process_time()
        frame_s = self._driver.frame_s()
        self.cpu_s.append(time.process_time() - started_s)
        return frame_s
