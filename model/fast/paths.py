"""Which fast forms an engine uses. Whether a form works here is found by `model.fast.probes`.

Every form generates the plain runner's frames up to rounding.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model.fast.blocks.compiled import compiled
from model.fast.blocks.operations import BlockOperations, with_operations
from model.fast.sub_batches.context_attention import (
    ContextAttention,
    flash_attention,
    gathered_attention,
)
from model.nfd.transformer import NFDTransformer
from model.world import Precision


class Blocks(StrEnum):
    """The operations between the matrix products of a block: torch's operations one by one, Triton
    kernels, or code compiled by torch.compile."""

    PLAIN = "plain"
    FUSED = "fused"
    COMPILED = "compiled"


@dataclass(frozen=True, slots=True, kw_only=True)
class FastPaths:
    """`flash`: flash-attn instead of torch's own attention over gathered slots, for worlds in bf16.
    `graphs`: common passes are a single launch each. `beside`: asynchronous decoding: decodes, and
    converts the encoder's colours, while the next pass runs; needs a GPU. `compile_cache`: a folder
    of the present user that keeps compiled code between processes; none: compiled anew in each
    process."""

    flash: bool = False
    graphs: bool = False
    blocks: Blocks = Blocks.PLAIN
    beside: bool = False
    compile_cache: Path | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        """Names of what is on, as `model.fast.probes` has them."""
        others = {"flash": self.flash, "graphs": self.graphs, "beside": self.beside}
        blocks = () if self.blocks == Blocks.PLAIN else (self.blocks.value,)
        return (*(name for name, is_on in others.items() if is_on), *blocks)

    def attention(self, precision: Precision) -> ContextAttention:
        """Raises ImportError or OSError where flash-attn is asked for and missing."""
        return flash_attention() if self.flash and precision == "bf16" else gathered_attention

    def transformer(self, plain: NFDTransformer) -> NFDTransformer:
        """The same network in the chosen form. Raises ImportError where Triton is missing."""
        match self.blocks:
            case Blocks.PLAIN:
                return plain
            case Blocks.FUSED:
                from model.fast.blocks.fused import FUSED

                return with_operations(plain, FUSED.project, FUSED.finish)
            case Blocks.COMPILED:
                operations = BlockOperations()
                return with_operations(
                    plain,
                    compiled(operations.project),
                    compiled(operations.finish),
                )
