"""The attention mesh's graph, written anew so that onnxruntime runs it in its blocked layout.

Usage: python -m training.face.graph [--source FILE] [--out FILE]

The conversion by tf2onnx spells out what its time went into: PReLU as four operators that the
blocked (NCHWc) convolutions know nothing of, so that every layer was reordered twice; the look at
the eyes and lips as sixty operators each in another layout; channels padded by an operator outside
of the blocked layout. The same sums, said with convolutions, stay in it. The weights are the same;
the outputs differ by rounding (tests/training/face/test_graph.py).
"""

from __future__ import annotations

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

from training.graphs import REPOSITORY, Graph, Passes, node_of, pads, prelus, rewritten

SOURCE = REPOSITORY.parent / "shared" / "models" / "face_mesh_attention.onnx"
TARGET = REPOSITORY / "services" / "face" / "models" / "face_mesh_attention.onnx"

TO_NHWC, TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]
ELEMENTWISE = ("Sum", "Add", "Sub", "Mul", "Relu")

# Which mesh points the refined outputs replace (MediaPipe's face landmarks with attention).
# fmt: off
LIPS = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
        76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
        62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407]
RIGHT_EYE = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25,
             110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230,
             231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143,
             111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193]
LEFT_EYE = [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359,
            255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261,
            448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276,
            283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296,
            336, 285, 417]
# fmt: on
MESH = 468
RIGHT_IRIS, LEFT_IRIS = range(468, 473), range(473, 478)
REFINED = (
    ("output_lips", LIPS),
    ("output_left_eye:0", RIGHT_EYE),  # the picture's left
    ("output_right_eye:0", LEFT_EYE),
    ("output_left_iris:0", RIGHT_IRIS),
    ("output_right_iris:0", LEFT_IRIS),
)
EYE_CORNERS = [33, 133, 263, 362]
"""The right eye's, the left eye's: their mean depth is the iris's."""


def order_of(node: onnx.NodeProto) -> list[int] | None:
    """A transposition's order; None for any other node."""
    return list(node.attribute[0].ints) if node.op_type == "Transpose" else None


def sample(graph: Graph) -> None:
    """The crops of the features at eyes and lips: one Gather of four neighbours and one MatMul.

    As before, [1, 16, 16, 2] places (x, y) in a square map give [1, 16, 16, c], bilinear; places
    are held inside of the map.
    """
    producers = graph.producers()
    made = {}
    for total in [n for n in graph.nodes if n.op_type == "Sum" and len(n.input) == 4]:
        pieces = [producers[name] for name in producers[total.input[0]].input]
        gather = next(piece for piece in pieces if piece.op_type == "GatherND")
        features = producers[gather.input[0]]
        place = _floor_above(producers, gather).input[0]
        made[total.output[0]] = _sampled(graph, features, place, total.output[0])
    graph.replace(made)


def _floor_above(producers: dict[str, onnx.NodeProto], node: onnx.NodeProto) -> onnx.NodeProto:
    while node.op_type != "Floor":
        node = next(
            producers[name] for name in reversed(node.input) if name in producers
        )  # fmt: skip
    return node


def _sampled(graph: Graph, features: onnx.NodeProto, place: str, out: str) -> list[onnx.NodeProto]:
    side, channels, cells = 48, 32, 256
    w = graph.weight
    rows = [side * side, channels]
    # From (x0, y0, x1, y1) to the cells' numbers y * side + x of the four neighbours.
    number = [[1, 0, 1, 0], [side, side, 0, 0], [0, 1, 0, 1], [0, 0, side, side]]
    return [
        node_of("Reshape", [features.output[0], w(rows, np.int64)], f"{out}_map"),
        node_of("Reshape", [place, w([cells, 2], np.int64)], f"{out}_place"),
        node_of("Floor", [f"{out}_place"], f"{out}_floor"),
        node_of("Clip", [f"{out}_floor", w(0), w(side - 1)], f"{out}_low"),
        node_of("Add", [f"{out}_low", w(1)], f"{out}_next"),
        node_of("Min", [f"{out}_next", w(side - 1)], f"{out}_high"),
        node_of("Concat", [f"{out}_low", f"{out}_high"], f"{out}_ends", axis=1),
        node_of("MatMul", [f"{out}_ends", w(number)], f"{out}_numbers"),
        node_of("Cast", [f"{out}_numbers"], f"{out}_cells", to=TensorProto.INT64),
        node_of("Gather", [f"{out}_map", f"{out}_cells"], f"{out}_near", axis=0),
        node_of("Sub", [f"{out}_place", f"{out}_floor"], f"{out}_part"),
        node_of("Sub", [w(1), f"{out}_part"], f"{out}_rest"),
        node_of("Concat", [f"{out}_rest", f"{out}_part"], f"{out}_shares", axis=1),
        node_of("Gather", [f"{out}_shares", w([0, 2, 0, 2], np.int64)], f"{out}_across", axis=1),
        node_of("Gather", [f"{out}_shares", w([1, 1, 3, 3], np.int64)], f"{out}_down", axis=1),
        node_of("Mul", [f"{out}_across", f"{out}_down"], f"{out}_flat"),
        node_of("Reshape", [f"{out}_flat", w([cells, 1, 4], np.int64)], f"{out}_weights"),
        node_of("MatMul", [f"{out}_weights", f"{out}_near"], f"{out}_mean"),
        node_of("Reshape", [f"{out}_mean", w([1, 16, 16, channels], np.int64)], out),
    ]  # fmt: skip


