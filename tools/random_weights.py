"""Deterministic random weights and inputs, bit-identical in Python and C++.

A value depends only on the seed, on the tensor's name and on the element's row-major index in the
tensor's PyTorch shape, so any subset can be made in any order. All integers are unsigned 64-bit and
wrap around.

1. Key of a tensor: key = fnv1a64(name) ^ (seed * 0x9E3779B97F4A7C15), where fnv1a64 starts from
   0xCBF29CE484222325 and for every byte of the UTF-8 name does h = (h ^ byte) * 0x100000001B3.
2. Bits of element i: splitmix64's finaliser of z = key + (i + 1) * 0x9E3779B97F4A7C15:
       z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
       z = (z ^ (z >> 27)) * 0x94D049BB133111EB
       z = z ^ (z >> 31)
3. v = float(z >> 40) * 2^-23 - 1, in [-1, 1). v is a multiple of 2^-23, exact in float32.
4. Value in float32, by the first row that fits the name's ending and the shape:
       name                           value
       ends with "num_batches_tracked"  not generated (0)
       ends with "running_var"        1 + 0.5 * v
       ends with "running_mean"       0.25 * v
       ends with "gamma_1", "gamma_2" 0.5 + 0.25 * v       (any rank)
       ends with "bias"               0.125 * v
       ends with "weight", rank 1     1 + 0.25 * v         (normalisation)
       ends with "weight", rank >= 2, or "cls_token"  scale * v   (convolution, linear layer, token)
       equals "input"                 2 * v                (images, [n, 3, h, w])
   scale = float32(gain * sqrt(3 / fan_in)) computed in float64; fan_in is the product of all dims
   after the first; gain is 0.5 for a convolution (rank 4), else 1.

Every factor but `scale` is a power of two, so each row has one rounding at most and a compiler that
contracts multiply and add into one instruction changes nothing.
Check values, seed 1: fnv1a64("input") = 0x1EBBAE8F5810B65B; v of "input" = 0x1.37F58p-5,
0x1.6CDDE8p-1, 0x1.24FB8p-5; "head.weight" [1000, 512] = -0.06184352934360504, 0.019642679020762444,
0.05276016891002655 ... -0.04787614569067955.

The gain keeps the stages' outputs and the logits between 0.4 and 20 (rms) in all architectures: a
residual sum with an uncorrelated branch of equal size grows by sqrt(2), 1000 times in 20 blocks.
"""
import math

import numpy as np

DEFAULT_SEED = 1
GOLDEN_GAMMA = 0x9E3779B97F4A7C15
MASK = 0xFFFFFFFFFFFFFFFF
CONVOLUTION_GAIN = 0.5


def fnv1a64(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(name, count, seed=DEFAULT_SEED):
    """`count` float32 values v in [-1, 1)."""
    key = fnv1a64(name) ^ ((seed * GOLDEN_GAMMA) & MASK)
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GOLDEN_GAMMA) + np.uint64(key)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)


def weight_scale(shape):
    gain = CONVOLUTION_GAIN if len(shape) == 4 else 1.0
    return np.float32(gain * math.sqrt(3.0 / math.prod(shape[1:])))


def offset_and_factor(name, shape):
    if name == "input":
        return 0.0, 2.0
    if name.endswith("running_var"):
        return 1.0, 0.5
    if name.endswith("running_mean"):
        return 0.0, 0.25
    if name.endswith(("gamma_1", "gamma_2")):
        return 0.5, 0.25
    if name.endswith("bias"):
        return 0.0, 0.125
    if name.endswith(("weight", "cls_token")):
        return (1.0, 0.25) if len(shape) == 1 else (0.0, weight_scale(shape))
    raise ValueError(f"no rule for tensor '{name}' of shape {tuple(shape)}")


def random_tensor(name, shape, seed=DEFAULT_SEED):
    offset, factor = offset_and_factor(name, shape)
    values = uniform(name, math.prod(shape), seed) * np.float32(factor)
    if offset:
        values = values + np.float32(offset)
    return values.reshape(shape)


def fill_model(model, seed=DEFAULT_SEED):
    """Overwrites every tensor of a PyTorch model's state dict."""
    import torch

    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(torch.from_numpy(random_tensor(name, tuple(tensor.shape), seed)))
    return model
