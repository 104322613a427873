from __future__ import annotations

from tlx.runtime.timing.order import reply_timeout_s, round_order


def test_round_order_is_seeded_and_changes_from_round_to_round() -> None:
    orders = [round_order(4, number, seed=1) for number in range(40)]
    assert orders == [round_order(4, number, seed=1) for number in range(40)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len({tuple(order) for order in orders}) > 10
    # Every engine comes first now and then.
    assert {order[0] for order in orders} == {0, 1, 2, 3}


def test_reply_timeout_grows_with_the_work() -> None:
    assert reply_timeout_s(8, 10.0) < reply_timeout_s(8, 4000.0)
    assert reply_timeout_s(8, 4000.0) > 32.0
