"""What a submitted run may change: every place exists in every recipe, and holds its bounds."""

import pytest

from training.recipes.named import recipe_named
from training.recipes.numbers import numbers_of
from training.recipes.overrides import OVERRIDES, RECIPES, apply_overrides, check_overrides
from training.recipes.stored_names import STORED_NAMES


@pytest.mark.parametrize("name", RECIPES)
def test_every_override_has_its_place_in_every_recipe(name: str) -> None:
    recipe = recipe_named(name)
    assert recipe.name
    highest = {
        place: bound.kind(bound.high)
        for place, bound in OVERRIDES.items()
        if not (recipe.map is None and place.startswith("map."))
    }
    changed = apply_overrides(recipe, highest)
    assert changed.teacher.batch_size == OVERRIDES["teacher.batch_size"].high
    assert changed.record.train_frames == OVERRIDES["record.train_frames"].high
    assert changed.preset == recipe.preset


def test_a_renamed_field_keeps_its_stored_name() -> None:
    recipe = apply_overrides(recipe_named("debug"), {"teacher.untold_share": 0.3})
    assert recipe.teacher.action_dropout == 0.3
    assert numbers_of(recipe.teacher)["untold_share"] == 0.3


def test_every_stored_name_is_of_a_field_that_recipes_have() -> None:
    stored = str(numbers_of(recipe_named("freedoom")))
    assert [name for name in STORED_NAMES.values() if f"'{name}'" not in stored] == []
    assert [name for name in STORED_NAMES if f"'{name}'" in stored] == []


def test_a_stage_that_a_recipe_lacks_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="this recipe has no map stage"):
        apply_overrides(recipe_named("debug"), {"map.minutes": 3.0})


def test_numbers_take_the_type_that_the_recipe_wants() -> None:
    checked = check_overrides({"teacher.batch_size": 4.0, "teacher.minutes": 3})
    assert checked == {"teacher.batch_size": 4, "teacher.minutes": 3.0}
    assert isinstance(checked["teacher.batch_size"], int)


@pytest.mark.parametrize("value", [0, 1.5, "4", None, True, float("nan"), float("inf"), 10**9])
def test_what_is_no_batch_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"teacher\.batch_size"):
        check_overrides({"teacher.batch_size": value})


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="debug, freedoom"):
        recipe_named("mars")
