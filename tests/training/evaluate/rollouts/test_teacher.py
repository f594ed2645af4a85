"""A teacher kept beside a bundle comes back as it was, and one of another network is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.nfd.transformer import NFDTransformer
from model.world import World
from training.evaluate.rollouts.teacher import FILE, keep_teacher, teacher_of


def test_a_kept_teacher_dreams_with_its_own_weights_and_sampler(
    tmp_path: Path, world: World
) -> None:
    assert teacher_of(world, tmp_path) is None
    torch.manual_seed(1)
    teacher = NFDTransformer(world.spec.nfd)
    keep_teacher(tmp_path, teacher, student=world.digest)
    found = teacher_of(world, tmp_path)
    assert found is not None and found.spec.sampler.kind == "euler"
    for key, value in teacher.state_dict().items():
        assert torch.equal(found.transformer.state_dict()[key], value.half().float())


def test_the_teacher_of_another_is_refused(tmp_path: Path, world: World) -> None:
    keep_teacher(tmp_path, NFDTransformer(world.spec.nfd), student="another version")
    with pytest.raises(ValueError, match="it taught version another version"):
        teacher_of(world, tmp_path)
    smaller = NFDTransformer(replace(world.spec.nfd, width=32))
    keep_teacher(tmp_path, smaller, student=world.digest)
    with pytest.raises(ValueError, match="no teacher of this world"):
        teacher_of(world, tmp_path)
    (tmp_path / FILE).write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="no teacher of this world"):
        teacher_of(world, tmp_path)
