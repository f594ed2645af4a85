"""Load a world and step it: 12 frames with one key held, as a film strip."""

from pathlib import Path

from model.engine.world_engine import WorldEngine
from model.world import World
from training.data.pictures import grid, write_png

PATH = Path("build/step_a_world.png")


def main() -> None:
    world = World.load("model/worlds/island")
    space = world.spec.action_space
    held = 1 << space.buttons.index("right")
    engine = WorldEngine(world, max_sessions=1)
    engine.open("me", start=0, seed=1)
    frames = []
    for n in range(12):
        action = space.vector(held=held, pressed=held if n == 0 else 0, dx=0)
        (frame,) = engine.step({"me": action}, num_steps=2)
        frames.append(frame.pixels)
    write_png(PATH, grid([frames[row : row + 6] for row in range(0, 12, 6)], [""] * 2))
    print(f"wrote {PATH}: frames {frames[0].shape} of {world.spec.title!r}")


if __name__ == "__main__":
    main()
