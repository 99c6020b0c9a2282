"""What a run found, as JSON that later versions can read and compare."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import psutil
from pydantic import BaseModel, Field, ValidationError

from loadtest.figures import Summary

VERSION = 1
"""Of this format: raised when a reader of the old one would go wrong."""

MISSING = "missing"
"""A report that was asked for and did not come."""

PERCENTILES = ("_p50", "_p95", "_p99", "_max")
WITHOUT_BUS = (
    *("join_", "first_", "hint_delivery_", "glass_to_hint_"),
    *("packet_late_", "jitter_", "generator_lag_"),
)
"""Latencies that are measured without --nats: missing, they did not happen."""


class ResultError(ValueError):
    """The file is no result, or of another version."""


class Machine(BaseModel):
    """Where the load came from, and, on one machine, what it ran on."""

    cpu: str
    cores: int
    memory_gib: float
    system: str

    @classmethod
    def this(cls) -> Self:
        return cls(
            cpu=_cpu_model(),
            cores=os.cpu_count() or 1,
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            system=f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        )

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} cores, {self.memory_gib:.0f} GiB, {self.system}"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


class Options(BaseModel):
    """What was asked for."""

    target: str
    at: str = "whip"
    recordings: list[str]
    digests: list[str] = []
    """Of the recordings' content, in the same order: a name may be given again."""
    sessions: int
    ramp_s: float
    duration_s: float
    profile: str = "perfect"
    seed: int = 0
    codec: str = "VP8"
    burn: bool = False
    layers: bool = False
    nats: bool = False
    """Latency by stage was asked for."""


class Heard(BaseModel):
    """One session's media as it came over the bus to this process, with --nats."""

    frames: int = 0
    samples: int = 0
    """Of sound, at 16 kHz."""
    made: dict[str, int] = {}
    """video, audio: by the newest sequence, which counts those that were lost on the way here."""
    concealed_samples: int = 0
    numbers_read: int = 0
    """Of burnt pictures."""
    numbers_unread: int = 0


class SessionResult(BaseModel):
    """One session, from its client's side."""

    recording: str
    session_id: str = ""
    """What greenroom record takes; empty before there is one, and in older results."""
    outcome: str
    """completed, refused (503), or failed."""
    error: str = ""
    join_ms: float | None = None
    first_signal_ms: float | None = None
    """From the start of joining to the first word of any analyzer."""
    first_hint_ms: float | None = None
    hints: list[str] = []
    """Triggers, in order."""
    packets_sent: dict[str, int] = {}
    packets_lost: dict[str, int] = {}
    """By the gateway's RTCP reports, before retransmission."""
    jitter_ms: dict[str, float] = {}
    late_ms: float = 0.0
    """The most that a packet left too late, joining too: the load generator's own lag."""
    report: str = ""
    """complete, what it lacks, MISSING, or empty when none was asked for."""
    accounting: dict[str, dict[str, int]] = {}
    """By kind: received, processed, and dropped:REASON."""
    heard: Heard | None = None
    hints_expected: int = 0
    """Of those that the recording must bring, for as long as the session was."""
    hints_found: int = 0
    hints_judged: int = 0
    """Of those that came: it is known whether and when they may."""
    hints_wrong: int = 0

    def read(self, report: dict[str, Any], kinds: list[str], questions: int) -> None:
        """Take over what a report accounts for, and what it lacks of what it should hold."""
        for coverage in report.get("coverage", []):
            if "accounting" not in coverage:
                continue
            kept = coverage["accounting"]
            own = {name: int(kept.get(name, 0)) for name in ("received", "processed", "pending")}
            own |= {f"dropped:{reason}": int(n) for reason, n in kept.get("dropped", {}).items()}
            self.accounting[coverage["kind"].removeprefix("KIND_").lower()] = own
        lacks = [kind for kind in kinds if kind not in self.accounting]
        if len(report.get("questions", [])) < questions:
            lacks.append("questions")
        lacks += [part for part in ("measures", "coverage") if not report.get(part)]
        self.report = f"lacks {', '.join(lacks)}" if lacks else "complete"


