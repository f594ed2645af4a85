"""Forms of a pass for GPUs: flash-attn, CUDA graphs, fused and compiled blocks, asynchronous
decoding.

Unproven: no GPU has run the package, and every form is off by default. On a CPU, tests compare each
form with the plain runner as far as a CPU can. `find_paths` tries each form with a real call, and
`runner_of` makes the runner for `WorldEngine`. `jobs` are the benchmarks for a GPU.
"""

from model.fast.paths import Blocks, FastPaths
from model.fast.probes import FORMS, find_paths, paths_of, probe
from model.fast.runner import runner_of

__all__ = ["FORMS", "Blocks", "FastPaths", "find_paths", "paths_of", "probe", "runner_of"]
