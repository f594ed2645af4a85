"""What a player will do next, guessed from what they did."""

from services.generation.frames.forecast import MAX_KNOWN, Forecast

STILL, LEFT, TAP, TURN = (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.5)


def test_the_first_guess_is_what_is_held() -> None:
    forecast = Forecast()
    assert not forecast.guesses
    forecast.observe(LEFT, LEFT)
    assert forecast.guesses == (LEFT,)


def test_a_tap_is_not_expected_again() -> None:
    forecast = Forecast()
    forecast.observe(TAP, STILL)
    assert forecast.guesses == (STILL,)


def test_a_steady_hand_on_the_mouse_is_learned() -> None:
    """It turns as far in each frame, though nothing is held."""
    forecast = Forecast()
    for _ in range(4):
        forecast.observe(TURN, STILL)
    assert forecast.guesses == (TURN,)


def test_a_rhythm_is_learned() -> None:
    forecast = Forecast()
    right = []
    for number in range(40):
        action = LEFT if number % 2 else TURN
        right.append(forecast.guesses == (action,))
        forecast.observe(action, action)
    assert all(right[-20:])


def test_who_does_one_of_two_things_is_ready_for_both() -> None:
    forecast = Forecast()
    for action in (LEFT, TURN, LEFT, STILL, LEFT, TURN, LEFT, STILL, LEFT):
        forecast.observe(action, STILL)
    assert set(forecast.guesses) == {TURN, STILL}


def test_trust_goes_with_wrong_guesses_and_comes_back_with_right_ones() -> None:
    forecast = Forecast()
    for number in range(40):
        forecast.observe((float(number), 0.0), STILL)
    assert not forecast.guesses
    for _ in range(20):
        forecast.observe(LEFT, LEFT)
    assert forecast.guesses == (LEFT,)


def test_habits_take_bounded_memory() -> None:
    forecast = Forecast()
    for number in range(10 * MAX_KNOWN):
        forecast.observe((float(number), 0.0), STILL)
    assert len(forecast._followers) == MAX_KNOWN
