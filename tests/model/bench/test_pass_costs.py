"""What a pass costs is measured on mixed passes and found by lines through them."""

import json
from itertools import product
from pathlib import Path

import pytest
import torch

from model.bench import __main__ as bench
from model.bench.pass_costs import MeasuredPass, PassCosts, fit, measure_passes, steadiest
from model.world import World

TRUTH = PassCosts(
    pass_s=0.001, cached_s=0.004, drawn_s=0.005, page_s=0.0002, decode_s=0.002,
    picture_s=0.003, jitter=(),
)  # fmt: skip


def truly(
    cached: int, drawn: int, pictures: int, *, seen: int = 24, slowness: float = 1.0
) -> MeasuredPass:
    """`seen`: pages, by each row."""
    pages = seen * (cached + drawn)
    whole_s = TRUTH.seconds(cached=cached, drawn=drawn, pages=pages, pictures=pictures)
    decode_s = TRUTH.decode_s + pictures * TRUTH.picture_s if pictures else 0.0
    return MeasuredPass(
        cached=cached,
        drawn=drawn,
        pages=pages,
        pictures=pictures,
        denoise_s=slowness * (whole_s - decode_s),
        decode_s=slowness * decode_s,
    )


def test_a_fit_finds_what_the_parts_cost_and_keeps_slow_spells_as_jitter() -> None:
    mixtures = [(r, d, f) for r, d, f in product(range(4), range(1, 5), range(3)) if f <= d]
    passes = [truly(*mix, seen=seen) for seen in (24, 8) for mix in mixtures for _ in range(3)]
    passes[7] = truly(*mixtures[2], slowness=3.0)
    found = fit(passes)
    for name in ("pass_s", "cached_s", "drawn_s", "page_s", "decode_s", "picture_s"):
        assert getattr(found, name) == pytest.approx(getattr(TRUTH, name))
    assert found.jitter[6:9] == (1.0, 3.0, 1.0)


def test_the_steadiest_spell_is_what_is_kept() -> None:
    restless = [truly(1 + n % 2, 2, 1, slowness=1 + n % 3 / 2) for n in range(20)]
    steady = [truly(1 + n % 2, 2, 1, slowness=2.0) for n in range(10)]
    assert steadiest([*restless, *steady, *restless], 10) == steady


def test_measured_passes_are_mixed(world: World) -> None:
    passes = measure_passes(world, torch.device("cpu"), sessions=3, passes=60)
    assert len(passes) == 60
    assert {one.cached for one in passes} >= {0, 1, 2}
    assert {one.drawn for one in passes} >= {1, 2, 3}
    assert len({one.pages / (one.cached + one.drawn) for one in passes}) > 1
    assert all(one.denoise_s > 0 for one in passes)


def test_the_command_says_where_its_figures_come_from(tmp_path: Path, world: World) -> None:
    out, folder = tmp_path / "costs.json", tmp_path / "world"
    world.save(folder, card="")
    bench.main(["--world", str(folder), "costs", "--players=2", "--passes=9", f"--out={out}"])
    report = json.loads(out.read_text())
    assert report["command"].startswith("python -m model.bench --world")
    assert report["machine"]["num_threads"] > 0
    assert len(PassCosts(**report["costs"]).jitter) == 9
