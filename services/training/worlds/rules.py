"""State machine of a version's release. Rules, no I/O.

    candidate ──canary──► a share of new sessions ──promote──► current ──roll back──► previous
                                   └──────roll back──────► candidate again

Running sessions are never moved; a session ends in the version of its start.
"""

from dataclasses import replace

from services.wire.release import MAX_CANARY_SHARE, Release


class StepRefusedError(Exception):
    """The step is not allowed in this state; the message lists the allowed steps."""


def canary(release: Release, digest: str, share: float) -> Release:
    """Gives the version `share` of new sessions, 0 to MAX_CANARY_SHARE; a second call changes the
    share."""
    assert 0 < share <= MAX_CANARY_SHARE
    if not release.current:
        raise StepRefusedError("Nothing is released yet: promote a version first.")
    if digest == release.current:
        raise StepRefusedError("This version is the current one.")
    if release.canary not in ("", digest):
        raise StepRefusedError("Another version is the canary: promote it or roll it back first.")
    return replace(release, canary=digest, canary_share=share)


def promote(release: Release, digest: str) -> Release:
    """Makes the canary current; without a release, any version may become current."""
    if release.current and digest != release.canary:
        raise StepRefusedError("Only the canary is promoted: give this version a share first.")
    return Release(world=release.world, current=digest, previous=release.current)


def roll_back(release: Release) -> Release:
    """Removes the canary; without a canary, restores the previous version."""
    if release.canary:
        return replace(release, canary="", canary_share=0.0)
    if not release.previous:
        raise StepRefusedError("There is no canary and no earlier version to go back to.")
    return Release(world=release.world, current=release.previous, previous=release.current)
