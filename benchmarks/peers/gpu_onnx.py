"""Models from ONNX files on this machine's GPU, beside PyTorch running the models they come from.

Models of timm with random weights of a seed, written by torch.onnx.export (opset 17, the batch left
open). Vitro reads float32 images from the memory of the GPU through its C interface, PyTorch's
models read float16. Engines, ways of measuring and gate are those of gpu.py; --compile adds
torch.compile (a minute for each model and batch).

    scripts/gpu-bench onnx                        or
    python3 benchmarks/peers/gpu_onnx.py --batch 1,32 --output FILE [MODEL...]

Exit codes: 0 done, 1 an engine failed, 2 wrong usage, 3 the outputs disagree (nothing is written).
"""
import argparse
import datetime
import json
import pathlib
import sys
import tempfile

import gpu
import measure

MODELS = ("resnet50", "deit_small_patch16_224", "swin_tiny_patch4_window7_224", "convnext_nano",
          "mobilenetv3_large_100", "efficientnet_lite0")
# Of float16 models with random weights, whose logits are small beside the values they are sums of.
MAX_NMSE = 1e-4


def random_model(torch, timm, name):
    """In float32; running statistics are those that some training may leave."""
    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network


def export(torch, network, size, path):
    torch.onnx.export(network, torch.zeros(1, 3, size, size), path, opset_version=17, dynamo=False,
                      input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})


def start_engines(torch, arguments, network, session, images, logits, stream):
    last = network.cuda().half().to(memory_format=torch.channels_last)
    x = images.half().to(memory_format=torch.channels_last)

    def vitro():
        session.run(images, logits, stream.cuda_stream)
        return logits

    engines = {"vitro": vitro, "graph": gpu.graphed(torch, last, x, stream)}
    if arguments.compile:
        engines["compile"] = gpu.compiled(torch, last, x, "reduce-overhead")
    return engines


def compare(arguments, name, torch, timm):
    """A row for each batch."""
    from vitro_c import Session

    network = random_model(torch, timm, name)
    size = network.default_cfg["input_size"][-1]
    with tempfile.TemporaryDirectory(prefix="vitro_onnx_") as folder:
        path = pathlib.Path(folder) / f"{name}.onnx"
        export(torch, network, size, str(path))
        session = Session(arguments.library, path, "cuda", "fp16")
    stream, rows = torch.cuda.Stream(), []
    for batch in arguments.batch:
        torch.manual_seed(1)
        images = torch.randn(batch, 3, size, size, device="cuda")
        torch.cuda.synchronize()
        with torch.inference_mode(), torch.cuda.stream(stream):
            reference = network.float().cuda()(images)
            logits = torch.empty_like(reference)
            engines = start_engines(torch, arguments, network, session, images, logits, stream)
            agreed = gpu.agreement(engines, reference.double().cpu().numpy(), stream)
            times = gpu.measure_rounds(torch, engines, stream, arguments.rounds)
        ratios = {way: {engine: measure.ratio(values["rounds_ms"], of_way["vitro"]["rounds_ms"])
                        for engine, values in of_way.items() if engine != "vitro"}
                  for way, of_way in times.items()}
        rows.append({"model": name, "batch": batch, "precision": "fp16", "agreement": agreed,
                     **times, "ratio": ratios})
        cells = [f"{engine} {times['back_to_back'][engine]['median_ms']:.3f}" for engine in engines]
        print(f"{name}, batch {batch}: " + ", ".join(cells), flush=True)
    return rows


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    parser.add_argument("--batch", type=lambda text: [int(word) for word in text.split(",")],
                        default=[1, 32], metavar="N,...")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    gpu.add_paths(parser)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    try:
        import timm
        import torch

        torch.backends.cudnn.benchmark = True
        rows = [row for name in arguments.models for row in compare(arguments, name, torch, timm)]
        state = gpu.gpu_state(argparse.Namespace(vitro=arguments.vitro, precision="fp16", batch=1))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return gpu.FAILED
    # Written so that a NaN disagrees too.
    failures = [f"{row['model']}, batch {row['batch']}: nmse {row['agreement']['vitro']['nmse']:.1e}"
                for row in rows if not row["agreement"]["vitro"]["nmse"] <= MAX_NMSE]
    if failures:
        print(f"error: beyond nmse {MAX_NMSE:.0e}: " + "; ".join(failures), file=sys.stderr)
        return gpu.GATE_FAILED
    result = {"command": "benchmarks/peers/gpu_onnx.py --batch "
              + ",".join(str(batch) for batch in arguments.batch)
              + (" --compile" if arguments.compile else ""),
              "date": datetime.date.today().isoformat(), "gpu": torch.cuda.get_device_name(),
              "driver": state["driver"], "versions": {"torch": torch.__version__,
                                                      "timm": timm.__version__,
                                                      "vitro": state["version"]},
              "rounds": arguments.rounds, "rows": rows, "bench": state}
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
