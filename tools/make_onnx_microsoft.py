#!/usr/bin/env python3
"""Models with ONNX Runtime's own ops (com.microsoft), with what ONNX Runtime makes of each: one for each op, a network as its
quantizer writes it in operators, and one as its optimizer does.

    python3 -m venv venv && venv/bin/pip install torch==2.11.0 onnx==1.22.0 onnxscript==0.7.2 onnxruntime==1.32.0 \\
        numpy==2.4.6
    venv/bin/python tools/make_onnx_microsoft.py tests/ops/data/onnx_microsoft.safetensors

The layout is that of make_onnx_vectors.py.
"""
import json
import os
import sys
import tempfile
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from make_onnx_exports import random_weights, strip  # noqa: E402
from make_onnx_quantized import Reader  # noqa: E402
from make_onnx_vectors import write_safetensors  # noqa: E402

U8, FLOAT = TensorProto.UINT8, TensorProto.FLOAT


class Branches(torch.nn.Module):
    """Whatever the quantizer has an op of its own for."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.side = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.head = torch.nn.Linear(16, 5)

    def forward(self, x):
        x = torch.nn.functional.leaky_relu(self.stem(x), 0.1)
        y = torch.sigmoid(self.side(x))
        x = torch.cat([x + y, x * y], 1)
        x = torch.nn.functional.avg_pool2d(x, 3, 2, 1)
        x = torch.nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return torch.softmax(self.head(x), -1)


class Block(torch.nn.Module):
    """What the optimizer fuses: convolution and activation, bias and GELU, sum and norm, scaled products."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 16, 4, 4)
        self.norm1, self.norm2 = torch.nn.LayerNorm(16), torch.nn.LayerNorm(16)
        self.qkv, self.proj = torch.nn.Linear(16, 48), torch.nn.Linear(16, 16)
        self.fc1, self.fc2 = torch.nn.Linear(16, 32), torch.nn.Linear(32, 16)

    def forward(self, x):
        x = torch.relu(self.stem(x)).flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm1(x)).chunk(3, -1)
        x = x + self.proj(torch.softmax(q @ k.transpose(1, 2) * 0.25, -1) @ v)
        return x + self.fc2(torch.nn.functional.gelu(self.fc1(self.norm2(x))))


def export(network, path, opset):
    torch.onnx.export(random_weights(network, 1), torch.zeros(1, 3, 8, 8), path, opset_version=opset, dynamo=False,
                      input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})


def quantized(folder):
    floats, path = os.path.join(folder, "floats.onnx"), os.path.join(folder, "quantized.onnx")
    export(Branches(), floats, 13)
    for activation in (QuantType.QUInt8, QuantType.QInt8):
        quantize_static(floats, path, Reader(), quant_format=QuantFormat.QOperator, activation_type=activation,
                        weight_type=QuantType.QInt8, extra_options={"WeightSymmetric": True})
        yield f"quantized_{activation.name[1:].lower()}", onnx.load(path)


def optimized(folder):
    floats, path = os.path.join(folder, "floats.onnx"), os.path.join(folder, "optimized.onnx")
    export(Block(), floats, 17)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = path
    onnxruntime.InferenceSession(floats, options, providers=["CPUExecutionProvider"])
    yield "optimized", onnx.load(path)


def single(op, operands, dims, attributes=None, codes=True, outputs=1):
    """One node. Operands: extents of an input of floats, which become codes where they are marked with a scale and zero point,
    or an array, a constant. `dims` are those of the result; with codes the result is dequantized."""
    nodes, inputs, constants, names = [], [], [], []

    def constant(value):
        constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(constants)}"))
        return constants[-1].name

    scale, zero = None, None
    for operand in operands:
        if operand is None:
            names.append("")
        elif isinstance(operand, (np.ndarray, np.generic)):
            names.append(constant(operand))
        elif isinstance(operand, tuple) and isinstance(operand[0], float):  # scale and zero point of the result
            scale, zero = constant(np.float32(operand[0])), constant(np.uint8(operand[1]))
            names += [scale, zero]
        elif isinstance(operand, tuple):  # codes: extents, scale, zero point
            x = f"x{len(inputs)}"
            inputs.append(helper.make_tensor_value_info(x, FLOAT, operand[0]))
            own = [constant(np.float32(operand[1])), constant(np.uint8(operand[2]))]
            nodes.append(helper.make_node("QuantizeLinear", [x, *own], [x + "_codes"]))
            names += [x + "_codes", *own]
        else:
            x = f"x{len(inputs)}"
            inputs.append(helper.make_tensor_value_info(x, FLOAT, operand))
            names.append(x)
    results = [f"r{i}" for i in range(outputs)] if outputs > 1 else ["r0"]
    if outputs == 4:
        results[1] = results[2] = ""
    nodes.append(helper.make_node(op, names, results, domain="com.microsoft", **(attributes or {})))
    result = "r0"
    if codes:
        nodes.append(helper.make_node("DequantizeLinear", ["r0", scale, zero], ["y"]))
        result = "y"
    made = [result] + (["r3"] if outputs == 4 else [])
    graph = helper.make_graph(nodes, op, inputs, [helper.make_tensor_value_info(name, FLOAT, dims) for name in made], constants)
    return helper.make_model(graph, ir_version=8,
                             opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])


