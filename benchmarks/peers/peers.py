"""Vitro beside ONNX Runtime and OpenVINO on this machine's CPU.

The same weights and the same input, float32 everywhere, fixed shape, one request at a time. Each
engine has its own process; rounds are interleaved (ONNX Runtime, OpenVINO, Vitro, ONNX Runtime,
...), so that a slow spell of the machine meets all of them. The outputs must agree.

    benchmarks/peers/run --threads 2
    benchmarks/peers/run --threads 2 --batch 8 --iterations 5
    benchmarks/peers/run --threads 2 --random uniformer_base
    benchmarks/peers/run --threads 2 --isa avx2

Prints a Markdown table and writes benchmarks/results/peers_MODEL_bBATCH_tTHREADS.json. Exit codes:
0 done, 1 an engine failed, 2 wrong usage, 3 the outputs disagree (nothing is written).
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
TITLES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "vitro": "Vitro"}
MAX_NMSE = 1e-10  # float32 against float32
FAILED, GATE_FAILED = 1, 3


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {text}, expected at least 1")
    return value


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="benchmarks/peers/run", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path, nargs="?",
                        default=ROOT / "models/uniformer_small_tiny200.safetensors",
                        help=".safetensors of a plain UniFormer; default: the one in models/")
    parser.add_argument("--random", metavar="ARCH", choices=["uniformer_small", "uniformer_base"],
                        help="random weights instead: uniformer_small or uniformer_base")
    parser.add_argument("--threads", type=positive, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batch", type=positive, default=1)
    parser.add_argument("--rounds", type=positive, default=10)
    parser.add_argument("--iterations", type=positive, default=20, help="per round and engine")
    parser.add_argument("--warmup", type=positive, default=5, help="per round and engine")
    parser.add_argument("--isa", choices=["avx512", "avx2", "avx2-switches"],
                        help="avx512: Vitro without AMX, which the others do not use in float32; "
                        "avx2 hides AVX-512 from all engines (CPUID faulting); avx2-switches sets "
                        "ONEDNN_MAX_CPU_ISA and VITRO_CPU_ISA, which leaves OpenVINO its AVX-512 "
                        "products from MLAS and ONNX Runtime out, which has no such switch")
    parser.add_argument("--vitro", type=pathlib.Path, default=ROOT / "build/release/vitro")
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE", help="instead of "
                        "benchmarks/results/peers_MODEL_bBATCH_tTHREADS[_avx2].json")
    return parser.parse_args()


def environments(isa, folder):
    """{engine: variables of its environment} of the engines that can be held to `isa`."""
    import engines

    if isa == "avx2-switches":
        return engines.AVX2_SWITCHES
    if isa == "avx512":
        return dict.fromkeys(TITLES, {}) | {"vitro": {"VITRO_CPU_ISA": "avx512"}}
    return dict.fromkeys(TITLES, engines.hidden_avx512(folder) if isa else {})


def start_engines(arguments, checkpoint, folder):
    import export_onnx
    import model
    import onnx
    from engines import Peer, Vitro

    environment = environments(arguments.isa, folder)
    images = model.images(arguments.batch)
    onnx_path = folder / "model.onnx"
    onnx.save(export_onnx.export(model.load(checkpoint), list(images.shape)), onnx_path)
    engines = [Peer(name, onnx_path, images, arguments.threads, environment[name])
               for name in TITLES if name in environment and name != "vitro"]
    return engines + [Vitro(arguments.vitro, checkpoint, images, arguments.threads,
                            environment["vitro"], folder)]


def describe(arguments, name, engines):
    import measure

    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    # Without the folders of this machine.
    words = [os.path.basename(word) if os.path.isabs(word) else word for word in sys.argv[1:]]
    return {
        "command": " ".join(["benchmarks/peers/run", *words]),
        "date": datetime.date.today().isoformat(),
        "model": name, "precision": "fp32", "batch": arguments.batch, "threads": arguments.threads,
        "isa": arguments.isa or "best", "rounds": arguments.rounds,
        "iterations_per_round": arguments.iterations,
        "warmup_per_round": arguments.warmup, "machine": measure.machine(),
        "versions": {**{engine.name: engine.version for engine in engines}, "vitro_commit": commit,
                     "python": platform.python_version()},
        "kernels": {engine.name: engine.kernels for engine in engines if engine.kernels},
    }


def show_round(index, latest):
    words = ", ".join(f"{TITLES[name]} {ms:.2f} ms" for name, ms in latest.items())
    print(f"round {index}: {words}", file=sys.stderr)


def compare(arguments, folder):
    import measure
    import model

    checkpoint = arguments.checkpoint
    if arguments.random:
        checkpoint = folder / f"{arguments.random}_random.safetensors"
        model.write_random(arguments.random, checkpoint)
    engines = start_engines(arguments, checkpoint, folder)
    result = describe(arguments, checkpoint.stem, engines)
    result["agreement"] = measure.agreement({engine.name: engine.outputs() for engine in engines})
    latency = measure.interleave(engines, arguments.rounds, arguments.warmup, arguments.iterations,
                                 show_round)
    for engine in engines:
        engine.close()
    result["latency"] = latency
    result["ratio"] = {name: measure.ratio(values["rounds_ms"], latency["vitro"]["rounds_ms"])
                       for name, values in latency.items() if name != "vitro"}
    result["noise"] = measure.noise(latency, result["ratio"])
    return result


def disagreements(result):
    # Written so that a NaN disagrees too.
    return [f"{TITLES[name]} and Vitro disagree: nmse {values['nmse']:.1e}, at most {MAX_NMSE:.0e} "
            f"is expected; same first class: {values['argmax_equal']}"
            for name, values in result["agreement"].items()
            if not (values["nmse"] <= MAX_NMSE and values["argmax_equal"])]


def print_table(result):
    print(f"\n{result['model']}, fp32, batch {result['batch']}, {result['threads']} threads, "
          f"{result['machine']['cpu']}, instruction set: {result['isa']}\n")
    print("| engine | version | median | times as long as Vitro (95 % interval) | nmse to Vitro |")
    print("|---|---|---|---|---|")
    for name, values in result["latency"].items():
        line = f"| {TITLES[name]} | {result['versions'][name]} | {values['median_ms']:.2f} ms |"
        if name in result["ratio"]:
            ratio = result["ratio"][name]
            line += (f" {ratio['median']:.3f} ({ratio['low_95']:.3f} to {ratio['high_95']:.3f}) |"
                     f" {result['agreement'][name]['nmse']:.1e} |")
        else:
            line += " | |"
        print(line)
    for reason in result["noise"]:
        print(f"\n**Too noisy to quote:** {reason}")


def check_paths(arguments, output):
    """Now rather than after the rounds."""
    if not arguments.random and not arguments.checkpoint.is_file():
        raise FileNotFoundError(f"{arguments.checkpoint}: no such file")
    if not os.access(arguments.vitro, os.X_OK):
        raise FileNotFoundError(f"{arguments.vitro}: no such program\nhint: scripts/build")
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        raise OSError(f"{output}: cannot be written")


def main():
    arguments = parse_arguments()
    name = arguments.random + "_random" if arguments.random else arguments.checkpoint.stem
    suffix = f"_{arguments.isa}" if arguments.isa else ""
    output = arguments.output or (ROOT / "benchmarks/results" / f"peers_{name}_b{arguments.batch}"
                                  f"_t{arguments.threads}{suffix}.json")
    try:
        check_paths(arguments, output)
        with tempfile.TemporaryDirectory(prefix="vitro_peers_") as folder:
            result = compare(arguments, pathlib.Path(folder))
    except (OSError, RuntimeError, ValueError, EOFError, subprocess.SubprocessError) as error:
        print(f"error: {error or 'a worker process ended'}", file=sys.stderr)
        return FAILED
    print_table(result)
    failures = disagreements(result)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if failures:
        return GATE_FAILED
    output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten: {output}\nhint: benchmarks/tables.py puts it into the docs",
          file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
