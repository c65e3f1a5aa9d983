#!/usr/bin/env python3
"""Writes the PyTorch checkpoints of tests/formats/data and the seeds of tests/fuzz (needs torch, numpy
and safetensors; run from anywhere).

Values follow formulas that tests/formats/torch_file_test.cpp repeats. The files are the same on every
run, but for legacy.pth and legacy_module.pth, whose keys are addresses, and script.pth.
"""

import argparse
import collections
import io
import os
import pickle
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


def pickled(value):
    data = io.BytesIO()
    pickle.dump(value, data, protocol=2)
    return data.getvalue()


class LegacyPickler(pickle.Pickler):
    """Pickles tensors as torch.save() did before 1.6, with parts of a storage as old versions had them."""

    def persistent_id(self, value):
        return value.id if isinstance(value, LegacyStorage) else None


class LegacyStorage:
    def __init__(self, kind, key, count, view=None):
        self.id = ("storage", kind, key, "cpu", count, view)


class LegacyTensor:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, (*self.arguments, False, collections.OrderedDict())


def legacy_views():
    """A file of the format before 1.6 with two storages, one of which is used in two parts."""
    base, half = ramp(12), ramp(4, dtype=torch.float16)
    state = collections.OrderedDict(
        [
            ("whole", LegacyTensor(LegacyStorage(torch.FloatStorage, "7", 12), 0, (3, 4), (4, 1))),
            ("part", LegacyTensor(LegacyStorage(torch.FloatStorage, "7", 12, ("8", 4, 6)), 1, (2, 2), (1, 2))),
            ("half", LegacyTensor(LegacyStorage(torch.HalfStorage, "9", 4), 0, (4,), (1,))),
        ]
    )
    data = io.BytesIO()
    LegacyPickler(data, protocol=2).dump(state)
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    content = pickled(0x1950A86A20F9469CFC6C) + pickled(1001) + pickled(machine) + data.getvalue()
    content += pickled(["7", "9"])
    for storage in (base, half):
        content += storage.numel().to_bytes(8, "little") + storage.numpy().tobytes()
    loaded = torch.load(io.BytesIO(content), weights_only=False)
    assert loaded["part"].tolist() == [[2.5, 3.5], [3.0, 4.0]], loaded["part"]
    return content


class Subclass(dict):
    """A dict of a class of its own, as configuration libraries have them."""


# Made here so that the file that has it holds no source code and no path.
WithoutSource = type("WithoutSource", (torch.nn.Linear,), {})


def other_arrays(save, folder):
    """Files with weights that only their own library can make."""
    linear = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(2, 2)))
    save("quantized_module.pth", {"layers": linear, "mean": ramp(1)})
    save("quantized.pth", {"q": torch.quantize_per_tensor(ramp(2, 2), 0.5, 0, torch.qint8)})
    save("meta.pth", {"m": torch.empty(2, 2, device="meta")})
    save("numpy.pth", {"args": argparse.Namespace(lr=1), "a": numpy.zeros(2), "b": numpy.zeros(3)})
    (folder / "plain.pkl").write_bytes(pickle.dumps({"a": [1.0, 2.0]}, protocol=4))
    (folder / "plain0.pkl").write_bytes(pickle.dumps({"a": [1.0, 2.0]}, protocol=0))
    numpy.savez(folder / "arrays.npz", a=numpy.zeros(2))
    torch.jit.script(torch.nn.Linear(2, 2)).save(folder / "script.pth")


def write_seeds(checkpoints, folder):
    """Small valid files that the fuzzers start from."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(checkpoints.glob("*.pth")):
        if zipfile.is_zipfile(path) and path.name != "script.pth":
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
    save("subclass.pth", Subclass(model=Subclass(state_dict())))
    save("mixed.pth", ({"net": state_dict(), 7: ramp(1)}, {"s": torch.eye(2).to_sparse(), "lr": 1e-3}))
    other_arrays(save, folder)
    (folder / "legacy_views.pth").write_bytes(legacy_views())
    module = WithoutSource(4, 3)
    module.load_state_dict({"weight": ramp(3, 4), "bias": ramp(3)})
    module.add_module("inner", WithoutSource(1, 1, bias=False))
    save("legacy_module.pth", {"model": module}, _use_new_zipfile_serialization=False)
    save("legacy.pth", state_dict(), _use_new_zipfile_serialization=False)
    write_seeds(folder, tests / "fuzz" / "seeds")


if __name__ == "__main__":
    main()
