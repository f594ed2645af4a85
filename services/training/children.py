"""Starts child processes with low priority and without the service's secrets. A job and the decoder
of foreign recordings get only the listed variables."""

import os

LOW_PRIORITY = ("nice", "-n", "10")


_NAMES = frozenset(
    {
        "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "SHELL",
        "SSL_CERT_FILE", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV", "XDG_CACHE_HOME",
    }
)  # fmt: skip
# Of Python, locales, and the libraries that compute; none of these families holds a secret.
_FAMILIES = ("CUDA_", "GOMP_", "KMP_", "LC_", "MKL_", "NCCL_", "NVIDIA_", "OMP_", "OPENBLAS_",
             "PYTHON", "PYTORCH_", "TORCH", "TRITON_")  # fmt: skip


def bare_environment() -> dict[str, str]:
    """Returns the allowed part of the service's environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _NAMES or name.startswith(_FAMILIES)
    }
