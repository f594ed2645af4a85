"""Fast arithmetic of the present processor. Knows no network."""

import torch


def multiplies_bf16() -> bool:
    """True where the processor has bf16 matrix instructions (AVX512-BF16 or AMX). Other CPUs
    emulate bf16, slower than fp32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
