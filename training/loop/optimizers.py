"""Muon trains the matrices of the blocks, AdamW all other weights."""

from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from model.place.map import PlaceMap
from training.distillation.student import Student

_PLANES_FASTER = 10


def nfd_optimizers(
    transformer: nn.Module, *, muon_lr: float, adamw_lr: float, weight_decay: float = 0.01
) -> list[Optimizer]:
    """Muon's updates are scaled to the RMS of AdamW's updates, so both rates have one scale. Frozen
    weights (a place's map) belong to neither optimizer."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in transformer.named_parameters():
        if not parameter.requires_grad:
            continue
        is_block_matrix = ".blocks." in f".{name}" and parameter.ndim == 2
        (matrices if is_block_matrix else others).append(parameter)
    return [
        Muon(
            matrices,
            lr=muon_lr,
            weight_decay=weight_decay,
            ns_steps=4,
            adjust_lr_fn="match_rms_adamw",
        ),
        AdamW(others, lr=adamw_lr, betas=(0.9, 0.95), weight_decay=weight_decay),
    ]


def map_optimizers(place: PlaceMap, *, muon_lr: float, adamw_lr: float) -> list[Optimizer]:
    """As for a transformer, with ten times AdamW's rate for the feature planes, of which a step
    touches few points."""
    planes = [place.fine, place.coarse]
    muon, adamw = nfd_optimizers(place, muon_lr=muon_lr, adamw_lr=adamw_lr, weight_decay=0.0)
    (group,) = adamw.param_groups
    group["params"] = [p for p in group["params"] if all(p is not plane for plane in planes)]
    adamw.add_param_group({"params": planes, "lr": _PLANES_FASTER * adamw_lr})
    return [muon, adamw]


def student_optimizers(
    student: Student, *, muon_lr: float, adamw_lr: float, critic_lr: float
) -> list[Optimizer]:
    weight = AdamW(student.weight.parameters(), lr=adamw_lr, betas=(0.9, 0.95), weight_decay=0.0)
    return [
        *nfd_optimizers(student.transformer, muon_lr=muon_lr, adamw_lr=adamw_lr),
        weight,
        *critic_optimizers(student.critic, lr=critic_lr),
        *critic_optimizers(student.play_critic, lr=critic_lr),
    ]


def vae_optimizers(vae: nn.Module, *, lr: float) -> list[Optimizer]:
    return [AdamW(vae.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.01)]


def critic_optimizers(critic: nn.Module, *, lr: float) -> list[Optimizer]:
    """AdamW with a low beta1, because the generator that the critic rates changes."""
    return [AdamW(critic.parameters(), lr=lr, betas=(0.5, 0.95), weight_decay=0.01)]
