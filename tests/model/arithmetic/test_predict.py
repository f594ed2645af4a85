"""Predictions follow from the presets, and the document shows just these."""

from pathlib import Path

import pytest

from model.arithmetic import predict
from model.arithmetic.costs import decode_flop
from model.arithmetic.predict import DEVICES, WINDOW, frame_s, players_at
from model.presets import PRESETS

DOCUMENT = Path(__file__).parents[3] / "docs" / "performance.md"
PRESET = PRESETS["nfd_310m"]()
A100, H200 = DEVICES


def test_the_document_shows_the_tables_that_the_code_gives() -> None:
    text = DOCUMENT.read_text()
    for table in (predict.cost_table(), predict.speed_table(), predict.players_table()):
        assert table in text
    assert "No figure in this section was measured" in text


def test_five_passes_at_310_million_take_15_milliseconds_of_an_a100() -> None:
    """At 40 % of its peak, without the decoder."""
    whole = frame_s(PRESET, A100, share=0.4, players=1, num_steps=4, frames_seen=WINDOW)
    decode = decode_flop(PRESET.vae, PRESET.height, PRESET.width) / (0.4 * A100.tflops * 1e12)
    assert (whole - decode) * 1e3 == pytest.approx(14.9, abs=0.1)


def test_bytes_decide_where_operations_are_free() -> None:
    slow, fast = (
        frame_s(PRESET, H200, share=share, players=1, num_steps=4, frames_seen=WINDOW)
        for share in (0.4, 1e6)
    )
    bytes_s = 5 * (0.617e9 + 0.705e9) / (H200.tb_per_s * 1e12)
    assert fast == pytest.approx(bytes_s, rel=0.01)
    assert slow > fast


def test_players_are_as_many_as_fit_into_a_period() -> None:
    count = players_at(PRESET, H200, share=0.6, num_steps=2, frames_seen=10)
    times = [
        frame_s(PRESET, H200, share=0.6, players=n, num_steps=2, frames_seen=10)
        for n in (count, count + 1)
    ]
    assert times[0] <= 1 / 30 < times[1]
