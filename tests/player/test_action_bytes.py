"""The page and Python write the same 28 bytes for the same action."""

import json
import subprocess
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.wire.action import Action
from tests.player.node import PLAYER, node

_ENCODE = """
import {{ encodeAction }} from {action_js!r};
let text = "";
for await (const chunk of process.stdin) text += chunk;
const hex = (buffer) => Buffer.from(buffer).toString("hex");
console.log(JSON.stringify(JSON.parse(text).map((action) => hex(encodeAction(action)))));
"""

actions = st.builds(
    Action,
    held=st.integers(0, 2**16 - 1),
    pressed=st.integers(0, 2**16 - 1),
    x_total=st.integers(-(2**31), 2**31 - 1),
    y_total=st.integers(-(2**31), 2**31 - 1),
    seq=st.integers(1, 2**32 - 1),
    sent_at_ms=st.floats(allow_nan=False, allow_infinity=False, width=64),
)


def encode_in_the_page(batch: list[Action], **changed: int) -> list[str]:
    fields = [
        {
            "held": a["held"],
            "pressed": a["pressed"],
            "xTotal": a["x_total"],
            "yTotal": a["y_total"],
            "seq": a["seq"],
            "sentAtMs": a["sent_at_ms"],
        }
        | changed
        for a in map(asdict, batch)
    ]
    script = _ENCODE.format(action_js=(PLAYER / "action.js").as_uri())
    command = [node(), "--input-type=module", "--eval", script]
    done = subprocess.run(
        command, input=json.dumps(fields), capture_output=True, text=True, check=True, timeout=30
    )
    encoded: list[str] = json.loads(done.stdout)
    return encoded


@settings(max_examples=8, deadline=None)
@given(st.lists(actions, min_size=1, max_size=200))
def test_page_and_python_write_the_same_bytes(batch: list[Action]) -> None:
    assert encode_in_the_page(batch) == [action.to_bytes().hex() for action in batch]


def test_the_extremes_are_the_same_bytes() -> None:
    batch = [
        Action(seq=1),
        Action(held=0xFFFF, pressed=0xFFFF, x_total=2**31 - 1, y_total=-(2**31), seq=2**32 - 1),
        Action(held=1, x_total=-1, y_total=1, seq=7, sent_at_ms=1_795_260_034_079.0999),
    ]
    assert encode_in_the_page(batch) == [action.to_bytes().hex() for action in batch]


@pytest.mark.parametrize("total", [2**31, -(2**31) - 1, 2**40 + 5])
def test_mouse_totals_wrap_at_32_bits(total: int) -> None:
    wrapped = (total + 2**31) % 2**32 - 2**31
    expected = Action(seq=1, x_total=wrapped).to_bytes().hex()
    assert encode_in_the_page([Action(seq=1)], xTotal=total) == [expected]