def singles():
    random = np.random.RandomState(5)

    def floats(*dims):
        return random.randn(*dims).astype(np.float32)

    def bytes_(*dims):
        return random.randint(0, 256, dims).astype(np.uint8)

    a, b, y = ([2, 3, 5, 6], 0.03, 120), ([2, 3, 5, 6], 0.02, 131), (0.05, 127)
    yield "QLinearAdd", single("QLinearAdd", [a, b, y], [2, 3, 5, 6])
    yield "QLinearMul", single("QLinearMul", [a, ([6], 0.02, 131), y], [2, 3, 5, 6])
    yield "QLinearLeakyRelu", single("QLinearLeakyRelu", [a, y], [2, 3, 5, 6], {"alpha": 0.3})
    yield "QLinearSigmoid", single("QLinearSigmoid", [a, (1 / 256, 0)], [2, 3, 5, 6])
    yield "QLinearConcat", single("QLinearConcat", [y, a, ([2, 2, 5, 6], 0.02, 131)], [2, 5, 5, 6], {"axis": 1})
    yield "QLinearGlobalAveragePool", single("QLinearGlobalAveragePool", [a, (0.01, 127)], [2, 3, 1, 1])
    yield "QLinearAveragePool", single("QLinearAveragePool", [a, y], [2, 3, 3, 3],
                                       {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]})
    yield "QLinearSoftmax", single("QLinearSoftmax", [a, (1 / 256, 0)], [2, 3, 5, 6], {"axis": -1, "opset": 13})
    yield "QLinearWhere", single("QLinearWhere", [random.rand(2, 3, 5, 6) > 0.5, a, b, y], [2, 3, 5, 6])
    weight = [bytes_(7, 6), np.float32(0.01), np.uint8(128)]
    bias = random.randint(-500, 500, 7).astype(np.int32)
    yield "QGemm", single("QGemm", [([4, 6], 0.03, 120), *weight, bias, (0.1, 127)], [4, 7], {"transB": 1})
    yield "QGemm_floats", single("QGemm", [([4, 6], 0.03, 120), *weight, bias], [4, 7], {"transB": 1, "alpha": 0.5}, codes=False)
    yield "QuickGelu", single("QuickGelu", [[2, 7]], [2, 7], {"alpha": 1.5}, codes=False)
    yield "Gelu", single("Gelu", [[2, 7]], [2, 7], codes=False)
    yield "FastGelu", single("FastGelu", [[2, 7], floats(7)], [2, 7], codes=False)
    yield "BiasGelu", single("BiasGelu", [[2, 7], floats(7)], [2, 7], codes=False)
    yield "FusedMatMul", single("FusedMatMul", [[2, 5, 4], [2, 6, 5]], [2, 4, 6], {"transA": 1, "transB": 1, "alpha": 0.3}, codes=False)
    yield "FusedMatMul_weight", single("FusedMatMul", [[2, 4, 5], floats(6, 5)], [2, 4, 6], {"transB": 1, "alpha": 2.0}, codes=False)
    conv = [[2, 3, 6, 5], floats(4, 3, 3, 3), floats(4)]
    window = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    for name, params in (("Relu", []), ("LeakyRelu", [0.2]), ("Clip", [-1.0, 2.0]), ("HardSigmoid", [0.3, 0.4])):
        yield f"FusedConv_{name}", single("FusedConv", conv, [2, 4, 6, 5],
                                          {**window, "activation": name, **({"activation_params": params} if params else {})}, codes=False)
    yield "FusedConv_sum", single("FusedConv", [*conv, [2, 4, 6, 5]], [2, 4, 6, 5], {**window, "activation": "Relu"}, codes=False)
    rows = [[2, 3, 8], [2, 3, 8], floats(8), floats(8), floats(8)]
    yield "SkipLayerNormalization", single("SkipLayerNormalization", rows, [2, 3, 8], {"epsilon": 1e-5}, codes=False)
    yield "SkipLayerNormalization_sum", single("SkipLayerNormalization", rows[:3], [2, 3, 8], codes=False, outputs=4)


def main():
    warnings.filterwarnings("ignore")
    listed, tensors = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name, model in [*singles(), *quantized(folder), *optimized(folder)]:
            strip(model)
            bytes_ = model.SerializeToString()
            session = onnxruntime.InferenceSession(bytes_, providers=["CPUExecutionProvider"])
            random = np.random.RandomState(99)
            fed = {i.name: random.randn(*(3 if isinstance(d, str) else d for d in i.shape)).astype(np.float32)
                   for i in session.get_inputs()}
            listed.append({"name": name})
            tensors.append((f"{name}/model", np.frombuffer(bytes_, np.uint8)))
            tensors += [(f"{name}/in{i}", value) for i, value in enumerate(fed.values())]
            tensors += [(f"{name}/out{i}", value) for i, value in enumerate(session.run(None, fed))]
    write_safetensors(sys.argv[1], tensors, {"onnxruntime": onnxruntime.__version__, "cases": json.dumps(listed)})
    print(f"{len(listed)} cases, {os.path.getsize(sys.argv[1])} bytes")


if __name__ == "__main__":
    main()
