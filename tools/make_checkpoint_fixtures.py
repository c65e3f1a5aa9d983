#!/usr/bin/env python3
"""Writes the PyTorch checkpoints of tests/formats/data and the seeds of tests/fuzz (needs torch, numpy
and safetensors; run from anywhere).

Values follow formulas that tests/formats/torch_file_test.cpp repeats. The files are the same on every
run, but for legacy.pth, whose keys are addresses.
"""

import argparse
import collections
import os
import zipfile
from pathlib import Path

import numpy
import safetensors.torch
import torch


def ramp(*shape, dtype=torch.float32):
    """0, 0.5, 1, ...: exact in every floating-point type used here."""
    count = 1
    for extent in shape:
        count *= extent
    return (torch.arange(count, dtype=torch.float32) * 0.5).reshape(shape).to(dtype)


def state_dict(prefix=""):
    return collections.OrderedDict(
        [
            (prefix + "norm.weight", ramp(4)),
            (prefix + "head.weight", ramp(3, 4)),
            (prefix + "head.bias", ramp(3)),
        ]
    )


class Malicious:
    def __reduce__(self):
        return (os.system, ("touch vitro_pickle_was_run",))


class MaliciousEval:
    def __reduce__(self):
        return (eval, ("__import__('os').system('touch vitro_pickle_was_run')",))


def dtypes():
    return {
        "f32": ramp(2, 3),
        "f16": ramp(2, 3, dtype=torch.float16),
        "bf16": ramp(2, 3, dtype=torch.bfloat16),
        "f64": ramp(2, 3, dtype=torch.float64),
        "i64": torch.tensor(7),
        "i32": torch.arange(3, dtype=torch.int32),
        "i16": torch.arange(3, dtype=torch.int16),
        "i8": torch.arange(3, dtype=torch.int8),
        "u8": torch.arange(3, dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
    }


def training():
    """What training scripts leave around the weights."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return {
        "epoch": 299,
        "best": 82.5,
        "huge": 1 << 100,
        "names": {"a"},
        "optimizer": optimizer.state_dict(),
        "model": collections.OrderedDict(
            (name, torch.nn.Parameter(tensor)) for name, tensor in state_dict().items()
        ),
        "args": argparse.Namespace(
            lr=1e-3, output=Path("checkpoints"), sizes=torch.Size([2, 3]), dtype=torch.float16,
            device=torch.device("cpu"),
        ),
        "model_ema": {"ignored": ramp(1)},
    }


def views():
    base = ramp(4, 6)
    annotated = ramp(2, 2)
    annotated.note = "an attribute makes PyTorch rebuild it by type"
    return {
        "transposed": base.t(),
        "strided": base[1:4:2, ::3],
        "offset": base[2],
        "whole": base,
        "expanded": ramp(2, 1).expand(2, 3),
        "annotated": annotated,
    }


def write_seeds(checkpoints, folder):
    """Small valid files that the fuzzers start from."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(checkpoints.glob("*.pth")):
        if path.name != "legacy.pth":
            with zipfile.ZipFile(path) as archive:
                pickled = archive.read(f"{path.stem}/data.pkl")
            (folder / f"{path.stem}.pkl").write_bytes(pickled)
    tensors = {"weight": ramp(2, 3), "half": ramp(3, dtype=torch.float16), "scalar": torch.tensor(7)}
    safetensors.torch.save_file(tensors, folder / "tensors.safetensors", {"format": "pt"})
    safetensors.torch.save_file({}, folder / "empty.safetensors")
    numpy.save(folder / "image.npy", numpy.zeros((1, 3, 2, 2), numpy.float32))
    numpy.save(folder / "bytes.npy", numpy.arange(3, dtype=numpy.uint8))


def main():
    torch.manual_seed(0)
    tests = Path(__file__).resolve().parent.parent / "tests"
    folder = tests / "formats" / "data"
    folder.mkdir(parents=True, exist_ok=True)

    def save(name, value, **options):
        torch.save(value, folder / name, **options)

    with_metadata = torch.nn.Sequential(torch.nn.BatchNorm1d(2)).state_dict()
    save("plain.pth", state_dict())
    save("protocol4.pth", state_dict(), pickle_protocol=4)
    save("protocol5.pth", state_dict(), pickle_protocol=5)
    save("batch_norm.pth", with_metadata)
    save("state_dict_module.pth", {"state_dict": state_dict("module."), "arch": "uniformer"})
    save("model_ema.pth", {"model_ema": state_dict(), "epoch": 1})
    save("nested.pth", {"model": {"backbone": state_dict(), "version": "1"}})
    save("training.pth", training())
    save("dtypes.pth", dtypes())
    save("views.pth", views())
    save("no_tensors.pth", {"model": {"epoch": 1}})
    save("complex.pth", {"c": torch.zeros(2, dtype=torch.complex64)})
    conjugate = torch.view_as_complex(ramp(2, 3, 2)).conj()
    save("negative.pth", {"n": conjugate.imag})  # the elements of the imaginary part, and a flag
    save("sparse.pth", {"s": torch.nn.Parameter(torch.eye(2).to_sparse())})
    save("pickled_module.pth", torch.nn.Linear(2, 2))
    save("malicious.pth", {"model": state_dict(), "extra": Malicious()})
    save("malicious_eval.pth", {"model": MaliciousEval()}, pickle_protocol=4)
    save("legacy.pth", state_dict(), _use_new_zipfile_serialization=False)
    write_seeds(folder, tests / "fuzz" / "seeds")


if __name__ == "__main__":
    main()
