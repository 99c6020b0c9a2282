"""Service-level objectives: a YAML file of bounds on a run's metrics.

    glass_to_hint_p95: "< 400 ms"
    face_dropped: "< 5 %"
    first_hint_p95: "< 30 s if measured"

Or line by line, ``glass_to_hint_p95 < 400 ms``, also as a list. A metric may have several bounds.

A metric that was not measured breaks its objective, unless the bound says "if measured":
an objective that nobody looked at has not been kept.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from loadtest.result import SloResult

DEFAULT = Path(__file__).with_name("slo_default.yaml")

LATENCIES = (
    "join",
    "first_signal",
    "first_hint",
    "capture_to_publish_video",
    "capture_to_publish_audio",
    "bus_face",
    "bus_gesture",
    "bus_voice",
    "face",
    "gesture",
    "voice",
    "answers",
    "transcript",
    "fusion",
    "hint_delivery",
    "glass_to_hint",
    "glass_to_hint_sight",
    "glass_to_hint_sound",
    "glass_to_signal_face",
    "glass_to_signal_gesture",
    "glass_to_signal_voice",
    "burnt_video",
    "burnt_audio",
    "generator_lag",
    "packet_late",
    "jitter_video",
    "jitter_audio",
)
SHARES = (
    "loss_video",
    "loss_audio",
    "concealed",
    "burnt_unread",
    "bus_lost_face",
    "bus_lost_gesture",
    "bus_lost_voice",
    "face_dropped",
    "gesture_dropped",
    "voice_dropped",
    "gateway_video_dropped",
    "gateway_audio_dropped",
    "failed",
    "refused",
    "no_signal",
    "reports_complete",
    "hints_recall",
    "hints_precision",
)
"""Per cent. Frames that the sampler left out as asked are not dropped. no_signal: of the completed
sessions, those that no analyzer said anything of; first_signal is of the others alone."""

OF_ANY_ENDPOINT = ("join_", "failed", "refused", "loss_", "jitter_")
"""What metrics begin with that need no Greenroom: joining, and RTCP's reports."""

COUNTS = ("accounting_errors", "frames_per_second")
CORES = ("cores", "cores_per_session")
PROCESSES = ("gateway", "aggregator", "face", "gesture", "voice", "answers")

UNITS: dict[str, str] = (
    {f"{name}_{q}": "ms" for name in LATENCIES for q in ("p50", "p95", "p99", "max")}
    | dict.fromkeys(SHARES, "%")
    | dict.fromkeys(COUNTS, "")
    | dict.fromkeys(CORES, "cores")
    | {f"{process}_cores_per_session": "cores" for process in PROCESSES}
    | {"memory_per_session": "MiB", "memory": "MiB"}
    | {f"{process}_memory": "MiB" for process in PROCESSES}
)
"""Every metric that an objective may name, in the unit it is kept in."""

SCALES = {
    ("ms", "ms"): 1.0,
    ("s", "ms"): 1000.0,
    ("%", "%"): 1.0,
    ("", ""): 1.0,
    ("cores", "cores"): 1.0,
    ("", "cores"): 1.0,
    ("MiB", "MiB"): 1.0,
    ("GiB", "MiB"): 1024.0,
}

BOUND = re.compile(r"\s*(<=|>=|<|>|==)\s*(\d+\.?\d*|\.\d+)\s*([A-Za-z%]*)\s*(if measured)?\s*")
PLAIN = re.compile(r"(?:-\s+)?(['\"]?)(?P<metric>\w+)\s*(?P<bound>(?:[<>]=?|==).*?)\1")
"""An objective on a line of its own, also as a list's item."""

QUOTES = 'put the bound in quotes, such as  hints_recall: ">= 90 %"'

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


class SloError(ValueError):
    """The file can't be used; the message names the line and what would be right."""


