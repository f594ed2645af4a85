"""What the processor of this machine computes quickly. Knows no network."""

import torch


def multiplies_bf16() -> bool:
    """True where the processor has bf16 matrix instructions (AVX512-BF16 or AMX). Elsewhere a CPU
    emulates bf16, and bf16 products are slower than fp32 ones."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
