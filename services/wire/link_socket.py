"""TCP options of the frame link, for both ends: detect a dead peer within seconds instead of the
kernel's 15 minutes (RFC 9293 user timeout, RFC 1122 keep-alive)."""

import socket

GONE_S = 5  # without an acknowledgement, of data or of a probe
PROBE_S = 2


def notice_dead_peer(connection: socket.socket) -> None:
    """Sets the options available on this system."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    values = {
        "TCP_KEEPIDLE": PROBE_S,
        "TCP_KEEPINTVL": 1,
        "TCP_KEEPCNT": GONE_S - PROBE_S,
        "TCP_USER_TIMEOUT": 1000 * GONE_S,
    }
    for name, value in values.items():
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
