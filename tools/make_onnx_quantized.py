#!/usr/bin/env python3
"""Quantizes a small network in the ways of ONNX Runtime's quantizer and of NVIDIA's ModelOpt, with what ONNX Runtime makes
of each.

    python3 -m venv venv && venv/bin/pip install torch==2.11.0 onnx==1.22.0 onnxscript==0.7.2 onnxruntime==1.32.0 \\
        numpy==2.4.6 nvidia-modelopt[onnx]==0.47.0
    venv/bin/python tools/make_onnx_quantized.py tests/ops/data/onnx_quantized.safetensors

ONNX Runtime optimises nothing, since its products of bytes saturate on processors without VNNI: on such a one "operators",
which are products of bytes themselves, are not to be made. The layout is that of make_onnx_vectors.py. "products": only the inputs of Conv, MatMul and Gemm are quantized; "all": whatever the
quantizer takes; "operators": the products as QLinearConv and QLinearMatMul. "modelopt": codes around 0 of inputs, weights as
floats behind QuantizeLinear, and with "float16" all of it in half floats.
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
from modelopt.onnx.quantization import quantize as modelopt_quantize
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from make_onnx_exports import random_weights, strip  # noqa: E402
from make_onnx_vectors import write_safetensors  # noqa: E402

PRODUCTS = ["Conv", "MatMul", "Gemm"]


class Network(torch.nn.Module):
    """A padded convolution, one with strides, an MLP behind a LayerNorm, a head."""

    def __init__(self, maps, width, classes):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, maps, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(maps, width, 2, stride=2)
        self.norm = torch.nn.LayerNorm(width)
        self.fc1 = torch.nn.Linear(width, 2 * width)
        self.fc2 = torch.nn.Linear(2 * width, width)
        self.head = torch.nn.Linear(width, classes)

    def forward(self, x):
        x = self.conv2(torch.relu(self.conv1(x))).flatten(2).transpose(1, 2)
        x = x + self.fc2(torch.nn.functional.gelu(self.fc1(self.norm(x))))
        return self.head(x.mean(1))


class Reader(CalibrationDataReader):
    def __init__(self):
        self.inputs = iter([{"x": np.random.RandomState(i).randn(1, 3, 8, 8).astype(np.float32)} for i in range(8)])

    def get_next(self):
        return next(self.inputs, None)


def cases():
    """Name -> arguments of quantize_static()."""
    alone = {"OpTypesToExcludeOutputQuantization": PRODUCTS}
    for per_channel in (False, True):
        for activation, weight in ((QuantType.QUInt8, QuantType.QUInt8), (QuantType.QUInt8, QuantType.QInt8),
                                   (QuantType.QInt8, QuantType.QInt8)):
            name = f"{'channel' if per_channel else 'tensor'}_{activation.name[1:].lower()}_{weight.name[1:].lower()}"
            types = {"per_channel": per_channel, "activation_type": activation, "weight_type": weight}
            symmetric = {"WeightSymmetric": True}
            yield f"all_{name}", {**types, "extra_options": symmetric}
            yield f"products_{name}", {**types, "op_types_to_quantize": PRODUCTS, "extra_options": {**symmetric, **alone}}
            yield f"operators_{name}", {**types, "quant_format": QuantFormat.QOperator, "op_types_to_quantize": ["Conv", "MatMul"],
                                        "extra_options": symmetric}
    yield "products_symmetric", {"per_channel": True, "activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8,
                                 "op_types_to_quantize": PRODUCTS, "extra_options": {"ActivationSymmetric": True, **alone}}
    # Weights with a zero point: most do not fit 8 bits around 0.
    yield "products_affine_weights", {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8,
                                      "op_types_to_quantize": PRODUCTS, "extra_options": {"WeightSymmetric": False, **alone}}


def quantize_by_modelopt(floats, path, dtype):
    images = np.concatenate([one["x"] for one in Reader().inputs])
    modelopt_quantize(floats, quantize_mode="int8", calibration_data={"x": images}, calibration_method="max",
                      calibration_eps=["cpu"], high_precision_dtype=dtype, output_path=path)


def quantizers(folder):
    """Name, a file of floats, and what makes a quantized one of it."""
    small, wide = (export(Network(*size), os.path.join(folder, f"{size[1]}.onnx")) for size in ((8, 12, 5), (32, 48, 20)))
    for name, arguments in cases():
        yield name, small, lambda floats, path, arguments=arguments: quantize_static(
            floats, path, Reader(), **{"quant_format": QuantFormat.QDQ, **arguments})
    # ModelOpt leaves small products in floats.
    for dtype in ("fp32", "fp16"):
        yield f"modelopt_{dtype.replace('fp', 'float')}", wide, lambda floats, path, dtype=dtype: quantize_by_modelopt(
            floats, path, dtype)


def export(network, path):
    torch.onnx.export(random_weights(network, 1), torch.zeros(1, 3, 8, 8), path, opset_version=17, dynamo=False,
                      input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
    return path


def main():
    warnings.filterwarnings("ignore")
    images = np.random.RandomState(99).randn(3, 3, 8, 8).astype(np.float32)
    listed, tensors = [], []
    plain = onnxruntime.SessionOptions()
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "quantized.onnx")
        for name, floats, quantize in quantizers(folder):
            quantize(floats, path)
            model = onnx.load(path)
            strip(model)
            bytes_ = model.SerializeToString()
            logits = onnxruntime.InferenceSession(bytes_, plain, providers=["CPUExecutionProvider"]).run(None, {"x": images})[0]
            listed.append({"name": name})
            tensors += [(f"{name}/model", np.frombuffer(bytes_, np.uint8)), (f"{name}/in0", images), (f"{name}/out0", logits)]
    write_safetensors(sys.argv[1], tensors, {"onnxruntime": onnxruntime.__version__, "cases": json.dumps(listed)})
    print(f"{len(listed)} cases, {os.path.getsize(sys.argv[1])} bytes")


if __name__ == "__main__":
    main()
