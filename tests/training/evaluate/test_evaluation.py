"""A whole evaluation of the toy world: what is in its JSON, and rows whose answer is known."""

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.world import World
from training.evaluate.clips.evaluation_clips import EvaluationClip
from training.evaluate.evaluation import evaluate
from training.evaluate.material import Material
from training.evaluate.measures.horizon import LongRollout, measure_horizon
from training.evaluate.report.card import EXACT_DRAFTS, REAL, TEACHER, Card, to_json
from training.evaluate.report.page import to_markdown
from training.evaluate.report.protocol import EvaluationProtocol
from training.evaluate.rollouts.generate import RolloutRequest, generate
from training.evaluate.rollouts.one_frame_prompt import measure_one_frame_prompt

# The reader is taught in a fixture, perhaps on a busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def card(world: World, material: Material) -> Card:
    return evaluate(world, material, num_steps=2, teacher=world).card


@pytest.fixture(scope="module")
def figures(card: Card) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = json.loads(to_json(card))
    return parsed


def test_every_figure_that_others_watch_is_a_plain_number(figures: Mapping[str, Any]) -> None:
    watched = (
        "tokenizer_psnr", "psnr_16", "psnr_16_copy_last", "action_f1", "action_f1_ceiling",
        "action_f1_shuffled", "frechet_student", "frechet_teacher",
    )  # fmt: skip
    assert all(isinstance(figures[name], float) for name in watched)
    others = ("tokenizer_colour_kept", "dream_colour_kept", "frechet_real", "turn_slope")
    assert all(isinstance(figures[name], float | None) for name in others)
    assert {"schema", "version", "machine", "commit"} <= figures.keys()
    assert figures["world_digest"] == "random"
    assert figures["lpips_16"] is None and figures["fvd"] is None  # no weights were given
    assert figures["motion_ratio_300"] is None  # no dream was as long
    for name in watched:
        low, high = figures["confidence_95"][name]
        assert low <= figures[name] <= high
    assert [point["frame"] for point in figures["horizon"]] == [16, 64]
    assert [point["num_dreams"] for point in figures["horizon"]] == [4, 2]


def test_quality_is_told_for_every_kind_of_speculation(card: Card) -> None:
    by_kind = {drafts.kind: drafts for drafts in card.speculation}
    assert [*by_kind] == ["ahead", "branch", "joint"]
    assert by_kind["ahead"].row == by_kind["branch"].row == "2 steps"
    assert all(drafts.row in card.contenders for drafts in card.speculation)
    joint = by_kind["joint"]
    assert joint.proof is None and joint.share is not None and 0 < joint.share <= 0.5
    path, _, name = EXACT_DRAFTS.partition("::")
    assert f"def {name}(" in (Path(__file__).parents[3] / path).read_text()


def test_gains_over_both_baselines_have_intervals_of_their_own(
    card: Card, figures: Mapping[str, Any]
) -> None:
    page = to_markdown(card, title="Toy", licence="none")
    assert "reward blur" in page
    for over in ("copy_last", "mean_frame"):
        gain = figures["psnr_16"] - figures[f"psnr_16_{over}"]
        name = "psnr_16_gain" if over == "copy_last" else "psnr_16_gain_mean_frame"
        low, high = figures["confidence_95"][name]
        assert figures[name] == pytest.approx(gain) and low <= gain <= high
        assert f"gains {gain:.2f} ± " in page or f"and {gain:.2f} ± " in page


def test_a_card_says_by_what_it_was_measured_and_what_its_play_was(
    card: Card, figures: Mapping[str, Any]
) -> None:
    assert figures["yardstick"].keys() == {
        "reader", "passages", "extent", "precision", "num_steps",
    }  # fmt: skip
    assert (figures["yardstick"]["precision"], figures["yardstick"]["num_steps"]) == ("fp32", 2)
    assert {len(draws) for draws in figures["resamples"].values()} == {200}
    assert json.dumps(figures).count("drawn") == 0
    assert "other play in the same room" in to_markdown(card, title="Toy", licence="none")
    assert all(score.asked for score in card.reader_alone.values())


