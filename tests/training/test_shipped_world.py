"""The world in the repository: small enough, whole, and its own card says that keys steer it."""

import json
from pathlib import Path

from model.world import World

FOLDER = Path(__file__).parents[2] / "model" / "worlds" / "freedoom"


def test_the_shipped_world_loads_and_fits() -> None:
    world = World.load(FOLDER)
    assert 8 <= len(world.starts) <= 12
    window = world.spec.nfd.window
    assert all(len(start.latents_FChw) >= window - 1 for start in world.starts)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 32 * 2**20


def test_its_card_shows_that_the_keys_steer_the_dream() -> None:
    card = json.loads((FOLDER / "card.json").read_text())
    steering = card["steering"]
    assert steering["probes"] >= 20
    assert steering["turns_opposite"] >= 18
    assert steering["forward_nearer"] >= 16
    assert steering["idle_still"] >= 18
    assert card["tokenizer"]["gradient_ratio"] >= 0.6
    assert card["dream"]["gradient_to_tokenizer"]["8"] >= 0.7
    control = card["steering_control"]
    assert control["turns_opposite"] == control["forward_nearer"] == steering["probes"]


def test_its_card_meets_what_is_asked_of_a_world_worth_playing() -> None:
    card = json.loads((FOLDER / "card.json").read_text())
    assert card["tokenizer_psnr"] >= 28 and card["tokenizer_gradient"] >= 0.7
    assert card["psnr_16"] - card["psnr_16_copy_last"] >= 2
    assert card["action_f1"] >= 0.8 * card["action_f1_ceiling"]
    assert card["action_f1"] >= 0.85 * card["action_f1_teacher"]
    assert card["frechet_student"] <= 1.15 * card["frechet_teacher"]
    assert card["motion_ratio_300"] >= 0.5
