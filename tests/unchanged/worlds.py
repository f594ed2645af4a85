"""The worlds whose frames are recorded: small ones with random weights, and the shipped ones."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from model.int8.serving import in_precision, why_not_int8
from model.world import World
from tests.model.conftest import make_world
from tests.model.place.conftest import make_place_world, make_state_model

SHIPPED = Path(__file__).parents[2] / "model" / "worlds"


def small_worlds() -> Mapping[str, World]:
    """Each sampler, each input of the network, and a world with a place."""
    plain = make_world("consistency")
    longer = replace(plain.spec.nfd, window=9)
    worlds = {
        "consistency": plain,
        "euler": make_world("euler"),
        "without previous": make_world("consistency", concat_previous=False),
        "with neighbours": make_world("euler", see_neighbours=True),
        "with a place": make_place_world(plain, make_state_model()),
        "longer window": replace(plain, spec=replace(plain.spec, nfd=longer)),
    }
    return worlds | _in_int8(plain)


def shipped_worlds() -> Iterator[tuple[str, World]]:
    for folder in sorted(SHIPPED.iterdir()):
        if (folder / "world.json").exists():
            world = World.load(folder)
            yield folder.name, world
            yield from _in_int8(world, folder.name + " ").items()


def _in_int8(world: World, prefix: str = "") -> dict[str, World]:
    return {} if why_not_int8() else {f"{prefix}int8": in_precision(world, "int8")}
