"""Writes the delivery model, its card and its line in the manifest from the weights' table.

Usage: python -m training.fusion.train

For score s and measure m, with the value v, its standard error e, the person's own
figures of the first minute and of past practices o (each may be missing, NaN)::

    usual = clip((v - middle) / half, -1, 1)       middle, half of worst..best
    own   = mean over o of clip((v - o) / half, -1, 1)
    z     = (1 - share) usual + share own          share 0 where there is no o
    score = 50 + sum of points z over what was seen             points add up to 50
    variance = sum of (points e / half)^2 + (WEIGHT_DOUBT points z)^2 over what was seen,
               and points^2 / 3 over what was not
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from services.runtime.measures import MEASURES
from services.runtime.models import folder
from training.fusion.weights import (
    INPUTS,
    OWN_SHARE,
    SCORES,
    UNKNOWN_ERROR,
    UNSEEN_VARIANCE,
    WEIGHT_DOUBT,
    WEIGHTS,
    Part,
)

OPSET, IR_VERSION = 17, 8
NEUTRAL = 50.0

GRAPH = (
    # output, operator, inputs
    ("unseen", "IsNaN", "value"),
    ("v", "Where", "unseen zero value"),
    ("unseen_share", "Cast", "unseen"),
    ("seen_share", "Sub", "one unseen_share"),
    ("from_middle", "Sub", "v middle"),
    ("usual_raw", "Div", "from_middle half"),
    ("usual", "Clip", "usual_raw minus_one one"),
    ("no_minute", "IsNaN", "first_minute"),
    ("minute", "Where", "no_minute zero first_minute"),
    ("no_minute_share", "Cast", "no_minute"),
    ("minute_share", "Sub", "one no_minute_share"),
    ("from_minute", "Sub", "v minute"),
    ("minute_raw", "Div", "from_minute half"),
    ("minute_z", "Clip", "minute_raw minus_one one"),
    ("minute_part", "Mul", "minute_z minute_share"),
    ("no_history", "IsNaN", "history"),
    ("past", "Where", "no_history zero history"),
    ("no_history_share", "Cast", "no_history"),
    ("history_share", "Sub", "one no_history_share"),
    ("from_past", "Sub", "v past"),
    ("past_raw", "Div", "from_past half"),
    ("past_z", "Clip", "past_raw minus_one one"),
    ("past_part", "Mul", "past_z history_share"),
    ("own_sum", "Add", "minute_part past_part"),
    ("own_count", "Add", "minute_share history_share"),
    ("own_divisor", "Clip", "own_count one two"),
    ("own", "Div", "own_sum own_divisor"),
    ("own_known", "Clip", "own_count zero one"),
    ("share", "Mul", "own_share own_known"),
    ("usual_share", "Sub", "one share"),
    ("usual_part", "Mul", "usual_share usual"),
    ("own_part", "Mul", "share own"),
    ("z", "Add", "usual_part own_part"),
    ("z_seen", "Mul", "z seen_share"),
    ("contributions", "Mul", "weight z_seen"),
    ("added", "ReduceSum", "contributions axis"),
    ("raw_score", "Add", "neutral added"),
    ("score", "Clip", "raw_score zero hundred"),
    ("no_error", "IsNaN", "error"),
    ("known_error", "Where", "no_error zero error"),
    ("width", "Abs", "half"),
    ("z_error_raw", "Div", "known_error width"),
    ("z_error", "Clip", "z_error_raw zero one"),
    ("error_used", "Where", "no_error unknown_error z_error"),
    ("spread", "Mul", "weight error_used"),
    ("spread_squared", "Mul", "spread spread"),
    ("spread_seen", "Mul", "spread_squared seen_share"),
    ("doubt", "Mul", "contributions weight_doubt"),
    ("doubt_squared", "Mul", "doubt doubt"),
    ("weight_squared", "Mul", "weight weight"),
    ("unseen_squared", "Mul", "weight_squared unseen_share"),
    ("unseen_spread", "Mul", "unseen_squared unseen_variance"),
    ("known_spread", "Add", "spread_seen doubt_squared"),
    ("all_spread", "Add", "known_spread unseen_spread"),
    ("variance", "ReduceSum", "all_spread axis"),
    ("weight_seen", "Mul", "weight seen_share"),
    ("seen_sum", "ReduceSum", "weight_seen axis"),
    ("weight_sum", "ReduceSum", "weight axis"),
    ("seen", "Div", "seen_sum weight_sum"),
)


def constants() -> dict[str, npt.NDArray[np.generic]]:
    """The graph's fixed tensors: [scores, measures] tables and scalars, in float64."""
    shape = (len(SCORES), len(INPUTS))
    weight, middle, half = np.zeros(shape), np.zeros(shape), np.ones(shape)
    for row, score in enumerate(SCORES):
        for part in WEIGHTS[score]:
            place = row, INPUTS.index(part.measure)
            weight[place] = points(score, part)
            middle[place] = (part.best + part.worst) / 2
            half[place] = (part.best - part.worst) / 2
    scalars = {
        "zero": 0.0,
        "one": 1.0,
        "minus_one": -1.0,
        "two": 2.0,
        "hundred": 100.0,
        "neutral": NEUTRAL,
        "unknown_error": UNKNOWN_ERROR,
        "weight_doubt": WEIGHT_DOUBT,
        "unseen_variance": UNSEEN_VARIANCE,
    }
    return {
        "weight": weight,
        "middle": middle,
        "half": half,
        "own_share": np.array([[OWN_SHARE[score]] for score in SCORES]),
        "axis": np.array([1], np.int64),
        **{name: np.array(value) for name, value in scalars.items()},
    }


