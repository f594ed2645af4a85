"""The tables of a card's page, in Markdown. Every figure comes from the card."""

from collections.abc import Mapping

from training.evaluate.measures.fidelity import FRAMES
from training.evaluate.measures.scores import Scores
from training.evaluate.measures.steering import Steering
from training.evaluate.report.card import REAL, Card
from training.evaluate.report.markdown import Row, table


def held_keys(ours: Steering, real: Steering) -> str:
    probes = ours.probes
    return table(
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
    )  # fmt: skip  # a table


def contenders(card: Card) -> str:
    header = ["", "PSNR, dB", "SSIM", "gradient", "Fréchet (own)", "actions, F1", "turn error, °"]
    header += ["look error, °"] * (card.served.following.pitch_error_deg is not None)
    header += ["read by the oracle"] * (card.served.oracle is not None)
    header += [f"{name}, by the oracle" for name in card.served.dynamics]
    header += ["LPIPS"] * (card.served.lpips_16 is not None)
    header += ["FVD"] * (card.served.fvd is not None)
    return table(tuple(header), tuple(_contender(*row) for row in card.contenders.items()))


def _contender(name: str, scores: Scores) -> Row:
    is_truth = name == REAL
    following = scores.following
    cells = [
        name,
        "" if is_truth else f"{scores.psnr_16:.1f}",
        "" if is_truth else f"{scores.ssim_16:.2f}",
        f"{scores.gradient_16:.2f}",
        "" if is_truth else f"{scores.frechet_own:.0f}",
        f"{following.f1:.2f}",
        f"{following.yaw_error_deg:.2f}",
    ]
    pitch_error_deg = following.pitch_error_deg
    cells += [f"{pitch_error_deg:.2f}"] if pitch_error_deg is not None else []
    cells += [f"{scores.oracle:.2f}"] if scores.oracle is not None else []
    cells += [f"{share:.2f}" for share in scores.dynamics.values()]
    cells += [f"{scores.lpips_16:.2f}"] if scores.lpips_16 is not None else []
    cells += [f"{scores.fvd:.0f}"] if scores.fvd is not None else []
    return tuple(cells)


def drafts(card: Card) -> str:
    rows = tuple(
        (drafts.kind, drafts.row,
         f"the same, bit for bit (`{drafts.proof.split('::')[1]}`)" if drafts.proof
         else f"{drafts.share:.0%} of the frames of that row were drawn so")
        for drafts in card.speculation
    )  # fmt: skip  # a table
    return table(("drawn before the action is known", "as good as the row", "because"), rows)


def events(card: Card) -> str:
    real = card.contenders[REAL].following.events
    rows = tuple(
        (name, str(event.asked), f"{event.precision:.2f}", f"{event.recall:.2f}",
         f"{event.f1:.2f}", f"{real[name].f1:.2f}", f"{card.reader_alone[name].f1:.2f}",
         str(card.reader_alone[name].asked))
        for name, event in card.served.following.events.items()
    )  # fmt: skip  # a table
    header = ("read in the dream", "frames asked", "precision", "recall", "F1",
              "F1 in the real frames", "F1 in other real play", "frames asked there")  # fmt: skip
    return table(header, rows)


def fidelity(card: Card) -> str:
    dream = card.dream
    return table(
        ("player's own actions, dreamt frame", *map(str, FRAMES)),
        (
            ("PSNR, dB", *_by_frame(dream.psnr_db, ".1f")),
            ("PSNR of the last real frame, dB", *_by_frame(dream.copy_last_psnr_db, ".1f")),
            ("PSNR of the mean frame, dB", *_by_frame(dream.mean_frame_psnr_db, ".1f")),
            ("gradient against the real frame", *_by_frame(dream.gradient_ratio, ".2f")),
            ("gradient against the tokenizer", *_by_frame(dream.gradient_to_tokenizer, ".2f")),
        ),
    )


def horizon(card: Card) -> str:
    rows = tuple(
        (str(point.frame), str(point.num_dreams), f"{point.psnr_db:.1f}",
         f"{point.gradient_ratio:.2f}", f"{point.motion_ratio:.2f}",
         f"{point.frechet_own:.0f}", f"{point.frechet_own_real:.0f}",
         f"{point.action_f1:.2f}", f"{point.action_f1_ceiling:.2f}")
        for point in card.horizon
    )  # fmt: skip  # a table
    header = ("frame", "dreams", "PSNR, dB", "gradient", "motion", "Fréchet (own)",
              "other real play", "actions, F1", "the same, real play")  # fmt: skip  # a table
    return table(header, rows)


def place(card: Card) -> str:
    """A section of its own; nothing for a world without a place."""
    if card.place is None:
        return ""
    rows = tuple(
        (str(point.frame), str(point.num_dreams), f"{point.psnr_db_own:.1f}",
         f"{point.psnr_db_true:.1f}", f"{point.gradient_own:.2f}", f"{point.gradient_true:.2f}",
         f"{point.lost_units[0]:.1f}, {point.lost_units[1]:.1f}")
        for point in card.place.points
    )  # fmt: skip  # a table
    header = ("frame", "dreams", "PSNR by the own state, dB", "by the true state",
              "gradient against the tokenizer", "by the true state",
              "units lost: median, 90th percentile")  # fmt: skip  # a table
    loops = card.place.loop_closure
    turned = (
        ""
        if loops is None
        else (
            f"\n\nTurned round once (360 degrees), the last picture is nearer to the first than "
            f"32 other views of the place in {loops:.0%} of {card.place.num_loops} starts."
        )
    )
    return (
        "## Place\n\nState and map are this project's own, not the paper's; they were learned from "
        f"the recorder's poses and its map's walls.\n\n{table(header, rows)}{turned}\n\n"
    )


def _by_frame(values: Mapping[int, float], style: str) -> list[str]:
    return [format(values[n], style) for n in FRAMES]
