"""From a recipe to the student's objective."""

from model.nfd.transformer import NFDTransformer
from model.world import SamplerSpec
from training.data.latents import ClipSource
from training.distillation.adversary import Adversary, AdversarySettings
from training.distillation.continuous import ContinuousConsistency, ContinuousSettings
from training.distillation.discrete import DiscreteConsistency, DiscreteSettings
from training.distillation.own_play import OwnPlay
from training.distillation.student import Distillation, Method, Student
from training.objectives.rollout import Rollout
from training.recipes.recipe import StudentRecipe
from training.recipes.settings.own_play import OwnPlaySettings


def distillation(
    student: Student,
    teacher: NFDTransformer,
    clips: ClipSource,
    settings: StudentRecipe,
    own_play: OwnPlay | None = None,
) -> Distillation:
    """`teacher` is frozen; the student begins as a copy of it."""
    method: Method
    if settings.method == "discrete":
        method = DiscreteConsistency(student, teacher, DiscreteSettings(guidance=settings.guidance))
    else:
        method = ContinuousConsistency(
            student,
            teacher,
            ContinuousSettings(
                warmup_steps=settings.warmup_steps, guidance=settings.guidance,
                is_apart=settings.checkpointing,
            ),
        )  # fmt: skip
    adversary = None
    if settings.adversarial:
        strength = AdversarySettings(strength=settings.adversarial)
        adversary = Adversary(student.critic, teacher, strength)
    jumping = student.transformer if settings.judge_jumps else None
    return Distillation(method, clips, settings.mixture, adversary, own_play, jumping)


def own_play(
    student: Student,
    teacher: NFDTransformer,
    films: ClipSource,
    sampler: SamplerSpec,
    settings: OwnPlaySettings,
) -> OwnPlay:
    """`films` draws true play as long as the student's dreams; `sampler` is how it is served."""
    critic = AdversarySettings(strength=settings.strength)
    return OwnPlay(
        student.dreams,
        student.transformer,
        films,
        Rollout(student.transformer, sampler, settings.num_steps),
        Adversary(student.play_critic, teacher, critic),
        settings,
    )
