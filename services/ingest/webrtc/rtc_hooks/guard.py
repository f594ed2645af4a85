"""Stands between the socket and aiortc for one connection."""

from aiortc import RTCDtlsTransport, RTCPeerConnection
from OpenSSL import SSL

from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.rtc_hooks.datagrams import Inbox, guard_sockets
from services.ingest.webrtc.rtc_hooks.rtcp import guard_feedback
from services.ingest.webrtc.rtc_hooks.sctp import guard_association
from services.ingest.webrtc.share import ProcessorShare

# Browsers sign their own certificate. A chain of 80 costs 44 ms of verification, one cut here 3 ms.
MAX_CERTIFICATE_DEPTH = 1


def guard_connection(connection: RTCPeerConnection, abuse: Abuse, share: ProcessorShare) -> None:
    """Puts bounds on whatever the peer sends. To be called when the offer is applied and before
    the answer is: the transports exist by then and no socket is open."""
    guard_sockets()
    transports = {transceiver.sender.transport for transceiver in connection.getTransceivers()}
    sctp = connection.sctp
    if sctp is not None:
        guard_association(sctp, abuse, share)
        transports.add(sctp.transport)
    for dtls in transports:
        dtls.transport._connection._queue = Inbox(abuse, share)
        guard_feedback(dtls, abuse)
        _bound_handshake(dtls)


def _bound_handshake(dtls: RTCDtlsTransport) -> None:
    """One handshake for a connection, and no verification of what a long chain says."""
    certificate = dtls._RTCDtlsTransport__local_certificate  # type: ignore[attr-defined]
    create = type(certificate)._create_ssl_context

    def create_strict(srtp_profiles: list[object]) -> SSL.Context:
        context: SSL.Context = create(certificate, srtp_profiles)
        context.set_options(SSL.OP_NO_RENEGOTIATION)
        context.set_verify_depth(MAX_CERTIFICATE_DEPTH)
        return context

    certificate._create_ssl_context = create_strict
