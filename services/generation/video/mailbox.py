"""Between the frame loop and the encoder: one slot per session, never a queue.

A consumer slower than its producer turns a queue into ever-growing delay; here it turns into
frames that are never encoded. Knows nothing of what it carries.
"""

from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds each session's newest item until it is taken. Sessions take turns: a session that is
    overwritten keeps its place. Any thread may put, one thread takes."""

    def __init__(self) -> None:
        self._slots: dict[str, Item] = {}
        self._changed = Condition()
        self._is_closed = False

    def put(self, session_id: str, item: Item) -> bool:
        """True if an older item was waiting and is now lost."""
        with self._changed:
            replaced = session_id in self._slots
            self._slots[session_id] = item
            self._changed.notify()
            return replaced

    def take(self) -> tuple[str, Item] | None:
        """Waits for an item; None once the mailbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._slots or self._is_closed)
            if self._is_closed:
                return None
            session_id = next(iter(self._slots))
            return session_id, self._slots.pop(session_id)

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._slots.clear()
            self._changed.notify_all()
