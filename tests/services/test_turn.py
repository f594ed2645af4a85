"""Logins for a TURN server by the TURN REST scheme."""

import base64
import hashlib
import hmac
import time

import pytest

from services.turn import MARGIN_S, turn_login


def test_the_login_is_what_coturn_computes() -> None:
    username, password = turn_login("shared", "s1", lasts_s=60)
    until, _, session_id = username.partition(":")
    assert session_id == "s1"
    assert int(until) == pytest.approx(time.time() + 60 + MARGIN_S, abs=60)
    expected = hmac.digest(b"shared", username.encode(), hashlib.sha1)
    assert base64.b64decode(password) == expected
