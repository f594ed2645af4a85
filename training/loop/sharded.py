"""Several processes train one network by FSDP2 (`fully_shard`): each holds a shard of the weights
and of the optimizer states, and computes some of the micro-batches of a step. Knows nothing of who
started the processes; `torch.distributed` must be initialised."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer
from torch.utils._pytree import tree_map

from model.nfd.block import DiTBlock


class ShardedWorkers:
    """The workers of this process group."""

    def __init__(self, device: torch.device) -> None:
        self._mesh = init_device_mesh(device.type, (dist.get_world_size(),))

    @property
    def rank(self) -> int:
        return dist.get_rank()

    @property
    def size(self) -> int:
        return dist.get_world_size()

    def shard(self, module: nn.Module, optimizers: Sequence[Optimizer]) -> None:
        """Shards block by block, so that at most one block is whole at a time."""
        whole: list[Tensor] = list(module.parameters())
        for block in module.modules():
            if isinstance(block, DiTBlock):
                fully_shard(block, mesh=self._mesh)
        fully_shard(module, mesh=self._mesh)
        sharded = dict(zip(whole, module.parameters(), strict=True))
        for optimizer in optimizers:
            _follow(optimizer, sharded)

    def mean(self, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total / self.size

    def all_gather(self, state: Any) -> Any:
        return tree_map(lambda x: x.full_tensor() if isinstance(x, DTensor) else x, state)


def _follow(optimizer: Optimizer, sharded: dict[Tensor, nn.Parameter]) -> None:
    """Replaces the optimizer's parameters by their shards, and shards the state of each."""
    for group in optimizer.param_groups:
        group["params"] = [sharded[parameter] for parameter in group["params"]]
    for parameter in list(optimizer.state):
        shard = sharded[parameter]
        assert isinstance(shard, DTensor)
        optimizer.state[shard] = {
            name: distribute_tensor(value, shard.device_mesh, shard.placements)
            if value.shape == parameter.shape
            else value
            for name, value in optimizer.state.pop(parameter).items()
        }
