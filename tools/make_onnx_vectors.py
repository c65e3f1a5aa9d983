#!/usr/bin/env python3
"""Exports ONNX's own node test vectors for the ops that Vitro has.

    python3 -m venv venv && venv/bin/pip install onnx==1.17.0 numpy==2.2.6
    venv/bin/python tools/make_onnx_vectors.py tests/ops/data/onnx_vectors.safetensors

Each case is a graph in Vitro's own JSON (as graph_to_json() writes it) with its inputs and the expected outputs:
tensors `<case>/in<i>` and `<case>/out<i>`; the metadata entry "cases" has names and graphs. Vectors are small and
the output depends on the pinned packages alone. A case that needs what Vitro lacks is left out, with the reason
on standard output.
"""
import json
import os
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

MAX_BYTES = 30_000  # of the tensors of one case
TAGS = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "int32": "I32", "int16": "I16",
        "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "bool": "BOOL"}
INT_MAX = 1 << 40  # the largest attribute


class Skip(Exception):
    pass


def tag(dtype):
    name = np.dtype(dtype).name
    if name not in TAGS:
        raise Skip(f"dtype {name}")
    return TAGS[name]


def number(value):
    return value if np.isfinite(value) else "nan" if np.isnan(value) else "inf" if value > 0 else "-inf"


class Graph:
    """Builds one graph; values are (id, dims, dtype)."""

    def __init__(self):
        self.values, self.nodes, self.inputs, self.tensors = [], [], [], []

    def value(self, name, dims, dtype, **more):
        entry = {"name": name, "dims": [int(d) for d in dims]}
        if tag(dtype) != "F32":
            entry["dtype"] = tag(dtype)
        self.values.append(entry | more)
        return len(self.values) - 1, tuple(dims), np.dtype(dtype)

    def input(self, array):
        name = f"in{len(self.inputs)}"
        result = self.value(name, array.shape, array.dtype)
        self.inputs.append({"name": name, "value": result[0], "dims": []})
        self.tensors.append(array)
        return result

    def known(self, array):
        """A constant of integers, whose elements inference sees."""
        if array.dtype not in (np.int64, np.int32):
            raise Skip("known operand of another type")
        flat = [int(v) for v in array.reshape(-1)]
        return self.value(f"constant{len(self.values)}", array.shape, array.dtype, constant="", contents=flat)

    def ops(self, name, attrs, inputs, results):
        outputs = [self.value(f"{name}.{len(self.nodes)}.{i}", dims, dtype) for i, (dims, dtype) in enumerate(results)]
        ids = [-1 if x is None else x[0] for x in inputs]
        while ids and ids[-1] == -1:
            ids.pop()
        self.nodes.append({"op": name, "inputs": ids, "outputs": [y[0] for y in outputs], "source": name,
                           "attrs": attrs})
        return outputs

    def op(self, name, attrs, inputs, dims, dtype=None):
        return self.ops(name, attrs, inputs, [(dims, dtype or inputs[0][2])])[0]

    def transpose(self, x, perm):
        return self.op("transpose", {"perm": perm}, [x], [x[1][p] for p in perm])

    def last(self, x):
        """[n, c, spatial...] -> [n, spatial..., c]."""
        return self.transpose(x, [0, *range(2, len(x[1])), 1])

    def first(self, x):
        return self.transpose(x, [0, len(x[1]) - 1, *range(1, len(x[1]) - 1)])

    def json(self, outputs):
        ports = [{"name": f"out{i}", "value": y[0], "dims": []} for i, y in enumerate(outputs)]
        return {"inputs": self.inputs, "outputs": ports, "values": self.values, "nodes": self.nodes}


UNARY = {op: (name, {}) for op, name in {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Exp": "exp", "Log": "log", "Sqrt": "sqrt",
    "Reciprocal": "reciprocal", "Neg": "neg", "Abs": "abs", "Erf": "erf", "Floor": "floor", "Ceil": "ceil",
    "Round": "round", "Sign": "sign", "HardSwish": "hard_swish", "Mish": "mish", "Softplus": "softplus",
    "Softsign": "softsign", "Sin": "sin", "Cos": "cos", "Tan": "tan", "Asin": "asin", "Acos": "acos", "Atan": "atan",
    "Sinh": "sinh", "Cosh": "cosh", "Asinh": "asinh", "Acosh": "acosh", "Atanh": "atanh", "Not": "not",
    "IsNaN": "is_nan"}.items()}
