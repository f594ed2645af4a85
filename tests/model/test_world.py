"""A world bundle is loaded whole and exact, or refused with the reason."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.world import World, WorldError
from tests.model.conftest import make_world


@pytest.fixture
def world() -> World:
    return make_world("euler")


@pytest.fixture
def bundle(world: World, tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    world.save(folder, card="# Tiny", dtype=torch.float32)
    return folder


def test_a_saved_world_loads_as_it_was(world: World, bundle: Path) -> None:
    loaded = World.load(bundle)
    assert loaded.spec == world.spec
    for mine, theirs in (
        (world.tokenizer.state_dict(), loaded.tokenizer.state_dict()),
        (world.transformer.state_dict(), loaded.transformer.state_dict()),
    ):
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert torch.equal(loaded.starts[0].latents_FChw, world.starts[0].latents_FChw)


def test_the_digest_names_the_content(world: World, bundle: Path, tmp_path: Path) -> None:
    world.save(tmp_path / "again", card="# Tiny", dtype=torch.float32)
    assert World.load(bundle).digest == World.load(tmp_path / "again").digest
    world.save(tmp_path / "other", card="# Other", dtype=torch.float32)
    assert World.load(bundle).digest != World.load(tmp_path / "other").digest


def test_weights_above_a_shard_are_split_and_joined_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.world.SHARD_BYTES", 2**18)
    world.save(tmp_path / "sharded", card="# Tiny", dtype=torch.float32)
    assert len(list((tmp_path / "sharded").glob("nfd-*-of-*.safetensors"))) > 1
    loaded = World.load(tmp_path / "sharded")
    mine, theirs = world.transformer.state_dict(), loaded.transformer.state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)


@pytest.mark.parametrize("name", ["nfd.safetensors", "tokenizer.safetensors", "card.md"])
def test_a_flipped_byte_is_refused_by_name(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(WorldError, match=rf"{name}: sha256 differs"):
        World.load(bundle)


def test_a_missing_world_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match=r"no world at .*nowhere"):
        World.load(tmp_path / "nowhere")


def test_a_missing_file_is_named(bundle: Path) -> None:
    (bundle / "starts.safetensors").unlink()
    with pytest.raises(WorldError, match=r"starts\.safetensors"):
        World.load(bundle)


def test_a_wrong_shape_is_refused_even_with_a_right_hash(bundle: Path) -> None:
    state = load_file(bundle / "nfd.safetensors")
    state["head.bias"] = torch.zeros(9)
    save_file(state, bundle / "nfd.safetensors")
    _rehash(bundle)
    with pytest.raises(WorldError, match=r"nfd\.head\.bias: \[8\] expected, got \[9\]"):
        World.load(bundle)


@pytest.mark.parametrize(("stem", "key"), [("nfd", "head.bias"), ("tokenizer", "latent_std")])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_refused(
    bundle: Path, stem: str, key: str, value: float
) -> None:
    state = load_file(bundle / f"{stem}.safetensors")
    state[key].view(-1)[0] = value
    save_file(state, bundle / f"{stem}.safetensors")
    _rehash(bundle)
    with pytest.raises(WorldError, match=rf"{stem}\.{key}: some numbers are NaN"):
        World.load(bundle)


def test_a_missing_key_is_refused(bundle: Path) -> None:
    state = load_file(bundle / "tokenizer.safetensors")
    del state["latent_std"]
    save_file(state, bundle / "tokenizer.safetensors")
    _rehash(bundle)
    with pytest.raises(WorldError, match=r"tokenizer: keys differ.*latent_std"):
        World.load(bundle)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 99}, "format_version 1 expected"),
        ({"files": {"../secret": "0"}}, "leaves the world's folder"),
        ({"spec": {"name": "x"}}, "missing"),
        ({"spec": {"surprise": 1}}, "unknown fields"),
    ],
)
def test_a_manifest_of_another_make_is_refused(
    bundle: Path, change: dict[str, object], reason: str
) -> None:
    manifest = json.loads((bundle / "world.json").read_text())
    (bundle / "world.json").write_text(json.dumps(manifest | change))
    with pytest.raises(WorldError, match=reason):
        World.load(bundle)


def test_saving_again_keeps_pictures_and_leaves_nothing_beside(world: World, bundle: Path) -> None:
    (bundle / "sheet.png").write_bytes(b"picture")
    (bundle / "card.json").write_text("of the version before")
    world.save(bundle, card="# New")
    assert (bundle / "sheet.png").read_bytes() == b"picture"
    assert not (bundle / "card.json").exists()
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]
    World.load(bundle)


def test_all_of_a_version_comes_at_once(world: World, bundle: Path) -> None:
    (bundle / "sheet.png").write_bytes(b"before")
    with world.saving(bundle, card="# New") as new:
        (new.folder / "sheet.png").write_bytes(b"new")
        (new.folder / "card.json").write_text(new.digest)
        assert (bundle / "sheet.png").read_bytes() == b"before"
    assert (bundle / "sheet.png").read_bytes() == b"new"
    assert (bundle / "card.json").read_text() == World.load(bundle).digest


def test_a_version_that_fails_on_its_way_leaves_the_one_before(world: World, bundle: Path) -> None:
    (bundle / "card.json").write_text("of this version")
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    with pytest.raises(OSError, match="full"), world.saving(bundle, card="# New"):
        raise OSError("full")
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


def _rehash(bundle: Path) -> None:
    manifest = json.loads((bundle / "world.json").read_text())
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    (bundle / "world.json").write_text(json.dumps(manifest))
