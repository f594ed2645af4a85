"""What a command line may say about numbers and devices, refused there with what was expected.
Knows no command."""

import argparse
import math

import torch


def at_least_one(text: str) -> int:
    """Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 expected, got {text!r:.40}")
    return int(text)


def minutes(text: str) -> float:
    """Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"minutes above 0 expected, got {text!r:.40}")
    return value


def device_here(text: str) -> torch.device:
    """One that this machine has. Raises ArgumentTypeError."""
    try:
        torch.empty(0, device=text)
    except (RuntimeError, AssertionError, ValueError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise argparse.ArgumentTypeError(f"no device {text!r:.40} here: {reason:.120}") from error
    return torch.device(text)
