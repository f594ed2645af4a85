"""Whether one peer has broken a bound that no honest browser reaches."""

import logging

log = logging.getLogger(__name__)


class Abuse:
    """Set once by whatever saw it: the first `reason` stays, empty while there is none. From then
    on nothing that the peer sends is handled; whoever owns the peer closes it."""

    def __init__(self) -> None:
        self.reason = ""

    def report(self, reason: str) -> None:
        if not self.reason:
            self.reason = reason
            log.info("peer broke a bound", extra={"reason": reason})
