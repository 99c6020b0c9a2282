import threading

from services.voice.hearing import Hearing
from services.voice.transcription import MAX_WAITING, MAX_WAITING_PARTIALS, Background, Inline

NOTHING = Hearing([], [], [], [])


def test_the_queue_is_bounded_and_finals_come_before_partials() -> None:
    background = Background()
    gate = threading.Event()

    def work() -> Hearing:
        gate.wait(10)
        return NOTHING

    try:
        partials = [background.submit(work, partial=True) for _ in range(MAX_WAITING)]
        room = MAX_WAITING - MAX_WAITING_PARTIALS
        assert [one is not None for one in partials] == [True] * MAX_WAITING_PARTIALS + [
            False
        ] * room
        finals = [background.submit(work, partial=False) for _ in range(MAX_WAITING)]
        assert [one is not None for one in finals] == [True] * room + [False] * MAX_WAITING_PARTIALS
    finally:
        gate.set()
    last = finals[room - 1]
    assert last
    assert last.result(10) is NOTHING


def test_a_cancelled_one_leaves_its_place() -> None:
    background = Background()
    gate = threading.Event()

    def work() -> Hearing:
        gate.wait(10)
        return NOTHING

    try:
        assert background.submit(work, partial=True)
        waiting = background.submit(work, partial=True)
        assert waiting
        assert waiting.cancel()
        assert background.submit(work, partial=True)
    finally:
        gate.set()


def test_in_line_partials_are_left_out_and_finals_are_done() -> None:
    assert Inline().submit(lambda: NOTHING, partial=True) is None
    done = Inline().submit(lambda: NOTHING, partial=False)
    assert done
    assert done.done()


def test_in_line_partials_can_be_done_as_well() -> None:
    done = Inline(partials=True).submit(lambda: NOTHING, partial=True)
    assert done
    assert done.done()
