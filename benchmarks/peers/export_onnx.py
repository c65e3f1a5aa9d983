"""UniFormer from a .safetensors checkpoint to ONNX, node by node what PyTorch's exporter writes.

This avoids gigabytes of PyTorch for 600 nodes, and the engines must not notice. So every choice is
that of `torch.onnx.export` (opset 17) on tools/uniformer_torch.py: GELU is Div, Erf, Add, Mul, Mul,
a linear layer MatMul with transposed weights and Add, and Split and Squeeze give q, k and v.
check_export.py compares the two exports in both engines.

Everything is read off the tensors: depths, widths, number of classes. Only head_dim is a parameter.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # what PyTorch writes for this opset
PATCH_EMBED_NORM_EPS = 1e-5
BLOCK_NORM_EPS = 1e-6
BATCH_NORM_EPS = 1e-5
STAGES = 4
CONV_STAGES = 2


class GraphWriter:
    """Nodes and initializers in the making; every method returns the name of its output."""

    def __init__(self, weights):
        self.weights = weights
        self.used = set()
        self.nodes = []
        self.initializers = []

    def node(self, op, inputs, outputs=1, **attributes):
        base = f"{op.lower()}_{len(self.nodes)}"
        names = [base] if outputs == 1 else [f"{base}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=base, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, values, dtype=np.int64):
        return self.initializer(f"constant_{len(self.initializers)}", np.asarray(values, dtype))

    def initializer(self, name, values):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def array(self, name):
        if name not in self.weights:
            raise ValueError(f"this exporter knows the plain UniFormer only, which has a '{name}'")
        return self.weights[name]

    def weight(self, name, transpose=False):
        self.used.add(name)
        values = self.array(name).astype(np.float32)
        return self.initializer(name, values.T if transpose else values)

    def conv(self, x, name, stride=1, depthwise=False):
        shape = self.array(f"{name}.weight").shape
        padding = shape[2] // 2 if depthwise else 0
        return self.node("Conv", [x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")],
                         dilations=[1, 1], group=shape[0] if depthwise else 1,
                         kernel_shape=shape[2:], pads=[padding] * 4, strides=[stride] * 2)

    def linear(self, x, name):
        product = self.node("MatMul", [x, self.weight(f"{name}.weight", transpose=True)])
        return self.node("Add", [self.weight(f"{name}.bias"), product])

    def layer_norm(self, x, name, eps):
        inputs = [x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=eps)

    def batch_norm(self, x, name):
        fields = ("weight", "bias", "running_mean", "running_var")
        self.used.add(f"{name}.num_batches_tracked")
        return self.node("BatchNormalization", [x, *(self.weight(f"{name}.{f}") for f in fields)],
                         epsilon=BATCH_NORM_EPS, momentum=0.9, training_mode=0)

    def gelu(self, x):
        scaled = self.node("Div", [x, self.constant(np.sqrt(2), np.float32)])
        one = self.node("Add", [self.node("Erf", [scaled]), self.constant(1, np.float32)])
        return self.node("Mul", [self.node("Mul", [x, one]), self.constant(0.5, np.float32)])

    def reshape(self, x, shape):
        return self.node("Reshape", [x, self.constant(shape)])

    def transpose(self, x, *perm):
        return self.node("Transpose", [x], perm=perm)


def patch_embed(g, x, name):
    patch = g.array(f"{name}.proj.weight").shape[2]
    x = g.transpose(g.conv(x, f"{name}.proj", stride=patch), 0, 2, 3, 1)
    return g.transpose(g.layer_norm(x, f"{name}.norm", PATCH_EMBED_NORM_EPS), 0, 3, 1, 2), patch


def conv_block(g, x, name):
    x = g.node("Add", [x, g.conv(x, f"{name}.pos_embed", depthwise=True)])
    y = g.conv(g.batch_norm(x, f"{name}.norm1"), f"{name}.conv1")
    y = g.conv(g.conv(y, f"{name}.attn", depthwise=True), f"{name}.conv2")
    x = g.node("Add", [x, y])
    y = g.gelu(g.conv(g.batch_norm(x, f"{name}.norm2"), f"{name}.mlp.fc1"))
    return g.node("Add", [x, g.conv(y, f"{name}.mlp.fc2")])


def attention(g, x, name, batch, tokens, head_dim):
    dim = g.array(f"{name}.proj.weight").shape[0]
    qkv = g.reshape(g.linear(x, f"{name}.qkv"), [batch, tokens, 3, dim // head_dim, head_dim])
    parts = g.node("Split", [g.transpose(qkv, 2, 0, 3, 1, 4), g.constant([1, 1, 1])], outputs=3,
                   axis=0)
    q, k, v = (g.node("Squeeze", [part, g.constant([0])]) for part in parts)
    scores = g.node("MatMul", [q, g.transpose(k, 0, 1, 3, 2)])
    scores = g.node("Mul", [scores, g.constant(head_dim**-0.5, np.float32)])
    mixed = g.node("MatMul", [g.node("Softmax", [scores], axis=-1), v])
    mixed = g.reshape(g.transpose(mixed, 0, 2, 1, 3), [batch, tokens, dim])
    return g.linear(mixed, f"{name}.proj")


def attention_block(g, x, name, shape, head_dim):
    batch, dim, height, width = shape
    x = g.node("Add", [x, g.conv(x, f"{name}.pos_embed", depthwise=True)])
    x = g.transpose(g.reshape(x, [batch, dim, height * width]), 0, 2, 1)
    y = g.layer_norm(x, f"{name}.norm1", BLOCK_NORM_EPS)
    x = g.node("Add", [x, attention(g, y, f"{name}.attn", batch, height * width, head_dim)])
    y = g.linear(g.layer_norm(x, f"{name}.norm2", BLOCK_NORM_EPS), f"{name}.mlp.fc1")
    x = g.node("Add", [x, g.linear(g.gelu(y), f"{name}.mlp.fc2")])
    return g.reshape(g.transpose(x, 0, 2, 1), shape)


def head(g, x, batch):
    dim = g.array("head.weight").shape[1]
    tokens = g.transpose(g.reshape(g.batch_norm(x, "norm"), [batch, dim, -1]), 0, 2, 1)
    mean = g.node("ReduceMean", [tokens], axes=[1], keepdims=0)
    g.node("Gemm", [mean, g.weight("head.weight"), g.weight("head.bias")], transB=1)
    g.nodes[-1].output[0] = "logits"


def depth_of(weights, stage):
    prefix = f"blocks{stage}."
    return len({name.split(".")[1] for name in weights if name.startswith(prefix)})


def export(weights, input_shape, head_dim=64):
    """The ModelProto of one fixed input shape [n, 3, h, w]; `weights` maps names to arrays."""
    g = GraphWriter(weights)
    x = "input"
    batch, _, height, width = input_shape
    for stage in range(1, STAGES + 1):
        x, patch = patch_embed(g, x, f"patch_embed{stage}")
        height, width = height // patch, width // patch
        dim = g.array(f"patch_embed{stage}.norm.weight").shape[0]
        for block in range(depth_of(weights, stage)):
            name = f"blocks{stage}.{block}"
            x = (conv_block(g, x, name) if stage <= CONV_STAGES
                 else attention_block(g, x, name, [batch, dim, height, width], head_dim))
    head(g, x, batch)
    left_over = sorted(set(weights) - g.used)
    if left_over:
        raise ValueError(f"this exporter knows the plain UniFormer only, which has no "
                         f"'{left_over[0]}' ({len(left_over)} tensors are left over)")
    logits_shape = [batch, g.array("head.weight").shape[0]]
    graph = helper.make_graph(
        g.nodes, "uniformer",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, logits_shape)],
        g.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                              ir_version=IR_VERSION, producer_name="vitro benchmarks/peers")
    onnx.checker.check_model(model)
    return model
