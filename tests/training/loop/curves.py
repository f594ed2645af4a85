"""Reads the loss curve that a finished training left."""

import json
from pathlib import Path


def read_curve(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
