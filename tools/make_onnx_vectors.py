#!/usr/bin/env python3
"""Packs ONNX's own node tests into one file, and writes docs/onnx-ops.md.

    python3 -m venv venv && venv/bin/pip install onnx==1.22.0 numpy==2.4.6 ml_dtypes==0.6.0
    venv/bin/python tools/make_onnx_vectors.py all all.safetensors
    build/release/tests/ops/onnx_conformance all.safetensors > results.tsv
    venv/bin/python tools/make_onnx_vectors.py passing all.safetensors results.tsv \\
        tests/ops/data/onnx_vectors.safetensors
    venv/bin/python tools/make_onnx_vectors.py docs results.tsv docs/onnx-ops.md

Each case is an ONNX model with its inputs and the expected outputs: tensors `<case>/model`, `<case>/in<i>` and
`<case>/out<i>`; the metadata entry "cases" has the names. The node tests give everything as an input of the model, also
what is a constant in every model that there is (axes, shapes, pads): those operands, by their names in ONNX's schema,
become initialisers. A case whose data safetensors cannot hold (strings, sequences) has its model alone, which must be
refused. The output depends on the pinned packages alone.
"""
import collections
import itertools
import json
import os
import sys

import ml_dtypes
import numpy as np
import onnx
from onnx import helper, numpy_helper

MAX_BYTES = 12_000  # of one case in the repository
TAGS = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "int32": "I32", "int16": "I16",
        "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL",
        "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"}
# What models know before they run, by its name in the schema of the op.
CONSTANT = {"axes", "axis", "shape", "pads", "repeats", "k", "K", "starts", "ends", "steps", "split", "sizes", "scales",
            "roi", "depth", "ratio", "training_mode", "constant_value", "start", "limit", "delta", "cond"}
# Its expected results are written with four digits.
IMPRECISE = {"averagepool_2d_ceil_last_window_starts_on_pad"}
CONSTANT_OF = {"Col2Im": {"image_shape", "block_shape"}, "ConstantOfShape": {"input"}, "Loop": {"M"}, "ScatterND": {"indices"}, "Reshape": {"shape"}, "Upsample": {"scales"}}


def load(path):
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    array = numpy_helper.to_array(tensor)
    if array.dtype.name not in TAGS:
        raise ValueError(array.dtype.name)
    return array


def constant_inputs(model):
    """Names of the graph's inputs that some node wants as a constant."""
    opset = {entry.domain: entry.version for entry in model.opset_import}
    names = set()
    for node in model.graph.node:
        try:
            schema = onnx.defs.get_schema(node.op_type, opset.get(node.domain, 1), node.domain)
        except Exception:
            continue
        for i, name in enumerate(node.input):
            formal = schema.inputs[min(i, len(schema.inputs) - 1)].name if schema.inputs else ""
            if formal in CONSTANT or formal in CONSTANT_OF.get(node.op_type, ()):
                names.add(name)
    return names


def case(folder):
    model = onnx.load(os.path.join(folder, "model.onnx"))
    data = os.path.join(folder, "test_data_set_0")
    given = {tensor.name for tensor in model.graph.initializer}
    ports = [port for port in model.graph.input if port.name not in given]
    try:
        inputs = [load(os.path.join(data, f"input_{i}.pb")) for i in range(len(ports))]
        outputs = [load(os.path.join(data, f"output_{i}.pb")) for i in range(len(model.graph.output))]
    except Exception:
        return model, None, None
    constant = constant_inputs(model)
    kept = []
    for port, array in zip(ports, inputs):
        if port.name in constant:
            model.graph.initializer.append(numpy_helper.from_array(array, port.name))
            model.graph.input.remove(port)
        else:
            kept.append(array)
    return model, kept, outputs


def folders():
    """The node tests, and PyTorch's convolutions: the node tests have none with groups or dilation."""
    data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    for part, wanted in (("node", ""), ("pytorch-converted", "test_Conv")):
        for folder in sorted(os.listdir(os.path.join(data, part))):
            if folder.startswith(wanted):
                yield os.path.join(data, part, folder)


def made_case(name, make, inputs, shapes, outputs):
    """A model of nodes that `make` gives, whose inputs have open extents where `shapes` has names."""
    ports = [helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(a.dtype), shape)
             for i, (a, shape) in enumerate(zip(inputs, shapes))]
    results = [helper.make_tensor_value_info(f"y{i}", helper.np_dtype_to_tensor_dtype(a.dtype), [None] * a.ndim)
               for i, a in enumerate(outputs)]
    nodes = [helper.make_node(op, given, [made], **attributes) for op, given, made, attributes in make]
    graph = helper.make_graph(nodes, name, ports, results)
    return name, helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), inputs, outputs


