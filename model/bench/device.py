"""The device that a command line names. Knows no command."""

import argparse

import torch


def device_here(text: str) -> torch.device:
    """One that this machine has. Raises ArgumentTypeError."""
    try:
        torch.empty(0, device=text)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise argparse.ArgumentTypeError(f"no device {text!r:.40} here: {reason:.120}") from error
    return torch.device(text)
