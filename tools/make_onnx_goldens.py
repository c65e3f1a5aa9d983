#!/usr/bin/env python3
"""What PyPI's onnx reads of the ONNX models in tests/ops/data, for the test of Vitro's own reader.

    python3 -m venv venv && venv/bin/pip install onnx==1.22.0 numpy==2.4.6 ml_dtypes==0.6.0 xxhash==3.6.0
    venv/bin/python tools/make_onnx_goldens.py tests/ops/data tests/formats/data/onnx_goldens.txt
    venv/bin/python tools/make_onnx_goldens.py tests/ops/data --show vit_17

Each line has a file, a model in it, and the XXH3-64 of the model as a text: names, types, shapes, the values of attributes and
the XXH3-64 of the elements of every tensor. --show prints that text; tests/formats/onnx_goldens_test.cpp writes the same, and
prints its own where they differ.
"""
import os
import struct
import sys

import onnx
import xxhash
from onnx import numpy_helper

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from make_onnx_vectors import read_safetensors  # noqa: E402

FILES = ("onnx_exports.safetensors", "onnx_quantized.safetensors", "onnx_vectors.safetensors")
# Types whose elements Vitro does not hold: strings, complex numbers, those of other 8 bits and of 4 and fewer.
OTHER_TYPES = {0, 8, 14, 15, 18, 20} | set(range(21, 64))
KINDS = onnx.AttributeProto


def bits(value):
    return f"{struct.unpack('<I', struct.pack('<f', value))[0]:08x}"


def tensor_text(tensor):
    digest = "-"
    if tensor.data_type not in OTHER_TYPES:
        digest = xxhash.xxh3_64_hexdigest(numpy_helper.to_array(tensor).tobytes())
    return f"{tensor.name} {tensor.data_type} [{','.join(map(str, tensor.dims))}] {digest}"


def extent_text(extent):
    if extent.HasField("dim_value"):
        return str(extent.dim_value)
    return extent.dim_param or "?"


def value_text(value):
    if not value.type.HasField("tensor_type"):
        return f"{value.name} no tensor"
    kind = value.type.tensor_type
    shape = "no shape"
    if kind.HasField("shape"):
        shape = f"[{','.join(extent_text(extent) for extent in kind.shape.dim)}]"
    return f"{value.name} {kind.elem_type} {shape}"


def attribute_lines(attribute):
    head = f"attribute {attribute.name} {attribute.type}"
    if attribute.ref_attr_name:
        return [f"{head} of {attribute.ref_attr_name}"]
    if attribute.type == KINDS.GRAPH:
        return [head, *graph_lines(attribute.g), "end"]
    values = {
        KINDS.FLOAT: lambda: bits(attribute.f),
        KINDS.INT: lambda: str(attribute.i),
        KINDS.STRING: lambda: attribute.s.hex(),
        KINDS.TENSOR: lambda: tensor_text(attribute.t),
        KINDS.FLOATS: lambda: ",".join(map(bits, attribute.floats)),
        KINDS.INTS: lambda: ",".join(map(str, attribute.ints)),
        KINDS.STRINGS: lambda: ",".join(text.hex() for text in attribute.strings),
    }
    return [f"{head} {values.get(attribute.type, lambda: 'other')()}"]


def node_lines(node):
    lines = [f"node {node.domain}.{node.op_type} {node.name} {node.overload} "
             f"({','.join(node.input)}) -> ({','.join(node.output)})"]
    for attribute in node.attribute:
        lines += attribute_lines(attribute)
    return lines


def graph_lines(graph):
    lines = [f"graph {graph.name}"]
    lines += [f"input {value_text(value)}" for value in graph.input]
    lines += [f"output {value_text(value)}" for value in graph.output]
    lines += [f"initializer {tensor_text(tensor)}" for tensor in graph.initializer]
    lines += [f"sparse {tensor.values.name}" for tensor in graph.sparse_initializer]
    for node in graph.node:
        lines += node_lines(node)
    return lines


def function_lines(function):
    lines = [f"function {function.domain}.{function.name} {function.overload} "
             f"({','.join(function.input)}) -> ({','.join(function.output)})"]
    lines += [f"opset {opset.domain} {opset.version}" for opset in function.opset_import]
    for attribute in function.attribute_proto:
        lines += attribute_lines(attribute)
    for node in function.node:
        lines += node_lines(node)
    return lines


def model_text(model):
    lines = [f"ir {model.ir_version}", f"producer {model.producer_name} {model.producer_version}"]
    lines += [f"opset {opset.domain} {opset.version}" for opset in model.opset_import]
    lines += [f"metadata {entry.key}={entry.value}"
              for entry in sorted(model.metadata_props, key=lambda entry: entry.key)]
    lines += graph_lines(model.graph)
    for function in model.functions:
        lines += function_lines(function)
    return "".join(line + "\n" for line in lines)


def models(folder):
    for file in FILES:
        tensors, _ = read_safetensors(os.path.join(folder, file))
        for name, array in tensors.items():
            if name.endswith("/model"):
                yield file, name.removesuffix("/model"), onnx.load_model_from_string(array.tobytes())


def main():
    folder, target = sys.argv[1:3]
    if target == "--show":
        for _, name, model in models(folder):
            if name == sys.argv[3]:
                print(model_text(model), end="")
        return
    lines = [f"{file} {name} {xxhash.xxh3_64_hexdigest(model_text(model).encode())}\n"
             for file, name, model in models(folder)]
    with open(target, "w") as out:
        out.writelines(lines)
    print(f"{len(lines)} models, {os.path.getsize(target)} bytes")


if __name__ == "__main__":
    main()
