"""Between the frame loop and the encode loop: one slot per session, never a queue.

With a slow consumer a queue means growing delay; a slot means skipped frames. Does not know the
type of the items.
"""

from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds the newest item of each session. Sessions are taken in order of their first waiting
    item; a new item keeps the place of the old item. Any thread may put, one thread takes."""

    def __init__(self) -> None:
        self._slots: dict[str, Item] = {}
        self._changed = Condition()
        self._is_closed = False

    def put(self, session_id: str, item: Item) -> bool:
        """True if the item replaced a waiting item."""
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
