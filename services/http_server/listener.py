"""Opens a listening socket, or raises an error with the setting to change."""

import errno
import os
import socket

from services.environment import SettingsError

_WHY = {
    errno.EADDRINUSE: "is in use: end what uses it, or choose another one",
    errno.EACCES: "may not be used by this user: choose one above 1023",
    errno.EADDRNOTAVAIL: "cannot be listened on: the host is no address of this machine",
}


def listen(host: str, port: int, variable: str, *, backlog: int = 2048) -> socket.socket:
    """`host`: an address or a name; `::` accepts IPv4 too, if the machine allows. `port`: 0 for a
    free port. Raises SettingsError with the name `variable` on failure."""
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = info[0]
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(
            address,
            family=family,
            backlog=backlog,
            dualstack_ipv6=both,
        )
    except socket.gaierror:
        raise SettingsError(f"{variable}: there is no host {host!r}") from None
    except OSError as error:
        why = _WHY.get(error.errno or 0) or os.strerror(error.errno or errno.EIO)
        raise SettingsError(f"{variable}: port {port} on {host} {why}") from None
