"""Whether a fast form works on the machine: a real call each, compared with the plain form. A
library that can be imported may still have no kernel for the device.

`python -m model.fast` prints the findings line by line, in a separate process, since a driver may
crash.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from model.fast.blocks.compiled import compiled
from model.fast.blocks.operations import BlockOperations
from model.fast.graphs.capture import GraphPool
from model.fast.images.async_decoder import AsyncDecoder
from model.fast.paths import Blocks, FastPaths
from model.fast.sub_batches.context_attention import flash_attention, gathered_attention
from model.layers.rope import RotaryEmbedding
from model.nfd.block import DiTBlock

log = logging.getLogger(__name__)

TOLERANCE = 0.05  # of bf16, for values of unit variance


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`why_not` is empty where the form works."""

    form: str
    why_not: str


def probe(device: torch.device, wanted: Collection[str] | None = None) -> Iterator[Finding]:
    """All forms, or the wanted forms."""
    for form, call in FORMS.items():
        if wanted is None or form in wanted:
            yield Finding(form=form, why_not=_why_not(call, device))


def find_paths(
    device: torch.device | str,
    *,
    wanted: Collection[str] | None = None,
    compile_cache: Path | None = None,
) -> FastPaths:
    """The working forms, of all or of the wanted forms. A form that does not work is logged and
    replaced by torch's plain operations."""
    works = set()
    for finding in probe(torch.device(device), wanted):
        log.info("fast form", extra=asdict(finding))
        if not finding.why_not:
            works.add(finding.form)
    return paths_of(works, compile_cache=compile_cache)


def paths_of(works: Collection[str], *, compile_cache: Path | None = None) -> FastPaths:
    """The given forms together. Kernels are preferred to a compiler."""
    blocks = next((Blocks(form) for form in ("fused", "compiled") if form in works), Blocks.PLAIN)
    return FastPaths(
        flash="flash" in works,
        graphs="graphs" in works,
        blocks=blocks,
        beside="beside" in works,
        compile_cache=compile_cache if blocks == Blocks.COMPILED else None,
    )


def _why_not(call: Callable[[torch.device], None], device: torch.device) -> str:
    if device.type != "cuda":
        return "it needs a GPU"
    try:
        with torch.inference_mode():
            call(device)
            torch.cuda.synchronize(device)
    except Exception as error:  # whatever it is, it is the answer
        reason, *_ = (*str(error).strip().splitlines(), "")
        return f"{type(error).__name__}: {reason}"
    return ""


def _flash(device: torch.device) -> None:
    """Two rows that see 300 and 7 tokens of their slots."""
    q, keys, values = (torch.randn(2, 2, 512, 64, device=device).bfloat16() for _ in range(3))
    where = (torch.tensor([1, 0], device=device), torch.tensor([300, 7], device=device))
    asked = (q[:, :, :96], keys, values, *where)
    _compare(flash_attention()(*asked), gathered_attention(*asked))


def _graphs(device: torch.device) -> None:
    """What is replayed reads what was put in place since."""
    x = torch.zeros(4, 8, device=device)
    weight = torch.randn(8, 8, device=device)
    replay = GraphPool(device).capture(lambda: (x @ weight).relu())
    x.copy_(torch.randn(4, 8, device=device))
    _compare(replay(), (x @ weight).relu())


def _fused(device: torch.device) -> None:
    from model.fast.blocks.fused import FUSED

    _compare_operations(FUSED.project, FUSED.finish, device)


def _compiled(device: torch.device) -> None:
    plain = BlockOperations()
    project = compiled(plain.project)
    _compare_operations(project, compiled(plain.finish), device)


def _compare_operations(
    project: Callable[..., tuple[Tensor, ...]], finish: Callable[..., Tensor], device: torch.device
) -> None:
    """Of a block of three heads, for two frames of six tokens."""
    plain = BlockOperations()
    block = DiTBlock(0, 192, 3, 4).to(device, torch.bfloat16)
    rotation = RotaryEmbedding(64, 2, 3).to(device)(torch.tensor([[4], [90]], device=device))
    x, mixed = (torch.randn(2, 1, 6, 192, device=device).bfloat16() for _ in range(2))
    shift, scale, *conditions = (
        torch.randn(2, 1, 1, 192, device=device).bfloat16() for _ in range(6)
    )
    first = project(block, x, shift, scale, rotation)
    for ours, theirs in zip(first, plain.project(block, x, shift, scale, rotation), strict=True):
        _compare(ours, theirs)
    _compare(finish(block, x, mixed, *conditions), plain.finish(block, x, mixed, *conditions))


def _beside(device: torch.device) -> None:
    """An image of one grey, made on a second stream."""
    decode = nn.Upsample(scale_factor=16)
    grey = torch.full((1, 3, 2, 2), 99.0, device=device)
    beside = AsyncDecoder(lambda x: decode(x).permute(0, 2, 3, 1).to(torch.uint8), device)
    (image,) = beside.decode(grey)
    assert (image.rgb() == 99).all(), "the image differs"
    assert image.yuv420() is not None


def _compare(ours: Tensor, plain: Tensor) -> None:
    torch.testing.assert_close(ours.float(), plain.float(), atol=TOLERANCE, rtol=TOLERANCE)


FORMS: dict[str, Callable[[torch.device], None]] = {
    "flash": _flash,
    "graphs": _graphs,
    "fused": _fused,
    "compiled": _compiled,
    "beside": _beside,
}