class ProcessResult(BaseModel):
    """One server process over the steady part of the run."""

    cores: float
    """CPU seconds a second."""
    memory_mib: float
    files: int


class Count(BaseModel):
    """Items of a kind, over all sessions."""

    kind: str
    reason: str
    """Of the drop, or processed."""
    reported: int
    counted: int | None
    """By the processes' own counters; None where none of the kind was asked."""


class SloResult(BaseModel):
    metric: str
    bound: str
    value: float | None
    kept: bool

    @property
    def verdict(self) -> str:
        """kept, broken, or not judged: bounded only if measured, and not measured."""
        if not self.kept:
            return "broken"
        return "not judged" if self.value is None else "kept"


class Point(BaseModel):
    """The run at one moment, for the plots."""

    time_s: float
    sessions: int
    generator_lag_ms: float
    process_cores: dict[str, float] = {}
    dropped: dict[str, int] = {}
    """By kind:reason, since the point before."""


class Series(BaseModel):
    """A stage's percentiles over time."""

    time_s: list[float]
    p50: list[float]
    p95: list[float]
    p99: list[float]


class Result(BaseModel):
    """A whole run."""

    version: int = VERSION
    greenroom: str = Field(default_factory=lambda: version("greenroom"))
    started: datetime = Field(default_factory=lambda: datetime.now(UTC))
    machine: Machine = Field(default_factory=Machine.this)
    options: Options
    trusted: bool = True
    distrust: list[str] = []
    """Why the figures can't be trusted."""
    broken_off: bool = False
    """It ended before its time; how is in `distrust`."""
    metrics: dict[str, float] = {}
    """Every figure that an SLO can name; their units are in loadtest/slo.py."""
    stages: dict[str, Summary] = {}
    """Milliseconds."""
    processes: dict[str, ProcessResult] = {}
    counts: list[Count] = []
    sessions: list[SessionResult] = []
    slo: list[SloResult] = []
    points: list[Point] = []
    series: dict[str, Series] = {}
    prometheus: dict[str, float] = {}

    @property
    def all_lost(self) -> bool:
        return bool(self.sessions) and not any(s.outcome == "completed" for s in self.sessions)

    @property
    def kept(self) -> bool:
        """A run that lost every session has kept nothing, whatever its objectives are about."""
        return not self.all_lost and all(slo.kept for slo in self.slo)

    def break_off(self, why: str) -> None:
        """What there is, is here; it is not what was asked for."""
        self.broken_off, self.trusted = True, False
        self.distrust = [why, *self.distrust]

    @property
    def unjudged(self) -> str:
        """What the objectives leave open, in words; empty when nothing."""
        unseen = [slo.metric for slo in self.slo if slo.verdict == "not judged"]
        if not unseen:
            return ""
        by_bus = [m for m in unseen if m.endswith(PERCENTILES) and not m.startswith(WITHOUT_BUS)]
        why = "they were not measured"
        if by_bus and not self.options.nats:
            why = "latency by stage needs --nats"
            if len(by_bus) < len(unseen):
                why += ", the others were not measured"
        return f"{len(unseen)} of {len(self.slo)} objectives were not judged: {why}"

    def write(self, path: Path) -> None:
        path.write_text(self.model_dump_json(indent=1) + "\n")


class _Versioned(BaseModel):
    version: int


def read(path: Path) -> Result:
    """Raises ResultError."""
    try:
        content = path.read_bytes()
        found = _Versioned.model_validate_json(content).version
        if found != VERSION:  # before the rest: another version's may look like no result at all
            raise ResultError(
                f"{path}: has version {found}, this Greenroom reads {VERSION}; "
                "compare with the Greenroom that wrote it"
            )
        return Result.model_validate_json(content)
    except OSError as error:
        raise ResultError(f"{path}: can't be read ({error.strerror})") from error
    except ValidationError as error:
        raise ResultError(f"{path}: is no result of greenroom loadtest") from error
