"""The unit of rate limits."""

import pytest

from services.callers import NETWORK_SHARE, Caller, caller_of


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("127.0.0.2", "127.0.0.2"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_one_household_is_one_caller(address: str, who: str) -> None:
    assert caller_of(address).address == who


def test_the_households_of_one_network_share_its_limit() -> None:
    one, other = caller_of("2001:db8:1:2::1"), caller_of("2001:db8:1:ffff::1")
    assert one.network == other.network == "2001:db8:1::/48"
    assert caller_of("2001:db8:2:2::1").network != one.network
    assert one.shares == (("2001:db8:1::/48", NETWORK_SHARE), ("2001:db8:1:2::/64", 1))
    assert Caller(address="192.0.2.7").shares == (("192.0.2.7", 1),)
