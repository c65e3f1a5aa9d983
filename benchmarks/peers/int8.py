"""Products in 8 bits beside NNCF's: latency on this machine's CPU, rounds interleaved.

Vitro's own int8 and float32 plans, and OpenVINO with the same model quantized by NNCF as it does by
default (`nncf.quantize(model, dataset)`) and with NNCF's preset for transformers. Each engine runs one
request at a time on the same input.

    vitro calibrate MODEL IMAGES -o x.calib
    build/peers-venv/bin/pip install nncf==3.4.0 pillow
    build/peers-venv/bin/python benchmarks/peers/int8.py MODEL x.calib IMAGES --threads 2

IMAGES is the folder that NNCF calibrates with. Prints a table and writes
benchmarks/results/int8/beside_nncf_MODEL_bBATCH_tTHREADS.json.
"""
import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import measure
from engines import Peer, Vitro

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
TITLES = {"vitro": "Vitro int8", "vitro fp32": "Vitro fp32", "openvino fp32": "OpenVINO fp32",
          "nncf default": "OpenVINO, NNCF by default", "nncf transformer": "OpenVINO, NNCF transformer"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="checkpoint or ONNX model")
    parser.add_argument("calibration", type=pathlib.Path, help="of 'vitro calibrate'")
    parser.add_argument("images", type=pathlib.Path, help="folder of training pictures")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--subset", type=int, default=300, help="pictures for NNCF; its default")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=20, help="per round and engine")
    parser.add_argument("--warmup", type=int, default=5, help="per round and engine")
    parser.add_argument("--vitro", type=pathlib.Path, default=ROOT / "build/release/vitro")
    parser.add_argument("--models", type=pathlib.Path,
                        help="folder to keep what NNCF makes in, for more runs with this model")
    parser.add_argument("--output", type=pathlib.Path)
    return parser.parse_args()


def pictures(folder, count, size=224):
    """[count, 3, size, size], the shorter side resized to `size`, bicubic."""
    from PIL import Image

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files[::max(1, len(files) // count)][:count]:
        with Image.open(path) as image:
            image = image.convert("RGB")
            scale = size / min(image.size)
            image = image.resize([max(size, round(side * scale)) for side in image.size],
                                 Image.Resampling.BICUBIC)
            left, top = (image.width - size) // 2, (image.height - size) // 2
            pixels = np.asarray(image.crop((left, top, left + size, top + size)), np.float32)
        yield ((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)[None]


def quantized_models(onnx_path, folder, arguments):
    """{name: path} of OpenVINO's models."""
    import nncf
    import openvino

    samples = None
    models = {"openvino fp32": onnx_path}
    for name, options in {"nncf default": {},
                          "nncf transformer": {"model_type": nncf.ModelType.TRANSFORMER}}.items():
        models[name] = folder / f"{name.replace(' ', '_')}.xml"
        if models[name].exists():
            continue
        samples = samples or list(pictures(arguments.images, arguments.subset))
        model = openvino.Core().read_model(onnx_path)
        quantized = nncf.quantize(model, nncf.Dataset(samples), subset_size=len(samples), **options)
        openvino.save_model(quantized, models[name], compress_to_fp16=False)
    return models


class VitroPlan(Vitro):
    """`vitro` on a plan that is built with some options."""

    def __init__(self, name, options, arguments, images, folder):
        self.name, self.program, self.threads = name, arguments.vitro, arguments.threads
        self.images, self.folder, self.environment = images, folder, {}
        self.plan = folder / f"{name.replace(' ', '_')}.plan"
        self.call("build", arguments.model, *options, "-o", self.plan)


def compare(arguments, folder):
    images = np.random.default_rng(1).standard_normal((arguments.batch, 3, 224, 224),
                                                      dtype=np.float32)
    floats = VitroPlan("vitro fp32", [], arguments, images, folder)
    int8 = VitroPlan("vitro", ["--int8", "--calib", arguments.calibration], arguments, images,
                     folder)
    onnx_path = folder / "model.onnx"
    int8.call("export", arguments.model, "-o", onnx_path)
    models = quantized_models(onnx_path, arguments.models or folder, arguments)
    engines = [int8, floats]
    for name, path in models.items():
        engines.append(Peer("openvino", path, images, arguments.threads, {}))
        engines[-1].name = name
    latency = measure.interleave(engines, arguments.rounds, arguments.warmup, arguments.iterations,
                                 lambda i, latest: print(i, latest, file=sys.stderr))
    for engine in engines:
        engine.close()
    ratio = {name: measure.ratio(values["rounds_ms"], latency["vitro"]["rounds_ms"])
             for name, values in latency.items() if name != "vitro"}
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    return {
        "command": " ".join(["benchmarks/peers/int8.py", *(
            os.path.basename(word) if os.path.isabs(word) else word for word in sys.argv[1:])]),
        "date": datetime.date.today().isoformat(), "model": arguments.model.stem,
        "batch": arguments.batch, "threads": arguments.threads, "machine": measure.machine(),
        "versions": {name: importlib.metadata.version(name) for name in ("openvino", "nncf")}
        | {"vitro_commit": commit},
        "latency": latency, "ratio": ratio, "noise": measure.noise(latency, ratio)}


def main():
    arguments = parse_arguments()
    output = arguments.output or (
        ROOT / "benchmarks/results/int8"
        / f"beside_nncf_{arguments.model.stem}_b{arguments.batch}_t{arguments.threads}.json")
    with tempfile.TemporaryDirectory(prefix="vitro_int8_") as folder:
        result = compare(arguments, pathlib.Path(folder))
    print("| engine | median | times as long as Vitro int8 (95 % interval) |\n|---|---|---|")
    for name, values in result["latency"].items():
        ratio = result["ratio"].get(name)
        words = "" if ratio is None else (f"{ratio['median']:.3f} ({ratio['low_95']:.3f} to "
                                          f"{ratio['high_95']:.3f})")
        print(f"| {TITLES[name]} | {values['median_ms']:.2f} ms | {words} |")
    for reason in result["noise"]:
        print(f"\n**Too noisy to quote:** {reason}")
    output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
