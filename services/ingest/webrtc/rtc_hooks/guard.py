"""Installs the bounds between socket and aiortc for one connection."""

from aiortc import RTCDtlsTransport, RTCPeerConnection
from OpenSSL import SSL, crypto

from services.ingest.webrtc.abuse import Abuse
from services.ingest.webrtc.rtc_hooks.datagrams import ReceiveQueue, guard_sockets
from services.ingest.webrtc.rtc_hooks.rtcp import guard_feedback
from services.ingest.webrtc.rtc_hooks.sctp import guard_association
from services.ingest.webrtc.share import ProcessorShare

# Browsers sign their own certificate. A chain of 80 costs 44 ms of verification, one cut here 3 ms.
MAX_CERTIFICATE_DEPTH = 1
MAX_RSA_BITS = 4096
MAX_RSA_EXPONENT = 1 << 17  # 65537 is what everybody has
CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)


def guard_connection(connection: RTCPeerConnection, abuse: Abuse, share: ProcessorShare) -> None:
    """Bounds the peer's input. Must be called between the applied offer and the answer: the
    transports exist and no socket is open."""
    guard_sockets()
    transports = {transceiver.sender.transport for transceiver in connection.getTransceivers()}
    sctp = connection.sctp
    if sctp is not None:
        guard_association(sctp, abuse, share)
        transports.add(sctp.transport)
    for dtls in transports:
        dtls.transport._connection._queue = ReceiveQueue(abuse, share)
        guard_feedback(dtls, abuse)
        _bound_handshake(dtls)


def _bound_handshake(dtls: RTCDtlsTransport) -> None:
    """One handshake for a connection, no verification of what a long chain says, and no key that
    takes long to verify with. RSA certificates are taken where aiortc, as DTLS client, offers
    suites for ECDSA alone: RFC 8827 demands no more, but GStreamer's peers have RSA, and pages may
    make such certificates too."""
    certificate = dtls._RTCDtlsTransport__local_certificate  # type: ignore[attr-defined]
    create = type(certificate)._create_ssl_context

    def create_strict(srtp_profiles: list[object]) -> SSL.Context:
        context: SSL.Context = create(certificate, srtp_profiles)
        context.set_options(SSL.OP_NO_RENEGOTIATION)
        context.set_verify_depth(MAX_CERTIFICATE_DEPTH)
        mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        context.set_verify(mode, lambda _, certificate, *__: is_cheap(certificate.get_pubkey()))
        context.set_cipher_list(CIPHERS)
        return context

    certificate._create_ssl_context = create_strict


def is_cheap(key: crypto.PKey) -> bool:
    """Returns whether verifying a signature with this public key takes well below a millisecond."""
    if key.type() != crypto.TYPE_RSA:
        return key.type() == crypto.TYPE_EC
    exponent = key.to_cryptography_key().public_numbers().e  # type: ignore[union-attr]
    return key.bits() <= MAX_RSA_BITS and exponent <= MAX_RSA_EXPONENT
