"""The device of training (the GPU where there is one, else the CPU), its threads and bf16."""

from contextlib import AbstractContextManager

import torch

from model.processor import multiplies_bf16


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def limit_threads(num_threads: int | None) -> None:
    """Limits torch's CPU threads; None leaves torch's own number."""
    if num_threads is not None:
        torch.set_num_threads(num_threads)


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bf16 for a transformer's matrix products, on a GPU and on a CPU with bf16 instructions."""
    enabled = device.type == "cuda" or multiplies_bf16()
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def autocast_convolutions(device: torch.device) -> AbstractContextManager[None]:
    """bf16 for a tokenizer's convolutions, on a GPU only: no CPU gains from bf16 convolutions."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
