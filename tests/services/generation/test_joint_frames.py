"""Jointly denoised frames, where the operator allows joint drafts: marked as joint everywhere."""

import pytest

from services.environment import SettingsError, read_settings
from services.generation.frames.quality_controller import Outlook
from services.generation.frames.quality_levels import make_levels
from services.generation.frames.session_state import FrameState
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
    """Without the joint draft every frame of this machine begins at the request, and no draft is
    ever ready."""
    exact, joint = play_holding("exact"), play_holding("joint")
    assert not any(generated.frame.is_speculative for generated in exact.events.of("a"))
    newest = [generated.frame for generated in joint.events.of("a")[-12:]]
    assert all(frame.is_speculative and not frame.is_joint for frame in newest)
    assert joint.engine.speculation.joint.accepted == 2  # without input, and for the key
    assert joint.num_late == 0


def test_a_changed_key_is_never_answered_by_a_joint_frame() -> None:
    bench = play_holding("joint")
    for seq in range(2, 12):
        bench.act("a", Action(held=1 + seq % 3, seq=seq))
        bench.frames(1)
        newest = bench.events.of("a")[-1]
        assert newest.action_seq < seq or not newest.frame.is_joint
    assert bench.engine.speculation.joint.discarded > 0


def test_a_visible_gap_is_no_reason_to_discard_a_joint_draft() -> None:
    """A deadline is; the discarded action may then be drafted again."""
    bench = play_holding("joint")
    session = bench.sessions.playing["a"]
    if session.requested:
        session.show(session.pacer.next_tick_s)
    requested = session.request(session.pacer.next_tick_s, bench.quality.level)
    states = [session.frame_state]
    assert session.should_shorten(Outlook.UNEVEN)
    session.note_joint_draft()
    assert not session.should_shorten(Outlook.UNEVEN)
    assert session.should_shorten(Outlook.LATE)
    session.note_shortened()
    states.append(session.frame_state)
    assert not session.should_shorten(Outlook.LATE)
    session.show(requested.deadline_s)
    states.append(session.frame_state)
    draft = session.next_draft(bench.quality.level)
    assert draft is not None and draft.action == requested.action
    states.append(session.frame_state)
    assert states == [
        FrameState.IN_FLIGHT,
        FrameState.SHORTENED,
        FrameState.IDLE,
        FrameState.DRAFTED,
    ]


@pytest.mark.parametrize("speculation", ["off", "exact"])
def test_nobody_gets_them_unasked(speculation: str) -> None:
    bench = play_holding(speculation)
    assert not any(generated.frame.is_joint for generated in bench.events.frames)
    assert bench.engine.speculation.joint.drafted == 0


def test_without_speculation_nothing_is_drafted() -> None:
    bench = LoopBench(cost_of=lambda _: 0.001, speculation="off")
    bench.open("a")
    bench.play(1.0)
    assert not any(generated.frame.is_speculative for generated in bench.events.frames)
    assert bench.quality.level.number == 0


def test_only_the_first_level_drafts_jointly() -> None:
    """Under load joint frames go first, with all drafts."""
    for speculation, drafting in (("off", 0), ("exact", 0), ("joint", 1)):
        levels = make_levels((1, 2), 2, SPEC.fps, speculation=speculation)
        assert sum(level.drafts_jointly for level in levels) == drafting
        assert not any(level.drafts for level in levels[1:])


def test_an_unknown_kind_is_refused_by_name() -> None:
    environ = {"NEXTFRAME_REDIS_URL": "redis://127.0.0.1:1", f"{PREFIX}SPECULATION": "wild"}
    with pytest.raises(SettingsError, match="wild"):
        read_settings(GenerationSettings, PREFIX, environ)
