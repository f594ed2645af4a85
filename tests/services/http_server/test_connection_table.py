"""The choice of the connection to drop."""

from services.http_server.connection_table import ConnectionTable


class Fake:
    def __init__(self, table: ConnectionTable, host: str) -> None:
        self.has_made_room = False
        self.is_in = table.admit(self, host)

    def make_room(self) -> None:
        self.has_made_room = True


def table(max_connections: int = 4, max_per_address: int = 3, **more: tuple[str, ...]):  # type: ignore[no-untyped-def]
    return ConnectionTable(max_connections=max_connections, max_per_address=max_per_address, **more)


def test_the_oldest_silent_one_of_an_address_makes_room_for_its_next() -> None:
    ours = table()
    first, second, third = (Fake(ours, "1.1.1.1") for _ in range(3))
    ours.set_waiting(first)  # it has just ended a request
    assert Fake(ours, "1.1.1.1").is_in and second.has_made_room
    assert not (first.has_made_room or third.has_made_room)
    assert len(ours) == 3


def test_at_the_bound_in_all_the_address_with_most_makes_room() -> None:
    ours = table()
    player = Fake(ours, "9.9.9.9")
    crowd = [Fake(ours, "1.1.1.1") for _ in range(3)]
    assert Fake(ours, "2.2.2.2").is_in
    assert crowd[0].has_made_room and not player.has_made_room


def test_who_waits_for_an_answer_is_not_dropped_and_the_newcomer_is_refused() -> None:
    ours = table()
    busy = [Fake(ours, "1.1.1.1") for _ in range(3)]
    for one in busy:
        ours.set_busy(one)
    assert not Fake(ours, "1.1.1.1").is_in
    assert not any(one.has_made_room for one in busy)
    ours.remove(busy[0])
    ours.remove(busy[0])
    assert Fake(ours, "1.1.1.1").is_in


def test_a_proxy_is_many_people() -> None:
    ours = table(max_connections=6, proxies=("10.0.0.0/8",))
    assert all(Fake(ours, "10.1.2.3").is_in for _ in range(6))
    assert len(ours) == 6
    assert Fake(ours, "10.1.2.3").is_in and len(ours) == 6


def test_one_household_is_one_address_in_ipv6_too() -> None:
    ours = table()
    first = Fake(ours, "2001:db8:1:2::1")
    others = [Fake(ours, f"2001:db8:1:2::{i}") for i in range(2, 4)]
    assert Fake(ours, "2001:db8:1:3::1").is_in and not first.has_made_room
    ours.remove(others[0])
    assert Fake(ours, "2001:db8:1:2::9").is_in and not first.has_made_room
    assert Fake(ours, "2001:db8:1:2::a").is_in and first.has_made_room
