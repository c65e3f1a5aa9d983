"""Vitro beside PyTorch on this machine's GPU, in one process.

The same checkpoint, the same images, one precision (float16 by default), one stream. Vitro comes in
through its C interface and reads float32 images from the memory of the GPU, PyTorch's models read what
they compute in. Engines:

    eager         PyTorch with scaled_dot_product_attention
    graph         the same, captured in a CUDA graph
    compile       torch.compile, mode reduce-overhead, channels last
    max-autotune  torch.compile, mode max-autotune, channels last (--max-autotune)
    vitro-int8    a plan of the checkpoint in 8 bits, without PyTorch beside it (--int8 PLAN)
    vitro-fp8     the same in 8-bit floats (--fp8 PLAN)

Each round measures every engine in turn, in two ways: `sync` is the wall clock from the call until the
stream is empty, one call at a time; `back_to_back` is a call of many in a row by CUDA events. The
outputs must agree with PyTorch's in float32.

    scripts/gpu-bench peers                       or
    python3 benchmarks/peers/gpu.py --batch 8 --output FILE

Exit codes: 0 done, 1 an engine failed, 2 wrong usage, 3 the outputs disagree (nothing is written).
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import measure
import model

CHECKPOINT = model.ROOT / "models/uniformer_small_tiny200.safetensors"
ARCHITECTURE, CLASSES = "uniformer_small", 200
TITLES = {"vitro": "Vitro", "eager": "PyTorch eager", "graph": "PyTorch, CUDA graph",
          "compile": "torch.compile", "max-autotune": "torch.compile, max-autotune",
          "vitro-int8": "Vitro int8", "vitro-fp8": "Vitro fp8"}
MAX_NMSE = 2e-5  # of a float16 or tf32 model, as in tests/tolerances.h
# In 8 bits, of random images; what they cost on real ones is in docs/quantization.md.
MAX_NMSE_8_BITS = {"vitro-int8": 1e-2, "vitro-fp8": 1e-1}
WARMUP = 20
ROUND_SECONDS = 0.1  # of each engine and way
FAILED, GATE_FAILED = 1, 3


def sdpa_model(torch):
    """UniFormer-S of tools/uniformer_torch.py whose attention is PyTorch's fused one."""
    import uniformer_torch

    class FusedAttention(uniformer_torch.Attention):
        def forward(self, x):
            batch, tokens, dim = x.shape
            heads = dim // self.head_dim
            qkv = self.qkv(x).reshape(batch, tokens, 3, heads, self.head_dim)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v)
            return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, dim))

    network = uniformer_torch.load_checkpoint(CHECKPOINT, ARCHITECTURE, CLASSES)
    for module in network.modules():
        if isinstance(module, uniformer_torch.Attention):
            module.__class__ = FusedAttention
    return network.cuda()


def graphed(torch, network, images, stream):
    for _ in range(3):
        network(images)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        logits = network(images)

    def replay():
        graph.replay()
        return logits

    return replay


def compiled(torch, network, images, mode):
    program = torch.compile(network, mode=mode, dynamic=False)
    return lambda: program(images)


def plans_in_8_bits(arguments):
    plans = {"vitro-int8": arguments.int8, "vitro-fp8": arguments.fp8}
    return {name: plan for name, plan in plans.items() if plan}


def start_engines(torch, arguments, images, stream):
    """{name: call that returns logits on the GPU}."""
    from vitro_c import Session

    def vitro(model_file):
        session = Session(arguments.library, model_file, "cuda", arguments.precision)
        logits = torch.empty(images.shape[0], CLASSES, device="cuda")

        def run():
            session.run(images, logits, stream.cuda_stream)
            return logits

        return run

    engines = {"vitro": vitro(CHECKPOINT)}
    in_8_bits = plans_in_8_bits(arguments)
    if in_8_bits:
        return engines | {name: vitro(plan) for name, plan in in_8_bits.items()}
    dtype = torch.float16 if arguments.precision == "fp16" else torch.float32
    plain = sdpa_model(torch).to(dtype)
    last = sdpa_model(torch).to(dtype).to(memory_format=torch.channels_last)
    x = images.to(dtype)
    x_last = x.to(memory_format=torch.channels_last)
    engines |= {"eager": lambda: plain(x), "graph": graphed(torch, plain, x, stream),
                "compile": compiled(torch, last, x_last, "reduce-overhead")}
    if arguments.max_autotune:
        engines["max-autotune"] = compiled(
            torch, sdpa_model(torch).to(dtype).to(memory_format=torch.channels_last), x_last,
            "max-autotune")
    return engines


def sync_ms(call, stream):
    times, end = [], time.perf_counter() + ROUND_SECONDS
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        stream.synchronize()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def back_to_back_ms(torch, call, stream, one_ms):
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    count = max(5, int(1e3 * ROUND_SECONDS / one_ms))
    begin.record(stream)
    for _ in range(count):
        call()
    end.record(stream)
    end.synchronize()
    return begin.elapsed_time(end) / count


