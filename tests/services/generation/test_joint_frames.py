"""Frames drawn two at a time, where the operator allows it: told from the others everywhere."""

import pytest

from services.environment import SettingsError, read_settings
from services.generation.frames.rungs import make_rungs
from services.generation.settings import PREFIX, GenerationSettings
from services.wire.action import Action
from tests.services.generation.loop_kit import SPEC, LoopBench

BUSY_S = 0.022  # of a pass: two make a frame, and leave no time to begin a draft


def play_holding(speculation: str) -> LoopBench:
    """A key is held for two seconds."""
    bench = LoopBench(cost_of=lambda _: BUSY_S, speculation=speculation)
    bench.open("a")
    bench.act("a", Action(held=1, seq=1))
    bench.play(2.0)
    return bench


def test_one_joint_frame_buys_the_time_to_draft_all_after_it_exactly() -> None:
    """Without it every frame of this machine is begun when it is due, and none is ever ahead."""
    exact, joint = play_holding("exact"), play_holding("joint")
    assert not any(dreamt.frame.is_speculative for dreamt in exact.told.of("a"))
    newest = [dreamt.frame for dreamt in joint.told.of("a")[-12:]]
    assert all(frame.is_speculative and not frame.is_joint for frame in newest)
    assert joint.engine.speculation.joint.accepted == 2  # for still hands, and for the key
    assert joint.num_late == 0


def test_a_changed_key_is_never_answered_by_a_joint_frame() -> None:
    bench = play_holding("joint")
    for seq in range(2, 12):
        bench.act("a", Action(held=1 + seq % 3, seq=seq))
        bench.frames(1)
        newest = bench.told.of("a")[-1]
        assert newest.action_seq < seq or not newest.frame.is_joint
    assert bench.engine.speculation.joint.discarded > 0


def test_a_gap_that_shows_is_no_reason_to_give_up_what_is_drawn_along() -> None:
    """To be late is; then the action that went along may be guessed anew."""
    played = play_holding("joint")._turns._played["a"]
    played.waits_for = None
    now = played.pacer.due_s
    begun = played.begin(now)
    played.expect(begun.deadline_s - 0.001)
    assert played.needs_haste
    played.note_going_on()
    assert not played.needs_haste
    played.expect(begun.deadline_s + 0.001)
    assert played.needs_haste
    played.note_haste()
    assert not played.needs_haste
    assert played.next_guess() == begun.vector


@pytest.mark.parametrize("speculation", ["off", "exact"])
def test_nobody_gets_them_unasked(speculation: str) -> None:
    bench = play_holding(speculation)
    assert not any(dreamt.frame.is_joint for dreamt in bench.told.frames)
    assert bench.engine.speculation.joint.drafted == 0


def test_without_speculation_nothing_is_drafted() -> None:
    bench = LoopBench(cost_of=lambda _: 0.001, speculation="off")
    bench.open("a")
    bench.play(1.0)
    assert not any(dreamt.frame.is_speculative for dreamt in bench.told.frames)
    assert bench.ladder.rung.level == 0


def test_only_the_first_rung_draws_jointly() -> None:
    """Under load it is the first to go, with all drafts."""
    for speculation, drafting in (("off", 0), ("exact", 0), ("joint", 1)):
        rungs = make_rungs((1, 2), 2, SPEC.fps, speculation=speculation)
        assert sum(rung.draws_jointly for rung in rungs) == drafting
        assert [rung.speculates for rung in rungs[1:]] == [False] * (len(rungs) - 1)


def test_an_unknown_kind_is_refused_by_name() -> None:
    environ = {"NEXTFRAME_REDIS_URL": "redis://127.0.0.1:1", f"{PREFIX}SPECULATION": "wild"}
    with pytest.raises(SettingsError, match="wild"):
        read_settings(GenerationSettings, PREFIX, environ)
