"""Credentials for a TURN server that end by themselves (TURN REST API,
draft-uberti-behave-turn-rest; coturn's `use-auth-secret`).

A password that every visitor is told makes an open relay of the server. These name the session, are
worth nothing after their time, and need no list on either side: the TURN server knows the secret.
"""

import base64
import hashlib
import hmac
import time

MARGIN_S = 600.0  # clocks differ, and an allocation is refreshed a while after it was made


def turn_login(secret: str, session_id: str, *, lasts_s: float) -> tuple[str, str]:
    """Returns user name and password, good for `lasts_s` seconds and a margin. The user name holds
    the end of its time (seconds since 1970); the password is its HMAC with SHA-1, as the scheme
    demands."""
    username = f"{round(time.time() + lasts_s + MARGIN_S)}:{session_id}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()
