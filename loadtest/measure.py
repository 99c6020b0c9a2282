"""From what was gathered to the metrics that objectives and comparisons are about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from loadtest.figures import Samples, Summary, summarize
from loadtest.processes import Snapshot, growth, kind_of
from loadtest.result import Count, Point, ProcessResult, Series, SessionResult
from loadtest.slo import UNITS
from services.aggregator.coverage import LOST

ASKED_FOR = frozenset({"not_sampled"})
"""Reasons of drops that are by design: the sampler takes 15 of 30 frames a second."""

MEDIA = ("video", "audio")
ANALYZED = {"face": "video", "gesture": "video", "voice": "audio"}
SERIES_STEP_S = 2.0
MIB = 2**20


def summaries(stages: dict[str, Samples], start_s: float, end_s: float) -> dict[str, Summary]:
    """Of the steady part of the run."""
    found = {name: summarize(s.between(start_s, end_s)) for name, s in sorted(stages.items())}
    return {name: summary for name, summary in found.items() if summary is not None}


def series(samples: Samples, start_s: float, end_s: float) -> Series:
    """Percentiles in steps of SERIES_STEP_S; steps without a sample are left out."""
    result = Series(time_s=[], p50=[], p95=[], p99=[])
    for low in np.arange(start_s, end_s, SERIES_STEP_S):
        summary = summarize(samples.between(low, low + SERIES_STEP_S))
        if summary is not None:
            result.time_s.append(round(float(low - start_s), 1))
            result.p50.append(summary.p50)
            result.p95.append(summary.p95)
            result.p99.append(summary.p99)
    return result


def metrics(
    sessions: list[SessionResult],
    stages: dict[str, Summary],
    processes: dict[str, ProcessResult],
    up: float,
    steady_s: float = 0.0,
) -> dict[str, float]:
    """Every metric of slo.UNITS that could be measured.

    up: the mean number of sessions that were connected over the steady part, of `steady_s`
    seconds, which stages and processes are of: one that was lost costs nothing any more.
    """
    found = _latencies(stages) | _from_sessions(sessions) | _accounting(sessions) | _bus(sessions)
    frames = stages.get("capture_to_publish_video")
    if frames is not None and up and steady_s:
        found["frames_per_second"] = frames.count / up / steady_s
    if processes and up:
        total = sum(process.cores for process in processes.values())
        memory = sum(process.memory_mib for process in processes.values())
        found |= {
            "cores": total,
            "cores_per_session": total / up,
            "memory": memory,
            "memory_per_session": memory / up,
        }
        by_kind: dict[str, float] = defaultdict(float)
        for name, process in processes.items():
            by_kind[f"{kind_of(name)}_cores_per_session"] += process.cores / up
            by_kind[f"{kind_of(name)}_memory"] += process.memory_mib
        found |= by_kind
    return {name: round(float(value), 4) for name, value in found.items() if name in UNITS}


def mean_up(points: list[Point], from_s: float) -> float:
    """How many sessions were connected from then on, by the points as they are apart in time."""
    steady = [point for point in points if point.time_s >= from_s] or points[-2:]
    if len(steady) < 2 or steady[-1].time_s <= steady[0].time_s:
        return float(steady[-1].sessions) if steady else 0.0
    session_s = sum(
        (b.time_s - a.time_s) * (a.sessions + b.sessions) / 2 for a, b in pairwise(steady)
    )
    return session_s / (steady[-1].time_s - steady[0].time_s)


def processes(snapshots: list[tuple[float, dict[str, Snapshot]]]) -> dict[str, ProcessResult]:
    """Of each process over the time from its first to its last snapshot: one that is busy may
    not answer every time. snapshots: (s, by process), in order."""
    found = {}
    for name in dict.fromkeys(name for _, looked in snapshots for name in looked):
        seen = [(at_s, looked[name]) for at_s, looked in snapshots if name in looked]
        (first_s, _), (last_s, last) = seen[0], seen[-1]
        if last_s > first_s:
            used_s = sum(growth(a, b).cpu_s for (_, a), (_, b) in pairwise(seen))
            found[name] = ProcessResult(
                cores=round(used_s / (last_s - first_s), 4),
                memory_mib=round(last.memory_bytes / MIB, 1),
                files=int(last.files),
            )
    return found


def _latencies(stages: dict[str, Summary]) -> dict[str, float]:
    return {
        f"{name}_{percentile}": getattr(summary, percentile)
        for name, summary in stages.items()
        for percentile in ("p50", "p95", "p99", "max")
    }


def _from_sessions(sessions: list[SessionResult]) -> dict[str, float]:
    found: dict[str, float] = {}
    timings: list[tuple[str, list[float | None]]] = [
        ("join", [s.join_ms for s in sessions]),
        ("first_signal", [s.first_signal_ms for s in sessions]),
        ("first_hint", [s.first_hint_ms for s in sessions]),
        *((f"jitter_{kind}", [s.jitter_ms.get(kind) for s in sessions]) for kind in MEDIA),
    ]
    for name, values in timings:
        summary = summarize([value for value in values if value is not None])
        if summary is not None:
            found |= _latencies({name: summary})
    for kind in MEDIA:
        sent = sum(s.packets_sent.get(kind, 0) for s in sessions)
        if sent:
            lost = sum(s.packets_lost.get(kind, 0) for s in sessions)
            found[f"loss_{kind}"] = 100 * lost / sent
    if sessions:
        for outcome in ("failed", "refused"):
            count = sum(s.outcome == outcome for s in sessions)
            found[outcome] = 100 * count / len(sessions)
    listened = [s for s in sessions if s.outcome == "completed" and s.heard]
    if listened:
        silent = sum(s.first_signal_ms is None for s in listened)
        found["no_signal"] = 100 * silent / len(listened)
    reports = [s.report for s in sessions if s.report]
    if reports:
        found["reports_complete"] = 100 * reports.count("complete") / len(reports)
    expected = sum(s.hints_expected for s in sessions)
    if expected:
        found["hints_recall"] = 100 * sum(s.hints_found for s in sessions) / expected
    judged = sum(s.hints_judged for s in sessions)
    if judged:
        found["hints_precision"] = 100 * (judged - sum(s.hints_wrong for s in sessions)) / judged
    return found


def _accounting(sessions: list[SessionResult]) -> dict[str, float]:
    """Shares that were dropped, and the sums that do not come out."""
    totals: dict[str, Counter[str]] = {}
    for session in sessions:
        for kind, counts in session.accounting.items():
            totals.setdefault(kind, Counter()).update(counts)
    if not totals:
        return {}
    found = {"accounting_errors": float(len(mismatches(sessions)))}
    for kind, counts in totals.items():
        if counts["received"]:
            lost = sum(_dropped(counts, but=ASKED_FOR))
            found[f"{kind}_dropped"] = 100 * lost / counts["received"]
    return found


def _bus(sessions: list[SessionResult]) -> dict[str, float]:
    """What was lost between the gateway and the analyzers, and what came over the bus."""
    found: dict[str, float] = {}
    for kind, medium in ANALYZED.items():
        made = lost = 0
        for session in sessions:
            if session.accounting and (published := _published(session, medium)):
                made += published
                lost += max(0, published - session.accounting.get(kind, {}).get("received", 0))
        if made:
            found[f"bus_lost_{kind}"] = 100 * lost / made
    heard = [session.heard for session in sessions if session.heard]
    if samples := sum(one.samples for one in heard):
        concealed = sum(one.concealed_samples for one in heard)
        found["concealed"] = 100 * concealed / samples
    unread = sum(one.numbers_unread for one in heard)
    if numbers := unread + sum(one.numbers_read for one in heard):
        found["burnt_unread"] = 100 * unread / numbers
    return found


def _published(session: SessionResult, medium: str) -> int:
    """How many frames or chunks there were for the analyzers; 0 when nobody knows. The gateway
    accounts for frames, unless they are a capture's; of sound it accounts for packets, and chunks
    are counted by the newest that came here."""
    gateway = session.accounting.get("gateway_video", {})
    if medium == "video" and gateway.get("received"):
        return gateway["processed"]
    return session.heard.made.get(medium, 0) if session.heard else 0


def _dropped(counts: dict[str, int], but: Iterable[str] = ()) -> list[int]:
    excluded = {f"dropped:{reason}" for reason in but}
    return [n for name, n in counts.items() if name.startswith("dropped:") and name not in excluded]


def mismatches(sessions: list[SessionResult]) -> list[str]:
    """Accounts that do not come out: received = processed + dropped in each kind, and no
    analyzer received more frames than the gateway put on the bus."""
    wrong = []
    for number, session in enumerate(sessions):
        for kind, counts in session.accounting.items():
            accounted = counts["processed"] + sum(_dropped(counts)) + counts.get("pending", 0)
            if counts["received"] != accounted:
                wrong.append(
                    f"session {number}, {kind}: received {counts['received']}, "
                    f"accounted for {accounted}"
                )
        gateway = session.accounting.get("gateway_video", {})
        if not gateway.get("received"):
            continue  # published to the bus by somebody else
        published = gateway.get("processed", 0)
        for kind in ("face", "gesture"):
            received = session.accounting.get(kind, {}).get("received", 0)
            if received > published:
                wrong.append(f"session {number}, {kind}: received {received} of {published} frames")
    return wrong


def counts(sessions: list[SessionResult], grown: Counter[tuple[str, str, str]]) -> list[Count]:
    """What the reports account for beside what the processes' counters grew by.

    `grown`: of greenroom_items_total over the run, by (kind, outcome, reason), summed over
    the processes.
    """
    reported: Counter[tuple[str, str]] = Counter()
    for session in sessions:
        for kind, accounts in session.accounting.items():
            for name, number in accounts.items():
                outcome, _, reason = name.partition(":")
                if outcome in ("processed", "dropped"):
                    reported[kind, reason or outcome] += number
    counted: Counter[tuple[str, str]] = Counter()
    for (kind, outcome, reason), number in grown.items():
        counted[kind, reason or outcome] += number
    told, asked = {kind for kind, _ in reported}, {kind for kind, _ in counted}
    return [
        Count(
            kind=kind,
            reason=reason,
            reported=reported[kind, reason],
            counted=counted[kind, reason] if kind in asked else None,
        )
        for kind, reason in sorted(reported.keys() | counted.keys())
        if kind in told and (reported[kind, reason] or counted[kind, reason])
    ]


def counters_differ(found: list[Count]) -> list[str]:
    """Where the reports account for more than was counted. Other sessions at the same time make
    the counters larger, never smaller."""
    return [
        f"{one.kind}, {one.reason}: the reports account for {one.reported} items, the counters "
        f"for {one.counted}"
        for one in found
        if one.counted is not None and one.counted < one.reported and one.reason != LOST
    ]
