"""Names for stretches of work, for a profiler to show. `span` costs next to nothing while nobody
watches; knows no profiler but torch's.

    with watching() as profile:
        engine.step(actions)
    profile.key_averages()           # a row for each span, beside torch's own operators
    profile.export_chrome_trace(path)
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch.autograd.profiler import record_function
from torch.profiler import profile

_UNWATCHED = nullcontext()
_is_watched = False


def span(name: str) -> AbstractContextManager[object]:
    """`with span("decode"):` is seen under the given name by a watcher. Spans may nest."""
    return record_function(name) if _is_watched else _UNWATCHED


@contextmanager
def watching() -> Iterator[profile]:
    """Records all spans in the block, with times of the CPU and of a GPU, if any. Raises
    RuntimeError while another watcher is active."""
    global _is_watched
    if _is_watched:
        raise RuntimeError("somebody is watching already; profiles do not nest")
    with profile() as seen:
        _is_watched = True
        try:
            yield seen
        finally:
            _is_watched = False
