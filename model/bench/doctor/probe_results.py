"""Libraries that may be broken or absent, tried in a process of their own by really using them: a
driver that crashes takes only its probe with it.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

PROBE_TIMEOUT_S = 60
FORMS_TIMEOUT_S = 240  # one of them compiles

_ENCODE = """
import av, numpy
codec = av.CodecContext.create({name!r}, "w")
codec.width, codec.height, codec.pix_fmt, codec.framerate = 128, 80, "yuv420p", 18
picture = numpy.zeros((80, 128, 3), numpy.uint8)
frame = av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p")
frame.pts = 0
assert codec.encode(frame) + codec.encode(None)
"""
_PROBES = (sys.executable, "-m", "model.fast")


def encodes(codec: str) -> bool:
    """Whether FFmpeg's encoder of that name encodes one picture here."""
    return works(_ENCODE.format(name=codec))


def works(code: str) -> bool:
    """Whether this code runs to its end in a fresh interpreter."""
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PROBE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def why_not_fast(forms: Sequence[str], command: Sequence[str] = _PROBES) -> Mapping[str, str]:
    """Why each of `model.fast.probes.FORMS`, in that order, cannot be used; empty where it can.
    Where the probes ended early, the form that they were trying has crashed."""
    found = {line["form"]: line["why_not"] for line in map(json.loads, _lines(command))}
    missing = [form for form in forms if form not in found]
    crashed = dict.fromkeys(missing[:1], "its probe crashed or took too long")
    return found | crashed | dict.fromkeys(missing[1:], "not tried: a probe before it crashed")


def _lines(command: Sequence[str]) -> list[str]:
    """What it prints, to the last whole line before it ends or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=FORMS_TIMEOUT_S, check=False)
        printed = done.stdout
    except subprocess.TimeoutExpired as late:
        printed = late.stdout or b""
    return printed.decode().split("\n")[:-1]
