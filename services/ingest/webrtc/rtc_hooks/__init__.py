"""The only place that touches what aiortc and aioice keep private. `test_rtc_hooks.py` fails when a
name here disappears, so the pinned versions can be raised with open eyes.

`sending`: what a sender of ready-made packets must hear and tell. `guard`: puts bounds on what a
peer sends, before aiortc handles it; `datagrams`, `sctp`, `sctp_packet` and `rtcp` are its parts.
Knows no session.
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
