"""The wire formats: packing round-trips, broken bytes are refused, actions merge as documented."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wire import frame
from services.wire.action import ACTION_BYTES, Action, ActionMerger
from services.wire.codec import VideoCodec
from services.wire.frame import EncodedFrame, Hello, Kind
from services.wire.session import NEXT_STATUSES, SessionStatus
from services.wire.world import WorldKey, WorldOffer, WorldStart

u8, u16, u32 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32))
i32 = st.integers(-(2**31), 2**31 - 1)
f32 = st.floats(width=32, allow_nan=False)
f64 = st.floats(allow_nan=False)

actions = st.builds(
    Action,
    held=u16,
    pressed=u16,
    x_total=i32,
    y_total=i32,
    seq=st.integers(1, 2**32 - 1),
    sent_at_ms=f64,
)
frames = st.builds(
    EncodedFrame,
    epoch=u32,
    frame_idx=u32,
    action_seq=u32,
    is_key=st.booleans(),
    is_speculative=st.booleans(),
    steps=u8,
    level=u8,
    queue_ms=f32,
    denoise_ms=f32,
    decode_ms=f32,
    encode_ms=f32,
    fps=f32,
    sent_at_ms=f64,
    payload=st.binary(max_size=200),
    codec=st.sampled_from(VideoCodec),
)
hellos = st.builds(
    Hello,
    session_id=st.text(),
    epoch=u32,
    link_key=st.text(),
    codec=st.sampled_from(VideoCodec),
)
offers = st.builds(
    WorldOffer,
    name=st.text(),
    version=st.text(),
    width=u16,
    height=u16,
    fps=f64,
    buttons=st.lists(st.text(), max_size=16).map(tuple),
    degrees_per_count=f64,
    starts=st.lists(st.builds(WorldStart, index=u8, name=st.text(), image=st.text())).map(tuple),
    keys=st.lists(
        st.builds(WorldKey, button=st.text(), label=st.text(), code=st.text(), pad=st.none() | u8)
    ).map(tuple),
)


@given(actions)
def test_an_action_comes_back_from_its_28_bytes(action: Action) -> None:
    message = action.to_bytes()
    assert len(message) == ACTION_BYTES == 28
    assert Action.from_bytes(message) == action


def test_the_layout_of_an_action_is_fixed() -> None:
    action = Action(held=1, pressed=2, x_total=-3, y_total=4, seq=5, sent_at_ms=0.5)
    assert action.to_bytes().hex() == ("0100010002000000fdffffff0400000005000000000000000000e03f")


@given(st.binary(max_size=64))
def test_garbage_is_an_action_or_a_value_error(message: bytes) -> None:
    try:
        action = Action.from_bytes(message)
    except ValueError:
        return
    assert len(message) == ACTION_BYTES and action.seq > 0


@pytest.mark.parametrize(
    ("place", "byte"),
    [(0, 2), (1, 1), (6, 1)],
    ids=["another version", "unknown flags", "reserved bits"],
)
def test_an_action_of_a_later_version_is_refused(place: int, byte: int) -> None:
    message = bytearray(Action(seq=1).to_bytes())
    message[place] = byte
    with pytest.raises(ValueError):
        Action.from_bytes(bytes(message))


def test_seq_starts_at_one() -> None:
    with pytest.raises(ValueError, match="seq"):
        Action.from_bytes(replace(Action(seq=1), seq=0).to_bytes())


def test_a_tap_shorter_than_a_frame_counts_once() -> None:
    merger = ActionMerger()
    merger.add(Action(seq=1, pressed=0b100))
    merger.add(Action(seq=2, pressed=0b001))
    merger.add(Action(seq=3))
    assert merger.take().pressed == 0b101
    assert merger.take().pressed == 0


def test_what_is_held_stays_held_and_motion_does_not() -> None:
    merger = ActionMerger()
    merger.add(Action(seq=1, held=1))
    merger.take()
    merger.add(Action(seq=2, held=3, x_total=10, y_total=-4))
    first, second = merger.take(), merger.take()
    assert (first.held, first.dx, first.dy, first.seq) == (3, 10, -4, 2)
    assert (second.held, second.dx, second.dy, second.seq) == (3, 0, 0, 2)


def test_the_first_message_moves_nothing_whatever_its_totals() -> None:
    merger = ActionMerger(last_seq=41)
    merger.add(Action(seq=42, x_total=5000, y_total=5000))
    taken = merger.take()
    assert (taken.dx, taken.dy) == (0, 0)


def test_a_late_message_is_dropped_and_counted() -> None:
    merger = ActionMerger()
    merger.add(Action(seq=5, held=1))
    merger.add(Action(seq=4, held=2, pressed=2))
    merger.add(Action(seq=5, held=2))
    taken = merger.take()
    assert (taken.held, taken.pressed, taken.seq) == (1, 0, 5)
    assert merger.num_stale == 2


def test_hands_that_are_gone_hold_nothing() -> None:
    merger = ActionMerger()
    merger.add(Action(seq=1, held=1, pressed=1))
    merger.let_go()
    taken = merger.take()
    assert (taken.held, taken.pressed, taken.seq) == (0, 0, 1)


@given(st.lists(st.tuples(st.integers(-(2**20), 2**20), st.booleans()), max_size=40))
def test_motion_is_never_lost_nor_doubled(moves: list[tuple[int, bool]]) -> None:
    """For any lost messages and any frame times, over the wrap at 32 bits."""
    merger = ActionMerger()
    merger.add(Action(seq=1, x_total=2**31 - 5))
    moved = sent = arrived = 0
    for number, (dx, is_lost) in enumerate(moves, start=2):
        sent += dx
        if not is_lost:
            total = (2**31 - 5 + sent + 2**31) % 2**32 - 2**31
            merger.add(Action(seq=number, x_total=total))
            arrived = sent
        if number % 3 == 0:
            moved += merger.take().dx
    assert moved + merger.take().dx == arrived


@given(frames)
def test_a_frame_comes_back_from_its_body(encoded: EncodedFrame) -> None:
    assert EncodedFrame.from_body(encoded.to_body()) == encoded


@given(frames)
def test_h264_is_as_services_from_before_vp8_read_it(encoded: EncodedFrame) -> None:
    """The byte was `is_key` alone; older services receive H.264 only, since older services request
    nothing else."""
    body = replace(encoded, codec=VideoCodec.H264).to_body()
    assert body[12] == encoded.is_key


def test_half_a_frame_header_is_refused() -> None:
    with pytest.raises(ValueError, match="frame header"):
        EncodedFrame.from_body(b"\0" * 10)


@given(hellos)
def test_a_hello_comes_back_from_its_body(hello: Hello) -> None:
    assert Hello.from_body(hello.to_body()) == hello


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"session_id": "a"}', b"\xff\xfe"])
def test_anything_but_a_hello_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        Hello.from_body(body)


@given(st.sampled_from(Kind), st.binary(max_size=100))
def test_a_message_says_its_kind_and_length(kind: Kind, body: bytes) -> None:
    message = frame.pack(kind, body)
    assert frame.read_prefix(message[: frame.PREFIX_BYTES]) == (kind, len(body))
    assert message[frame.PREFIX_BYTES :] == body


@pytest.mark.parametrize(
    "length", [0, frame.MAX_MESSAGE_BYTES + 1, 2**32 - 1], ids=["empty", "too big", "huge"]
)
def test_a_message_out_of_bounds_is_refused_before_it_is_read(length: int) -> None:
    with pytest.raises(ValueError, match="allowed"):
        frame.read_prefix(length.to_bytes(4, "little") + bytes([Kind.FRAME]))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError):
        frame.read_prefix((1).to_bytes(4, "little") + b"\x63")


def test_a_state_message_is_json() -> None:
    message = frame.pack_json(Kind.STATE, {"state": "paused"})
    assert json.loads(message[frame.PREFIX_BYTES :]) == {"state": "paused"}


@given(offers)
def test_a_world_on_offer_comes_back_from_json(offer: WorldOffer) -> None:
    assert WorldOffer.from_json(offer.to_json()) == offer


def test_every_open_session_can_end_and_an_ended_one_stays() -> None:
    for status, following in NEXT_STATUSES.items():
        assert (SessionStatus.ENDED in following) == (status is not SessionStatus.ENDED)
    assert not NEXT_STATUSES[SessionStatus.ENDED]
