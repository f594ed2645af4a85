"""The jobs meant for a GPU, rehearsed on the CPU: what they measure and how they go on."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from model.bench import __main__ as bench
from model.bench.workloads.worlds import random_world
from model.engine.image import ReadyImage
from model.engine.types import Frame, FrameRequest
from model.engine.world_engine import WorldEngine
from model.fast.jobs import exactness, spare, speed
from model.fast.jobs.capacity import play
from model.fast.jobs.results_file import ResultsFile
from model.world import World

CPU = torch.device("cpu")
MACHINE = {"device": "a test"}


def test_a_cell_is_on_disk_at_once_and_never_measured_again(tmp_path: Path) -> None:
    path, measured = tmp_path / "job.json", []

    def measure(name: str) -> Callable[[], dict[str, int]]:
        def run() -> dict[str, int]:
            measured.append(name)
            return {"ms": len(measured)}

        return run

    ResultsFile(path, MACHINE, minutes=1).fill("a", measure("a"))
    again = ResultsFile(path, MACHINE, minutes=1)
    again.fill("a", measure("a"))
    again.fill("b", measure("b"))
    assert measured == ["a", "b"]
    assert json.loads(path.read_text())["cells"] == {"a": {"ms": 1}, "b": {"ms": 2}}


def test_nothing_is_begun_when_time_is_up_and_no_figures_of_two_machines_mix(
    tmp_path: Path,
) -> None:
    now_s = [0.0]
    results = ResultsFile(tmp_path / "job.json", MACHINE, minutes=1, clock=lambda: now_s[0])
    results.fill("in time", lambda: {"ms": 1})
    now_s[0] = 60.0
    results.fill("too late", lambda: {"ms": 1})
    assert results.is_out_of_time and list(results.cells) == ["in time"]
    with pytest.raises(ValueError, match="measured on a test"):
        ResultsFile(tmp_path / "job.json", {"device": "another"}, minutes=1)


def test_a_cell_too_large_for_the_device_is_kept_as_such(tmp_path: Path) -> None:
    def too_large() -> dict[str, int]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    results = ResultsFile(tmp_path / "job.json", MACHINE, minutes=1)
    results.fill("774M, 32 players", too_large)
    assert results.cells["774M, 32 players"] == {"error": "out of memory"}


class SlowEngine(WorldEngine):
    """Each pass finishes everybody's frame and takes as long as a fake clock says."""

    def __init__(self, world: World, *, players: int, pass_s: float) -> None:
        super().__init__(world, max_sessions=players)
        self.now_s = 0.0
        self._pass_s = pass_s
        self._waiting: list[str] = []

    @property
    def session_ids(self) -> tuple[str, ...]:
        return tuple(str(number) for number in range(3))

    def begin(self, session_id: str, request: FrameRequest) -> None:
        self._waiting.append(session_id)

    def advance(self, only: object = None) -> list[Frame] | None:
        if not self._waiting:
            return None
        self.now_s += self._pass_s
        finished, self._waiting = self._waiting, []
        pixels = np.zeros((1, 1, 3), np.uint8)
        return [
            Frame(
                session_id=name,
                frame_idx=0,
                image=ReadyImage(pixels),
                num_steps=1,
                denoise_s=0,
                decode_s=0,
            )
            for name in finished
        ]

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds + 1e-6


@pytest.mark.parametrize(
    ("pass_s", "misses"), [(0.01, 0.0), (0.03, 0.0), (0.06, 0.33), (0.15, 0.8)]
)
def test_capacity_counts_late_frames_and_those_let_go(
    world: World, pass_s: float, misses: float
) -> None:
    """10 frames a second for each of three players, whose times are spread over the period."""
    engine = SlowEngine(world, players=3, pass_s=pass_s)
    score = play(engine, fps=10, seconds=20, clock=lambda: engine.now_s, sleep=engine.sleep)
    assert score.shown + score.skipped == pytest.approx(600, rel=0.05)
    assert score.miss_share == pytest.approx(misses, abs=0.25 if misses else 0.01)


def test_fast_forms_are_measured_against_the_plainest(tmp_path: Path) -> None:
    results = ResultsFile(tmp_path / "job.json", MACHINE, minutes=1)
    exactness.measure(results, "debug", CPU)
    errors = {key.removeprefix("debug, "): cell["after 4"] for key, cell in results.cells.items()}
    assert errors["alone again"] == errors["cached by a pass of its own"] == 0
    assert errors["no cache, full mask"] < 1e-5
    assert errors["form sub-batches"] < 1e-5
    assert 2e-3 < errors["bf16"] < 0.1  # with shut gates it would be less


def test_speed_covers_players_steps_and_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = dict(speed.cells(32, CPU))
    assert "window 32, 2 steps, 24 players" in cells and "sink + 8, 4 steps, 1 players" in cells
    monkeypatch.setattr(speed, "BATCHES", (2,))
    monkeypatch.setattr(speed, "STEPS", (1,))
    monkeypatch.setattr(speed, "FORM_BATCHES", (2,))
    monkeypatch.setattr(speed, "BACKENDS", {})
    monkeypatch.setattr(speed, "REPEATS", 2)
    results = ResultsFile(tmp_path / "job.json", MACHINE, minutes=1)
    speed.measure(results, "debug", CPU)
    assert len(results.cells) == 5
    assert {"debug, window 8, 2 steps, 2 players, form sub-batches"} <= results.cells.keys()
    assert all(cell["frames_per_s"] > 0 for cell in results.cells.values())


def test_drafts_of_a_held_key_are_kept_and_those_of_a_changed_one_are_not() -> None:
    measured = spare.draw_ahead(random_world("debug"), CPU, players=2)
    drafts = 2 * 2 * spare.CHANGE_EVERY
    assert measured["accepted"] + measured["discarded"] == drafts
    assert measured["discarded"] == 3  # one key went down, the other down and up
    assert spare.restore(random_world("debug"), CPU)["frames"] == 7


def test_under_two_guesses_a_changed_key_is_drafted_too() -> None:
    measured = spare.draw_branches(random_world("debug"), CPU, players=2)
    frames = 2 * 2 * spare.CHANGE_EVERY
    assert measured["accepted"] == measured["discarded"] == frames
    assert measured["wait_ms"] < min(measured["frame_ms"], measured["spare_ms"])


def test_a_job_is_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(spare, "PLAYERS", (1,))
    out = tmp_path / "spare.json"
    bench.main(["spare", "--presets", "debug", "--device", "cpu", "--out", str(out)])
    report = json.loads(out.read_text())
    assert report["schema"] == "nextframe.gpu_bench"
    ways = {f"{way}, 1 players" for way in ("ahead", "branch", "joint")}
    assert report["cells"].keys() == {f"debug, {name}" for name in {"restore", *ways}}
    assert "4 cells in" in capsys.readouterr().out


@pytest.mark.parametrize("players", spare.PLAYERS)
def test_drawing_two_frames_jointly_is_measured_against_one_after_the_other(players: int) -> None:
    measured = spare.draw_jointly(random_world("debug"), CPU, players)
    assert measured["joint_over_alone"] > 0
    assert min(measured["alone_ms"], measured["jointly_ms"]) > 0
