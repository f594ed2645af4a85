"""A card as a page for people. Every figure comes from the card."""

import math
import os
from collections.abc import Mapping

from training.evaluate.report.card import COPY_LAST, MEAN_FRAME, Card
from training.evaluate.report.tables import (
    contenders,
    drafts,
    events,
    fidelity,
    held_keys,
    horizon,
    place,
)

_NOT_GIVEN = """LPIPS and FVD were not measured: their weights are not ours to ship. Give them to
`python -m training evaluate` with `--lpips` and `--fvd`.
"""


def to_markdown(card: Card, *, title: str, licence: str) -> str:
    speeds = ", ".join(f"{s.frame_ms:.0f} ms with {s.num_steps}" for s in card.speed)
    provenance = "\n".join(
        f"- {name}: {value}"
        for name, value in card.training.items()
        if not isinstance(value, Mapping)
    )
    given = card.served.lpips_16 is not None or card.served.fvd is not None
    return f"""# {title}

World `{card.world}`, version {card.world_version}. Licence: {licence}.
Measured by `make eval` through the serving engine: {card.sampler} sampler, {card.num_steps} denoise
steps, {card.precision}. All play is held out, which means {card.held_out}.
From it come {_extent(card)}.
"±" is half of the 95 % interval over starts. "Real" is what the game showed to the same keys from
the same frame, by the same measure.
{_steering(card)}
## Against baselines

At frame 16 of passages in which the player moves, chosen so that every key and turn is asked for in
30 frames, where the play has as many. Actions are read from the frames by an
inverse-dynamics model taught on real play; F1 is the mean over buttons and turns, and with shuffled
actions it is {card.shuffled_f1:.2f}. The Fréchet distance is to the real frames after the same
hands, in that model's features (so it is not FVD, and compares rows of this table only); as much
other real play is {card.frechet_real:.0f} away from them.

{contenders(card)}

{_gains(card)}

{drafts(card)}

{"" if given else _NOT_GIVEN}
{events(card)}

## Pictures

Tokenizer on frames of that play: PSNR {card.tokenizer.psnr_db.value:.1f} dB, keeps
{card.tokenizer.gradient_ratio:.2f} of the real gradient. {_colours(card)}

{fidelity(card)}

By the paper's own protocol (one real frame, then 15 generated ones, the mean of all 15) PSNR is
{card.one_frame_prompt:.1f} dB.

![real above dreamt, frames 1, 2, 4, 8, 12, 16](contact_sheet.png)

## Long dreams

In the last 64 frames (or all there are) before each; PSNR, gradient and motion against the real
frames that followed the same hands; "±" is over dreams.

{horizon(card)}

{place(card)}## Speed

Per frame in the engine, one session on one CPU thread, decode included: {speeds} denoise steps.
Load of the machine meanwhile: {card.load_1m} on {os.cpu_count()} cores.

## Training

{provenance}

The numbers of every stage, the calls that did not keep to them and the hashes of what it learned
from are in `world.json`, under `spec.training`.
"""


def _gains(card: Card) -> str:
    """PSNR with the baseline that it flatters beside it."""
    blur, ours = card.contenders[MEAN_FRAME], card.served
    over_last, over_mean = card.psnr_16_gain(COPY_LAST), card.psnr_16_gain(MEAN_FRAME)
    return f"""PSNR and SSIM reward blur: the mean frame of all play follows no key and keeps
{blur.gradient_16.value:.2f} of the real gradient, yet has {blur.psnr_16.value:.1f} dB. Passage by
passage the dream gains {over_last:.2f} dB over the last real frame and {over_mean:.2f} dB over the
mean frame, and keeps {ours.gradient_16.value:.2f} of the real gradient."""


def _extent(card: Card) -> str:
    clips = f"{card.num_passages} passages of a player's own actions"
    starts = f"{card.steering.probes} starts with a held key and " if card.steering else ""
    return starts + clips


def _steering(card: Card) -> str:
    ours, real = card.steering, card.steering_control
    if ours is None or real is None:
        return ""
    return f"""
## The keys steer the dream

{held_keys(ours, real)}

![steering](steering.png)
"""


def _colours(card: Card) -> str:
    if math.isnan(card.tokenizer.colour.kept):
        return ""
    hues = ", ".join(f"{hue} {kept:.2f}" for hue, kept in card.tokenizer.colour.kept_by_hue.items())
    return (
        f"Of strong colours it keeps {card.tokenizer.colour.kept:.2f} ({hues}), "
        f"the dream {card.dream_colour.kept:.2f} at frame 4."
    )
