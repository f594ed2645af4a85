"""Records whether a peer exceeded a bound that no honest browser reaches."""

import logging

log = logging.getLogger(__name__)


class Abuse:
    """Set once; `reason` keeps the first cause, empty before. After the report the peer's input is
    ignored, and the peer's owner closes the connection."""

    def __init__(self) -> None:
        self.reason = ""

    def report(self, reason: str) -> None:
        if not self.reason:
            self.reason = reason
            log.info("peer broke a bound", extra={"reason": reason})
