"""Where training runs: the GPU if there is one, else the CPU, and on how many threads of it."""

from contextlib import AbstractContextManager

import torch


def pick_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def limit_threads(num_threads: int | None) -> None:
    """On a CPU; None leaves them to torch."""
    if num_threads is not None:
        torch.set_num_threads(num_threads)


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bf16 on a GPU; on CPUs without matrix units bf16 is slower than fp32, so nothing there."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
