"""What players have is measured as the new version was, once, where it can be."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.model.conftest import make_world
from training.evaluate.statistics.paired_statistics import protocol_differences
from training.pipeline import re_evaluate
from training.pipeline.re_evaluate import measure_current
from training.recipes.debug import debug
from training.recipes.recipe import Recipe
from training.registry.publish import publish
from training.registry.registry import RELEASE, Registry, RegistryError
from training.registry.version import Lineage, WorldVersion
from training.run import Run

NO_LINEAGE = Lineage(data="", tokenizer="", teacher="", student="")
OLD = {"version": 3, "yardstick": {"passages": "old"}, "num_steps": 2, "psnr_16": 15.0}
NEW = OLD | {"yardstick": {"passages": "new"}, "psnr_16": 16.0}


@dataclass(slots=True)
class Office:
    """A released version with an old card, and a bundle with a new one; `measured`: the numbers of
    denoise steps that the release was measured with."""

    registry: Registry
    released: WorldVersion
    bundle: Path
    recipe: Recipe
    measured: list[int] = field(default_factory=list)

    def measure(self) -> None:
        measure_current(self.registry, self.recipe, Run(self.bundle), self.bundle)

    def figures(self) -> Any:
        return self.registry.figures(self.released, like=NEW)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    registry, bundle = Registry(tmp_path / "registry"), tmp_path / "new"
    for folder, card in ((tmp_path / "old", OLD), (bundle, NEW)):
        world = make_world("consistency", seed=card is NEW)
        world.save(folder, card="a card")
        (folder / "card.json").write_text(json.dumps(card))
    released = publish(registry, tmp_path / "old", lineage=NO_LINEAGE)
    (registry.root / "tiny" / RELEASE).write_text(
        json.dumps({"release": {"current": released.digest}, "steps": []})
    )
    spec = world.spec
    sizes = replace(debug().preset, width=spec.width, height=spec.height)
    recipe = replace(debug(), name="tiny", action_space=spec.action_space, preset=sizes)
    office = Office(registry, released, bundle, recipe)

    def measure(world: Any, *_: Any, num_steps: int) -> Any:
        office.measured.append(num_steps)
        card = NEW | {"psnr_16": 14.0, "world_digest": world.digest}
        return SimpleNamespace(figures=lambda: json.dumps(card))

    monkeypatch.setattr(re_evaluate, "measure", measure)
    return office


def test_an_old_release_is_measured_once_as_the_new_version_was(office: Office) -> None:
    assert protocol_differences(NEW, office.figures()) == ["passages"]
    office.measure()
    office.measure()
    assert office.measured == [2]
    assert office.figures()["psnr_16"] == 14.0 and not protocol_differences(NEW, office.figures())
    assert office.registry.figures(office.released, like=OLD) == OLD
    assert office.registry.versions("tiny") == [office.released]


def test_a_release_that_compares_already_is_left_alone(office: Office) -> None:
    (office.bundle / "card.json").write_text(json.dumps(OLD | {"psnr_16": 17.0}))
    office.measure()
    assert office.measured == []


def test_what_cannot_be_measured_alike_is_said_and_fails_nobody(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    (office.bundle / "card.json").write_text(json.dumps(NEW | {"num_steps": 99}))
    office.measure()
    office.recipe = replace(office.recipe, action_space=debug().action_space)
    office.measure()
    (office.registry.folder("tiny", office.released.digest) / "world.json").unlink()
    office.measure()
    said = capsys.readouterr().out
    assert "99 denoise steps" in said and "other controls" in said and "world.json" in said
    assert office.measured == []


def test_figures_of_a_version_that_is_not_there_are_refused(office: Office) -> None:
    with pytest.raises(RegistryError, match="has no version"):
        office.registry.keep_figures("tiny", NEW | {"world_digest": "0" * 64})