@dataclass(frozen=True)
class Objective:
    metric: str
    operator: str
    bound: float
    """In the metric's own unit."""
    optional: bool
    text: str

    def judge(self, metrics: dict[str, float]) -> SloResult:
        value = metrics.get(self.metric)
        kept = self.optional if value is None else OPERATORS[self.operator](value, self.bound)
        return SloResult(metric=self.metric, bound=self.text, value=value, kept=kept)


def load(path: Path) -> list[Objective]:
    """Raises SloError."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # as Windows' editors write it
    except OSError as error:
        raise SloError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SloError(f"{path}: is no YAML ({error})") from error
    lines = _lines(text)
    found = _plain(path, lines) if lines and PLAIN.fullmatch(lines[0][1]) else _mapping(path, text)
    if not found:
        raise SloError(f'{path}: must hold lines such as  glass_to_hint_p95: "< 400 ms"')
    objectives = []
    for number, metric, bound in found:
        try:
            objectives.append(objective(metric, bound))
        except SloError as error:
            raise SloError(f"{path}, line {number}: {error}") from error
    return objectives


def _lines(text: str) -> list[tuple[int, str]]:
    """What stands there besides comments and YAML's start, with the lines' numbers."""
    found = [
        (n, re.sub(r"(^|\s)#.*", "", line).strip()) for n, line in enumerate(text.splitlines(), 1)
    ]
    return [(number, line) for number, line in found if line and line != "---"]


def _plain(path: Path, lines: list[tuple[int, str]]) -> list[tuple[int, str, str]]:
    """Line by line: as YAML they would be one text, whose lines are gone."""
    found = []
    for number, line in lines:
        match = PLAIN.fullmatch(line)
        if match is None:
            raise SloError(f"{path}, line {number}: write for example  glass_to_hint_p95 < 400 ms")
        found.append((number, match["metric"], match["bound"]))
    return found


def _mapping(path: Path, text: str) -> list[tuple[int, str, str]]:
    """By its nodes: of a metric with two bounds a dictionary would keep one."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        number = error.problem_mark.line + 1 if error.problem_mark else 1
        line = text.splitlines()[number - 1 : number]
        advice = QUOTES if line and re.match(r"[^#\"']*:\s*>", line[0]) else f"({error.problem})"
        raise SloError(f"{path}, line {number}: is no YAML: {advice}") from error
    except yaml.YAMLError as error:
        raise SloError(f"{path}: is no YAML ({error})") from error
    if not isinstance(root, yaml.MappingNode):
        return []
    found = []
    for key, value in root.value:
        number = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            raise SloError(
                f"{path}, line {number}: objectives stand at the top level, each as  "
                'glass_to_hint_p95: "< 400 ms"'
            )
        if value.style == ">":  # what YAML takes an unquoted > for
            raise SloError(f"{path}, line {number}: {QUOTES}")
        found.append((number, key.value, value.value))
    return found


def default(*, greenroom: bool = True) -> list[Objective]:
    """The design's budget; of another WHIP endpoint what any of them can be measured by."""
    found = load(DEFAULT)
    return found if greenroom else [o for o in found if o.metric.startswith(OF_ANY_ENDPOINT)]


def objective(metric: str, text: str) -> Objective:
    """Raises SloError."""
    if metric not in UNITS:
        stem = metric.split("_")[0]
        near = [name for name in UNITS if name.startswith(stem)] or list(UNITS)
        raise SloError(f"{metric} is no metric; there are: {', '.join(near)}")
    match = BOUND.fullmatch(text)
    if match is None:
        raise SloError(f'{metric}: "{text}" is no bound; write for example "< 400 ms"')
    sign, number, unit, optional = match.groups()
    scale = SCALES.get((unit, UNITS[metric]))
    if scale is None:
        raise SloError(f"{metric} is in {UNITS[metric] or 'counts'}, not in {unit or 'counts'}")
    return Objective(metric, sign, float(number) * scale, optional is not None, text)


def judge(objectives: list[Objective], metrics: dict[str, float]) -> list[SloResult]:
    return [objective.judge(metrics) for objective in objectives]
