"""Whether a replica may take new sessions. After a failure the replica takes no session until a
proof: a frame of a session without a player. The pause before the proof doubles with each failure.
Rules without I/O."""

import time
from collections.abc import Callable

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
SETTLED_S = 60.0  # a failure later than this after a proof counts as the first
IDLE_S = 30.0  # between two proofs while nobody plays
MAX_FAILED_PROOFS = 3  # in a row: only a new process can help then


class Standing:
    """Owns the failures and proofs of one replica; for one thread. All failures before the next
    proof count once, because a single broken pass fails every session."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reason = ""
        self._num_failures = 0  # with failed proofs, since the replica was settled
        self._num_failed_proofs = 0
        self._proven_s = clock()  # the first proof since the last failure
        self._proof_due_s = clock() + IDLE_S

    @property
    def reason(self) -> str:
        """Why the replica takes no session, for operators; empty if it does."""
        return self._reason

    @property
    def is_hopeless(self) -> bool:
        """MAX_FAILED_PROOFS proofs have failed in a row."""
        return self._num_failed_proofs >= MAX_FAILED_PROOFS

    def needs_proof(self, *, is_idle: bool) -> bool:
        """A proof is due: after a failure and a pause, or IDLE_S after the last proof."""
        return (is_idle or bool(self._reason)) and self._clock() >= self._proof_due_s

    def note_failure(self, what: str) -> None:
        """A session or a prefill failed. `what`: for operators."""
        if not self._reason:
            self._pause(what)

    def note_failed_proof(self, what: str) -> None:
        self._num_failed_proofs += 1
        self._pause(what)

    def note_proof(self) -> None:
        """A proof succeeded: the replica takes sessions again."""
        if self._reason:
            self._proven_s = self._clock()
        self._reason = ""
        self._num_failed_proofs = 0
        self._proof_due_s = self._clock() + IDLE_S

    def _pause(self, what: str) -> None:
        now = self._clock()
        if not self._reason and now - self._proven_s > SETTLED_S:
            self._num_failures = 0
        pause_s = min(FIRST_PAUSE_S * 2**self._num_failures, LONGEST_PAUSE_S)
        self._num_failures += 1
        self._proof_due_s = now + pause_s
        self._reason = f"{what}; takes nobody until it has drawn a frame of its own"
