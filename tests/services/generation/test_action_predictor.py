"""The next action of a player, predicted from the player's history."""

from services.generation.frames.action_predictor import MAX_KNOWN, ActionPredictor

STILL, LEFT, TAP, TURN = (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.5)


def test_the_first_prediction_is_the_held_buttons() -> None:
    predictor = ActionPredictor()
    assert not predictor.draft_actions
    predictor.observe(LEFT, LEFT)
    assert predictor.draft_actions == (LEFT,)


def test_a_tap_is_not_expected_again() -> None:
    predictor = ActionPredictor()
    predictor.observe(TAP, STILL)
    assert predictor.draft_actions == (STILL,)


def test_a_steady_mouse_is_learned() -> None:
    """The same turn in each frame, with no button held."""
    predictor = ActionPredictor()
    for _ in range(4):
        predictor.observe(TURN, STILL)
    assert predictor.draft_actions == (TURN,)


def test_a_rhythm_is_learned() -> None:
    predictor = ActionPredictor()
    right = []
    for number in range(40):
        action = LEFT if number % 2 else TURN
        right.append(predictor.draft_actions == (action,))
        predictor.observe(action, action)
    assert all(right[-20:])


def test_two_likely_followers_are_both_drafted() -> None:
    predictor = ActionPredictor()
    for action in (LEFT, TURN, LEFT, STILL, LEFT, TURN, LEFT, STILL, LEFT):
        predictor.observe(action, STILL)
    assert set(predictor.draft_actions) == {TURN, STILL}


def test_the_hit_rate_falls_with_misses_and_recovers_with_hits() -> None:
    predictor = ActionPredictor()
    for number in range(40):
        predictor.observe((float(number), 0.0), STILL)
    assert not predictor.draft_actions
    for _ in range(20):
        predictor.observe(LEFT, LEFT)
    assert predictor.draft_actions == (LEFT,)


def test_the_history_is_bounded() -> None:
    predictor = ActionPredictor()
    for number in range(10 * MAX_KNOWN):
        predictor.observe((float(number), 0.0), STILL)
    assert len(predictor._followers) == MAX_KNOWN
