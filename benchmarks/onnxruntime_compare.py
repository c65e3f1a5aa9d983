"""Vitro against ONNX Runtime on this machine's CPU: latency, and agreement of the outputs.

The checkpoint is exported to ONNX by PyTorch (opset 17, float32, fixed shape) and run by ONNX
Runtime with all its optimisations. Rounds alternate, ONNX Runtime (in this process) then `vitro bench` (its
own process), so that a slow spell of the machine meets both. A round's latency is the median of its
iterations; the result is the median over the rounds; the ratio has a bootstrap 95 % interval
over the rounds. Needs tools/requirements.txt.

    python benchmarks/onnxruntime_compare.py models/uniformer_small_tiny200.safetensors --threads 2

Writes benchmarks/results/<name>.json and prints a Markdown table.
Exits with 3 if the outputs disagree.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import random_weights  # noqa: E402
import uniformer_torch  # noqa: E402

MAX_NMSE = 1e-10  # float32 against float32
GATE_FAILED = 3
PAUSE_SECONDS = 0.2  # the worker threads of the engine that just ran stop spinning
BOOTSTRAP_SAMPLES = 10000


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path, help="with .config.json beside it")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=20, help="per round and engine")
    parser.add_argument("--warmup", type=int, default=5, help="per round and engine")
    parser.add_argument("--vitro", type=pathlib.Path, default=ROOT / "build/release/vitro")
    parser.add_argument("--vitro-options", default="", help='for example "--backend cpu"')
    parser.add_argument("--onnxruntime-only", action="store_true")
    parser.add_argument("--name", help="of the result file (default: from model, batch, threads)")
    return parser.parse_args()


def read_config(checkpoint):
    config = json.loads(checkpoint.with_suffix(".config.json").read_text())
    return config["architecture"], config["num_classes"], config["pretrained_cfg"]["input_size"]


def make_onnx(checkpoint, architecture, num_classes, shape, path):
    model = uniformer_torch.load_checkpoint(checkpoint, architecture, num_classes)
    torch.onnx.export(model, torch.zeros(shape), str(path), opset_version=17, dynamo=False,
                      input_names=["input"], output_names=["logits"])


def make_session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def onnxruntime_round(session, images, arguments):
    """Median latency of one round, in milliseconds."""
    times = []
    for iteration in range(arguments.warmup + arguments.iterations):
        start = time.perf_counter()
        session.run(None, {"input": images})
        if iteration >= arguments.warmup:
            times.append(1e3 * (time.perf_counter() - start))
    time.sleep(PAUSE_SECONDS)
    return float(np.median(times))


def vitro_command(verb, arguments):
    return [str(arguments.vitro), verb, str(arguments.checkpoint), "--threads",
            str(arguments.threads), *arguments.vitro_options.split()]


def vitro_round(arguments):
    """Median latency of one round, in milliseconds."""
    command = vitro_command("bench", arguments) + [
        "--json", "--batch", str(arguments.batch), "--iterations", str(arguments.iterations),
        "--warmup", str(arguments.warmup)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    time.sleep(PAUSE_SECONDS)
    return float(report[0]["median_ms"])


def vitro_outputs(images, folder, arguments):
    source, target = folder / "input.npy", folder / "logits.npy"
    np.save(source, images)
    command = vitro_command("run", arguments) + ["--input", str(source), "--output", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return np.load(target)


def summary(latencies):
    return {"median_ms": float(np.median(latencies)), "min_ms": min(latencies),
            "max_ms": max(latencies), "rounds_ms": latencies}


def ratio_summary(peer, vitro):
    """Peer's latency over Vitro's: the median over the rounds and its bootstrap 95 % interval."""
    ratios = np.array(peer) / np.array(vitro)
    picks = np.random.default_rng(1).integers(len(ratios), size=(BOOTSTRAP_SAMPLES, len(ratios)))
    low, high = np.percentile(np.median(ratios[picks], axis=1), [2.5, 97.5])
    return {"median": float(np.median(ratios)), "low_95": float(low), "high_95": float(high)}


def cpu_model():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")),
                platform.processor())


def describe(arguments):
    # Without the folders of this machine.
    words = [os.path.basename(word) if os.path.isabs(word) else word for word in sys.argv]
    return {
        "command": " ".join(["python", *words]),
        "date": datetime.date.today().isoformat(),
        "checkpoint": arguments.checkpoint.name,
        "batch": arguments.batch,
        "threads": arguments.threads,
        "iterations_per_round": arguments.iterations,
        "cpu": cpu_model(),
        "logical_cpus": os.cpu_count(),
        "load_average_before": os.getloadavg(),
        "versions": {"onnxruntime": onnxruntime.__version__, "python": platform.python_version(),
                     "torch": torch.__version__, "kernel": platform.release()},
    }


def measure(session, images, arguments):
    latencies = {"onnxruntime": []}
    if not arguments.onnxruntime_only:
        latencies["vitro"] = []
    for _ in range(arguments.rounds):
        latencies["onnxruntime"].append(onnxruntime_round(session, images, arguments))
        if not arguments.onnxruntime_only:
            latencies["vitro"].append(vitro_round(arguments))
    return latencies


def print_table(result):
    print(f"\n{result['checkpoint']}, batch {result['batch']}, {result['threads']} threads, "
          f"{result['cpu']}\n")
    print("| engine | median ms | min ms | max ms |\n|---|---|---|---|")
    for engine, values in result["latency"].items():
        print(f"| {engine} | {values['median_ms']:.2f} | {values['min_ms']:.2f} "
              f"| {values['max_ms']:.2f} |")
    if "ratio" in result:
        ratio = result["ratio"]
        print(f"\nONNX Runtime / Vitro: {ratio['median']:.3f} "
              f"(95 %: {ratio['low_95']:.3f} to {ratio['high_95']:.3f}); "
              f"outputs: nmse {result['nmse']:.1e}, bound {MAX_NMSE:.0e}")


def main():
    arguments = parse_arguments()
    result = describe(arguments)
    architecture, num_classes, input_size = read_config(arguments.checkpoint)
    shape = (arguments.batch, *input_size)
    images = random_weights.random_tensor("input", shape)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_onnx(arguments.checkpoint, architecture, num_classes, shape, folder / "model.onnx")
        session = make_session(folder / "model.onnx", arguments.threads)
        if not arguments.onnxruntime_only:
            expected = session.run(None, {"input": images})[0].astype(np.float64)
            actual = vitro_outputs(images, folder, arguments)
            result["nmse"] = float(((actual - expected) ** 2).sum() / (expected**2).sum())
        latencies = measure(session, images, arguments)
    result["latency"] = {engine: summary(values) for engine, values in latencies.items()}
    if not arguments.onnxruntime_only:
        result["ratio"] = ratio_summary(latencies["onnxruntime"], latencies["vitro"])
    result["load_average_after"] = os.getloadavg()
    name = arguments.name or (f"{arguments.checkpoint.stem}_b{arguments.batch}"
                              f"_t{arguments.threads}_onnxruntime")
    path = ROOT / "benchmarks/results" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print_table(result)
    # Written so that a NaN fails too.
    return 0 if result.get("nmse", 0.0) <= MAX_NMSE else GATE_FAILED


if __name__ == "__main__":
    sys.exit(main())
