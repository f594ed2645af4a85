"""From a run folder to a released world: weights, opening clips, card, images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from model.nfd.transformer import NFDTransformer
from model.world import World, WorldSpec
from training.data.games.probes import Probe
from training.data.pictures import write_png
from training.data.recording import Recording, load_recordings
from training.evaluate.clips.evaluation_clips import evenly_spaced_clips
from training.evaluate.held_out import probes
from training.evaluate.measured import measure
from training.evaluate.measures.picture import gradient
from training.evaluate.rollouts.generate import start_clip
from training.evaluate.rollouts.teacher import keep_teacher
from training.pipeline.provenance import provenance
from training.pipeline.stages.decoder import trained_tokenizer
from training.pipeline.stages.student import trained_student
from training.pipeline.stages.teacher import trained_teacher
from training.recipes.recipe import Recipe
from training.run import Run

_OPENINGS_LOOKED_AT = 6  # for each start
_VIEW_TURN = 1.5  # how far apart two opposite views count, in units of 100 map units


def build_world(recipe: Recipe, run: Run, weights: str) -> World:
    """The world with the `weights` of "teacher" or "student", as stored."""
    is_student = weights == "student"
    sampler = recipe.student_sampler if is_student else recipe.teacher_sampler
    trained = trained_student if is_student else trained_teacher
    tokenizer = trained_tokenizer(recipe, run)
    transformer: NFDTransformer = trained(recipe, run)
    for module in (tokenizer, transformer):
        _round_to_half(module.cpu())
    state_model = recipe.state_model() if recipe.state_model is not None else None
    spec = WorldSpec(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        width=recipe.preset.width,
        height=recipe.preset.height,
        fps=recipe.fps,
        action_space=recipe.action_space,
        vae=tokenizer.config,
        nfd=recipe.preset.nfd,
        sampler=sampler,
        licence=recipe.licence,
        training=provenance(recipe, run, weights),
        state=state_model.spec if state_model is not None else None,
    )
    starts = tuple(
        start_clip(tokenizer, opening, name=f"view-{i + 1:02d}", state_model=state_model)
        for i, opening in enumerate(_openings(recipe, run))
    )
    return World(
        spec=spec,
        tokenizer=tokenizer,
        transformer=transformer,
        starts=starts,
        digest="",
        state_model=state_model,
    )


def release(recipe: Recipe, run: Run, folder: Path, weights: str) -> World:
    """Measures the world and writes the bundle with card and images to `folder` atomically. A
    student is compared with its teacher, whose weights are stored beside the bundle."""
    world = build_world(recipe, run, weights)
    teacher = build_world(recipe, run, "teacher") if weights == "student" else None
    spec = world.spec
    num_steps = spec.sampler.default_steps
    measured = measure(world, recipe, run, recipe.evaluation, num_steps=num_steps, teacher=teacher)
    text = measured.page(title=spec.title, licence=spec.licence)
    with world.saving(folder, card=text) as bundle:
        if teacher is not None:
            keep_teacher(bundle.folder, teacher.transformer, student=bundle.digest)
        write_png(bundle.folder / "contact_sheet.png", measured.contact_sheet)
        if measured.steering is not None:
            write_png(bundle.folder / "steering.png", measured.steering)
        (bundle.folder / "card.json").write_text(measured.figures(bundle.digest))
    return World.load(folder)


def _openings(recipe: Recipe, run: Run) -> list[Recording]:
    """Held-out clips where the world may be entered; without a game to probe, the most detailed
    views."""
    found = probes(recipe, run, recipe.record.probes)
    if found:
        return [probe.context for probe in choose_starts(found, recipe.num_starts)]
    clips = evenly_spaced_clips(
        load_recordings(run.held_out_recordings),
        count=_OPENINGS_LOOKED_AT * recipe.num_starts,
        context_frames=recipe.preset.nfd.window,
        num_frames=1,
    )
    contexts = [clip.context for clip in clips]
    groups = [contexts[i :: recipe.num_starts] for i in range(recipe.num_starts)]
    return [max(group, key=lambda film: gradient(film.frames[-1])) for group in groups]


def choose_starts(candidates: Sequence[Probe], count: int) -> list[Probe]:
    """The most detailed view first, then repeatedly the view farthest from all chosen views."""
    frames = [probe.context.frames[-1] for probe in candidates]
    taken = [int(np.argmax([gradient(frame) for frame in frames]))]
    places = np.stack([_place(probe) for probe in candidates])
    while len(taken) < min(count, len(candidates)):
        distances = np.linalg.norm(places[:, None] - places[taken][None], axis=-1).min(axis=1)
        taken.append(int(distances.argmax()))
    return [candidates[i] for i in taken]


def _place(probe: Probe) -> NDArray[np.float64]:
    x, y, yaw = map(float, probe.context.poses[-1])
    turn = np.radians(yaw)
    return np.array([x / 100, y / 100, _VIEW_TURN * np.cos(turn), _VIEW_TURN * np.sin(turn)])


def _round_to_half(module: nn.Module) -> None:
    """Rounds the weights to fp16, so the measured weights are the stored weights."""
    module.load_state_dict(
        {key: value.half().float() for key, value in module.state_dict().items()}
    )
