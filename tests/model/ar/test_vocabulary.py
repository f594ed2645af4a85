"""Actions become one token per exclusive group and one per camera axis."""

from dataclasses import replace

import pytest

from model.action_space import ActionSpace
from model.ar.vocabulary import ActionVocabulary

SPACE = ActionSpace(
    buttons=("forward", "back", "left", "right", "turn_left", "turn_right", "act"),
    degrees_per_count=0.1,
    key_turn_deg=6.0,
    yaw_bins_deg=(-12.0, -6.0, 0.0, 6.0, 12.0),
)
VOCABULARY = ActionVocabulary.of(SPACE)


def test_opposite_buttons_share_a_group_and_the_others_have_their_own() -> None:
    assert VOCABULARY.groups == ((0, 1), (2, 3), (4,))
    assert VOCABULARY.axes == ((-1.0, -0.5, 0.0, 0.5, 1.0),)
    assert (VOCABULARY.num_tokens, VOCABULARY.size) == (4, 3 + 3 + 2 + 5)


def test_minecraft_is_spelt_as_in_mineworld() -> None:
    """One token each for walking, strafing, pace, hands, jumping, the hotbar, both angles."""
    names = ("jump", "sneak", "sprint", "attack", "use", "hotbar.1", "hotbar.3")
    space = replace(SPACE, buttons=(*names, "forward", "back"), pitch_bins_deg=(-9.0, 0.0, 9.0))
    vocabulary = ActionVocabulary.of(space)
    assert vocabulary.groups == ((7, 8), (2, 1), (3, 4), (0,), (5, 6))
    assert vocabulary.axes == ((-1.0, 0.0, 1.0), (-1.0, -0.5, 0.0, 0.5, 1.0))
    up_right = space.vector_of({"jump", "use"}, yaw_deg=6.0, pitch_deg=-9.0)
    assert vocabulary.tokens(up_right) == (0, 3, 8, 10, 11, 14, 20)


@pytest.mark.parametrize(
    ("down", "yaw_deg", "tokens"),
    [
        (set(), 0.0, (0, 3, 6, 10)),
        ({"forward"}, -12.0, (1, 3, 6, 8)),
        ({"back", "right", "act"}, 6.0, (2, 5, 7, 11)),
    ],
)
def test_an_action_is_spelt_by_its_groups_and_its_turn(
    down: set[str], yaw_deg: float, tokens: tuple[int, ...]
) -> None:
    assert VOCABULARY.tokens(SPACE.vector_of(down, yaw_deg)) == tokens


def test_actions_are_spelt_alike_just_when_they_are_equal() -> None:
    vectors = {
        SPACE.vector(held, 0, dx, 0) for held in range(2**7) for dx in (-200, -50, 0, 70, 130)
    }
    assert len({VOCABULARY.tokens(vector) for vector in vectors}) == len(vectors)


def test_no_two_slots_share_an_id() -> None:
    vectors = [SPACE.vector(held, 0, dx, 0) for held in range(2**7) for dx in range(-130, 131, 65)]
    columns = [set(ids) for ids in zip(*map(VOCABULARY.tokens, vectors), strict=True)]
    assert sum(map(len, columns)) == len(set().union(*columns)) == VOCABULARY.size
