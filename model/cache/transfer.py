"""From the host to where tensors are computed with."""

import torch
from torch import Tensor


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """On the device. The host does not wait for a GPU, and the GPU's copy waits for what it was
    given before: memory that a copy is made from asynchronously must be pinned."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
