"""hand_follow: the hand landmarker in 8 bits, for hands that are being followed.

Usage: python -m training.gesture.follow [--data DIR] [--out FILE]

Static quantization (QDQ, weights by channel); the ranges are measured on hands of the clips that
the gesture head was trained on. The first two convolutions stay in 32 bits: their channels are too
few to gain, and all others inherit their errors. So do the last ones, before the points are read:
in 8 bits hands looked a tenth less open. Weights of 1x1 convolutions have 7 bits: on CPUs
without VNNI two products of 8 bits overflow the 16 that they are added in.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from services.gesture.hands import FINDING, PRESENCE, SIZE, fit, next_region
from services.gesture.palms import PalmDetector
from services.runtime import models
from services.runtime.media import Floats
from services.runtime.vision import crop
from training.accuracy import DEFAULT_DATA
from training.face.dataset import frames, videos
from training.gesture.dataset import TRAINED_CLIPS

TARGET = models.folder("gesture") / "hand_follow.onnx"

EVERY, CROPS, SEED = 12, 200, 7
"""Of the frames; so many of the hands in them, drawn with the seed."""

FIRST, LAST = 2, 4
"""Convolutions at the beginning and at the end that stay as they are."""


def hands(data: Path) -> Iterator[Floats]:
    """[SIZE, SIZE, 3] in 0..1: hands as they will be followed."""
    palms = PalmDetector()
    for entry in videos(data):
        if entry.path.stem not in TRAINED_CLIPS:
            continue
        for image, _ in frames(entry.path, EVERY):
            for region in palms.detect(image):
                hand = fit(image, region, FINDING)
                if hand.presence >= PRESENCE:
                    yield crop(image, next_region(hand), SIZE)[0]


class Crops(CalibrationDataReader):
    """What the ranges are measured on."""

    def __init__(self, crops: list[Floats]) -> None:
        self._left = iter(crops)

    def get_next(self) -> dict[str, Floats] | None:
        patch = next(self._left, None)
        return None if patch is None else {"input_1": patch[None]}


def quantize(crops: list[Floats], target: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        folded = Path(directory) / "folded.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(folded)
        source = models.path("gesture", FINDING)
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
        convolutions = [node for node in onnx.load(folded).graph.node if node.op_type == "Conv"]
        kept = convolutions[:FIRST] + convolutions[-LAST:]
        rounded = convolutions[FIRST:-LAST]
        pointwise = [node.input[1] for node in rounded if _groups(node) == 1]
        seven = {"quant_type": QuantType.QInt8, "reduce_range": True, "axis": 0}
        quantize_static(
            folded, target, Crops(crops), quant_format=QuantFormat.QDQ, per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Add", "MaxPool", "Clip"],
            nodes_to_exclude=[node.name for node in kept],
            extra_options={"TensorQuantOverrides": {name: [dict(seven)] for name in pointwise}},
        )  # fmt: skip


def _groups(node: onnx.NodeProto) -> int:
    return next(int(attribute.i) for attribute in node.attribute if attribute.name == "group")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args(arguments)
    logging.getLogger().setLevel(logging.ERROR)  # quantizing advises what is done here first
    found = list(hands(options.data))
    drawn = np.random.default_rng(SEED).permutation(len(found))[:CROPS]
    quantize([found[place] for place in drawn], options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
