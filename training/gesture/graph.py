"""The palm detector's graph, written anew so that onnxruntime runs it in its blocked layout.

Usage: python -m training.gesture.graph [--source FILE] [--out FILE]

As with the attention mesh (training/face/graph.py), PReLUs and channels' padding become
convolutions. Height and width are left open, so that a wide picture needs no square. The weights
are the same; the outputs differ by rounding (tests/training/gesture/test_graph.py).
"""

from __future__ import annotations

import sys

from training.graphs import REPOSITORY, Graph, pads, prelus, rewritten

SOURCE = REPOSITORY.parent / "shared" / "models" / "palm_lite.onnx"
TARGET = REPOSITORY / "services" / "gesture" / "models" / "palm_lite.onnx"


def open_size(graph: Graph) -> None:
    """Any height and width that the network's layers can halve and double again."""
    for dimension, name in ((1, "height"), (2, "width")):
        graph.model.graph.input[0].type.tensor_type.shape.dim[dimension].dim_param = name
    for output in graph.model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = "anchors"


def main(arguments: list[str] | None = None) -> int:
    return rewritten(__doc__, SOURCE, TARGET, (prelus, pads, open_size), arguments)


if __name__ == "__main__":
    sys.exit(main())
