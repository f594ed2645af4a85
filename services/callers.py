"""Whom the limits count: an address, and in IPv6 also the network that its household's is part of.

Behind a proxy the address is the proxy's, unless the service is told which proxies to believe.
"""

import ipaddress
from dataclasses import dataclass

NETWORK_SHARE = 4  # what a network may take, in shares of one address


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`address`: an IPv4 address, or the /64 that one household has in IPv6. `network`: the /48
    around that, of which one customer of a provider may have every /64; empty for IPv4."""

    address: str
    network: str = ""

    @property
    def shares(self) -> tuple[tuple[str, int], ...]:
        """(who, how many times as much as one address may take): the widest first, so that a
        network that is at its limit leaves no trace of each of its addresses."""
        network = ((self.network, NETWORK_SHARE),) if self.network else ()
        return (*network, (self.address, 1))


def caller_of(address: str) -> Caller:
    """Of the address that a request came from. What is none is one caller for all that send it."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return Caller(address="unknown")
    if isinstance(ip, ipaddress.IPv4Address):
        return Caller(address=str(ip))
    if ip.ipv4_mapped is not None:
        return Caller(address=str(ip.ipv4_mapped))
    return Caller(address=_network(ip, 64), network=_network(ip, 48))


def _network(ip: ipaddress.IPv6Address, length: int) -> str:
    return str(ipaddress.IPv6Network((int(ip), length), strict=False))
