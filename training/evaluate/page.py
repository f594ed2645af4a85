"""A card as a page for people. Every figure comes from the card."""

import math
import os
from collections.abc import Mapping

from training.evaluate.card import REAL, Card
from training.evaluate.confidence import Estimate
from training.evaluate.measures.fidelity import FRAMES
from training.evaluate.measures.scores import Scores
from training.evaluate.measures.steering import Steering

_NOT_GIVEN = """LPIPS and FVD were not measured: their weights are not ours to ship. Give them to
`python -m training evaluate` with `--lpips` and `--fvd`.
"""

Row = tuple[str, ...]


def to_markdown(card: Card, *, title: str, licence: str) -> str:
    speeds = ", ".join(f"{s.frame_ms:.0f} ms with {s.num_steps}" for s in card.speed)
    provenance = "\n".join(f"- {name}: {value}" for name, value in card.training.items())
    given = card.served.lpips_16 is not None or card.served.fvd is not None
    return f"""# {title}

World `{card.world}`, version {card.world_version}. Licence: {licence}.
Measured by `make eval` through the serving engine: {card.sampler} sampler, {card.num_steps} denoise
steps, {card.precision}. All play is held out: {_extent(card)}.
"±" is half of the 95 % interval over starts. "Real" is what the game showed to the same keys from
the same frame, by the same measure.
{_steering(card)}
## Against baselines

At frame 16 of passages in which the player moves. Actions are read from the frames by an
inverse-dynamics model taught on real play; F1 is the mean over buttons and turns, and with shuffled
actions it is {_signed(card.shuffled_f1)}. The Fréchet distance is to the real frames after the same
hands, in that model's features (so it is not FVD, and compares rows of this table only); as much
other real play is {_signed(card.frechet_real, ".0f")} away from them.

{_contenders(card)}

{_drafts(card)}

{"" if given else _NOT_GIVEN}
{_events(card)}

## Pictures

Tokenizer on held-out frames: PSNR {card.tokenizer.psnr_db.value:.1f} dB, keeps
{card.tokenizer.gradient_ratio:.2f} of the real gradient. {_colours(card)}

{_fidelity(card)}

![real above dreamt, frames 1, 2, 4, 8, 12, 16](contact_sheet.png)

## Long dreams

In the last 64 frames (or all there are) before each; gradient and motion against the real frames
that followed the same hands.

{_horizon(card)}

## Speed

Per frame in the engine, one session on one CPU thread, decode included: {speeds} denoise steps.
Load of the machine meanwhile: {card.load_1m} on {os.cpu_count()} cores.

## Training

{provenance}
"""


def _extent(card: Card) -> str:
    passages = f"{card.num_passages} passages of a player's own actions"
    return (
        f"{card.steering.probes} starts with a held key, {passages}" if card.steering else passages
    )


def _steering(card: Card) -> str:
    ours, real = card.steering, card.steering_control
    if ours is None or real is None:
        return ""
    return f"""
## The keys steer the dream

{_held_keys(ours, real)}

![steering](steering.png)
"""


def _held_keys(ours: Steering, real: Steering) -> str:
    probes = ours.probes
    return _table(
        ("held for one second", "dream", "real"),
        (
            ("left and right turn the picture opposite ways", f"{ours.turns_opposite}/{probes}",
             f"{real.turns_opposite}/{probes}"),
            ("picture's shift, left held (px a frame)", f"{ours.left_px:+.1f}",
             f"{real.left_px:+.1f}"),
            ("picture's shift, right held", f"{ours.right_px:+.1f}", f"{real.right_px:+.1f}"),
            ("forward comes nearer, clearly more than idle and back",
             f"{ours.forward_nearer}/{probes}", f"{real.forward_nearer}/{probes}"),
            ("zoom over 4 frames, forward", f"{ours.forward_zoom:.3f}",
             f"{real.forward_zoom:.3f}"),
            ("zoom over 4 frames, idle", f"{ours.idle_zoom:.3f}", f"{real.idle_zoom:.3f}"),
            ("zoom over 4 frames, back", f"{ours.back_zoom:.3f}", f"{real.back_zoom:.3f}"),
            ("idle stays still (under 0.5 px a frame)", f"{ours.idle_still}/{probes}",
             f"{real.idle_still}/{probes}"),
            ("act lights the muzzle", f"{ours.act_flashes}/{probes}",
             f"{real.act_flashes}/{probes}"),
        ),
    )  # fmt: skip