def measure_rounds(torch, engines, stream, rounds):
    """{"sync": {engine: {"median_ms", "rounds_ms"}}, "back_to_back": the same}."""
    times = {way: {name: [] for name in engines} for way in ("sync", "back_to_back")}
    for call in engines.values():
        for _ in range(WARMUP):
            call()
        stream.synchronize()
    for index in range(rounds):
        for name, call in engines.items():
            call()  # brings back the caches
            stream.synchronize()
            one = sync_ms(call, stream)
            times["sync"][name].append(round(one, 5))
            times["back_to_back"][name].append(
                round(back_to_back_ms(torch, call, stream, one), 5))
        words = ", ".join(f"{TITLES[name]} {times['back_to_back'][name][-1]:.3f}"
                          for name in engines)
        print(f"round {index + 1}, ms back to back: {words}", file=sys.stderr)
    return {way: {name: {"median_ms": statistics.median(values), "rounds_ms": values}
                  for name, values in of_way.items()} for way, of_way in times.items()}


def agreement(engines, reference, stream):
    """nmse and argmax of every engine's outputs against `reference` (NumPy, float64)."""
    result = {}
    for name, call in engines.items():
        logits = call()
        stream.synchronize()
        values = logits.double().cpu().numpy()
        error = ((values - reference) ** 2).sum() / (reference**2).sum()
        same = (values.argmax(axis=1) == reference.argmax(axis=1)).mean()
        result[name] = {"nmse": float(error), "same_class": float(same)}
    return result


def gpu_state(arguments):
    """Name, driver, clocks and the split of a call, of `vitro bench`."""
    command = [str(arguments.vitro), "bench", str(CHECKPOINT), "--backend", "cuda", "--" + arguments.precision,
               "--batch", str(arguments.batch), "--duration", "0.5", "--json", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    row = json.loads(done.stdout)[0]
    return {**row, "model": pathlib.Path(row["model"]).name}


def compare(arguments):
    import torch

    def allow_tf32(allowed):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed

    allow_tf32(False)
    images = torch.from_numpy(model.images(arguments.batch)).cuda()
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.inference_mode(), torch.cuda.stream(stream):
        reference = sdpa_model(torch)(images).double().cpu().numpy()
        allow_tf32(arguments.precision == "tf32")
        engines = start_engines(torch, arguments, images, stream)
        agreed = agreement(engines, reference, stream)
        times = measure_rounds(torch, engines, stream, arguments.rounds)
    ratios = {way: {name: measure.ratio(values["rounds_ms"], of_way["vitro"]["rounds_ms"])
                    for name, values in of_way.items() if name != "vitro"}
              for way, of_way in times.items()}
    commit = subprocess.run(["git", "-C", str(model.ROOT), "describe", "--always", "--dirty"],
                            capture_output=True, text=True, check=False).stdout.strip()
    state = gpu_state(arguments)
    return {"command": f"benchmarks/peers/gpu.py --batch {arguments.batch} --precision {arguments.precision}"
                       + "".join(f" --{name.removeprefix('vitro-')} PLAN"
                                 for name in plans_in_8_bits(arguments))
                       + (" --max-autotune" if arguments.max_autotune else ""),
            "date": datetime.date.today().isoformat(), "model": CHECKPOINT.stem,
            "precision": arguments.precision, "batch": arguments.batch, "rounds": arguments.rounds,
            "gpu": torch.cuda.get_device_name(), "driver": state["driver"],
            "versions": {"torch": torch.__version__, "cuda": torch.version.cuda,
                         "vitro": state["version"], "vitro_commit": commit,
                         "python": platform.python_version()},
            "agreement": agreed, **times, "ratio": ratios, "bench": state}


def print_table(result):
    print(f"\n{result['model']}, {result['precision']}, batch {result['batch']}, {result['gpu']}\n")
    print("| engine | back to back | times Vitro | sync | times Vitro | nmse |")
    print("|---|---|---|---|---|---|")
    for name in result["sync"]:
        cells = [TITLES[name]]
        for way in ("back_to_back", "sync"):
            ratio = result["ratio"][way].get(name)
            cells += [f"{result[way][name]['median_ms']:.3f} ms",
                      f"{ratio['median']:.2f}" if ratio else ""]
        print("| " + " | ".join([*cells, f"{result['agreement'][name]['nmse']:.1e}"]) + " |")


def add_paths(parser):
    parser.add_argument("--vitro", type=pathlib.Path, default=model.ROOT / "build/release/vitro")
    parser.add_argument("--library", type=pathlib.Path,
                        default=model.ROOT / "build/release/libvitro.so")
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE", required=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--precision", choices=["fp16", "fp32", "tf32"], default="fp16")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--max-autotune", action="store_true")
    parser.add_argument("--int8", type=pathlib.Path, metavar="PLAN")
    parser.add_argument("--fp8", type=pathlib.Path, metavar="PLAN")
    add_paths(parser)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    # A cache of its own, so that no earlier run decides what is compiled.
    with tempfile.TemporaryDirectory(prefix="vitro_inductor_") as folder:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", folder)
        try:
            result = compare(arguments)
        except (ImportError, OSError, RuntimeError, ValueError,
                subprocess.SubprocessError) as error:
            print(f"error: {error}", file=sys.stderr)
            return FAILED
    print_table(result)
    # Written so that a NaN disagrees too.
    failures = []
    for name, values in result["agreement"].items():
        bound = MAX_NMSE_8_BITS.get(name, MAX_NMSE)
        if not values["nmse"] <= bound:
            failures.append(f"{TITLES[name]} and PyTorch in float32 disagree: nmse "
                            f"{values['nmse']:.1e}, at most {bound:.0e} is expected")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if failures:
        return GATE_FAILED
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
