"""Checkpoints and inputs of the comparison, by the generator of tools/random_weights.py."""
import pathlib
import sys

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from random_weights import random_tensor  # noqa: E402

SIZE = 224
DIMS = (64, 128, 320, 512)
DEPTHS = {"uniformer_small": (3, 4, 8, 3), "uniformer_base": (5, 8, 20, 7)}
CLASSES = 1000
MLP_RATIO = 4


def load(checkpoint):
    try:
        return load_file(checkpoint)
    except SafetensorError as error:
        raise ValueError(f"{checkpoint}: {error}") from error


def images(batch):
    return random_tensor("input", (batch, 3, SIZE, SIZE))


def layer(name, *shape):
    return {f"{name}.weight": shape, f"{name}.bias": (shape[0],)}


def batch_norm(name, dim):
    return {**layer(name, dim), f"{name}.running_mean": (dim,), f"{name}.running_var": (dim,)}


def block_shapes(name, dim, is_conv):
    kernel = (1, 1) if is_conv else ()
    norm = batch_norm if is_conv else layer
    shapes = {**layer(f"{name}.pos_embed", dim, 1, 3, 3), **norm(f"{name}.norm1", dim),
              **norm(f"{name}.norm2", dim),
              **layer(f"{name}.mlp.fc1", MLP_RATIO * dim, dim, *kernel),
              **layer(f"{name}.mlp.fc2", dim, MLP_RATIO * dim, *kernel)}
    if is_conv:
        return {**shapes, **layer(f"{name}.conv1", dim, dim, 1, 1),
                **layer(f"{name}.attn", dim, 1, 5, 5), **layer(f"{name}.conv2", dim, dim, 1, 1)}
    return {**shapes, **layer(f"{name}.attn.qkv", 3 * dim, dim),
            **layer(f"{name}.attn.proj", dim, dim)}


def tensor_shapes(architecture):
    """{name: shape} of every tensor, as in the published checkpoints."""
    shapes, dim_in = {}, 3
    for stage, (depth, dim) in enumerate(zip(DEPTHS[architecture], DIMS), start=1):
        patch = 4 if stage == 1 else 2
        shapes |= layer(f"patch_embed{stage}.proj", dim, dim_in, patch, patch)
        shapes |= layer(f"patch_embed{stage}.norm", dim)
        for block in range(depth):
            shapes |= block_shapes(f"blocks{stage}.{block}", dim, is_conv=stage <= 2)
        dim_in = dim
    return {**shapes, **batch_norm("norm", dim_in), **layer("head", CLASSES, dim_in)}


def write_random(architecture, path):
    weights = {name: np.ascontiguousarray(random_tensor(name, shape))
               for name, shape in tensor_shapes(architecture).items()}
    save_file(weights, path, metadata={"architecture": architecture, "num_classes": str(CLASSES)})
