"""From the host to where tensors are computed with."""

import torch
from torch import Tensor


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copies the tensor to the device. The host does not wait for a GPU: an asynchronous copy needs
    pinned memory."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
