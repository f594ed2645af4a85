"""What a pass costs by what is in it: measured on mixed passes, fitted by lines.

Sessions of one world request frames at random, at random numbers of denoise steps, so that cached
and drawn rows meet in every mixture, as they do in play; now all see their whole context, now all a
third of it, as at a lower quality level. The load simulator of the tests takes its costs from here.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch

from model.bench.workloads.worlds import opening
from model.context.sliding_window import SlidingWindow
from model.engine.running.runner import NFDRunner
from model.engine.scheduling.scheduler import Scheduler
from model.engine.types import FrameRequest, PassPlan
from model.world import World

_NUM_WARM = 20  # passes before the first that counts
_SPELL = 25  # passes with one context length


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPass:
    """Rows by kind, the pages that all of them saw, pictures, and the seconds that both took."""

    cached: int
    drawn: int
    pages: int
    pictures: int
    denoise_s: float
    decode_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PassCosts:
    """Seconds of a pass, of each row in it, of each page that a row sees, of decoding at all and of
    each picture. `jitter`: how many times as long the measured passes took, one after the other:
    slow spells stay together. `page_s` is 0 where all rows saw as many: theirs has it in it."""

    pass_s: float
    cached_s: float
    drawn_s: float
    page_s: float = 0.0
    decode_s: float
    picture_s: float
    jitter: tuple[float, ...]

    def seconds(self, *, cached: int, drawn: int, pages: int, pictures: int) -> float:
        """Of such a pass, without jitter."""
        rows_s = cached * self.cached_s + drawn * self.drawn_s + pages * self.page_s
        pictures_s = self.decode_s + pictures * self.picture_s if pictures else 0.0
        return self.pass_s + rows_s + pictures_s


def measure_passes(
    world: World, device: torch.device, *, sessions: int, passes: int, seed: int = 0
) -> list[MeasuredPass]:
    """So many passes of so many sessions whose contexts are full."""
    policy = SlidingWindow(world.spec.nfd.window - 1)
    runner = NFDRunner(
        world, num_slots=sessions, pages_per_slot=policy.max_frames + 1, device=device
    )
    scheduler = Scheduler(policy, max_sessions=sessions, batch_sizes=range(1, 2 * sessions + 1))
    clip = opening(world, max_frames=policy.max_frames)
    names = [str(number) for number in range(sessions)]
    for number, name in enumerate(names):
        runner.load(scheduler.open(name, number, range(len(clip))), clip)
    chance, action = random.Random(seed), (0.0,) * world.spec.nfd.action_size
    measured: list[MeasuredPass] = []
    few = max(1, policy.max_frames // 3)
    while len(measured) < _NUM_WARM + passes:
        share = chance.random()  # of those who wait for nothing
        context_length = few if len(measured) // _SPELL % 2 else None
        for name in names:
            if scheduler.session(name).in_flight is None and chance.random() < share:
                num_steps = chance.choice(sorted(world.spec.sampler.times)[:2])
                request = FrameRequest(
                    action=action, num_steps=num_steps, context_length=context_length
                )
                scheduler.begin(name, request)
        if (plan := scheduler.plan_pass()) is None:
            continue
        result = runner.run(plan)
        scheduler.commit(plan)
        measured.append(
            MeasuredPass(
                cached=len(plan.cached),
                drawn=len(plan.drawn),
                pages=num_pages_seen(plan),
                pictures=len(plan.finished),
                denoise_s=result.denoise_s,
                decode_s=result.decode_s,
            )
        )
    return measured[_NUM_WARM:]


def num_pages_seen(plan: PassPlan) -> int:
    """By all its rows together."""
    return sum(len(pages) for place in plan.placements for pages in place.seen)


def fit(passes: Sequence[MeasuredPass]) -> PassCosts:
    """Lines through the medians of equal passes, so that a slow spell does not bend them."""
    denoised: dict[tuple[int, ...], list[float]] = defaultdict(list)
    decoded: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for one in passes:
        denoised[1, one.cached, one.drawn, one.pages].append(one.denoise_s)
        if one.pictures:
            decoded[1, one.pictures].append(one.decode_s)
    pass_s, cached_s, drawn_s, page_s = _fitted(denoised)
    decode_s, picture_s = _fitted(decoded)
    costs = PassCosts(
        pass_s=pass_s,
        cached_s=cached_s,
        drawn_s=drawn_s,
        page_s=page_s,
        decode_s=decode_s,
        picture_s=picture_s,
        jitter=(),
    )
    return replace(costs, jitter=tuple(_jitter(costs, one) for one in passes))


def steadiest(passes: Sequence[MeasuredPass], count: int) -> Sequence[MeasuredPass]:
    """So many in a row that vary least: what the machine does when nobody else is busy on it, or
    as near to that as it came."""
    spells = [passes[first : first + count] for first in range(0, len(passes) - count + 1, 10)]
    return min(spells, key=lambda spell: np.std(np.log(fit(spell).jitter)))


def _fitted(samples: Mapping[tuple[int, ...], Sequence[float]]) -> tuple[float, ...]:
    """Seconds of each term. Sums of what was measured more often weigh more."""
    weights = np.sqrt([len(seconds) for seconds in samples.values()])
    terms = np.array(list(samples), np.float64) * weights[:, None]
    medians = np.array([median(seconds) for seconds in samples.values()]) * weights
    solved, *_ = np.linalg.lstsq(terms, medians, rcond=None)
    return tuple(float(seconds) for seconds in solved)


def _jitter(costs: PassCosts, one: MeasuredPass) -> float:
    expected_s = costs.seconds(
        cached=one.cached, drawn=one.drawn, pages=one.pages, pictures=one.pictures
    )
    return round((one.denoise_s + one.decode_s) / expected_s, 3)
