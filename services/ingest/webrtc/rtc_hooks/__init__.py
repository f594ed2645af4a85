"""All access to private names of aiortc and aioice. `test_rtc_hooks.py` fails if a name disappears,
so an upgrade of the pinned versions is safe.

`sending`: keyframe requests, bit rates and RTP timestamps of a sender. `guard`: bounds on a peer's
input before aiortc handles the input; `datagrams`, `sctp`, `sctp_packet` and `rtcp` are parts of
`guard`. Knows no session.
"""

from services.ingest.webrtc.rtc_hooks.guard import guard_connection
from services.ingest.webrtc.rtc_hooks.sending import (
    gather_only,
    last_rtp_timestamp,
    send_only,
    sendable_codecs,
    watch_sender,
)

__all__ = [
    "gather_only",
    "guard_connection",
    "last_rtp_timestamp",
    "send_only",
    "sendable_codecs",
    "watch_sender",
]
