"""swift_f0_stream: SwiftF0's graph, rewritten to go on where it left off.

Usage: python -m training.voice.swift_f0 [--out FILE]

The package's graph takes a whole signal, so that each window of a stream has to bring its context
along, which is heard again and again: 10 frames for the 12.5 of a window. Here every convolution
over time has the frames before it from the call before, all in one state, and a frame is told once
all that it needs has come. The weights are the same; so are the results, but for the last frames,
where the package's graph pads.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from services.runtime import models
from services.voice.pitch import CEILING_HZ, FLOOR_HZ, HOP, SPECTRUM_HOPS
from training.graphs import Graph, node_of

TARGET = models.folder("voice") / "swift_f0_stream.onnx"

SCORES = "v428"
"""[1, pitches, frames]: from here pitch and confidence part, of which confidence comes later."""

CONFIDENCE_REACH = 1
"""Frames, of the convolution that confidence has more."""

END = 2**63 - 1
"""Of a slice that goes to the end."""

Shapes = dict[str, list[str | int]]


class Stream(Graph):
    """A graph whose tensors have their frames in the last axis, and remember some."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__(model)
        known = onnx.shape_inference.infer_shapes(model).graph.value_info
        self._sizes = {
            value.name: [size.dim_value for size in value.type.tensor_type.shape.dim[:-1]]
            for value in known
        }
        self._joined: dict[tuple[str, int], str] = {}
        self.remembered: dict[str, list[int]] = {}
        """The state's parts, by name, and their shapes."""

    def slice(self, of: str, start: int, end: int, axis: int, out: str) -> onnx.NodeProto:
        places = [self.weight([place], np.int64) for place in (start, end, axis)]
        return node_of("Slice", [of, *places], out)

    def joined(self, name: str, frames: int, nodes: list[onnx.NodeProto]) -> str:
        """The tensor with so many frames of the calls before in front."""
        if (name, frames) not in self._joined:
            part, axis = f"{name}_{frames}", len(self._sizes[name])
            self._joined[name, frames] = f"{part}_joined"
            self.remembered[part] = [*self._sizes[name], frames]
            nodes += [
                node_of("Concat", [part, name], f"{part}_joined", axis=axis),
                self.slice(f"{part}_joined", -frames, END, axis, f"{part}_next"),
            ]
        return self._joined[name, frames]

    def late(self, name: str, frames: int, nodes: list[onnx.NodeProto]) -> str:
        """The tensor, so many frames late."""
        joined, out = self.joined(name, frames, nodes), f"{name}_{frames}_late"
        nodes.append(self.slice(joined, 0, -frames, len(self._sizes[name]), out))
        return out


def hops(graph: Stream) -> None:
    """Spectra of the hops that are given, and of no others: the shorter ones of those in the
    middle of the longest's."""
    producers, made = graph.producers(), {}
    for node in graph.nodes:
        pieces = [producers[name].op_type for name in node.input if name in producers]
        if node.op_type == "Concat" and pieces == ["Slice"] * len(node.input):
            first = (SPECTRUM_HOPS - len(node.input)) // 2
            for number, name in enumerate(node.input):
                end = first + number - SPECTRUM_HOPS + 1
                made[name] = [graph.slice("hops", first + number, end or END, 0, name)]
    graph.replace(made)
    shape = graph.weight([-1, HOP], np.int64)
    graph.nodes.insert(0, node_of("Reshape", ["audio", shape], "hops"))


def over_time(graph: Stream) -> None:
    """Convolutions over time take the frames before from the state, instead of zeros; what goes
    past them waits for them."""
    kept: list[onnx.NodeProto] = []
    behind = {"hops": 0}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        past = {name: behind[name] for name in node.input if name in behind}
        if past:
            late = max(past.values())
            for place, name in enumerate(node.input):
                if name in past and past[name] < late:
                    node.input[place] = graph.late(name, late - past[name], kept)
            if reach := _reach(node):
                node.input[0] = graph.joined(node.input[0], 2 * reach, kept)
            behind |= dict.fromkeys(node.output, late + reach)
        kept.append(node)
        if node.output[0] == SCORES:
            renamed[SCORES] = graph.late(SCORES, CONFIDENCE_REACH, kept)
            behind[renamed[SCORES]] = behind[SCORES] + CONFIDENCE_REACH
    graph.nodes = kept


def _reach(node: onnx.NodeProto) -> int:
    """Of a convolution to each side, in frames; pads no more frames from here on."""
    if node.op_type != "Conv":
        return 0
    has = {attribute.name: attribute.ints for attribute in node.attribute}
    pads = has["pads"]
    pads[len(pads) // 2 - 1] = pads[-1] = 0
    return int(has["kernel_shape"][-1]) // 2


def state(graph: Stream) -> None:
    """All that is remembered goes in and out as one row of numbers."""
    names, shapes = list(graph.remembered), list(graph.remembered.values())
    sizes = [math.prod(shape) for shape in shapes]
    split = node_of("Split", ["state", graph.weight(sizes, np.int64)], f"{names[0]}_flat", axis=0)
    split.output.extend(f"{name}_flat" for name in names[1:])
    row = graph.weight([-1], np.int64)
    graph.nodes = [
        split,
        *(
            node_of("Reshape", [f"{name}_flat", graph.weight(shape, np.int64)], name)
            for name, shape in graph.remembered.items()
        ),
        *graph.nodes,
        *(node_of("Reshape", [f"{name}_next", row], f"{name}_row") for name in names),
        node_of("Concat", [f"{name}_row" for name in names], "next", axis=0),
    ]
    given: Shapes = {"audio": ["samples"], "state": [sum(sizes)]}
    told: Shapes = {"pitch": [1, "frames"], "confidence": [1, "frames"], "next": [sum(sizes)]}
    kinds = {"pitch": TensorProto.DOUBLE}
    for field, tensors in ((graph.model.graph.input, given), (graph.model.graph.output, told)):
        del field[:]
        field.extend(
            helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), shape)
            for name, shape in tensors.items()
        )


def build(target: Path) -> None:
    graph = Stream(onnx.load(models.path("voice", "swift_f0")))
    graph.weights |= {"fmin": np.array(FLOOR_HZ, "f"), "fmax": np.array(CEILING_HZ, "f")}
    for rewrite in (hops, over_time, state):
        rewrite(graph)
    graph.save(target)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=TARGET)
    build(parser.parse_args(arguments).out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
