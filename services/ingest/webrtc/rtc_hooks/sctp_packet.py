"""Checks the structure of an SCTP packet (RFC 9260) before aiortc, which trusts the lengths: a
parameter of length 0 loops aiortc's parser forever, a gap block stands for 65,536 numbers."""

from struct import unpack_from

MAX_CHUNKS = 96  # one packet of the smallest messages holds 59
MAX_PARAMS = 8
MAX_RECONFIG_PARAMS = 2  # RFC 6525, section 3.1
MAX_ACKNOWLEDGED = 4096  # numbers that the gap blocks of one SACK may stand for
MAX_FORWARD_STREAMS = 16

_HEADER_BYTES = 12
_DATA, _INIT, _INIT_ACK, _SACK, _ERROR = 0, 1, 2, 3, 9
_HEARTBEAT, _HEARTBEAT_ACK, _ABORT, _RECONFIG, _FORWARD_TSN = 4, 5, 6, 130, 192
_PARAMS_AT = {_INIT: 16, _INIT_ACK: 16, _HEARTBEAT: 0, _HEARTBEAT_ACK: 0, _ABORT: 0, _ERROR: 0}


def packet_error(packet: bytes) -> str:
    """Returns one word with the reason to drop the packet; empty if the lengths are valid and the
    number of parts is plausible for a browser."""
    position, num_chunks = _HEADER_BYTES, 0
    while position + 4 <= len(packet):
        kind, _, length = unpack_from("!BBH", packet, position)
        if length < 4 or position + length > len(packet):
            return "malformed"
        num_chunks += 1
        if num_chunks > MAX_CHUNKS:
            return "chunks"
        if error := _chunk_error(kind, packet[position + 4 : position + length]):
            return error
        position += length + -length % 4
    return "" if num_chunks else "malformed"


def _chunk_error(kind: int, body: bytes) -> str:
    if kind == _DATA:
        return "" if len(body) > 12 else "malformed"
    if kind == _SACK:
        return _sack_error(body)
    if kind == _FORWARD_TSN:
        if len(body) % 4 or not body:
            return "malformed"
        return "streams" if len(body) > 4 + 4 * MAX_FORWARD_STREAMS else ""
    if kind == _RECONFIG:
        return _params_error(body, at_most=MAX_RECONFIG_PARAMS)
    start = _PARAMS_AT.get(kind)
    if start is None:
        return ""
    return "malformed" if len(body) < start else _params_error(body[start:], at_most=MAX_PARAMS)


def _params_error(body: bytes, *, at_most: int) -> str:
    position, num_params = 0, 0
    while position + 4 <= len(body):
        length = unpack_from("!H", body, position + 2)[0]
        num_params += 1
        if length < 4 or position + length > len(body):
            return "malformed"
        if num_params > at_most:
            return "params"
        position += length + -length % 4
    return ""


def _sack_error(body: bytes) -> str:
    if len(body) < 12:
        return "malformed"
    num_gaps, num_duplicates = unpack_from("!HH", body, 8)
    if len(body) < 12 + 4 * (num_gaps + num_duplicates):
        return "malformed"
    total = 0
    for index in range(num_gaps):
        start, end = unpack_from("!HH", body, 12 + 4 * index)
        if start > end:
            return "malformed"
        total += end - start + 1
    return "acknowledged" if total > MAX_ACKNOWLEDGED else ""
