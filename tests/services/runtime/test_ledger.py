"""Every item of a ring is accounted for, at every moment."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.ledger import Ring

STEPS = st.lists(st.sampled_from(["put", "take", "process", "drop", "clear"]), max_size=200)


@given(capacity=st.integers(1, 5), steps=STEPS)
def test_received_is_processed_and_dropped_and_pending(capacity: int, steps: list[str]) -> None:
    ring: Ring[int] = Ring(capacity, "test", "superseded")
    held: deque[int] = deque(maxlen=capacity)  # the model: a deque that forgets its oldest
    in_hand: list[int] = []
    sent = 0
    for step in steps:
        if step == "put":
            ring.put(sent)
            held.append(sent)
            sent += 1
        elif step == "take":
            expected = held.popleft() if held else None
            assert ring.take() == expected
            if expected is not None:
                in_hand.append(expected)
        elif step == "clear":
            ring.clear("lease_lost")
            held.clear()
        elif in_hand:
            in_hand.pop()
            if step == "process":
                ring.processed()
            else:
                ring.drop("stale")
        account = ring.accounting()
        assert account.received == sent
        assert account.pending == len(held) + len(in_hand)
        assert account.received == (
            account.processed + sum(account.dropped.values()) + account.pending
        )


def test_a_ring_of_one_keeps_the_latest() -> None:
    ring: Ring[str] = Ring(1, "test", "superseded")
    ring.put("old")
    ring.put("new")
    assert ring.take() == "new"
    assert ring.take() is None
    assert ring.accounting().dropped == {"superseded": 1}
