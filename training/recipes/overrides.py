"""The numbers of a recipe that a submitted run may change, with their bounds.

Knows recipes by name only and imports no torch, because the training service imports this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from training.recipes.stored_names import field_name

R = TypeVar("R")

RECIPES = {
    "debug": "The toy world: the whole chain in a few minutes on a CPU.",
    "freedoom": "A room of Freedoom: hours on a CPU, the world that is shipped.",
    "island": "A tile world of our own pictures: hours on a CPU, shipped beside it.",
    "freedoom_hall": "Two rooms of Freedoom, 1,024 units wide, with a map of the place: hours.",
    "minecraft": "Minecraft, from recordings in VPT's form: the paper's 310M, days on a GPU.",
    "minecraft_small": "The same recordings at a quarter of the size: hours on a CPU.",
}
NEED_RECORDINGS = frozenset({"minecraft", "minecraft_small"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """An inclusive range of numbers."""

    kind: type[int] | type[float]
    low: float
    high: float

    def check(self, name: str, value: object) -> int | float:
        """`value` in the field's type. Raises ValueError."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name}: a number expected, got {value!r:.40}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{name}: {self.low:g} to {self.high:g} expected, got {value!r:.40}")
        if self.kind is int and not float(value).is_integer():
            raise ValueError(f"{name}: a whole number expected, got {value!r:.40}")
        return self.kind(value)


_COUNT = Bound(kind=int, low=1, high=5_000_000)
_MINUTES = Bound(kind=float, low=0.01, high=14 * 24 * 60)
_BATCH = Bound(kind=int, low=1, high=1024)
_WEIGHT = Bound(kind=float, low=0.0, high=100.0)
_RATE = Bound(kind=float, low=1e-6, high=0.1)
_SHARE = Bound(kind=float, low=0.0, high=1.0)

# Numbers of the run: every stage ends after `steps` or after its minutes, whichever is sooner;
# `workers` processes train the teacher together, on one GPU each.
OF_THE_RUN: dict[str, Bound] = {"steps": _COUNT, "workers": Bound(kind=int, low=1, high=64)}

# Numbers of the recipe, by the stored names of their fields; the first name is the stage.
OF_THE_RECIPE: dict[str, Bound] = {
    "record.train_frames": _COUNT,
    "record.held_out_frames": _COUNT,
    "tokenizer.minutes": _MINUTES,
    "tokenizer.batch_size": _BATCH,
    "tokenizer.lr": _RATE,
    "decoder.minutes": _MINUTES,
    "decoder.lr": _RATE,
    "decoder.adversarial": _WEIGHT,
    "decoder.picture.gradient": _WEIGHT,
    "decoder.picture.square": _WEIGHT,
    "decoder.picture.perceptual": _WEIGHT,
    "map.minutes": _MINUTES,
    "map.batch_size": _BATCH,
    "map.muon_lr": _RATE,
    "map.adamw_lr": _RATE,
    "teacher.minutes": _MINUTES,
    "teacher.batch_size": _BATCH,
    "teacher.muon_lr": _RATE,
    "teacher.adamw_lr": _RATE,
    "teacher.untold_share": _SHARE,
    "teacher.history.chain_share": _SHARE,
    "teacher.history.dropout": _SHARE,
    "teacher.history.rollout_share": _SHARE,
    "student.minutes": _MINUTES,
    "student.batch_size": _BATCH,
    "student.muon_lr": _RATE,
    "student.adamw_lr": _RATE,
    "student.guidance": Bound(kind=float, low=1.0, high=10.0),
    "student.adversarial": _WEIGHT,
    "student.own_play.strength": _WEIGHT,
    "student.own_play.depth": Bound(kind=int, low=1, high=10_000),
}

OVERRIDES = OF_THE_RUN | OF_THE_RECIPE


def check_overrides(
    overrides: Mapping[str, object], allowed: Mapping[str, Bound] = OVERRIDES
) -> dict[str, int | float]:
    """The overrides in the types of their fields. Raises ValueError with the allowed values."""
    if unknown := sorted(overrides.keys() - allowed.keys()):
        raise ValueError(f"{unknown[0]!r:.60} cannot be set; there are {', '.join(allowed)}")
    return {name: allowed[name].check(name, value) for name, value in overrides.items()}


def apply_overrides(recipe: R, overrides: Mapping[str, int | float]) -> R:
    """The recipe with the overridden numbers; numbers of the run are ignored. Raises ValueError for
    a stage that the recipe lacks."""
    for name in OF_THE_RECIPE.keys() & overrides.keys():
        stage = name.partition(".")[0]
        if getattr(recipe, stage) is None:
            raise ValueError(f"{name} cannot be set: this recipe has no {stage} stage")
        recipe = _with(recipe, name.split("."), overrides[name])
    return recipe


def _with(node: R, path: list[str], value: int | float) -> R:
    first, *rest = field_name(path[0]), *path[1:]
    inner: Any = _with(getattr(node, first), rest, value) if rest else value
    return replace(node, **{first: inner})  # type: ignore[type-var]
