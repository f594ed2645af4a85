"""A version is published whole or not at all, and never changes."""

import json
import os
from pathlib import Path

import pytest

from model.world import World
from tests.model.conftest import make_world
from training.registry import publish as publishing
from training.registry.__main__ import main
from training.registry.lineage import lineage_of
from training.registry.publish import AlreadyPublished, publish
from training.registry.registry import Registry, RegistryError
from training.registry.version import Lineage
from training.run import Run

LINEAGE = Lineage(data="d", tokenizer="t", teacher="te", student="s")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    make_world("consistency").save(folder, card="a card")
    (folder / "card.json").write_text(json.dumps({"psnr_16": 20.5}))
    (folder / "steering.png").write_bytes(b"a picture")
    (folder / "secrets.txt").write_text("not of the world")
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def left_over(registry: Registry) -> list[str]:
    return sorted(path.name for path in registry.root.glob(".*"))


def test_a_version_can_be_served_and_says_where_it_came_from(
    registry: Registry, bundle: Path
) -> None:
    version = publish(registry, bundle, lineage=LINEAGE, run_id="run-1")
    folder = registry.folder("tiny", version.digest)
    assert World.load(folder).digest == version.digest
    assert registry.names() == ["tiny"]
    assert registry.versions("tiny") == [registry.version("tiny", version.digest)] == [version]
    assert (version.run_id, version.lineage, version.label) == ("run-1", LINEAGE, "1")
    assert version.card == {"psnr_16": 20.5}
    assert version.controls.buttons[0] == "forward"
    assert {"steering.png", "nfd.safetensors"} < version.files.keys()
    assert not (folder / "secrets.txt").exists()
    assert left_over(registry) == []


def test_the_same_content_is_not_published_twice(registry: Registry, bundle: Path) -> None:
    first = publish(registry, bundle, lineage=LINEAGE)
    index = registry.folder("tiny", first.digest) / "version.json"
    before = index.stat().st_mtime_ns
    with pytest.raises(AlreadyPublished) as again:
        publish(registry, bundle, lineage=LINEAGE, run_id="another")
    assert again.value.version == first
    assert index.stat().st_mtime_ns == before
    assert left_over(registry) == []


def test_another_training_is_another_version_and_the_newest_comes_first(
    registry: Registry, bundle: Path, tmp_path: Path
) -> None:
    first = publish(registry, bundle, lineage=LINEAGE)
    make_world("consistency", seed=1).save(tmp_path / "second", card="a card")
    second = publish(registry, tmp_path / "second", lineage=LINEAGE)
    assert registry.versions("tiny") == [second, first]
    assert second.card is None


@pytest.mark.parametrize("file", ["nfd.safetensors", "world.json", "card.md"])
def test_a_damaged_bundle_is_refused_and_nothing_is_left(
    registry: Registry, bundle: Path, file: str
) -> None:
    content = (bundle / file).read_bytes()
    (bundle / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(RegistryError, match="not published"):
        publish(registry, bundle, lineage=LINEAGE)
    assert registry.names() == [] and left_over(registry) == []


def test_a_name_that_leaves_the_folder_is_refused(registry: Registry, bundle: Path) -> None:
    manifest = json.loads((bundle / "world.json").read_text())
    manifest["files"]["../../secrets"] = "0" * 64
    (bundle / "world.json").write_text(json.dumps(manifest))
    with pytest.raises(RegistryError, match="leaves the world's folder"):
        publish(registry, bundle, lineage=LINEAGE)
    with pytest.raises(RegistryError):
        registry.folder("..", "0" * 64)


def test_a_full_disk_leaves_nothing_behind(
    registry: Registry, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", is_full)
    with pytest.raises(RegistryError, match="No space left"):
        publish(registry, bundle, lineage=LINEAGE)
    assert registry.names() == [] and left_over(registry) == []


def test_what_a_killed_publisher_left_is_swept_and_never_listed(
    registry: Registry, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    abandoned = registry.root / ".building-dead"
    abandoned.mkdir(parents=True)
    assert registry.names() == []
    monkeypatch.setattr(publishing, "_ABANDONED_S", -1.0)
    publish(registry, bundle, lineage=LINEAGE)
    assert not abandoned.exists()


def test_a_damaged_index_hides_one_version_only(
    registry: Registry, bundle: Path, tmp_path: Path
) -> None:
    kept = publish(registry, bundle, lineage=LINEAGE)
    damaged = registry.root / "tiny" / ("0" * 64) / "version.json"
    damaged.parent.mkdir()
    damaged.write_text("{")
    assert registry.versions("tiny") == [kept]
    with pytest.raises(RegistryError, match="cannot be read"):
        registry.version("tiny", "0" * 64)


def test_lineage_follows_from_data_to_student(bundle: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    assert lineage_of(run, bundle, data="d").teacher == ""
    run.state("teacher").write_bytes(b"weights")
    first = lineage_of(run, bundle, data="d")
    assert len({first.data, first.tokenizer, first.teacher, first.student}) == 4
    make_world("consistency", seed=1).save(tmp_path / "second", card="a card")
    second = lineage_of(run, tmp_path / "second", data="d")
    assert second.teacher == first.teacher
    assert second.tokenizer != first.tokenizer and second.student != first.student


def test_a_bundle_can_be_published_by_hand(
    bundle: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), str(registry.root)]) == 0
    folder = Path(capsys.readouterr().out.strip())
    [version] = registry.versions("tiny")
    assert folder == registry.folder("tiny", version.digest)
    assert version.lineage.student and not version.lineage.teacher
    assert main([str(bundle), str(registry.root)]) == 1
    assert "has version" in capsys.readouterr().err
