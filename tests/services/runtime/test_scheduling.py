"""Turns as the kernel has them afterwards."""

import ctypes
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.runtime import scheduling

SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}
EEVDF = (6, 12)
"""Linux that knows turns of a thread's own."""


def turns_ns() -> int:
    """Of the calling thread, as the kernel says."""
    got = ctypes.create_string_buffer(scheduling.ATTRIBUTES.size)
    number = SCHED_GETATTR[platform.machine()]
    assert ctypes.CDLL(None).syscall(number, 0, got, len(got), 0) == 0
    return int(scheduling.ATTRIBUTES.unpack(got.raw)[5])


def release() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in SCHED_GETATTR or release() < EEVDF,
    reason="needs Linux 6.12 or newer",
)
def test_a_loop_s_turns_are_short_and_its_analysis_thread_s_are_not() -> None:
    def loop() -> tuple[int, int, int]:
        before = turns_ns()
        scheduling.be_prompt()
        with ThreadPoolExecutor(1, "analysis", scheduling.be_patient) as analysis:
            return before, turns_ns(), analysis.submit(turns_ns).result()

    with ThreadPoolExecutor(1) as thread:  # not the tests' own
        before, prompt, patient = thread.submit(loop).result()
    assert prompt == scheduling.PROMPT_NS < before
    assert patient == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the process's")
def test_niceness_stays() -> None:
    def loop() -> tuple[int, int]:
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + 1)
        before = os.getpriority(os.PRIO_PROCESS, 0)
        scheduling.be_prompt()
        return before, os.getpriority(os.PRIO_PROCESS, 0)

    with ThreadPoolExecutor(1) as thread:
        before, after = thread.submit(loop).result()
    assert before == after != os.getpriority(os.PRIO_PROCESS, 0)


def test_where_it_is_not_known_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("the kernel was asked"))
    scheduling.be_prompt()
    scheduling.be_patient()
