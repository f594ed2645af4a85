"""How long a frame takes in each form of a world, with one thread and more: all take turns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from model.bench.contest import contest
from model.bench.cpu.variants import variants
from model.bench.driver import Driver
from model.bench.subjects import drive
from model.world import World

CPU = torch.device("cpu")
PLAYERS = (1, 3)
REFERENCE = "fp32"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTime:
    """`frame_ms`: one frame for all players, the median. `gain`: how many times as long fp32 takes
    with as many threads; `gain_of_threads`: how many times as long one thread takes."""

    players: int
    steps: int
    threads: int
    form: str
    frame_ms: float
    gain: float
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
            yield from _contest(drivers, thread_counts, rounds)


def _contest(
    drivers: dict[str, Driver], thread_counts: tuple[int, ...], rounds: int
) -> Iterator[FrameTime]:
    before = torch.get_num_threads()
    entrants = {
        f"{name} x{threads}": _with_threads(driver, threads)
        for threads in thread_counts
        for name, driver in drivers.items()
    }
    times = contest(entrants, rounds=rounds)
    torch.set_num_threads(before)
    for threads in thread_counts:
        for name, driver in drivers.items():
            entrant = f"{name} x{threads}"
            yield FrameTime(
                players=driver.batch,
                steps=driver.num_steps,
                threads=threads,
                form=name,
                frame_ms=times.median_ms(entrant),
                gain=times.ratio(f"{REFERENCE} x{threads}", entrant),
                gain_of_threads=times.ratio(f"{name} x{thread_counts[0]}", entrant),
            )


def _with_threads(driver: Driver, threads: int) -> Callable[[], float]:
    def frame_s() -> float:
        torch.set_num_threads(threads)
        return driver.frame_s()

    return frame_s
