"""A world's report card: every figure measured, none typed. As data and as JSON; `page.py` makes
it readable.

The JSON is one object: `schema`, `version`, `machine`, `commit`, then the figures that others watch
as plain numbers (null where not measured), `confidence_95` with the interval of each that has one,
`resamples` with what those that the judge compares were over resampled starts, `yardstick` by which
another card compares or does not, `horizon`, and the details.
"""

import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from model.bench.provenance import this_commit
from model.world import Precision
from training.evaluate.inverse_dynamics.following import EventScore
from training.evaluate.measures.colour import Colour
from training.evaluate.measures.fidelity import RolloutFidelity, TokenizerFidelity
from training.evaluate.measures.horizon import HorizonPoint
from training.evaluate.measures.place import PlaceFigures
from training.evaluate.measures.scores import Scores
from training.evaluate.measures.steering import Steering
from training.evaluate.report.protocol import EvaluationProtocol
from training.evaluate.statistics.confidence import Estimate

SCHEMA = "nextframe.eval"
VERSION = 3  # of what the figures mean, too: other passages are another version
MOTION_FRAME = 300

TEACHER = "teacher, 18 steps"
COPY_LAST, MEAN_FRAME = "last real frame", "mean frame"
COMPARED = ("action_f1", "action_f1_teacher", "frechet_student", "frechet_teacher")
TOKENIZER, REAL = "real, through the tokenizer", "real"
EXACT_DRAFTS = (
    "tests/model/engine/test_speculation.py::test_frames_are_bitwise_those_without_speculation"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Milliseconds a frame in the engine, one session on one thread, decode included; median."""

    num_steps: int
    frame_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """A kind of speculation: frames drawn before their action is known. `row` of the contenders
    says how good they are. With a `proof`, the test that they are bitwise the frames of that row
    without speculation; else `share` of the frames in the row were drawn so."""

    kind: str
    row: str
    proof: str | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`contenders` holds a row for every number of steps ("2 steps"), for the teacher when there
    is one, and for the baselines. `reader_alone` is how well actions are read from real play in no
    passage, `shuffled_f1` what the served row would follow by chance, `frechet_real` how far the
    passages are from as much other real play."""

    world: str
    world_version: str
    world_digest: str
    sampler: str
    num_steps: int
    precision: Precision
    is_quick: bool
    yardstick: EvaluationProtocol
    held_out: str
    num_passages: int
    tokenizer: TokenizerFidelity
    dream: RolloutFidelity
    one_frame_prompt: Estimate  # mean PSNR in dB of 15 frames after one real one: the paper's
    dream_colour: Colour
    contenders: Mapping[str, Scores]
    reader_alone: Mapping[str, EventScore]
    shuffled_f1: Estimate
    frechet_real: Estimate
    speculation: tuple[Drafts, ...]
    horizon: tuple[HorizonPoint, ...]
    steering: Steering | None  # None: no game answered what a held key does
    steering_control: Steering | None
    speed: tuple[Speed, ...]
    place: PlaceFigures | None  # None: a world without a place
    load_1m: float  # what else was running while the speed was taken
    training: Mapping[str, Any]

    @property
    def served(self) -> Scores:
        return self.contenders[steps_name(self.num_steps)]

    def psnr_16_gain(self, over: str) -> Estimate:
        """Of the served row over another, passage by passage, in dB."""
        return self.served.psnr_16.less(self.contenders[over].psnr_16)


def steps_name(num_steps: int) -> str:
    return f"{num_steps} step{'s' if num_steps > 1 else ''}"


def joint_name(num_steps: int) -> str:
    return f"{steps_name(num_steps)}, joint"


def to_json(card: Card) -> str:
    figures = _figures(card)
    values = {
        name: figure.value if isinstance(figure, Estimate) else figure
        for name, figure in figures.items()
    }
    intervals = {
        name: [figure.low, figure.high]
        for name, figure in figures.items()
        if isinstance(figure, Estimate)
    }
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} "
        f"threads, torch {torch.__version__}",
        "commit": this_commit(),
    }
    resamples = {
        name: [float(f"{value:.5g}") for value in figure.drawn]
        for name, figure in figures.items()
        if name in COMPARED and isinstance(figure, Estimate)
    }
    figures_first = header | values | {"confidence_95": intervals, "resamples": resamples}
    whole = (
        figures_first | asdict(card, dict_factory=_without_draws) | values
    )  # a detail never hides a figure
    return json.dumps(_without_nan(whole), indent=1, allow_nan=False) + "\n"


def _without_draws(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two hundred for every estimate is too much; those of COMPARED are told."""
    return {name: value for name, value in fields if name != "drawn"}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null stands for what could not be measured, such as obedience to actions
    that were never asked for."""
    if isinstance(value, Mapping):
        return {name: _without_nan(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _figures(card: Card) -> dict[str, Estimate | float | None]:
    """The figures that others watch, by the names they keep."""
    served, real = card.served, card.contenders[REAL]
    teacher = card.contenders.get(TEACHER)
    at_300 = [point.motion_ratio for point in card.horizon if point.frame == MOTION_FRAME]
    figures: dict[str, Estimate | float | None] = {
        "tokenizer_psnr": card.tokenizer.psnr_db,
        "tokenizer_gradient": card.tokenizer.gradient_ratio,
        "tokenizer_colour_kept": card.tokenizer.colour.kept,
        "psnr_16": served.psnr_16,
        "psnr_16_copy_last": card.contenders[COPY_LAST].psnr_16,
        "psnr_16_gain": card.psnr_16_gain(COPY_LAST),
        "psnr_16_mean_frame": card.contenders[MEAN_FRAME].psnr_16,
        "psnr_16_gain_mean_frame": card.psnr_16_gain(MEAN_FRAME),
        "ssim_16": served.ssim_16,
        "lpips_16": served.lpips_16,
        "fvd": served.fvd,
        "gradient_16": served.gradient_16,
        "gradient_16_mean_frame": card.contenders[MEAN_FRAME].gradient_16,
        "dream_colour_kept": card.dream_colour.kept,
        "oracle_actions": served.oracle,
        **{f"oracle_{name}": share for name, share in served.dynamics.items()},
        "action_f1": served.following.f1,
        "action_f1_ceiling": real.following.f1,
        "action_f1_shuffled": card.shuffled_f1,
        "action_f1_teacher": teacher.following.f1 if teacher else None,
        "yaw_error_deg": served.following.yaw_error_deg,
        "yaw_error_deg_ceiling": real.following.yaw_error_deg,
        "frechet_student": served.frechet_own,
        "frechet_teacher": teacher.frechet_own if teacher else None,
        "pitch_error_deg": served.following.pitch_error_deg,
        "pitch_error_deg_ceiling": real.following.pitch_error_deg,
        "frechet_real": card.frechet_real,
        "motion_ratio_300": at_300[0] if at_300 else None,
    }
    return figures | _steering_figures(card.steering, card.steering_control)


def _steering_figures(
    ours: Steering | None, real: Steering | None
) -> dict[str, Estimate | float | None]:
    if ours is None or real is None:
        return dict.fromkeys(("turn_slope", "forward_zoom", "forward_zoom_real"))
    return {
        "turn_slope": ours.turn_px / real.turn_px,
        "forward_zoom": ours.forward_zoom,
        "forward_zoom_real": real.forward_zoom,
    }
