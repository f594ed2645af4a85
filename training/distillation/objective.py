"""From a recipe to the student's objective."""

from model.nfd.transformer import NFDTransformer
from model.world import SamplerSpec
from training.data.latents import ClipSource
from training.distillation.adversary import Adversary, AdversarySettings
from training.distillation.continuous import ContinuousConsistency, ContinuousSettings
from training.distillation.discrete import DiscreteConsistency, DiscreteSettings
from training.distillation.on_policy import OnPolicyLoss
from training.distillation.student import Distillation, Method, Student
from training.objectives.rollout import Rollout
from training.recipes.recipe import StudentRecipe
from training.recipes.settings.on_policy import OnPolicySettings


def distillation(
    student: Student,
    teacher: NFDTransformer,
    clips: ClipSource,
    settings: StudentRecipe,
    on_policy: OnPolicyLoss | None = None,
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
                warmup_steps=settings.warmup_steps,
                guidance=settings.guidance,
                is_apart=settings.checkpointing,
            ),
        )
    adversary = None
    if settings.adversarial:
        strength = AdversarySettings(strength=settings.adversarial)
        adversary = Adversary(student.critic, teacher, strength)
    jumping = student.transformer if settings.judge_jumps else None
    return Distillation(method, clips, settings.mixture, adversary, on_policy, jumping)


def on_policy_loss(
    student: Student,
    teacher: NFDTransformer,
    films: ClipSource,
    sampler: SamplerSpec,
    settings: OnPolicySettings,
) -> OnPolicyLoss:
    """`films` draws recorded clips as long as the longest rollout; `sampler` as in the served
    world."""
    critic = AdversarySettings(strength=settings.strength)
    return OnPolicyLoss(
        student.dreams,
        student.transformer,
        films,
        Rollout(student.transformer, sampler, settings.num_steps),
        Adversary(student.play_critic, teacher, critic),
        settings,
    )
