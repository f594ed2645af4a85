"""Peers with RSA certificates (GStreamer, some pages) connect; expensive keys are refused."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTPProtectionProfile, generate_certificate
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL, crypto

from services.ingest.webrtc.rtc_hooks.guard import is_cheap
from tests.services.ingest.ingest_kit import (
    Browser,
    FakeReplica,
    RunningIngest,
    browser,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.redis]


class RsaCertificate(RTCCertificate):
    """A certificate like GStreamer's. If this peer is the DTLS server, the RSA key selects the
    suite."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context: SSL.Context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
        return context


@pytest_asyncio.fixture
async def rsa_peer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Browser]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = RsaCertificate(key=key, cert=generate_certificate(key))  # type: ignore[arg-type]
    with monkeypatch.context() as patched:
        patched.setattr(RTCCertificate, "generateCertificate", lambda: certificate)
        one = Browser(plays=False)
    yield one
    await one.close()


@pytest.mark.parametrize("setup", ["actpass", "active"])
async def test_a_peer_with_an_rsa_certificate_watches(
    ingest: RunningIngest, replica: FakeReplica, rsa_peer: Browser, setup: str
) -> None:
    offer = (await rsa_peer.offer()).replace("a=setup:actpass", f"a=setup:{setup}")
    response = await ingest.post("s1", offer)
    assert f"a=setup:{'active' if setup == 'actpass' else 'passive'}" in response.text
    await rsa_peer.take(response)
    await rsa_peer.until(lambda: len(rsa_peer.greys) > 1)


async def test_a_peer_with_an_ecdsa_certificate_watches(
    ingest: RunningIngest, replica: FakeReplica
) -> None:
    async with browser(plays=False) as one:
        await ingest.join("s1", one)
        await one.until(lambda: len(one.greys) > 1)


async def test_keys_that_are_dear_to_verify_with_are_refused() -> None:
    modulus = (1 << 2047) + 1
    for numbers, is_taken in (
        (rsa.RSAPublicNumbers(65537, modulus), True),
        (rsa.RSAPublicNumbers(65537, (1 << 8191) + 1), False),
        (rsa.RSAPublicNumbers((1 << 1000) + 1, modulus), False),
    ):
        key = crypto.PKey.from_cryptography_key(numbers.public_key())
        assert is_cheap(key) is is_taken
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert is_cheap(crypto.PKey.from_cryptography_key(curve))
