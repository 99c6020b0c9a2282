"""Figures from a Prometheus that already scrapes the deployment: for machines whose
/metrics the load generator can't reach."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import httpx

TIMEOUT_S = 10.0

OURS = "on (job, instance) greenroom_loop_lag_seconds_count"
"""Every Greenroom process has it: what else the Prometheus scrapes is left out."""

DROPS = 'greenroom_items_total{{outcome="dropped",reason!="not_sampled"}}'
BEFORE = f"{DROPS} offset {{window}}"
SEEN_BEFORE = (
    "on (job, instance) (greenroom_loop_lag_seconds_count offset {window} "
    "or process_start_time_seconds > time() - {seconds})"
)
"""The first drop for a reason makes its series, of which `increase` knows nothing: all of it
counts, unless the process was there before but not asked yet."""

CORES = "cores"
QUERIES = {
    CORES: f"sum(rate(process_cpu_seconds_total[{{window}}]) and {OURS})",
    "cores by job": f"sum by (job) (rate(process_cpu_seconds_total[{{window}}]) and {OURS})",
    "memory, MiB, by job": f"sum by (job) (process_resident_memory_bytes and {OURS}) / 1048576",
    "frame age p95, s, by kind": "histogram_quantile(0.95, sum by (kind, le) "
    "(rate(greenroom_item_age_seconds_bucket[{window}])))",
    "loop lag p99, s, by job": "histogram_quantile(0.99, sum by (job, le) "
    "(rate(greenroom_loop_lag_seconds_bucket[{window}])))",
    "drops, by kind": f"sum by (kind) ((increase({DROPS}[{{window}}]) and {BEFORE}) "
    f"or ({DROPS} unless {BEFORE} and {SEEN_BEFORE}))",
}
"""PromQL; {window} is the length of the run's steady part, {seconds} the same as a number."""


class PrometheusError(RuntimeError):
    """The server does not answer, refuses the query or knows too little; says what to do."""


def check(url: str) -> None:
    """That a Prometheus answers there, before a run is spent on it. Raises PrometheusError."""
    try:
        client = httpx.Client(base_url=url, timeout=TIMEOUT_S)
    except httpx.InvalidURL as error:
        raise PrometheusError(f"{url} is no address of a Prometheus: {error}") from error
    with client as http:
        _query(http, "vector(1)", None)


def ask(url: str, end: datetime, seconds: float) -> dict[str, float]:
    """Figures over the `seconds` before `end`, by name and labels. Raises PrometheusError.

    A rate over a window that begins before the run would take the idle time in.
    """
    whole = max(1, math.floor(seconds))
    window = f"{whole}s"
    figures: dict[str, float] = {}
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as http:
        for name, query in QUERIES.items():
            for series in _query(http, query.format(window=window, seconds=whole), end):
                value = float(series["value"][1])
                labels = ", ".join(f"{k}={v}" for k, v in sorted(series["metric"].items()))
                if math.isfinite(value):
                    figures[f"{name} ({labels})" if labels else name] = value
    if CORES not in figures:
        raise PrometheusError(
            f"Prometheus at {url} has no two scrapes of a Greenroom process in the run's steady "
            f"{window}: does it scrape this deployment, and often enough? Else raise --duration"
        )
    return figures


def _query(http: httpx.Client, query: str, at: datetime | None) -> list[dict[str, Any]]:
    parameters = {"query": query} | ({"time": at.isoformat()} if at else {})
    try:
        answer = http.get("/api/v1/query", params=parameters)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError, ValueError) as error:
        raise PrometheusError(f"Prometheus at {http.base_url}: {error!r}") from error
    return found
