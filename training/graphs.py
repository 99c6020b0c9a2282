"""Graphs of ONNX networks, rewritten for speed over the same weights."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

REPOSITORY = Path(__file__).resolve().parent.parent

Weights = npt.NDArray[Any]


class Graph:
    """A graph as a list of nodes and a table of weights in single precision."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.weights: dict[str, Weights] = {
            stored.name: numpy_helper.to_array(stored) for stored in model.graph.initializer
        }
        self.nodes: list[onnx.NodeProto] = []
        for node in model.graph.node:
            if node.op_type == "Cast" and node.input[0] in self.weights:
                self.weights[node.output[0]] = self.weights[node.input[0]].astype(np.float32)
            else:
                self.nodes.append(node)

    def producers(self) -> dict[str, onnx.NodeProto]:
        return {output: node for node in self.nodes for output in node.output}

    def weight(self, value: npt.ArrayLike, kind: npt.DTypeLike = np.float32) -> str:
        """The name of a new weight."""
        name = f"weight_{len(self.weights)}"
        self.weights[name] = np.ascontiguousarray(value, kind)
        return name

    def replace(self, made: dict[str, list[onnx.NodeProto]]) -> None:
        """Put nodes in the place of the one that gives the output."""
        self.nodes = [
            new for node in self.nodes for new in made.get(node.output[0], [node])
        ]  # fmt: skip

    def save(self, path: Path) -> None:
        """Without what no output needs; weights that half precision holds exactly are stored so."""
        graph = self.model.graph
        needed = {output.name for output in graph.output}
        kept: list[onnx.NodeProto] = []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                kept.append(node)
        stored, casts = [], []
        for name in [name for name in self.weights if name in needed]:
            full = self.weights[name]
            if full.dtype == np.float32 and (full.astype(np.float16) == full).all():
                casts.append(node_of("Cast", [f"{name}_half"], name, to=TensorProto.FLOAT))
                stored.append(numpy_helper.from_array(full.astype(np.float16), f"{name}_half"))
            else:
                stored.append(numpy_helper.from_array(full, name))
        for field in (graph.node, graph.initializer, graph.value_info):
            del field[:]
        graph.node.extend([*casts, *reversed(kept)])
        graph.initializer.extend(stored)
        onnx.checker.check_model(self.model, full_check=True)
        onnx.save(self.model, path)


def node_of(kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs, [output], **attributes)


def prelus(graph: Graph) -> None:
    """relu(x) + slope (x - relu(x)) as x + (1 - slope) relu(-x), in channelwise convolutions."""
    producers = graph.producers()
    made = {}
    for node in graph.nodes:
        bend = producers.get(node.input[1]) if node.op_type == "Add" else None
        if bend is None or bend.op_type != "Mul" or bend.input[0] not in producers:
            continue
        below = producers[bend.input[0]]
        if below.op_type != "Sub" or node.input[0] != below.input[1]:
            continue
        into, out = below.input[0], node.output[0]
        slope = graph.weights[bend.input[1]].astype(np.float32).reshape(-1, 1, 1, 1)
        channels = {"group": len(slope), "kernel_shape": [1, 1]}
        minus, rest = graph.weight(-np.ones_like(slope)), graph.weight(1 - slope)
        made[out] = [
            node_of("Conv", [into, minus], f"{out}_minus", **channels),
            node_of("Relu", [f"{out}_minus"], f"{out}_below"),
            node_of("Conv", [f"{out}_below", rest], f"{out}_bend", **channels),
            node_of("Add", [into, f"{out}_bend"], out),
        ]
    graph.replace(made)


def pads(graph: Graph) -> None:
    """Channels of zeros behind the others, by a convolution with an identity."""
    made = {}
    for node in [node for node in graph.nodes if node.op_type == "Pad"]:
        more = int(graph.weights[node.input[1]][5])  # the end of axis 1
        identity = graph.weight(np.eye(2 * more, more)[:, :, None, None])
        made[node.output[0]] = [
            node_of("Conv", [node.input[0], identity], node.output[0], kernel_shape=[1, 1])
        ]
    graph.replace(made)


Passes = tuple[Callable[[Graph], None], ...]


def rewritten(
    about: str | None, source: Path, target: Path, passes: Passes, arguments: list[str] | None
) -> int:
    """The command line of a script that rewrites one graph."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, default=source, help="as tf2onnx wrote it")
    parser.add_argument("--out", type=Path, default=target)
    options = parser.parse_args(arguments)
    graph = Graph(onnx.load(options.source))
    for rewrite in passes:
        rewrite(graph)
    graph.save(options.out)
    return 0
