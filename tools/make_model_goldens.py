"""Makes tests/models/data/<architecture>.safetensors: outputs of whole models with random weights.

Weights and images come from random_weights.py (seed 1), so the C++ tests make them themselves. The
truth is PyTorch in float64 on float32 weights; PyTorch's own float32 error is printed beside it.
A file holds, for every image size and batch, `<case>` = `<h>x<w>.b<n>`:

    <case>.stage1 ... <case>.stage4   F32 [1024]     the outputs of blocks1 ... blocks4, sampled
    <case>.stage1.rms ...             F64 [1]        sqrt(mean(x^2)) of the whole output
    <case>.stage1.sum_of_squares ...  F64 [1]        sum(x^2) of the whole output
    <case>.logits                     F32 [n, 1000]  in full
    <case>.logits.rms, .sum_of_squares

Sample j is the element at flat index (j * 2654435761) mod numel of the [n, c, h, w] output.

A model that prunes tokens sorts them by score. Where the last one that is kept and the first one that is
dropped are as close as rounding, two right answers differ: such a case is refused, not written.

    python tools/make_model_goldens.py [--output tests/models/data] [architecture ...]
"""
import argparse
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

import random_weights
import uniformer_light_torch
import uniformer_torch

ARCHITECTURES = ("uniformer_small", "uniformer_small_plus", "uniformer_base", "uniformer_base_ls",
                 "uniformer_small_tl", "uniformer_large_ls", "uniformer_xxs")
IMAGE_SIZES = ((224, 224), (288, 352))  # [h, w]
BATCHES = (1, 3)
NUM_SAMPLES = 1024
SAMPLE_STRIDE = 2654435761
LEAST_SCORE_MARGIN = 5e-5  # relative; a hundred times what float32 moves a score by


def sample(values):
    flat = values.flatten()
    idx = np.arange(NUM_SAMPLES, dtype=np.uint64) * np.uint64(SAMPLE_STRIDE) % np.uint64(flat.size)
    return flat[idx.astype(np.int64)].astype(np.float32)


def nmse(values, truth):
    return float(((values - truth) ** 2).sum() / (truth**2).sum())


def score_margins(model):
    """Fills the list it returns, as the model runs: how far apart, relative to the larger one, the last score
    that is kept and the first one that is dropped are."""
    margins = []

    def measure(block, arguments):
        scores = arguments[2]
        if scores is None:
            return
        ordered = scores.sort(dim=1, descending=True)[0]
        kept = ordered.shape[1] // 2
        margins.append(float((1 - ordered[:, kept] / ordered[:, kept - 1]).min()))

    for module in model.modules():
        if isinstance(module, uniformer_light_torch.PruningBlock):
            module.register_forward_pre_hook(measure)
    return margins


def check_score_margins(name, margins):
    if not margins:
        return
    print(f"{name}: scores are {min(margins):.1e} apart where tokens are dropped", flush=True)
    if min(margins) < LEAST_SCORE_MARGIN:
        raise ValueError(f"{name}: scores are too close, expected {LEAST_SCORE_MARGIN} at least")


def create(architecture):
    light = architecture in uniformer_light_torch.ARCHITECTURES
    return (uniformer_light_torch if light else uniformer_torch).create(architecture)


def run(model, images):
    """Stage outputs and logits by name, as float64 arrays."""
    with torch.inference_mode():
        stages, logits = model(images, return_stages=True)
    outputs = {f"stage{i + 1}": stage for i, stage in enumerate(stages)}
    outputs["logits"] = logits
    return {name: value.double().numpy() for name, value in outputs.items()}


def make_case(model, images, case, tensors):
    truth = run(model.double(), images.double())
    single = run(model.float(), images)
    noise = {}
    for name, values in truth.items():
        key = f"{case}.{name}"
        tensors[key] = values.astype(np.float32) if name == "logits" else sample(values)
        squares = np.square(values).sum()
        tensors[f"{key}.rms"] = np.array([np.sqrt(squares / values.size)])
        tensors[f"{key}.sum_of_squares"] = np.array([squares])
        noise[name] = nmse(single[name], values)
    return noise


def make_golden(architecture, output_dir):
    model = random_weights.fill_model(create(architecture))
    margins = score_margins(model)
    tensors = {}
    for height, width in IMAGE_SIZES:
        for batch in BATCHES:
            shape = (batch, 3, height, width)
            images = torch.from_numpy(random_weights.random_tensor("input", shape))
            case = f"{height}x{width}.b{batch}"
            noise = make_case(model, images, case, tensors)
            columns = "  ".join(
                f"{name} rms {tensors[f'{case}.{name}.rms'][0]:.3f} nmse {value:.1e}"
                for name, value in noise.items())
            print(f"{architecture} {case}: {columns}", flush=True)
    check_score_margins(architecture, margins)
    # One entry only: safetensors writes several in no fixed order.
    metadata = {"seed": str(random_weights.DEFAULT_SEED)}
    save_file(tensors, output_dir / f"{architecture}.safetensors", metadata=metadata)


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=root / "tests/models/data")
    parser.add_argument("architectures", nargs="*", default=ARCHITECTURES)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for architecture in arguments.architectures:
        make_golden(architecture, arguments.output)


if __name__ == "__main__":
    main()
