"""Recordings in VPT's form, with the fields that the real ones have."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from training.data.vpt.video import write_video

Said = dict[str, Any]


def said(
    *keys: str,
    dx: float = 0.0,
    dy: float = 0.0,
    buttons: tuple[int, ...] = (),
    new_buttons: tuple[int, ...] = (),
    hotbar: int = 0,
    gui: bool = False,
) -> Said:
    """One line; `keys` without their prefix."""
    return {
        "mouse": {
            "x": 640.0, "y": 360.0, "dx": dx, "dy": dy, "scaledX": 0.0, "scaledY": 0.0,
            "dwheel": 0.0, "buttons": list(buttons), "newButtons": list(new_buttons),
        },
        "keyboard": {"keys": [f"key.keyboard.{key}" for key in keys], "newKeys": [], "chars": ""},
        "isGuiOpen": gui, "isGuiInventory": gui, "hotbar": hotbar, "yaw": 0.0, "pitch": 0.0,
        "xpos": 0.5, "ypos": 64.0, "zpos": 0.5, "tick": 0, "milli": 0.0, "serverTick": 0,
        "inventory": [{"type": "dirt", "quantity": 3}], "stats": {},
    }  # fmt: skip


def write(folder: Path, name: str, lines: list[Said]) -> Path:
    """Frame i is grey of brightness 20 i. Returns the path of the lines."""
    frames = np.stack([np.full((64, 96, 3), 20 * i % 256, np.uint8) for i in range(len(lines))])
    folder.mkdir(parents=True, exist_ok=True)
    write_video(folder / f"{name}.mp4", frames, fps=20)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
