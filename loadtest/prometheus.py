"""Figures from a Prometheus that already scrapes the deployment: for machines whose
/metrics the load generator can't reach."""

from __future__ import annotations

import math

import httpx

TIMEOUT_S = 10.0

QUERIES = {
    "cores": "sum(rate(process_cpu_seconds_total[{window}]))",
    "cores by job": "sum by (job) (rate(process_cpu_seconds_total[{window}]))",
    "memory, MiB, by job": "sum by (job) (process_resident_memory_bytes) / 1048576",
    "frame age p95, s, by kind": "histogram_quantile(0.95, sum by (kind, le) "
    "(rate(greenroom_item_age_seconds_bucket[{window}])))",
    "loop lag p99, s, by job": "histogram_quantile(0.99, sum by (job, le) "
    "(rate(greenroom_loop_lag_seconds_bucket[{window}])))",
    "drops a second, by kind": 'sum by (kind) (rate(greenroom_items_total{{outcome="dropped",'
    'reason!="not_sampled"}}[{window}]))',
}
"""PromQL; {window} is the run's length."""

SHORTEST_WINDOW_S = 60
"""A rate needs at least two scrapes, of which the usual distance is 15 s."""


class PrometheusError(RuntimeError):
    """The server does not answer, or refuses the query; says what it said."""


def ask(url: str, seconds: float) -> dict[str, float]:
    """Figures over the last `seconds`, by name and labels. Raises PrometheusError."""
    window = f"{max(SHORTEST_WINDOW_S, math.ceil(seconds))}s"
    figures: dict[str, float] = {}
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as http:
        for name, query in QUERIES.items():
            try:
                answer = http.get("/api/v1/query", params={"query": query.format(window=window)})
                answer.raise_for_status()
                found = answer.json()["data"]["result"]
            except (httpx.HTTPError, KeyError, ValueError) as error:
                raise PrometheusError(f"Prometheus at {url}: {error!r}") from error
            for series in found:
                value = float(series["value"][1])
                labels = ", ".join(f"{k}={v}" for k, v in sorted(series["metric"].items()))
                if math.isfinite(value):
                    figures[f"{name} ({labels})" if labels else name] = value
    return figures
