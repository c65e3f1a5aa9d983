"""Models from ONNX files on this machine's CPU, beside ONNX Runtime and OpenVINO.

Models of timm with random weights of a seed, written by torch.onnx.export (opset 17, batch 1), float32
everywhere. Engines, rounds and what counts as noise are those of peers.py. Logits must be within 1e-4
of ONNX Runtime's, relative to the largest of them.

    python3 benchmarks/peers/onnx_models.py --threads 2 --output FILE [MODEL...]

Asks for PyPI's torch, timm, onnx, onnxruntime and openvino. Exit codes: 0 done, 1 an engine failed,
2 wrong usage, 3 the outputs disagree (nothing is written).
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import measure
import peers

MODELS = ("resnet18", "resnet50", "resnext50_32x4d", "regnety_008", "densenet121",
          "deit_tiny_patch16_224", "deit_small_patch16_224", "vit_base_patch32_224",
          "swin_tiny_patch4_window7_224", "convnext_nano", "convnext_tiny", "efficientnet_lite0",
          "efficientnet_b0", "mobilenetv2_100", "mobilenetv3_large_100", "mobilevit_s",
          "mobilevitv2_100", "edgenext_small", "levit_128", "levit_256", "poolformer_s12",
          "caformer_s18", "efficientformer_l1", "fastvit_t8", "cait_xxs24_224", "cspdarknet53",
          "efficientformerv2_s0", "ghostnetv2_100", "mobilenetv4_conv_small", "resnetv2_50d_evos")
MAX_ERROR = 1e-4


def export(torch, timm, name, path):
    """Writes the model; returns images for it."""
    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as some training may leave it
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            if module.affine:  # timm begins with zeros in ResNets, behind which no error is seen
                module.weight.data.uniform_(0.5, 1.5)
    size = network.default_cfg["input_size"][-1]
    images = torch.randn(1, 3, size, size)
    torch.onnx.export(network, images, str(path), opset_version=17, dynamo=False,
                      input_names=["input"], output_names=["logits"])
    return images.numpy()


def relative_error(values, reference):
    return float(abs(values - reference).max() / abs(reference).max())


def compare(arguments, name, torch, timm):
    from engines import Peer, Vitro

    with tempfile.TemporaryDirectory(prefix="vitro_onnx_") as folder:
        folder = pathlib.Path(folder)
        path = folder / f"{name}.onnx"
        images = export(torch, timm, name, path)
        with measure.realtime(arguments.realtime):
            engines = [Peer(peer, path, images, arguments.threads, {})
                       for peer in ("onnxruntime", "openvino")]
            engines.append(Vitro(arguments.vitro, path, images, arguments.threads, {}, folder))
            outputs = {engine.name: engine.outputs() for engine in engines}
            latency = measure.interleave(engines, arguments.rounds, arguments.warmup,
                                         arguments.iterations, lambda *_: None)
            for engine in engines:
                engine.close()
    ratios = {peer: measure.ratio(latency[peer]["rounds_ms"], latency["vitro"]["rounds_ms"])
              for peer in ("onnxruntime", "openvino")}
    error = {peer: relative_error(outputs[peer], outputs["onnxruntime"])
             for peer in ("vitro", "openvino")}
    row = {"model": name, "size": images.shape[-1], "error": error, "latency": latency,
           "ratio": ratios, "noise": measure.noise(latency, ratios)}
    print(f"{name}: Vitro {latency['vitro']['median_ms']:.2f} ms; "
          + ", ".join(f"{peers.TITLES[peer]} {value['median']:.2f}"
                      for peer, value in ratios.items())
          + f"; error {error['vitro']:.1e}", file=sys.stderr, flush=True)
    return row, {engine.name: engine.version for engine in engines}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", default=MODELS)
    parser.add_argument("--threads", type=peers.positive, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=peers.positive, default=7)
    parser.add_argument("--iterations", type=peers.positive, default=10)
    parser.add_argument("--warmup", type=peers.positive, default=3)
    parser.add_argument("--realtime", action="store_true",
                        help="run the engines before all else on this machine; needs root")
    parser.add_argument("--vitro", type=pathlib.Path, default=peers.ROOT / "build/release/vitro")
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE", required=True)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    rows, failures = [], []
    try:
        import timm
        import torch

        torch.set_num_threads(1)
        for name in arguments.models:
            row, versions = compare(arguments, name, torch, timm)
            rows.append(row)
            if not row["error"]["vitro"] <= MAX_ERROR:  # written so that a NaN disagrees too
                failures.append(f"{name}: logits differ from ONNX Runtime's by "
                                f"{row['error']['vitro']:.1e} of the largest, at most "
                                f"{MAX_ERROR:.0e} is expected")
    except (ImportError, OSError, RuntimeError, ValueError, EOFError,
            subprocess.SubprocessError) as error:
        print(f"error: {error or 'a worker process ended'}", file=sys.stderr)
        return peers.FAILED
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if failures:
        return peers.GATE_FAILED
    means = {peer: statistics.geometric_mean(row["ratio"][peer]["median"] for row in rows)
             for peer in ("onnxruntime", "openvino")}
    commit = subprocess.run(["git", "-C", str(peers.ROOT), "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    result = {"command": f"benchmarks/peers/onnx_models.py --threads {arguments.threads} "
                         f"--rounds {arguments.rounds} --iterations {arguments.iterations}"
                         + " --realtime" * arguments.realtime,
              "date": datetime.date.today().isoformat(), "precision": "fp32", "batch": 1,
              "threads": arguments.threads, "machine": measure.machine(),
              "versions": {**versions, "timm": timm.__version__, "torch": torch.__version__,
                           "vitro_commit": commit},
              "geometric_mean": means, "rows": rows}
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"geometric mean: {means}\nwritten: {arguments.output}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
