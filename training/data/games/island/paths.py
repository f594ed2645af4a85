"""Ways over the island: shortest walks over free tiles, by breadth-first search."""

from collections import deque
from collections.abc import Callable, Iterator

from training.data.games.island.rules import MOVES, WALKABLE, Island

Spot = tuple[int, int]
_REACH = 500  # tiles looked at before a walk counts as too far


def walk_to(island: Island, is_goal: Callable[[Spot], bool]) -> list[str] | None:
    """Buttons, one a tile, to the nearest free tile of which `is_goal` is true; None where no such
    tile is near. Empty where the player stands on one."""
    start = (int(island.player.pos[0]), int(island.player.pos[1]))
    came: dict[Spot, tuple[Spot, str] | None] = {start: None}
    waiting = deque([start])
    while waiting and len(came) < _REACH:
        spot = waiting.popleft()
        if is_goal(spot):
            return _back(came, spot)
        for button, following in _neighbours(spot):
            if following not in came and is_free(island, following):
                came[following] = (spot, button)
                waiting.append(following)
    return None


def walk_beside(island: Island, wanted: Callable[[Spot], bool]) -> list[str] | None:
    """The same to a tile beside a wanted one, then the button that faces it."""
    way = walk_to(island, lambda spot: any(wanted(beside) for _, beside in _neighbours(spot)))
    if way is None:
        return None
    x, y = (int(at) for at in island.player.pos)
    for button in way:
        x, y = x + MOVES[button][0], y + MOVES[button][1]
    return [*way, next(button for button, beside in _neighbours((x, y)) if wanted(beside))]


def is_free(island: Island, spot: Spot) -> bool:
    material, creature = island.at(*spot)
    return creature is None and material in WALKABLE


def _neighbours(spot: Spot) -> Iterator[tuple[str, Spot]]:
    for button, (dx, dy) in MOVES.items():
        yield button, (spot[0] + dx, spot[1] + dy)


def _back(came: dict[Spot, tuple[Spot, str] | None], spot: Spot) -> list[str]:
    way = []
    while (step := came[spot]) is not None:
        spot, button = step
        way.append(button)
    return way[::-1]