def points(score: str, part: Part) -> float:
    """What a part adds or takes at most: all parts together reach from 0 to 100."""
    return NEUTRAL * part.weight / sum(other.weight for other in WEIGHTS[score])


def build() -> bytes:
    """The model, the same bytes on every run."""
    nodes = []
    for output, operator, inputs in GRAPH:
        extra: dict[str, Any] = {}
        if operator == "Cast":
            extra["to"] = TensorProto.DOUBLE
        if operator == "ReduceSum":
            extra["keepdims"] = 0
        nodes.append(helper.make_node(operator, inputs.split(), [output], name=output, **extra))
    given = ("value", "error", "first_minute", "history")
    graph = helper.make_graph(
        nodes,
        "delivery",
        [_tensor(name, [len(INPUTS)]) for name in given],
        [
            _tensor("score", [len(SCORES)]),
            _tensor("variance", [len(SCORES)]),
            _tensor("contributions", [len(SCORES), len(INPUTS)]),
            _tensor("seen", [len(SCORES)]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants().items()],
    )
    model = helper.make_model(
        graph,
        producer_name="greenroom",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    # Who runs the model learns from itself what goes in and what comes out.
    helper.set_model_props(model, {"measures": json.dumps(INPUTS), "scores": json.dumps(SCORES)})
    onnx.checker.check_model(model, full_check=True)
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def _tensor(name: str, shape: list[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape)


def weights_table() -> str:
    """The weights as Markdown."""
    lines = [
        "| score | measure | points at most | takes them at | adds them at |",
        "| --- | --- | --- | --- | --- |",
    ]
    for score in SCORES:
        for part in WEIGHTS[score]:
            unit = MEASURES[part.measure].unit
            lines.append(
                f"| {score} | {part.measure} | {points(score, part):.1f} "
                f"| {part.worst:g} {unit} | {part.best:g} {unit} |"
            )
    return "\n".join(lines)


CARD_MARKS = "<!-- weights:begin -->\n", "\n<!-- weights:end -->"


def card(text: str) -> str:
    """The card with its table made anew. Raises ValueError when the marks are missing."""
    before, _, rest = text.partition(CARD_MARKS[0])
    _, mark, after = rest.partition(CARD_MARKS[1])
    if not mark:
        raise ValueError("the model card has no marks for its table of weights")
    return before + CARD_MARKS[0] + weights_table() + mark + after


def main(models: Path = folder("aggregator")) -> None:  # noqa: B008 - a constant path
    model = build()
    (models / "delivery.onnx").write_bytes(model)
    (models / "manifest.toml").write_text(
        "[delivery]\n"
        'file = "delivery.onnx"\n'
        f'sha256 = "{hashlib.sha256(model).hexdigest()}"\n'
        'licence = "Apache-2.0"\n'
    )
    document = models / "delivery.md"
    document.write_text(card(document.read_text()))


if __name__ == "__main__":
    main()
