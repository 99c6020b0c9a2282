"""Logs without personal data, Prometheus metrics, trace context on the bus."""

import logging
import sys

import structlog
from opentelemetry import propagate, trace
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from services.runtime.settings import RuntimeSettings

PERSONAL = frozenset(
    {"name", "candidate_name", "text", "quote", "transcript", "resume", "job", "token"}
)
"""Fields that a log line must never carry, whoever passes them by mistake."""

LATENCY_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.04, 0.05, 0.06, 0.08, 0.12, 0.2, 0.3, 0.5, 1.0, 2.0)
"""Seconds; among the edges those of a hint's way to the screen, 50 ms, of the analysis, 60 ms, and
of capture to publish, 80 ms."""

ITEMS = Counter(
    "greenroom_items_total", "Media items by what became of them", ["kind", "outcome", "reason"]
)
AGE = Histogram(
    "greenroom_item_age_seconds",
    "From capture to the start of analysis",
    ["kind"],
    buckets=LATENCY_BUCKETS,
)
ANALYSIS = Histogram(
    "greenroom_analysis_seconds", "Analysis of one item", ["kind"], buckets=LATENCY_BUCKETS
)
SESSIONS = Gauge("greenroom_sessions", "Sessions that this process holds", ["kind"])
TAKEOVERS = Counter("greenroom_takeovers_total", "Sessions taken from a dead worker", ["kind"])
LOOP_LAG = Histogram(
    "greenroom_loop_lag_seconds", "How late the event loop wakes up", buckets=LATENCY_BUCKETS
)


def configure_logging(settings: RuntimeSettings, process: str) -> None:
    """Structured lines on standard error, also for libraries that use logging."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        _drop_personal,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(settings.log_level)
        ),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            renderer,
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    # Their INFO lines name peers' addresses and every ICE candidate; aiosqlite's DEBUG lines
    # hold whole reports, sse_starlette's what is said, httpcore's the headers with credentials.
    for chatty in ("aioice", "aiortc", "aiosqlite", "httpcore", "httpx", "nats", "sse_starlette"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(process=process)


def _drop_personal(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for key in PERSONAL & event.keys():
        event[key] = "[personal]"
    return event


def serve_metrics(settings: RuntimeSettings) -> None:
    """Prometheus on its own port: of the gateways that share a port each has one."""
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr=settings.bind)


def trace_headers() -> dict[str, str] | None:
    """W3C trace context for a message; None without an active trace (headers cost parsing)."""
    if not trace.get_current_span().get_span_context().is_valid:
        return None
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier or None
