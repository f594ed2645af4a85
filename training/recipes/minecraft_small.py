"""The Minecraft recipe for a machine without a GPU: the same recordings at 192x112, 84 tokens a
frame, with the tokenizer and the rates of the shipped world. Not trained to the end yet."""

from dataclasses import replace

from model import presets
from training.data.vpt.folder import VptFolder
from training.recipes.freedoom import freedoom
from training.recipes.minecraft import RECORDINGS, minecraft
from training.recipes.recipe import Recipe, RecordRecipe
from training.recipes.settings.noise import NoiseMixture


def minecraft_small() -> Recipe:
    whole, proven = minecraft(), freedoom()
    preset = presets.minecraft_small()
    return replace(
        whole,
        name="minecraft-small",
        title="Minecraft, small",
        preset=preset,
        recorder=VptFolder(folder=RECORDINGS, width=preset.width, height=preset.height),
        record=RecordRecipe(
            train_frames=60_000, train_episodes=1, held_out_frames=12_000, held_out_episodes=1,
            inverse_dynamics_frames=18_000, probes=0,
        ),
        tokenizer=proven.tokenizer,
        decoder=proven.decoder,
        teacher=replace(proven.teacher, batch_size=6, minutes=6 * 60.0, mixture=NoiseMixture()),
        student=replace(proven.student, batch_size=4, minutes=60.0),
        teacher_sampler=proven.teacher_sampler,
        student_sampler=proven.student_sampler,
        evaluation=replace(whole.evaluation, inverse_dynamics_steps=1_500),
    )  # fmt: skip  # a table of numbers
