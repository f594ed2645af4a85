"""Machine and commit of a report. Contains no host name and no path."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any


def this_machine() -> dict[str, Any]:
    """`load_1m`: load average from other processes; a busy machine changes the figures."""
    return {
        "cpu": _cpu_name(),
        "num_cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load_1m": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def this_commit() -> str:
    """Returns the short hash of the source tree; "unknown" outside a git work tree."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
