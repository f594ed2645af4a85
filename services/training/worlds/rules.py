"""How a version becomes the one that players get, and how it stops being that. Rules, no I/O.

    candidate ──canary──► a share of new sessions ──promote──► current ──roll back──► previous
                                   └──────roll back──────► candidate again

Sessions that play are never touched: they end in the version they began with.
"""

from dataclasses import replace

from services.wire.release import MAX_CANARY_SHARE, Release


class StepRefusedError(Exception):
    """The step cannot be taken from here; the message says which can."""


def canary(release: Release, digest: str, share: float) -> Release:
    """`share` of new sessions, 0 to MAX_CANARY_SHARE; again with another share to change it."""
    assert 0 < share <= MAX_CANARY_SHARE
    if not release.current:
        raise StepRefusedError("Nothing is released yet: promote a version first.")
    if digest == release.current:
        raise StepRefusedError("This version is the current one.")
    if release.canary not in ("", digest):
        raise StepRefusedError("Another version is the canary: promote it or roll it back first.")
    return replace(release, canary=digest, canary_share=share)


def promote(release: Release, digest: str) -> Release:
    """The canary becomes current; so does any version where nothing is released yet."""
    if release.current and digest != release.canary:
        raise StepRefusedError("Only the canary is promoted: give this version a share first.")
    return Release(world=release.world, current=digest, previous=release.current)


def roll_back(release: Release) -> Release:
    """The canary is taken away; without one, what was current before is current again."""
    if release.canary:
        return replace(release, canary="", canary_share=0.0)
    if not release.previous:
        raise StepRefusedError("There is no canary and no earlier version to go back to.")
    return Release(world=release.world, current=release.previous, previous=release.current)
