"""The transcriber's graphs, rebuilt lean over the weights of its package.

Usage: python -m training.voice.moonshine

The graphs that moonshine-voice ships were exported operator by operator: some 800 nodes work
out shapes, slices and pads in every step of the decoder, which takes longer than its
multiplications. Here the same network is written plainly, in a seventh of the operators. The graphs
hold no large weights: these stay in the package's files, as ONNX external data, by place and
length. The encoder rounds everywhere as the package's does, since its quantization makes much
of a last bit; that of the decoder's few rows is not so delicate, so that it has onnxruntime's
own operators for attention.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from services.runtime import models
from services.voice.transcriber import HEAD_SIZE, HEADS, HEARD, LAYERS

OPSET = 18
IR_VERSION = 10
MICROSOFT = "com.microsoft"

WIDTH = HEADS * HEAD_SIZE
ROTARY = 32
"""Of a head's 36 numbers, those that turn with the position, in pairs side by side."""
MAX_STATES = 4096
"""Positions in the table: 98 s of encoder states, more than any utterance."""
MAX_TOKENS = 192
"""The decoder's own limit."""
EPSILON = 1e-5

INLINE_BYTES = 64
"""Smaller weights stand in the graph itself."""

Array = npt.NDArray[np.generic]


class Package:
    """A graph out of the package: its weights by the operator that they serve."""

    def __init__(self, name: str) -> None:
        file = models.path("voice", f"{name}_weights")
        self._location = file.name
        self._bytes = file.read_bytes()
        graph = _as_onnx(file).graph
        self._nodes: dict[str, onnx.NodeProto] = {}
        self._weights: dict[str, Array] = {}
        for part in _graphs(graph):
            self._nodes |= {node.name: node for node in part.node}
            self._weights |= {
                weight.name: numpy_helper.to_array(weight) for weight in part.initializer
            }

    def __contains__(self, name: str) -> bool:
        return name in self._weights

    def inputs(self, operator: str) -> list[str]:
        """Names of what the operator of this name (its end) reads."""
        (found,) = [node for name, node in self._nodes.items() if name.endswith(operator)]
        return list(found.input)

    def weight(self, name: str) -> TensorProto:
        """A weight, as a reference to its place in the package's file."""
        value = self._weights[name]
        data = value.tobytes()
        if len(data) < INLINE_BYTES:
            return numpy_helper.from_array(value, name)
        at = self._bytes.find(data)
        if at < 0:
            raise ValueError(f"{name} does not stand in {self._location} as it is")
        tensor = TensorProto(
            name=name, dims=value.shape, data_location=TensorProto.EXTERNAL,
            data_type=helper.np_dtype_to_tensor_dtype(value.dtype),
        )  # fmt: skip
        for key, entry in (("location", self._location), ("offset", at), ("length", len(data))):
            tensor.external_data.add(key=key, value=str(entry))
        return tensor


def _as_onnx(file: Path) -> onnx.ModelProto:
    """onnxruntime's own format, read by itself and written as ONNX."""
    with tempfile.TemporaryDirectory() as directory:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.optimized_model_filepath = str(Path(directory) / "model.onnx")
        options.add_session_config_entry("session.save_model_format", "ONNX")
        ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """The graph and the branches in it."""
    inner = [attribute.g for node in graph.node for attribute in node.attribute if attribute.g.node]
    return [graph, *(found for part in inner for found in _graphs(part))]


