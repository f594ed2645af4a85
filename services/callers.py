"""The unit of rate limits: an address, and for IPv6 also the surrounding network.

Behind a proxy the address is the proxy's, unless the settings name trusted proxies.
"""

import ipaddress
from dataclasses import dataclass

NETWORK_SHARE = 4  # what a network may take, in shares of one address


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """`address`: an IPv4 address, or the IPv6 /64 of one household. `network`: the surrounding /48,
    since one customer of a provider may own every /64 inside; empty for IPv4."""

    address: str
    network: str = ""

    @property
    def shares(self) -> tuple[tuple[str, int], ...]:
        """Returns pairs (name, multiple of the allowance of one address), widest first. A network
        at the limit then leaves no entry for each address."""
        network = ((self.network, NETWORK_SHARE),) if self.network else ()
        return (*network, (self.address, 1))


def caller_of(address: str) -> Caller:
    """Returns the caller of a request's address. All invalid addresses count as one caller."""
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