def _contenders(card: Card) -> str:
    header = ["", "PSNR, dB", "SSIM", "gradient", "Fréchet (own)", "actions, F1", "turn error, °"]
    header += ["look error, °"] * (card.served.following.pitch_error_deg is not None)
    header += ["read by the oracle"] * (card.served.oracle is not None)
    header += ["LPIPS"] * (card.served.lpips_16 is not None)
    header += ["FVD"] * (card.served.fvd is not None)
    return _table(tuple(header), tuple(_contender(*row) for row in card.contenders.items()))


def _contender(name: str, scores: Scores) -> Row:
    is_truth = name == REAL
    following = scores.following
    cells = [
        name,
        "" if is_truth else _signed(scores.psnr_16, ".1f"),
        "" if is_truth else _signed(scores.ssim_16),
        _signed(scores.gradient_16),
        "" if is_truth else _signed(scores.frechet_own, ".0f"),
        _signed(following.f1),
        _signed(following.yaw_error_deg),
    ]
    pitch_error_deg = following.pitch_error_deg
    cells += [_signed(pitch_error_deg)] if pitch_error_deg is not None else []
    cells += [_signed(scores.oracle)] if scores.oracle is not None else []
    cells += [_signed(scores.lpips_16)] if scores.lpips_16 is not None else []
    cells += [f"{scores.fvd:.0f}"] if scores.fvd is not None else []
    return tuple(cells)


def _drafts(card: Card) -> str:
    rows = tuple(
        (drafts.kind, drafts.row,
         f"the same, bit for bit (`{drafts.proof.split('::')[1]}`)" if drafts.proof
         else f"{drafts.share:.0%} of the frames of that row were drawn so")
        for drafts in card.speculation
    )  # fmt: skip
    return _table(("drawn before the action is known", "as good as the row", "because"), rows)


def _events(card: Card) -> str:
    real = card.contenders[REAL].following.events
    rows = tuple(
        (name, str(event.asked), f"{event.precision:.2f}", f"{event.recall:.2f}",
         f"{event.f1:.2f}", f"{real[name].f1:.2f}")
        for name, event in card.served.following.events.items()
    )  # fmt: skip
    header = ("read in the dream", "frames asked", "precision", "recall", "F1", "F1 in real play")
    return _table(header, rows)


def _colours(card: Card) -> str:
    if math.isnan(card.tokenizer.colour.kept):
        return ""
    hues = ", ".join(f"{hue} {kept:.2f}" for hue, kept in card.tokenizer.colour.kept_by_hue.items())
    return (
        f"Of strong colours it keeps {card.tokenizer.colour.kept:.2f} ({hues}), "
        f"the dream {card.dream_colour.kept:.2f} at frame 4."
    )


def _fidelity(card: Card) -> str:
    dream = card.dream
    return _table(
        ("player's own actions, dreamt frame", *map(str, FRAMES)),
        (
            ("PSNR, dB", *_by_frame(dream.psnr_db, ".1f")),
            ("PSNR of the last real frame, dB", *_by_frame(dream.copy_last_psnr_db, ".1f")),
            ("PSNR of the mean frame, dB", *_by_frame(dream.mean_frame_psnr_db, ".1f")),
            ("gradient against the real frame", *_by_frame(dream.gradient_ratio, ".2f")),
            ("gradient against the tokenizer", *_by_frame(dream.gradient_to_tokenizer, ".2f")),
        ),
    )


def _horizon(card: Card) -> str:
    rows = tuple(
        (str(point.frame), str(point.num_dreams), f"{point.gradient_ratio:.2f}",
         _signed(point.motion_ratio), f"{point.frechet_own:.0f}", f"{point.frechet_own_real:.0f}",
         f"{point.action_f1:.2f}", f"{point.action_f1_ceiling:.2f}")
        for point in card.horizon
    )  # fmt: skip
    header = ("frame", "dreams", "gradient", "motion", "Fréchet (own)", "other real play",
              "actions, F1", "the same, real play")  # fmt: skip
    return _table(header, rows)


def _by_frame(values: Mapping[int, float], style: str) -> list[str]:
    return [format(values[n], style) for n in FRAMES]


def _signed(figure: Estimate, style: str = ".2f") -> str:
    return f"{figure.value:{style}} ± {figure.high - figure.value:{style}}"


def _table(header: Row, rows: tuple[Row, ...]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
