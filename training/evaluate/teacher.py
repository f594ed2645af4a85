"""The teacher of a world's student, kept beside the bundle so that anybody can measure one against
the other. For evaluation alone: the bundle does not name the file, and no service reads it.
"""

from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from model.nfd.transformer import NFDTransformer
from model.world import World

FILE = "teacher.safetensors"


def keep_teacher(folder: Path, teacher: NFDTransformer) -> None:
    """Beside the bundle in `folder`, in half precision as the bundle's own weights."""
    state = {key: value.half().contiguous() for key, value in teacher.state_dict().items()}
    save_file(state, folder / FILE)


def teacher_of(world: World, folder: Path) -> World | None:
    """`world` with the teacher's weights and its kind of sampler; None where none is kept. Raises
    ValueError for weights of another network."""
    path = folder / FILE
    if not path.exists():
        return None
    transformer = NFDTransformer(world.spec.nfd)
    try:
        transformer.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path} is no teacher of this world: {error}") from error
    sampler = replace(world.spec.sampler, kind="euler")
    return replace(
        world, transformer=transformer.eval().requires_grad_(False),
        spec=replace(world.spec, sampler=sampler),
    )  # fmt: skip