def layout(graph: Graph) -> None:
    """What ran between two transpositions runs without them, channels first."""
    first: dict[str, str] = {}  # channels-last tensors by their channels-first name
    named: dict[str, str] = {}
    kept: list[onnx.NodeProto] = []
    sampled = {node.output[0] for node in graph.nodes if node.output[0] + "_mean" in node.input}
    for node in graph.nodes:
        node.input[:] = [named.get(name, name) for name in node.input]
        into = node.input[0]
        if order_of(node) == TO_NCHW and into in sampled and into not in first:
            first[into] = node.output[0]
        elif order_of(node) == TO_NCHW and into in first:
            named[node.output[0]] = first[into]
            continue
        elif order_of(node) == TO_NHWC and _is_elementwise_next(graph, node):
            first[node.output[0]] = into
            continue
        elif node.op_type in ELEMENTWISE and any(name in first for name in node.input):
            node.input[:] = [
                first.get(name) or graph.weight(graph.weights[name].reshape(1, -1, 1, 1))
                for name in node.input
            ]
            first[node.output[0]] = node.output[0]
        kept.append(node)
    graph.nodes = kept


def _is_elementwise_next(graph: Graph, node: onnx.NodeProto) -> bool:
    return any(node.output[0] in n.input for n in graph.nodes if n.op_type in ELEMENTWISE)


def biases(graph: Graph) -> None:
    """A bias that is added after the sum with the shortcut is the convolution's own."""
    producers = graph.producers()
    named: dict[str, str] = {}
    kept: list[onnx.NodeProto] = []
    for node in graph.nodes:
        node.input[:] = [named.get(name, name) for name in node.input]
        total = producers.get(node.input[0]) if node.input else None
        if node.op_type == "Add" and total is not None and total.op_type == "Sum":
            convolution = next(
                made
                for made in (producers[name] for name in total.input)
                if made.op_type == "Conv" and len(made.input) == 2
            )
            convolution.input.append(graph.weight(graph.weights[node.input[1]].ravel()))
            named[node.output[0]] = total.output[0]
        else:
            kept.append(node)
    graph.nodes = kept


def points(graph: Graph) -> None:
    """Outputs: points [478, 3] in px of the crop, with the refined ones in their places and the
    irises at their eye corners' depth; face [1], the probability that there is one."""
    w = graph.weight
    places = list(range(MESH)) + [0] * 10
    for number, place in enumerate(place for _, part in REFINED for place in part):
        places[place] = MESH + number
    nodes = [
        node_of("Reshape", ["output_mesh_identity", w([MESH, 3], np.int64)], "mesh"),
        node_of("Split", ["mesh", w([2, 1], np.int64)], "mesh_xy", axis=1),
        *(node_of("Reshape", [name, w([-1, 2], np.int64)], f"{name}_xy") for name, _ in REFINED),
        node_of("Concat", ["mesh_xy", *(f"{name}_xy" for name, _ in REFINED)], "all", axis=0),
        node_of("Gather", ["all", w(places, np.int64)], "xy", axis=0),
        node_of("Gather", ["mesh_z", w(EYE_CORNERS, np.int64)], "corners_z", axis=0),
        node_of("MatMul", [w(np.kron(np.eye(2), np.full((5, 2), 0.5))), "corners_z"], "irises_z"),
        node_of("Concat", ["mesh_z", "irises_z"], "z", axis=0),
        node_of("Concat", ["xy", "z"], "points", axis=1),
        node_of("Reshape", ["conv_faceflag", w([1], np.int64)], "flag"),
        node_of("Sigmoid", ["flag"], "face"),
    ]
    nodes[1].output.append("mesh_z")
    graph.nodes += nodes
    outputs = graph.model.graph.output
    del outputs[:]
    outputs.extend(
        [
            helper.make_tensor_value_info("points", TensorProto.FLOAT, [MESH + 10, 3]),
            helper.make_tensor_value_info("face", TensorProto.FLOAT, [1]),
        ]
    )


PASSES: Passes = (sample, layout, biases, prelus, pads, points)


def main(arguments: list[str] | None = None) -> int:
    return rewritten(__doc__, SOURCE, TARGET, PASSES, arguments)


if __name__ == "__main__":
    sys.exit(main())