UNARY |= {"Elu": ("elu", {"alpha": 1.0}), "Celu": ("celu", {"alpha": 1.0}), "LeakyRelu": ("leaky_relu", {"alpha": 0.01}),
          "ThresholdedRelu": ("thresholded_relu", {"alpha": 1.0}),
          "HardSigmoid": ("hard_sigmoid", {"alpha": 0.2, "beta": 0.5})}
BINARY = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow", "Min": "min", "Max": "max",
          "PRelu": "prelu", "And": "and", "Or": "or", "Xor": "xor"}
COMPARE = {"Equal": "equal", "Less": "less", "LessOrEqual": "less_or_equal", "Greater": "greater",
           "GreaterOrEqual": "greater_or_equal"}
REDUCE = {"ReduceMean": "reduce_mean", "ReduceMax": "reduce_max", "ReduceMin": "reduce_min", "ReduceSum": "reduce_sum",
          "ReduceProd": "reduce_prod", "ReduceL1": "reduce_l1", "ReduceL2": "reduce_l2",
          "ReduceSumSquare": "reduce_sum_square", "ReduceLogSum": "reduce_log_sum",
          "ReduceLogSumExp": "reduce_log_sum_exp"}


class Case:
    """One ONNX node with its data, as a graph of Vitro."""

    def __init__(self, node, inputs, outputs, opset):
        self.node, self.opset, self.g = node, opset, Graph()
        self.attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        arrays = iter(inputs)
        self.arrays = [next(arrays) if name else None for name in node.input]
        self.outputs = outputs

    def attr(self, name, default=None):
        value = self.attrs.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def has(self, i):
        return i < len(self.arrays) and self.arrays[i] is not None

    def x(self, i=0):
        return self.g.input(self.arrays[i]) if self.has(i) else None

    def ints(self, i):
        """An operand that becomes an attribute."""
        return [max(-INT_MAX, min(INT_MAX, int(v))) for v in self.arrays[i].reshape(-1)] if self.has(i) else None

    def result(self, name, attrs, inputs, i=0):
        return self.g.op(name, attrs, inputs, self.outputs[i].shape, self.outputs[i].dtype)

    def build(self):
        op = self.node.op_type
        if op in UNARY:
            name, usual = UNARY[op]
            return [self.result(name, {k: self.attr(k, v) for k, v in usual.items()}, [self.x()])]
        if op in BINARY or op in COMPARE:
            return [self.binary(BINARY.get(op) or COMPARE[op])]
        if op in REDUCE:
            return [self.reduce(REDUCE[op])]
        build = getattr(self, op, None)
        if build is None:
            raise Skip("no such op")
        result = build()
        return result if isinstance(result, list) else [result]

    def binary(self, name):
        if any(a.dtype != self.arrays[0].dtype for a in self.arrays):
            raise Skip("operands of several types")
        if len(self.arrays) == 1:
            return self.result("identity", {}, [self.x()])
        y = self.x(0)
        for i in range(1, len(self.arrays)):
            b = self.x(i)
            dims = np.broadcast_shapes(y[1], b[1])
            y = self.g.op(name, {}, [y, b], dims, self.outputs[0].dtype)
        return y

    def reduce(self, name):
        axes = self.attr("axes") or self.ints(1) or []
        x = self.x()
        if not axes and self.attr("noop_with_empty_axes", 0):
            raise Skip("reduces nothing")
        return self.result(name, {"axes": list(axes), "keep_dims": bool(self.attr("keepdims", 1))}, [x])

    def windows(self, kernel, spatial):
        auto = self.attr("auto_pad", "NOTSET")
        stride, dilation = self.attr("strides", [1] * len(kernel)), self.attr("dilations", [1] * len(kernel))
        pads = list(self.attr("pads", [0] * 2 * len(kernel)))
        if auto.startswith("SAME"):
            for i, k in enumerate(kernel):
                total = max(0, (-(-spatial[i] // stride[i]) - 1) * stride[i] + (k - 1) * dilation[i] + 1 - spatial[i])
                low, high = total // 2, total - total // 2
                pads[i], pads[i + len(kernel)] = (high, low) if auto == "SAME_LOWER" else (low, high)
        n = len(kernel)
        return {"stride": list(stride), "dilation": list(dilation), "pad_begin": pads[:n], "pad_end": pads[n:]}

    def pool(self, name):
        if len(self.outputs) > 1 or self.attr("storage_order", 0):
            raise Skip("indices")
        x = self.x()
        kernel = list(self.attr("kernel_shape"))
        attrs = self.windows(kernel, x[1][2:]) | {"kernel": kernel, "ceil_mode": bool(self.attr("ceil_mode", 0)),
                                                  "count_include_pad": bool(self.attr("count_include_pad", 0))}
        n, c, *spatial = self.outputs[0].shape
        return self.g.first(self.g.op(name, attrs, [self.g.last(x)], [n, *spatial, c]))

    def MaxPool(self):
        return self.pool("max_pool")

    def AveragePool(self):
        return self.pool("average_pool")

    def GlobalAveragePool(self):
        x = self.x()
        return self.result("reduce_mean", {"axes": list(range(2, len(x[1]))), "keep_dims": True}, [x])

    def GlobalMaxPool(self):
        x = self.x()
        return self.result("reduce_max", {"axes": list(range(2, len(x[1]))), "keep_dims": True}, [x])

    def Conv(self):
        x, w, b = self.x(), self.x(1), self.x(2)
        attrs = self.windows(list(w[1][2:]), x[1][2:]) | {"groups": self.attr("group", 1)}
        n, c, *spatial = self.outputs[0].shape
        return self.g.first(self.g.op("conv", attrs, [self.g.last(x), self.g.last(w), b], [n, *spatial, c]))

    def Gelu(self):
        return self.result("gelu_tanh" if self.attr("approximate", "none") == "tanh" else "gelu", {}, [self.x()])

    def Selu(self):
        if "alpha" in self.attrs:
            raise Skip("other parameters")
        return self.result("selu", {}, [self.x()])

    def IsInf(self):
        attrs = {"alpha": float(self.attr("detect_negative", 1)), "beta": float(self.attr("detect_positive", 1))}
        return self.result("is_inf", attrs, [self.x()])

    def Mod(self):
        return self.result("fmod" if self.attr("fmod", 0) else "mod", {}, [self.x(), self.x(1)])

    def Cast(self):
        return self.result("cast", {"dtype": tag(self.outputs[0].dtype)}, [self.x()])

    def Clip(self):
        return self.result("clip", {}, [self.x(), self.x(1), self.x(2)])

    def Where(self):
        return self.result("where", {}, [self.x(), self.x(1), self.x(2)])

    def QuantizeLinear(self):
        if "block_size" in self.attrs or "output_dtype" in self.attrs:
            raise Skip("blocks")
        return self.result("quantize_linear", {"axis": self.attr("axis", 1)}, [self.x(), self.x(1), self.x(2)])

    def DequantizeLinear(self):
        if "block_size" in self.attrs:
            raise Skip("blocks")
        return self.result("dequantize_linear", {"axis": self.attr("axis", 1)}, [self.x(), self.x(1), self.x(2)])

    def BatchNormalization(self):
        if len(self.outputs) > 1 or self.attr("training_mode", 0):
            raise Skip("training")
        x = self.g.last(self.x())
        y = self.g.op("batch_norm", {"eps": self.attr("epsilon", 1e-5)}, [x, *(self.x(i) for i in range(1, 5))], x[1])
        return self.g.first(y)

    def LayerNormalization(self):
        x = self.x()
        axes = -self.attr("axis", -1) if self.attr("axis", -1) < 0 else len(x[1]) - self.attr("axis")
        self.outputs = self.outputs[:1]
        return self.result("layer_norm", {"eps": self.attr("epsilon", 1e-5), "axes": axes},
                           [x, self.x(1), self.x(2)])

    def group_norm(self, groups):
        if self.arrays[1].shape[0] != self.arrays[0].shape[1]:
            raise Skip("a scale for each group")
        x = self.g.last(self.x())
        attrs = {"groups": groups, "eps": self.attr("epsilon", 1e-5)}
        return self.g.first(self.g.op("group_norm", attrs, [x, self.x(1), self.x(2)], x[1]))

    def GroupNormalization(self):
        return self.group_norm(self.attr("num_groups"))

    def InstanceNormalization(self):
        return self.group_norm(self.arrays[0].shape[1])

    def Softmax(self):
        return self.result("softmax", {"axis": self.attr("axis", -1)}, [self.x()])

    def LogSoftmax(self):
        return self.result("log_softmax", {"axis": self.attr("axis", -1)}, [self.x()])

    def arg(self, name):
        return self.result(name, {"axis": self.attr("axis", 0), "keep_dims": bool(self.attr("keepdims", 1)),
                                  "last": bool(self.attr("select_last_index", 0))}, [self.x()])

    def ArgMax(self):
        return self.arg("arg_max")

    def ArgMin(self):
        return self.arg("arg_min")

    def TopK(self):
        attrs = {"axis": self.attr("axis", -1), "k": self.ints(1)[0], "largest": bool(self.attr("largest", 1))}
        return self.g.ops("top_k", attrs, [self.x()], [(y.shape, y.dtype) for y in self.outputs])

    def CumSum(self):
        return self.result("cum_sum", {"axis": self.ints(1)[0], "exclusive": bool(self.attr("exclusive", 0)),
                                       "reverse": bool(self.attr("reverse", 0))}, [self.x()])

    def MatMul(self):
        if any(a.ndim < 2 for a in self.arrays):
            raise Skip("vectors")
        return self.result("matmul", {"transpose_b": False}, [self.x(), self.x(1)])

    def Gemm(self):
        if self.attr("alpha", 1.0) != 1.0 or self.attr("beta", 1.0) != 1.0:
            raise Skip("factors")
        attrs = {"transpose_a": bool(self.attr("transA", 0)), "transpose_b": bool(self.attr("transB", 0))}
        y = self.result("matmul", attrs, [self.x(), self.x(1)])
        return self.result("add", {}, [y, self.x(2)]) if self.has(2) else y

    def Identity(self):
        return self.result("identity", {}, [self.x()])

    def Reshape(self):
        if self.attr("allowzero", 0):
            raise Skip("allowzero")
        return self.result("reshape", {"dims": []}, [self.x(), self.g.known(self.arrays[1])])

    def Flatten(self):
        return self.result("reshape", {"dims": list(self.outputs[0].shape)}, [self.x()])

    def Squeeze(self):
        return self.result("squeeze", {"axes": self.ints(1) or []}, [self.x()])

    def Unsqueeze(self):
        return self.result("unsqueeze", {"axes": self.ints(1)}, [self.x()])

    def Transpose(self):
        rank = self.arrays[0].ndim
        return self.result("transpose", {"perm": list(self.attr("perm", range(rank - 1, -1, -1)))}, [self.x()])

    def Slice(self):
        axes = self.ints(3) or list(range(len(self.ints(1))))
        return self.result("slice", {"axes": axes, "begins": self.ints(1), "ends": self.ints(2),
                                     "steps": self.ints(4) or []}, [self.x()])

    def Concat(self):
        return self.result("concat", {"axis": self.attr("axis")}, [self.x(i) for i in range(len(self.arrays))])

    def Split(self):
        attrs = {"axis": self.attr("axis", 0), "sizes": self.ints(1) or []}
        return self.g.ops("split", attrs, [self.x()], [(y.shape, y.dtype) for y in self.outputs])

    def Pad(self):
        rank = self.arrays[0].ndim
        pads, axes = self.ints(1), self.ints(3)
        begin, end = [0] * rank, [0] * rank
        for i, axis in enumerate(axes if axes else range(rank)):
            begin[axis], end[axis] = pads[i], pads[i + len(pads) // 2]
        value = float(self.arrays[2].reshape(-1)[0]) if self.has(2) else 0.0
        return self.result("pad", {"mode": self.attr("mode", "constant"), "begin": begin, "end": end,
                                   "value": number(value)}, [self.x()])

    def Gather(self):
        return self.result("gather", {"axis": self.attr("axis", 0)}, [self.x(), self.x(1)])

    def GatherElements(self):
        return self.result("gather_elements", {"axis": self.attr("axis", 0)}, [self.x(), self.x(1)])

    def Expand(self):
        return self.result("expand", {}, [self.x(), self.g.known(self.arrays[1])])

    def Tile(self):
        return self.result("tile", {}, [self.x(), self.g.known(self.arrays[1])])

    def Shape(self):
        if "start" in self.attrs or "end" in self.attrs:
            raise Skip("a part of the shape")
        return self.result("shape", {}, [self.x()])

    def Range(self):
        return self.result("range", {}, [self.g.known(a) for a in self.arrays])

    def ConstantOfShape(self):
        value = numpy_helper.to_array(self.attrs["value"]) if "value" in self.attrs else np.zeros(1, np.float32)
        attrs = {"dtype": tag(value.dtype), "value": number(float(value.reshape(-1)[0]))}
        return self.result("constant_of_shape", attrs, [self.g.known(self.arrays[0])])

    def Resize(self):
        if self.attr("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise Skip("aspect ratio")
        rank = self.arrays[0].ndim
        axes = list(self.attr("axes", range(rank)))
        attrs = {"mode": self.attr("mode", "nearest"),
                 "coordinates": self.attr("coordinate_transformation_mode", "half_pixel"),
                 "nearest": self.attr("nearest_mode", "round_prefer_floor"),
                 "cubic_a": self.attr("cubic_coeff_a", -0.75),
                 "exclude_outside": bool(self.attr("exclude_outside", 0)), "antialias": bool(self.attr("antialias", 0))}
        if attrs["coordinates"] == "tf_crop_and_resize":
            raise Skip("regions")
        if self.has(2) and self.arrays[2].size:
            scales = [1.0] * rank
            for axis, scale in zip(axes, self.arrays[2]):
                scales[axis] = float(scale)
            attrs["scales"] = scales
        else:
            attrs["sizes"] = list(self.outputs[0].shape)
        return self.result("resize", attrs, [self.x()])


def load(path):
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    return numpy_helper.to_array(tensor)


def convert(folder):
    model = onnx.load(os.path.join(folder, "model.onnx"))
    if len(model.graph.node) != 1:
        raise Skip("several nodes")
    data = os.path.join(folder, "test_data_set_0")
    try:
        weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        given = iter(range(len(model.graph.input)))
        inputs = [weights[port.name] if port.name in weights else load(os.path.join(data, f"input_{next(given)}.pb"))
                  for port in model.graph.input]
        outputs = [load(os.path.join(data, f"output_{i}.pb")) for i in range(len(model.graph.output))]
    except Exception as error:
        raise Skip(f"no tensor ({error})") from error
    for port in [*model.graph.input, *model.graph.output]:
        if port.type.tensor_type.elem_type >= onnx.TensorProto.COMPLEX64:
            raise Skip("bfloat16, 8-bit floats and 4-bit integers")
    node = model.graph.node[0]
    case = Case(node, inputs, outputs, model.opset_import[0].version)
    results = case.build()
    for array in [*inputs, *outputs]:
        tag(array.dtype)
    arrays = case.g.tensors
    if sum(a.nbytes for a in [*arrays, *case.outputs]) > MAX_BYTES:
        raise Skip("large")
    return case.g.json(results), arrays, case.outputs[:len(results)]


def cases_by_formula():
    """Ops of which ONNX has no node, or no small vector."""
    x = np.linspace(-6, 6, 24, dtype=np.float32).reshape(2, 3, 4)
    wide = x.astype(np.float64)
    yield "rsqrt", [np.abs(x)], (1 / np.sqrt(np.abs(wide))).astype(np.float32)
    yield "silu", [x], (wide / (1 + np.exp(-wide))).astype(np.float32)
    yield "mish", [x], (wide * np.tanh(np.log1p(np.exp(wide)))).astype(np.float32)
    yield "not_equal", [x, np.round(x)], x != np.round(x)


def write_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, array in tensors:
        header[name] = {"dtype": tag(array.dtype), "shape": list(array.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in tensors:
            file.write(np.ascontiguousarray(array).tobytes())


def folders():
    """The node tests, and PyTorch's convolutions: the node tests have none with groups or dilation."""
    data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    for part, wanted in (("node", ""), ("pytorch-converted", "test_Conv")):
        for folder in sorted(os.listdir(os.path.join(data, part))):
            if folder.startswith(wanted) and "_expanded" not in folder:
                yield os.path.join(data, part), folder


def main():
    cases, tensors, skipped = [], [], {}
    for root, folder in folders():
        try:
            graph, inputs, outputs = convert(os.path.join(root, folder))
        except Skip as reason:
            skipped.setdefault(str(reason), []).append(folder)
            continue
        name = folder.removeprefix("test_")
        cases.append({"name": name, "graph": graph})
        tensors += [(f"{name}/in{i}", a) for i, a in enumerate(inputs)]
        tensors += [(f"{name}/out{i}", a) for i, a in enumerate(outputs)]
    for name, inputs, expected in cases_by_formula():
        g = Graph()
        y = g.op(name, {}, [g.input(a) for a in inputs], expected.shape, expected.dtype)
        cases.append({"name": name, "graph": g.json([y])})
        tensors += [(f"{name}/in{i}", a) for i, a in enumerate(inputs)] + [(f"{name}/out0", expected)]
    for reason, names in sorted(skipped.items()):
        print(f"{reason}: {len(names)}, for example {names[0]}")
    write_safetensors(sys.argv[1], tensors, {"onnx": onnx.__version__, "cases": json.dumps(cases, separators=(",", ":"))})
    print(f"{len(cases)} cases, {os.path.getsize(sys.argv[1])} bytes")


if __name__ == "__main__":
    main()
