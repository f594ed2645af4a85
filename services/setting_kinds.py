"""Formats of text settings, each with one normal form.

Each function is a `parse` of `environment.setting`: returns the normal form, or raises ValueError
without quoting the text, since the text may be a secret.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

REDIS_SCHEMES = ("redis", "rediss", "unix")
_ICE = re.compile(
    r"(stun|turn)s?:(\[[0-9a-fA-F:.]+\]|[^\s:/?#\[\]@]+)(:\d{1,5})?(\?transport=\w+)?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def http_url(text: str) -> str:
    """Accepts http(s)://host[:port][/path]; removes a final slash."""
    parts = _split(text)
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("must be http(s)://host[:port][/path]")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have no query, no fragment and no user")
    return _address(parts) + parts.path.rstrip("/")


def origin(text: str) -> str:
    """Accepts scheme://host[:port], in the form of a browser's `Origin` header (RFC 6454): lower
    case, without a default port. Final slashes are removed; a path is refused, since no Origin
    header contains a path."""
    url = http_url(text)
    if urlsplit(url).path:
        raise ValueError("must be an origin, http(s)://host[:port] without a path")
    return url


def ice_url(text: str) -> str:
    """A STUN or TURN server (RFC 7064, RFC 7065)."""
    if not _ICE.fullmatch(text):
        raise ValueError("must be stun:host[:port] or turn:host[:port][?transport=udp]")
    return text


def proxy(text: str) -> str:
    """A proxy that is believed: an IP address, a network such as 10.0.0.0/8 (bits of a host in it
    are cut off), or `*` for every address."""
    if text == "*":
        return text
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("must be an IP address, a network such as 10.0.0.0/8, or *") from None
    return str(network) if "/" in text else str(network.network_address)


def redis_url(text: str) -> str:
    """redis[s]://[user:password@]host[:port][/database] or unix:///path[?db=database]."""
    scheme = text.partition("://")[0]
    if scheme not in REDIS_SCHEMES:
        raise ValueError(
            "must begin with redis://, rediss:// or unix://. One primary is wanted: with Sentinel, "
            "give the address that follows the primary; a cluster will not do"
        )
    parts = _split(text)
    if parts is None or parts.fragment or _BAD_PERCENT.search(text) or "@" in parts.path:
        raise ValueError(
            "cannot be read. User and password may have any character in NEXTFRAME_REDIS_USER and "
            "NEXTFRAME_REDIS_PASSWORD; in the URL they are percent-encoded"
        )
    if scheme == "unix":
        is_whole = parts.path != "" and re.fullmatch(r"(db=\d+)?", parts.query) is not None
    else:
        is_database = re.fullmatch(r"/?\d*", parts.path) is not None
        is_whole = bool(parts.hostname) and is_database and not parts.query
    if not is_whole:
        raise ValueError("must be redis://host[:port][/database] or unix:///path[?db=database]")
    return text


def _split(text: str) -> SplitResult | None:
    """None where there is nothing to split, or the port is no number."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    return parts if text.isprintable() and " " not in text else None


def _address(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    is_default = parts.port is None or parts.port == _DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{parts.port}")
