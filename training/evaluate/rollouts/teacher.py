"""The teacher of a world's student, kept beside the bundle so that anybody can measure one against
the other. For evaluation alone: the bundle does not name the file, and no service reads it.
"""

from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model.nfd.transformer import NFDTransformer
from model.world import World

FILE = "teacher.safetensors"


def keep_teacher(folder: Path, teacher: NFDTransformer, *, student: str) -> None:
    """Beside the bundle in `folder` whose digest is `student`, in half precision as its own
    weights."""
    state = {key: value.half().contiguous() for key, value in teacher.state_dict().items()}
    save_file(state, folder / FILE, metadata={"student": student})


def teacher_of(world: World, folder: Path) -> World | None:
    """`world` with the teacher's weights and its kind of sampler; None where none is kept. Raises
    ValueError for the teacher of another version, and for weights of another network."""
    path = folder / FILE
    if not path.exists():
        return None
    transformer = NFDTransformer(world.spec.nfd)
    try:
        with safe_open(path, "pt") as file:
            student = (file.metadata() or {}).get("student")
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        if student != world.digest:
            raise ValueError(f"it taught version {student}")
        transformer.load_state_dict(state)
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is no teacher of this world: {error}") from error
    sampler = replace(world.spec.sampler, kind="euler")
    return replace(
        world,
        transformer=transformer.eval().requires_grad_(False),
        spec=replace(world.spec, sampler=sampler),
    )
