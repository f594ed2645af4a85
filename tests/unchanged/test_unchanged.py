"""The proof can fail: it names what differs, and frames of another seed are another recording."""

import json
from pathlib import Path

import pytest
import torch

from model.context.sliding_window import SlidingWindow
from tests.model.conftest import make_world
from tests.unchanged import frames, metrics, settings, wire
from tests.unchanged.__main__ import compare, main
from tests.unchanged.comparison import differences


def test_each_difference_is_named() -> None:
    before = {"same": 1, "changed": {"deep": [1, 2]}, "gone": "x"}
    after = {"same": 1, "changed": {"deep": [1, 3]}, "new": "y"}
    assert differences(before, after) == [
        "changed  changed > deep[1]: 2 -> 3",
        "removed  gone: 'x'",
        "added    new: 'y'",
    ]


def test_a_recording_equals_itself_and_a_changed_byte_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    assert main(["record", "--out", str(before), "--only", "wire"]) == 0
    recording = json.loads(before.read_text())
    assert recording.keys() == {f"wire/{name}" for name in wire.record()}
    assert compare(before, before, ["wire"]) == 0
    after.write_text(json.dumps(recording | {"wire/action": "00"}))
    assert compare(before, after, ["wire"]) == 1
    assert "changed  wire/action" in capsys.readouterr().out


def test_frames_are_those_of_their_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    world, policy = make_world("consistency"), SlidingWindow(3)
    first = frames.drafts(world, policy, 4)
    assert frames.drafts(world, policy, 4) == first
    assert sum(" draft" in digest for digest in first) > 0
    monkeypatch.setattr(frames, "SEED", 6)
    assert frames.drafts(world, policy, 4) != first


@pytest.mark.parametrize("scenario", frames.SCENARIOS)
def test_every_scenario_gives_frames(scenario: str) -> None:
    torch.set_num_threads(1)
    digests = frames.SCENARIOS[scenario](make_world("euler"), SlidingWindow(3), 4)
    assert len({digest.split("pixels")[-1] for digest in digests}) >= 4


def test_labels_and_settings_are_read() -> None:
    found = metrics.record()
    assert found["nextframe_frames"]["labels"] == ["level"]
    assert found["nextframe_peers"]["labels"] == ["kind"]
    assert len(found) > 30
    names = settings.record()["names in code"]
    assert "NEXTFRAME_REDIS_URL" in names and "NEXTFRAME_TOKEN_SECRET" in names