def made_cases():
    """What the node tests do not have: ops on extents that are open, and small inputs of some ops."""
    x = np.linspace(-6, 6, 24, dtype=np.float32).reshape(2, 3, 4)
    wide = x.astype(np.float64)
    mish = (wide * np.tanh(np.log1p(np.exp(wide)))).astype(np.float32)
    yield made_case("made_mish", [("Mish", ["x0"], "y0", {})], [x], [x.shape], [mish])
    shape = ("Shape", ["x0"], "shape", {})
    yield made_case("made_shape", [("Shape", ["x0"], "y0", {})], [x], [["n", 3, "m"]], [np.array(x.shape)])
    yield made_case("made_constant_of_shape", [shape, ("ConstantOfShape", ["shape"], "y0", {})], [x], [["n", 3, "m"]],
                    [np.zeros_like(x)])
    extent = [shape, ("Constant", [], "zero", {"value_int": 0}), ("Constant", [], "one", {"value_int": 1}),
              ("Constant", [], "two", {"value_int": 2}), ("Gather", ["shape", "two"], "m", {})]
    # The products of relative positions, of attention, of graphs and of a transposed pair; extents of one name are open.
    for i, equation in enumerate(("bhwc,hkc->bhwk", "bythwc,tkc->bythwk", "bhid,bhjd->bhij", "nkctv,kvw->nctw",
                                  "ab,bcd->dca", "abc,b->ca", "i,j->ij")):
        given, _ = equation.split("->")
        sizes = dict(zip("abcdefghijklmnopqrstuvwxyz", itertools.cycle((2, 3, 4))))
        operands = [np.linspace(-1, 1 + j, int(np.prod([sizes[axis] for axis in axes])), dtype=np.float32)
                    .reshape([sizes[axis] for axis in axes]) for j, axes in enumerate(given.split(","))]
        result = np.einsum(equation, *(operand.astype(np.float64) for operand in operands)).astype(np.float32)
        shapes = [["n" if axis in "bi" else sizes[axis] for axis in axes] for axes in given.split(",")]
        yield made_case(f"made_einsum_{i}", [("Einsum", ["x0", "x1"], "y0", {"equation": equation})], operands, shapes,
                        [result])
    yield made_case("made_range", [*extent, ("Range", ["zero", "m", "one"], "y0", {})], [x], [["n", 3, "m"]],
                    [np.arange(4)])


def write_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, array in tensors:
        header[name] = {"dtype": TAGS[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, array in tensors:
            file.write(np.ascontiguousarray(array).tobytes())


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    kinds = {tag: np.dtype(getattr(ml_dtypes, name, None) or name) for name, tag in TAGS.items()}
    metadata, body = header.pop("__metadata__"), data[8 + length:]
    return {name: np.frombuffer(body[slice(*entry["data_offsets"])], kinds[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items()}, metadata


def ops_of(model):
    return sorted({f"{node.domain}.{node.op_type}" if node.domain else node.op_type for node in model.graph.node})


def make_all(path):
    cases, tensors = [], []
    packed = ((os.path.basename(folder).removeprefix("test_"), *case(folder)) for folder in folders())
    for name, model, inputs, outputs in itertools.chain(packed, made_cases()):
        for entry in ("doc_string", "producer_name"):
            model.ClearField(entry)
        cases.append({"name": name, "ops": ops_of(model), "data": inputs is not None})
        tensors.append((f"{name}/model", np.frombuffer(model.SerializeToString(), np.uint8)))
        tensors += [(f"{name}/in{i}", a) for i, a in enumerate(inputs or [])]
        tensors += [(f"{name}/out{i}", a) for i, a in enumerate(outputs or [])]
    write_safetensors(path, tensors, {"onnx": onnx.__version__, "cases": json.dumps(cases, separators=(",", ":"))})
    print(f"{len(cases)} cases, {os.path.getsize(path)} bytes")


def read_results(path):
    """case -> (status, ops, reason)"""
    with open(path) as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.strip()]
    # The reason of the first node, without the name of the model and the count.
    return {name: (status, ops.split(","), reason.split("supported: ")[-1].split("; ")[0])
            for name, status, ops, reason in rows}


def make_passing(everything, results, path):
    tensors, metadata = read_safetensors(everything)
    passed = {name for name, (status, _, _) in read_results(results).items() if status == "pass"} - IMPRECISE
    by_case = collections.defaultdict(list)
    for name, array in tensors.items():
        by_case[name.rsplit("/", 1)[0]].append((name, array))
    kept, chosen = [], []
    for entry in json.loads(metadata["cases"]):
        parts = by_case[entry["name"]]
        if entry["name"] in passed and sum(array.nbytes for _, array in parts) <= MAX_BYTES:
            kept += parts
            chosen.append({"name": entry["name"]})
    write_safetensors(path, kept, {"onnx": metadata["onnx"], "cases": json.dumps(chosen, separators=(",", ":"))})
    print(f"{len(chosen)} of {len(passed)} cases that pass, {os.path.getsize(path)} bytes")


def make_docs(results, path):
    counts, reasons = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    total = collections.Counter()
    for status, ops, reason in read_results(results).values():
        total[status] += 1
        for op in ops:
            counts[op][status] += 1
            if status == "unsupported" and (len(ops) == 1 or reason.startswith(f"{op} ")):
                reasons[op][reason.split(": ", 1)[-1].removeprefix("'model.onnx': ")] += 1
    with open(path, "w") as file:
        file.write(f"""# ONNX operators

What becomes of ONNX's own node tests, those of version {onnx.__version__} and some convolutions of PyTorch: {total['pass']} of
{sum(total.values())} pass on the backends `reference` and `cpu`, {total['unsupported']} are refused with the name of the node, {total['fail']} give a wrong
answer. A test counts for each op in it; those of functions (`..._expanded`) have many. Made by `tools/make_onnx_vectors.py`, whose
head says how.

| op | pass | unsupported | the most frequent reason |
|---|---:|---:|---|
""")
        for op in sorted(counts):
            most = reasons[op].most_common(1)
            reason = most[0][0].replace("|", "\\|")[:100] if most else ""
            file.write(f"| {op} | {counts[op]['pass']} | {counts[op]['unsupported']} | {reason} |\n")


def main():
    commands = {"all": make_all, "passing": make_passing, "docs": make_docs}
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
