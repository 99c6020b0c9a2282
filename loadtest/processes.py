"""What the servers say of themselves: CPU, memory and counts, from their /metrics."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import httpx
from prometheus_client.parser import text_string_to_metric_families

SCRAPE_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class Endpoint:
    """A process's /metrics."""

    name: str
    url: str


def kind_of(name: str) -> str:
    """Of the process: several of a kind are numbered, as in face-0."""
    return re.sub(r"-\d+$", "", name)


@dataclass
class Snapshot:
    """One process at one moment."""

    cpu_s: float = 0.0
    memory_bytes: float = 0.0
    files: float = 0.0
    started_s: float = 0.0
    """Unix seconds: a later one is a restart, whose counters began anew."""
    taken_s: float = 0.0
    """Unix seconds, when it was asked for."""
    items: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By (kind, outcome, reason)."""


def parse(text: str) -> Snapshot:
    """Prometheus's text format. Raises ValueError for anything else."""
    snapshot = Snapshot()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            match sample.name:
                case "process_cpu_seconds_total":
                    snapshot.cpu_s = sample.value
                case "process_resident_memory_bytes":
                    snapshot.memory_bytes = sample.value
                case "process_open_fds":
                    snapshot.files = sample.value
                case "process_start_time_seconds":
                    snapshot.started_s = sample.value
                case "greenroom_items_total":
                    labels = sample.labels
                    key = (labels["kind"], labels["outcome"], labels["reason"])
                    snapshot.items[key] += int(sample.value)
                case _:
                    pass
    return snapshot


async def scrape(http: httpx.AsyncClient, endpoints: list[Endpoint]) -> dict[str, Snapshot]:
    """Of every process that answers, by name."""

    async def one(endpoint: Endpoint) -> tuple[str, Snapshot] | None:
        asked_s = time.time()
        try:
            # A connection of its own: kept open, it would show one process of those behind a
            # balancer, and pass for all of them.
            headers = {"Connection": "close"}
            answer = await http.get(endpoint.url, headers=headers, timeout=SCRAPE_TIMEOUT_S)
            answer.raise_for_status()
            return endpoint.name, replace(parse(answer.text), taken_s=asked_s)
        except (httpx.HTTPError, ValueError):
            return None

    found = await asyncio.gather(*(one(endpoint) for endpoint in endpoints))
    return dict(pair for pair in found if pair is not None)


def another(before: Snapshot, after: Snapshot) -> bool:
    """Whether the later answer came from a process that ran beside the earlier one: something
    spreads the requests over several, and their counters must not be taken for one's."""
    return after.started_s != before.started_s and after.started_s < before.taken_s


def growth(before: Snapshot, after: Snapshot) -> Snapshot:
    """What a process used and counted between two of its snapshots; its memory is the later
    one's. After a restart the counts are those of the new process."""
    if before.started_s != after.started_s:
        before = Snapshot()
    return replace(
        after,
        cpu_s=after.cpu_s - before.cpu_s,
        items=Counter({key: after.items[key] - before.items[key] for key in after.items}),
    )