class Graph:
    """A graph in the making; each method adds an operator and returns its result's name."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, TensorProto] = {}
        self._signed: dict[str, str] = {}

    def add(
        self, kind: str, inputs: list[str], outputs: int | list[str] = 1, domain: str = "",
        **attributes: Any,
    ) -> list[str]:  # fmt: skip
        if isinstance(outputs, int):
            outputs = [f"{kind}_{len(self._nodes)}_{i}" for i in range(outputs)]
        node = helper.make_node(kind, inputs, outputs, domain=domain, **attributes)
        self._nodes.append(node)
        return outputs

    def one(self, kind: str, inputs: list[str], domain: str = "", **attributes: Any) -> str:
        return self.add(kind, inputs, 1, domain, **attributes)[0]

    def constant(self, value: Array, name: str | None = None) -> str:
        name = name or f"constant_{len(self._weights)}"
        self._weights[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def weight(self, name: str) -> str:
        if name not in self._weights:
            self._weights[name] = self._package.weight(name)
        return name

    def normalize(self, value: str, operator: str) -> str:
        """As the operator does. SkipLayerNormalization would add before, but is slow."""
        *_, weight, _ = self._package.inputs(f"{operator}LayerNormalization")
        inputs = [value, self.weight(weight)]
        return self.one("LayerNormalization", inputs, epsilon=EPSILON, axis=-1)

    def quantized(self, value: str) -> list[str]:
        return self.add("DynamicQuantizeLinear", [value], 3)

    def project(self, value: str | list[str], operator: str) -> str:
        """Times an 8-bit matrix; a value that feeds several is quantized before, once.

        Signed matrices are multiplied two to three times as fast where the processor has VNNI.
        onnxruntime turns them over once, as the graph is loaded.
        """
        names = self._package.inputs(f"{operator}/MatMul_quant")
        names = [name for name in names if name in self._package]
        matrix, scale, zero, *bias = (self.weight(name) for name in names)
        matrix, zero = self.signed(matrix), self.signed(zero)
        if isinstance(value, str):
            ordered = [value, matrix, scale, zero, *bias]
            return self.one("DynamicQuantizeMatMul", ordered, MICROSOFT)
        numbers, its_scale, its_zero = value
        ordered = [numbers, matrix, its_scale, scale, its_zero, zero, *bias]
        return self.one("MatMulIntegerToFloat", ordered, MICROSOFT)

    def signed(self, name: str) -> str:
        """The same matrix or zero point less 128, in signed bytes: its first bit the other way."""
        if name not in self._signed:
            turned = self.one("BitwiseXor", [name, self.constant(np.array(128, np.uint8), "sign")])
            self._signed[name] = self.one("Cast", [turned], to=TensorProto.INT8)
        return self._signed[name]

    def rotary_tables(self, positions: int) -> tuple[str, str]:
        """Cosines and sines [positions, ROTARY / 2], worked out once, as the graph is loaded."""
        turns = self.weight(self._package.inputs("rotary_emb/Expand")[0])
        places = self.constant(np.arange(positions, dtype=np.float32)[:, None])
        angles = self.one("Mul", [places, self.one("Flatten", [turns])])
        return self.one("Cos", [angles]), self.one("Sin", [angles])

    def rotate(self, value: str, place: str, tables: tuple[str, str]) -> str:
        return self.one(
            "RotaryEmbedding", [value, place, *tables], MICROSOFT,
            interleaved=1, num_heads=HEADS, rotary_embedding_dim=ROTARY,
        )  # fmt: skip

    def heads(self, value: str) -> str:
        """[1, n, WIDTH] to [1, HEADS, n, HEAD_SIZE]"""
        apart = self.one(
            "Reshape", [value, self.constant(np.array([0, 0, HEADS, HEAD_SIZE]), "apart")]
        )
        return self.one("Transpose", [apart], perm=[0, 2, 1, 3])

    def turns(self, value: str) -> tuple[str, str]:
        """As rotary_tables, for each place in a value [1, n, ...] and each number of a head."""
        pairs = self.constant(np.arange(ROTARY) // 2)
        rest = (MAX_STATES, HEAD_SIZE - ROTARY)
        still = np.ones(rest, np.float32), np.zeros(rest, np.float32)
        shape = self.one("Shape", [value])
        places = [self.constant(np.array([i]), f"at {i}") for i in (0, 1)]
        length = self.one("Slice", [shape, places[1], self.constant(np.array([2]))])
        found = []
        for table, beyond in zip(self.rotary_tables(MAX_STATES), still, strict=True):
            whole = self.one("Gather", [table, pairs], axis=1)
            whole = self.one("Concat", [whole, self.constant(beyond)], axis=1)
            found.append(self.one("Slice", [whole, places[0], length, places[0]]))
        return found[0], found[1]

    def turn(self, value: str, cosines: str, sines: str) -> str:
        """Rotary positions, rounded as the package's graph rounds them."""
        across = np.zeros((HEAD_SIZE, HEAD_SIZE), np.float32)
        for first in range(0, ROTARY, 2):
            across[first, first + 1], across[first + 1, first] = 1.0, -1.0
        turned = self.one("MatMul", [value, self.constant(across, "across")])
        sides = [self.one("Mul", [value, cosines]), self.one("Mul", [turned, sines])]
        return self.one("Add", sides)

    def attention(self, query: str, key: str, value: str) -> str:
        """Of heads; MultiHeadAttention rounds otherwise, and is no faster."""
        scores = self.one("FusedMatMul", [query, key], MICROSOFT, transB=1, alpha=HEAD_SIZE**-0.5)
        found = self.one("MatMul", [self.one("Softmax", [scores], axis=-1), value])
        together = self.one("Transpose", [found], perm=[0, 2, 1, 3])
        return self.one("Reshape", [together, self.constant(np.array([0, 0, WIDTH]), "together")])

    def attend(self, query: str, key: str, value: str) -> str:
        return self.one("MultiHeadAttention", [query, key, value], MICROSOFT, num_heads=HEADS)

    def save(
        self,
        file: Path,
        inputs: dict[str, tuple[int, list[str | int]]],
        outputs: dict[str, list[str | int]],
    ) -> None:
        graph = helper.make_graph(
            self._nodes,
            file.stem,
            [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
            list(self._weights.values()),
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        file.write_bytes(model.SerializeToString())


def encoder(package: Package, file: Path) -> None:
    g = Graph(package)
    conv1 = g.weight(package.inputs("/conv1/Conv")[1])
    sound = g.one("Unsqueeze", ["sound", g.constant(np.array([1]))])
    x = g.one("Tanh", [g.one("Conv", [sound, conv1], strides=[64], kernel_shape=[127])])
    # One group over all: normalized as a single channel, then scaled channel by channel.
    shape = g.one("Shape", [x])
    flat = g.one("Reshape", [x, g.constant(np.array([0, 1, -1]))])
    one, zero = g.constant(np.ones(1, np.float32)), g.constant(np.zeros(1, np.float32))
    flat = g.one("InstanceNormalization", [flat, one, zero], epsilon=EPSILON)
    x = g.one("Reshape", [flat, shape])
    x = g.one("Mul", [x, g.weight(package.inputs("/groupnorm/Mul")[1])])
    x = g.one("Add", [x, g.weight(package.inputs("/groupnorm/Add")[1])])
    for name, stride in (("conv2", 3), ("conv3", 2)):
        _, matrix, bias = package.inputs(f"/{name}/Conv")
        x = g.one("Conv", [x, g.weight(matrix), g.weight(bias)], strides=[stride])
        x = g.one("Gelu", [x], MICROSOFT)
    x = g.one("Transpose", [x], perm=[0, 2, 1])
    tables = g.turns(x)
    normal = g.normalize(x, "/layers.0/input_layernorm/")
    for layer in range(LAYERS):
        at = f"/layers.{layer}"
        quantized = g.quantized(normal)
        query, key, value = (
            g.heads(g.project(quantized, f"{at}/self_attn/{p}_proj")) for p in "qkv"
        )
        query, key = (g.turn(side, *tables) for side in (query, key))
        attended = g.project(g.attention(query, key, value), f"{at}/self_attn/o_proj")
        x = g.one("Add", [x, attended])
        normal = g.normalize(x, f"{at}/post_attention_layernorm/")
        inner = g.one("Gelu", [g.project(normal, f"{at}/mlp/fc1")], MICROSOFT)
        inner = g.project(inner, f"{at}/mlp/fc2")
        x = g.one("Add", [x, inner])
        last = layer == LAYERS - 1
        normal = g.normalize(x, "Skip" if last else f"/layers.{layer + 1}/input_layernorm/")
    g.add("Identity", [normal], ["states"])
    g.save(
        file,
        {"sound": (TensorProto.FLOAT, [1, "samples"])},
        {"states": [1, "n", WIDTH]},
    )


def cross(package: Package, file: Path) -> None:
    """Keys and values of the sound, for every layer of the decoder; one array for each, so that no
    step has to take them apart."""
    g = Graph(package)
    quantized = g.quantized("states")
    heads = g.constant(np.array([0, 0, HEADS, HEAD_SIZE]))
    sides = [f"layers.{layer}/encoder_attn/{side}" for layer in range(LAYERS) for side in "kv"]
    for side, name in zip(sides, HEARD, strict=True):
        x = g.one("Reshape", [g.project(quantized, f"/model/decoder/{side}_proj"), heads])
        g.add("Transpose", [x], [name], perm=[0, 2, 1, 3])
    g.save(
        file,
        {"states": (TensorProto.FLOAT, [1, "n", WIDTH])},
        {name: [1, HEADS, "n", HEAD_SIZE] for name in HEARD},
    )


def decoder(package: Package, file: Path) -> None:
    g = Graph(package)
    table = package.inputs("embed_tokens/Gather")
    rows = g.one("Gather", [g.weight(table[0]), "tokens"])
    numbers = package.inputs("/embed_tokens/Gather_output_0_DequantizeLinear")
    x = g.one("DequantizeLinear", [rows, g.weight(numbers[1]), g.weight(numbers[2])])
    place = g.one("Slice", [g.one("Shape", ["past"]), *(g.constant(np.array([i])) for i in (2, 3))])
    tables = g.rotary_tables(MAX_TOKENS)
    past = g.add("Split", ["past"], 2 * LAYERS, num_outputs=2 * LAYERS)
    present = []
    normal = g.normalize(x, "/model/decoder/layers.0/input_layernorm/")
    for layer in range(LAYERS):
        at = f"/model/decoder/layers.{layer}"
        sides = slice(2 * layer, 2 * layer + 2)
        quantized = g.quantized(normal)
        query, key, value = (g.project(quantized, f"{at}/self_attn/{p}_proj") for p in "qkv")
        query, key = (g.rotate(side, place, tables) for side in (query, key))
        attended, *now = g.add(
            "MultiHeadAttention", [query, key, value, "", "", "", *past[sides]], 3, MICROSOFT,
            num_heads=HEADS, unidirectional=1,
        )  # fmt: skip
        present += now
        attended = g.project(attended, f"{at}/self_attn/o_proj")
        x = g.one("Add", [x, attended])
        normal = g.normalize(x, f"{at}/post_attention_layernorm/")
        query = g.project(normal, f"{at}/encoder_attn/q_proj")
        attended = g.project(g.attend(query, *HEARD[sides]), f"{at}/encoder_attn/o_proj")
        x = g.one("Add", [x, attended])
        normal = g.normalize(x, f"{at}/final_layernorm/")
        inner = g.project(normal, f"{at}/mlp/fc1")
        inner, gate = g.add("Split", [inner], 2, axis=-1, num_outputs=2)
        gate = g.one("QuickGelu", [gate], MICROSOFT, alpha=1.0)  # that is SiLU
        inner = g.project(g.one("Mul", [gate, inner]), f"{at}/mlp/fc2")
        x = g.one("Add", [x, inner])
        following = "norm" if layer == LAYERS - 1 else f"layers.{layer + 1}/input_layernorm"
        normal = g.normalize(x, f"/model/decoder/{following}/")
    g.add("LogSoftmax", [g.project(normal, "/proj_out")], ["log_probabilities"], axis=-1)
    g.add("Concat", present, ["present"], axis=0)
    g.save(
        file,
        {
            "tokens": (TensorProto.INT64, [1, "m"]),
            "past": (TensorProto.FLOAT, [2 * LAYERS, HEADS, "p", HEAD_SIZE]),
            **{name: (TensorProto.FLOAT, [1, HEADS, "n", HEAD_SIZE]) for name in HEARD},
        },
        {
            "log_probabilities": [1, "m", "vocabulary"],
            "present": [2 * LAYERS, HEADS, "p + m", HEAD_SIZE],
        },
    )


def build(folder: Path) -> list[Path]:
    """All graphs; the weights that they name are to lie where the package's are."""
    files = [folder / f"moonshine_{part}.onnx" for part in ("encoder", "cross", "decoder")]
    encoder(Package("moonshine_encoder"), files[0])
    package = Package("moonshine_decoder")
    cross(package, files[1])
    decoder(package, files[2])
    return files


if __name__ == "__main__":
    for file in build(models.folder("voice")):
        print(file)
