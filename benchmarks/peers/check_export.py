"""Is export_onnx.py as good for the engines as PyTorch's own exporter?

Loads both exports of models/uniformer_small_tiny200.safetensors into ONNX Runtime and OpenVINO and
compares, per engine, what became of the graph (kinds and numbers of optimised nodes), the outputs
and the latency (interleaved rounds, one process, ratio with a 95 % interval). Besides the
environment of benchmarks/peers/run it needs PyTorch:

    build/peers-venv/bin/pip install -r tools/requirements.txt
    build/peers-venv/bin/python benchmarks/peers/check_export.py --threads 2

Exits with 3 if the optimised graphs or the outputs differ; latency is only printed.
"""
import argparse
import collections
import pathlib
import statistics
import sys
import tempfile
import time

import numpy as np
import onnx
import onnxruntime

import engines
import export_onnx
import measure
import model

CHECKPOINT = model.ROOT / "models/uniformer_small_tiny200.safetensors"
GATE_FAILED = 3


def export_with_pytorch(images, path):
    import torch
    import uniformer_torch

    network = uniformer_torch.load_checkpoint(CHECKPOINT, "uniformer_small", 200)
    torch.onnx.export(network, torch.from_numpy(images), str(path), opset_version=export_onnx.OPSET,
                      dynamo=False, input_names=["input"], output_names=["logits"])


def optimised_by_onnxruntime(path, folder):
    """{op: number} after all of ONNX Runtime's own optimisations."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # no warning that the file is for this machine only
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    graph = onnx.load(options.optimized_model_filepath).graph
    return dict(sorted(collections.Counter(node.op_type for node in graph.node).items()))


def time_round(run, iterations):
    times = []
    for _ in range(iterations):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    time.sleep(measure.PAUSE_SECONDS)
    return statistics.median(times)


def check_engine(name, paths, images, arguments, folder):
    """Prints one paragraph; whether both exports became the same program."""
    started = {source: engines.STARTERS[name](str(path), images, arguments.threads)
               for source, path in paths.items()}
    kernels = {source: optimised_by_onnxruntime(path, folder) if name == "onnxruntime"
               else started[source][2] for source, path in paths.items()}
    times, outputs = {source: [] for source in paths}, {}
    for source, (run, read_outputs, _) in started.items():
        run()
        outputs[source] = np.array(read_outputs())
    for _ in range(arguments.rounds):
        for source, (run, _, _) in started.items():
            times[source].append(time_round(run, arguments.iterations))
    same_graph = kernels["ours"] == kernels["pytorch"]
    same_outputs = bool(np.array_equal(outputs["ours"], outputs["pytorch"]))
    ratio = measure.ratio(times["ours"], times["pytorch"])
    print(f"{name}: same optimised graph: {same_graph} ({sum(kernels['ours'].values())} nodes); "
          f"same bits: {same_outputs}; ours {statistics.median(times['ours']):.2f} ms, PyTorch's "
          f"{statistics.median(times['pytorch']):.2f} ms, ratio {ratio['median']:.3f} "
          f"({ratio['low_95']:.3f} to {ratio['high_95']:.3f})")
    if not same_graph:
        print(f"  ours:      {kernels['ours']}\n  PyTorch's: {kernels['pytorch']}")
    return same_graph and same_outputs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=10)
    arguments = parser.parse_args()
    images = model.images(arguments.batch)
    with tempfile.TemporaryDirectory(prefix="vitro_peers_") as folder:
        folder = pathlib.Path(folder)
        paths = {"ours": folder / "ours.onnx", "pytorch": folder / "pytorch.onnx"}
        onnx.save(export_onnx.export(model.load(CHECKPOINT), list(images.shape)), paths["ours"])
        export_with_pytorch(images, paths["pytorch"])
        same = [check_engine(name, paths, images, arguments, folder) for name in engines.STARTERS]
    return 0 if all(same) else GATE_FAILED


if __name__ == "__main__":
    sys.exit(main())
