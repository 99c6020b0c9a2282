"""The search for capacity, on deployments whose capacity is known."""

import pytest

from loadtest.capacity import Search, culprits, find
from loadtest.result import ProcessResult, Result, SessionResult
from loadtest.run import RunError
from loadtest.stages import BusError
from tests.loadtest.made import result


@pytest.mark.parametrize("capacity", range(24))
def test_the_answer_is_the_capacity(capacity: int) -> None:
    tried: list[int] = []

    def run(sessions: int) -> Result:
        tried.append(sessions)
        return result(sessions, kept=sessions <= capacity)

    found = find(Search(limit=64), run)
    assert found.sessions == capacity
    assert found.trusted
    assert found.culprits
    assert found.result.options.sessions == max(1, capacity), "the most that held"
    assert len(tried) == len(set(tried)), "nothing is run twice"
    assert len(tried) <= 11


def test_it_stops_at_the_limit() -> None:
    tried: list[int] = []

    def run(sessions: int) -> Result:
        tried.append(sessions)
        return result(sessions)

    found = find(Search(limit=6), run)
    assert tried == [1, 2, 4, 6]
    assert found.sessions == 6
    assert not found.culprits


def test_a_generator_without_time_ends_the_search_and_says_so() -> None:
    """A broken objective that the generator itself may have broken counts for nothing."""

    def run(sessions: int) -> Result:
        return result(sessions, kept=sessions < 4, trusted=sessions < 4)

    found = find(Search(limit=64), run)
    assert found.sessions == 2
    assert not found.trusted
    assert "loop woke up" in found.culprits[0]


def test_objectives_that_a_busy_generator_kept_count_for_nothing_either() -> None:
    tried: list[int] = []

    def run(sessions: int) -> Result:
        tried.append(sessions)
        return result(sessions, kept=True, trusted=sessions < 3)

    found = find(Search(limit=8), run)
    assert tried == [1, 2, 4]
    assert (found.sessions, found.trusted) == (2, False)
    assert found.result.trusted, "the most that held"
    assert "loop woke up" in found.culprits[0]


def test_not_even_the_first_run_can_be_trusted() -> None:
    found = find(Search(limit=8), lambda sessions: result(sessions, trusted=False))
    assert (found.sessions, found.trusted) == (0, False)
    assert not found.result.trusted


def test_a_number_that_lets_no_session_through_is_too_large() -> None:
    def run(sessions: int) -> Result:
        if sessions > 3:
            raise RunError("no session got through: timeout")
        return result(sessions)

    found = find(Search(limit=64), run)
    assert (found.sessions, found.trusted) == (3, True)
    assert found.culprits == ["4 sessions: no session got through: timeout"]
    assert found.result.options.sessions == 3


def test_a_number_at_which_every_session_is_lost_did_not_hold() -> None:
    """Though what was measured before keeps every objective."""

    def run(sessions: int) -> Result:
        made = result(sessions)
        outcome = "failed" if sessions > 1 else "completed"
        made.sessions = [SessionResult(recording="a", outcome=outcome)] * sessions
        return made

    found = find(Search(limit=2), run)
    assert (found.sessions, found.trusted) == (1, True)
    assert found.culprits[0] == "no session came to its end"


def test_nothing_gets_through_at_all() -> None:
    def run(sessions: int) -> Result:
        raise RunError("no session got through: refused")

    with pytest.raises(RunError, match="refused"):
        find(Search(limit=64), run)


@pytest.mark.parametrize("error", [BusError("NATS does not answer"), KeyboardInterrupt()])
def test_a_search_that_is_broken_off_keeps_what_held(error: BaseException) -> None:
    def run(sessions: int) -> Result:
        if sessions > 3:
            raise error
        return result(sessions)

    found = find(Search(limit=64), run)
    assert (found.sessions, found.trusted) == (2, False)
    assert found.result.options.sessions == 2
    assert found.result.broken_off
    assert not found.result.trusted
    assert found.result.distrust[0].startswith("the search was broken off at 4 sessions: ")
    with pytest.raises(type(error)):
        find(Search(limit=64), lambda sessions: run(sessions + 3))


def test_a_run_that_was_broken_off_ends_the_search() -> None:
    def run(sessions: int) -> Result:
        made = result(sessions)
        if sessions > 1:
            made.break_off("the run was broken off after 5 of 60 s")
        return made

    found = find(Search(limit=64), run)
    assert (found.sessions, found.trusted) == (1, False)
    assert found.result.options.sessions == 1
    assert "2 sessions: the run was broken off after 5 of 60 s" in found.result.distrust[0]


def test_a_gateway_has_more_than_one_thread() -> None:
    broken = result(8, kept=False)
    broken.processes = {"gateway-0": ProcessResult(cores=1.5, memory_mib=1, files=1)}
    assert not any("thread is full" in word for word in culprits(None, broken))


def test_what_broke_is_named() -> None:
    held = result(4, face_p95=40)
    broken = result(8, face_p95=300, kept=False, face_cores=0.97)
    words = culprits(held, broken)
    assert words[0] == "face_p95 is 300, must be < 60 ms"
    assert "stage face went from 40 to 300 ms (p95)" in words
    assert any("face used 0.97 cores" in word for word in words)
