"""Compares the decisions of frame loop and quality controller with a recorded trace.

The recorded values come from commit 803cd4a, before the quality controller was rebuilt: equal
observations must lead to equal decisions. A change with intended new decisions records new values
and says why in the commit message.
"""

import hashlib
import math
from collections.abc import Iterator
from random import Random

import pytest

from services.generation.frames.quality_controller import FrameTiming, Outlook, QualityController
from services.wire.action import Action
from tests.services.generation.load_simulator import SHARED, Machine
from tests.services.generation.loop_kit import PERIOD_S, LoopBench, levels_of


def digest(lines: Iterator[str]) -> str:
    """First 16 hex digits of the SHA-256 of all lines."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def decisions(seed: int) -> Iterator[str]:
    """What the controller answers to 6,000 samples of random passes and frames."""
    random = Random(seed)
    levels = levels_of()
    quality = QualityController(levels)
    now, num_sessions, load = 0.0, 3, 0.5
    for number in range(6_000):
        if number % 150 == 0:
            load = random.choice((0.1, 0.4, 0.6, 0.8, 0.9, 0.97, 1.1, 1.4, 2.0, 4.0))
        if number % 400 == 0:
            num_sessions = random.randrange(1, 7)
            quality.note_sessions_changed(now)
        if number == 3_500:
            quality.reset()
        period_s = 1 / quality.level.fps
        pass_s = load * PERIOD_S / 2 * random.lognormvariate(0.0, 0.15)
        for _ in range(2):
            shortened_share = random.choice((0.0, 0.0, 0.5, 1.0))
            quality.observe_pass(pass_s, is_requested=True, shortened_share=shortened_share)
        if random.random() < 0.3:
            quality.observe_pass(pass_s, is_requested=False, shortened_share=0.0)
        now += max(2 * pass_s, period_s)
        timing = FrameTiming(deadline_s=period_s, shown_s=math.inf, period_s=period_s)
        is_late = quality.outlook(timing, num_passes=2, now=0.0) is Outlook.LATE
        for _ in range(num_sessions):
            quality.observe_frame(is_late=is_late)
        sample = quality.take_sample(num_sessions, now, share_used=random.random())
        assert sample is not None
        has_changed = quality.decide(sample) is not None
        yield (
            f"{quality.pass_fits(pass_s)} {quality.pass_fits(1.5 * pass_s)} "
            f"{quality._load.frame_s(3):.9f} {has_changed} {levels.index(quality.level)} "
            f"{quality.refuses_sessions}"
        )


def random_play(speculation: str, seed: int) -> LoopBench:
    """Up to 5 players come, act and leave by chance, on a machine whose load changes every
    2 seconds."""
    random = Random(seed)
    machine = Machine(SHARED, 0.5)
    bench = LoopBench(machine.cost_of, speculation=speculation)
    bench.open("p0")
    held = x_total = 0
    for second in range(40):
        if second % 2 == 0:
            machine.load = random.choice((0.3, 0.6, 0.8, 0.9, 0.95, 1.05, 1.3, 2.0))
        if random.random() < 0.4 and len(bench.engine.sessions) < 5:
            bench.open(f"p{second + 1}")
        if random.random() < 0.15 and len(bench.engine.sessions) > 1:
            bench.loop.close(random.choice([*bench.engine.sessions]))
            bench.run_commands()
        for step in range(20):
            held = random.choice((1, 2, 5)) if random.random() < 0.1 else held
            for session_id in [*bench.engine.sessions]:
                x_total += random.choice((0, 0, 0, 4))
                action = Action(
                    held=held,
                    pressed=64 if random.random() < 0.03 else 0,
                    x_total=x_total,
                    seq=20 * second + step + 1,
                )
                bench.act(session_id, action, age_s=0.01 * random.random())
            bench.play(0.05)
    return bench


def shown_frames(bench: LoopBench) -> Iterator[str]:
    at = {session_id: iter(times) for session_id, times in bench.events.shown_at.items()}
    for generated in bench.events.frames:
        frame = generated.frame
        yield (
            f"{frame.session_id} {frame.frame_idx} {generated.action_seq} {generated.queue_s:.6f} "
            f"{frame.num_steps} {generated.level} {generated.fps:.3f} {frame.is_speculative} "
            f"{frame.is_joint} {next(at[frame.session_id]):.6f}"
        )


@pytest.mark.parametrize(("seed", "recorded"), [(1, "62eb028d47afafcf"), (2, "9b828bf6054fa65e")])
def test_the_same_observations_lead_to_the_same_decisions(seed: int, recorded: str) -> None:
    assert digest(decisions(seed)) == recorded


@pytest.mark.parametrize(
    ("speculation", "recorded"),
    [
        ("off", (3312, 351, 446, "3c10584d91d9894d")),
        ("exact", (3313, 325, 357, "e86ec9c551df37ca")),
        ("joint", (3307, 391, 461, "aa3459d390027dc8")),
    ],
)
def test_the_same_play_leads_to_the_same_frames(
    speculation: str, recorded: tuple[int, int, int, str]
) -> None:
    """(frames, late frames, shortened frames, digest of all frames). Sorted: which of two frames
    that are ready together leaves first is no decision about either (test_fairness.py)."""
    bench = random_play(speculation, seed=5)
    assert (
        len(bench.events.frames),
        bench.num_late,
        bench.engine.num_shortened,
        digest(iter(sorted(shown_frames(bench)))),
    ) == recorded
