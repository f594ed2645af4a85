"""What a figure depends on besides the code: this machine and this commit. Names no host."""

import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import torch


def this_machine(device: torch.device) -> dict[str, Any]:
    """`load_1m`: what else is running now; figures from a busy machine are about that, too."""
    on_gpu = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if on_gpu else _cpu_name(),
        "num_cores": os.cpu_count(),
        "num_threads": torch.get_num_threads(),
        "load_1m": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "matmul_gflops": round(matmul_gflops(device), 1),
    }


def matmul_gflops(
    device: torch.device, dtype: torch.dtype = torch.float32, repeats: int = 7
) -> float:
    """The rate of one large matrix product: what this machine could do at best."""
    size = 8192 if device.type == "cuda" else 1024
    left = torch.randn(size, size, device=device, dtype=dtype)
    seconds = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        (left @ left)[0, 0].item()  # waits for the device
        seconds.append(time.perf_counter() - started_s)
    return 2 * size**3 / statistics.median(seconds) / 1e9


def int8_gops(repeats: int = 7) -> float:
    """The same of integers, on a CPU."""
    size = 1024
    left = torch.randint(-127, 128, (size, size), dtype=torch.int8)
    seconds = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        torch._int_mm(left, left)
        seconds.append(time.perf_counter() - started_s)
    return 2 * size**3 / statistics.median(seconds) / 1e9


def this_commit() -> str:
    """Short hash of the tree this ran from; "unknown" outside a git work tree."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