def test_other_clips_are_another_protocol(material: Material) -> None:
    def protocol(**changes: Any) -> EvaluationProtocol:
        return replace(material, **changes).protocol("fp32", 2)

    other = copy.deepcopy(material.networks.inverse_dynamics)
    next(other.parameters()).data.add_(1e-3)
    assert protocol() == protocol()
    assert protocol() != protocol(clips=material.clips[1:])
    assert protocol() != protocol(long_clips=material.long_clips[1:])
    assert protocol() != protocol(networks=replace(material.networks, inverse_dynamics=other))


def test_without_a_teacher_its_figures_are_null(card: Card) -> None:
    rows = {name: scores for name, scores in card.contenders.items() if name != TEACHER}
    alone = json.loads(to_json(replace(card, contenders=rows)))
    assert alone["frechet_teacher"] is None
    assert alone["action_f1_teacher"] is None


def test_real_play_is_the_ceiling_of_its_own_table(card: Card) -> None:
    real = card.contenders[REAL]
    assert real.ssim_16.value == pytest.approx(1.0)
    assert real.gradient_16.value == pytest.approx(1.0)
    assert real.frechet_own.value == pytest.approx(0.0, abs=1e-3)
    others = [scores for name, scores in card.contenders.items() if name != REAL]
    assert all(scores.following.f1.value < real.following.f1.value for scores in others)
    assert all(scores.frechet_own.value > 0.1 for scores in others)


def test_the_page_shows_every_contender_and_every_horizon(card: Card) -> None:
    page = to_markdown(card, title="Toy", licence="none")
    assert all(f"\n| {name} | " in page for name in card.contenders)
    assert all(f"\n| {point.frame} | {point.num_dreams} | " in page for point in card.horizon)
    assert "LPIPS and FVD were not measured" in page
    assert "nan" not in page.replace("± nan", "")


def test_the_papers_protocol_sees_one_real_frame_and_counts_fifteen(
    world: World, material: Material, card: Card
) -> None:
    def first_context_replaced(clip: EvaluationClip) -> EvaluationClip:
        context = clip.context
        frames = np.concatenate((255 - context.frames[:-1], context.frames[-1:]))
        return replace(clip, context=replace(context, frames=frames))

    clips = [first_context_replaced(clip) for clip in material.clips]
    found = measure_one_frame_prompt(world, clips, num_steps=2)
    assert found == card.one_frame_prompt
    assert f"all 15) PSNR is\n{found:.1f} dB" in to_markdown(card, title="Toy", licence="none")


def test_a_dream_is_the_same_alone_and_among_others(world: World, material: Material) -> None:
    requests = [
        RolloutRequest(context=clip.context, actions_TA=clip.following.actions[:3])
        for clip in [*material.clips, *material.clips[:1]]  # more than one engine takes
    ]
    together = generate(world, requests, num_steps=2, title="together")
    alone = generate(world, requests[2:3], num_steps=2, title="alone")
    difference = together[2].frames.astype(int) - alone[0].frames
    assert np.abs(difference).max() <= 1  # the decoder rounds by its batch
    assert (together[4].frames == together[0].frames).mean() > 0.99


def test_a_dream_that_stands_still_is_caught_and_real_play_is_not(material: Material) -> None:
    clips = material.long_clips[0]
    frames = [clip.following.frames for clip in clips]
    real = [LongRollout(clip=clip, frames=film) for clip, film in zip(clips, frames, strict=True)]
    still = [
        LongRollout(clip=clip, frames=np.repeat(film[:1], len(film), axis=0))
        for clip, film in zip(clips, frames, strict=True)
    ]
    as_real, as_still = (measure_horizon(material.networks, side)[-1] for side in (real, still))
    assert as_real.motion_ratio.value == as_real.gradient_ratio.value == 1.0
    assert as_real.frechet_own.value == pytest.approx(0.0, abs=1e-3)
    assert as_real.action_f1.value == as_real.action_f1_ceiling.value
    assert as_still.motion_ratio.value == 0.0
    assert as_still.psnr_db.value < as_real.psnr_db.value
    assert as_still.frechet_own.value > as_real.frechet_own_real.value
