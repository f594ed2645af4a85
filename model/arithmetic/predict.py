"""Predicted speed of the paper's presets on GPUs, by arithmetic, before any measurement.

A pass takes as long as the operations at a share of the device's peak, or the bytes at full
bandwidth, whichever is longer. Knows no measurement.
"""

from dataclasses import dataclass

from model.arithmetic.costs import (
    decode_flop,
    kv_bytes,
    num_parameters,
    pass_cost,
    weight_bytes,
)
from model.bench.markdown import table
from model.presets import PRESETS, Preset

NAMES = ("nfd_130m", "nfd_310m", "nfd_774m")
WINDOW = 32  # frames seen, the new one included
SINK_AND_WINDOW = 10  # one sink, eight frames, the new one
FPS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Peaks by the maker's data sheet: dense bf16 and memory."""

    name: str
    tflops: float
    tb_per_s: float


DEVICES = (
    Device(name="A100", tflops=312, tb_per_s=2.04),
    Device(name="H200", tflops=989, tb_per_s=4.8),  # an H100 too: operations decide, not bytes
)
SHARES = (0.15, 0.4, 0.6)  # of the peak: what the paper's figure implies, a good engine, our aim


def frame_s(
    preset: Preset, device: Device, *, share: float, players: int, num_steps: int, frames_seen: int
) -> float:
    """Seconds of one frame for every player: denoise steps, caching, decoder."""
    nfd = preset.nfd
    pass_flop = players * pass_cost(nfd, frames_seen).flop
    pass_bytes = weight_bytes(nfd) + players * kv_bytes(nfd, frames_seen)
    rate, bandwidth = share * device.tflops * 1e12, device.tb_per_s * 1e12
    pass_s = max(pass_flop / rate, pass_bytes / bandwidth)
    decode_s = players * decode_flop(preset.vae, preset.height, preset.width) / rate
    return (num_steps + 1) * pass_s + decode_s


def players_at(
    preset: Preset, device: Device, *, share: float, num_steps: int, frames_seen: int
) -> int:
    """How many players get FPS frames a second."""
    players = 0
    while (
        frame_s(
            preset,
            device,
            share=share,
            players=players + 1,
            num_steps=num_steps,
            frames_seen=frames_seen,
        )
        <= 1 / FPS
    ):
        players += 1
    return players


def cost_table() -> str:
    """One row of a pass, by preset."""
    rows = []
    for name in NAMES:
        preset = PRESETS[name]()
        full, alone = pass_cost(preset.nfd, WINDOW), pass_cost(preset.nfd, 1)
        decode = decode_flop(preset.vae, preset.height, preset.width)
        rows.append(
            (
                name,
                f"{num_parameters(preset.nfd) / 1e6:.0f} M",
                f"{full.linear_flop / 1e9:.0f}",
                f"{full.attention_flop / 1e9:.0f} / {alone.attention_flop / 1e9:.0f}",
                f"{decode / 1e9:.0f}",
                f"{weight_bytes(preset.nfd) / 1e9:.2f} GB",
                f"{kv_bytes(preset.nfd, 1) / 1e6:.0f} MB",
                f"{kv_bytes(preset.nfd, WINDOW) / 1e9:.2f} GB",
            )
        )
    header = (
        "preset",
        "parameters",
        "matrices, GFLOP",
        f"attention over {WINDOW} / 1 frames, GFLOP",
        "decoder, GFLOP",
        "weights, bf16",
        "keys and values, a frame",
        "a session",
    )
    return table(header, rows)


def speed_table() -> str:
    """Frames a second for one player, decoder included."""
    contexts = {f"{WINDOW} frames": WINDOW, "sink + 8": SINK_AND_WINDOW}
    rows = []
    for name in NAMES:
        for context, frames_seen in contexts.items():
            for steps in (2, 4):
                rates = [
                    1
                    / frame_s(
                        PRESETS[name](),
                        device,
                        share=share,
                        players=1,
                        num_steps=steps,
                        frames_seen=frames_seen,
                    )
                    for device in DEVICES
                    for share in SHARES
                ]
                rows.append((name, context, str(steps), *(f"{rate:.0f}" for rate in rates)))
    columns = [f"{device.name}, {share:.0%}" for device in DEVICES for share in SHARES]
    return table(("preset", "context", "steps", *columns), rows)


def players_table() -> str:
    """Players at FPS, 2 steps, sink + 8."""
    rows = []
    for name in NAMES:
        counts = [
            players_at(
                PRESETS[name](), device, share=share, num_steps=2, frames_seen=SINK_AND_WINDOW
            )
            for device in DEVICES
            for share in SHARES
        ]
        rows.append((name, *map(str, counts)))
    columns = [f"{device.name}, {share:.0%}" for device in DEVICES for share in SHARES]
    return table(("preset", *columns), rows)
