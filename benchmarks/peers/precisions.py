"""What the comparisons in another precision than float32 share: int8.py and bf16.py."""
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
from engines import Vitro

ROOT = pathlib.Path(__file__).resolve().parents[2]


def parser_of(description):
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="checkpoint or ONNX model")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=20, help="per round and engine")
    parser.add_argument("--warmup", type=int, default=5, help="per round and engine")
    parser.add_argument("--vitro", type=pathlib.Path, default=ROOT / "build/release/vitro")
    parser.add_argument("--output", type=pathlib.Path)
    return parser


class VitroPlan(Vitro):
    """`vitro` on a plan that is built with some options and run with others."""

    def __init__(self, name, options, arguments, images, folder, words=()):
        self.name, self.program, self.threads = name, arguments.vitro, arguments.threads
        self.images, self.folder, self.environment = images, folder, {}
        self.words = ("--backend", "cpu", *words)
        self.plan = folder / f"{name.replace(' ', '_')}.plan"
        self.call("build", arguments.model, *options, "-o", self.plan)


def images_of(arguments):
    return np.random.default_rng(1).standard_normal((arguments.batch, 3, 224, 224),
                                                    dtype=np.float32)


def compared(arguments, engines, script, packages, **more):
    """The result of interleaved rounds; the engine "vitro" is what others are compared with."""
    latency = measure.interleave(engines, arguments.rounds, arguments.warmup, arguments.iterations,
                                 lambda i, latest: print(i, latest, file=sys.stderr))
    for engine in engines:
        engine.close()
    ratio = {name: measure.ratio(values["rounds_ms"], latency["vitro"]["rounds_ms"])
             for name, values in latency.items() if name != "vitro"}
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip()
    return {
        "command": " ".join([f"benchmarks/peers/{script}", *(
            os.path.basename(word) if os.path.isabs(word) else word for word in sys.argv[1:])]),
        "date": datetime.date.today().isoformat(), "model": arguments.model.stem,
        "batch": arguments.batch, "threads": arguments.threads, "machine": measure.machine(),
        "versions": {name: importlib.metadata.version(name) for name in packages}
        | {"vitro_commit": commit},
        "latency": latency, "ratio": ratio, "noise": measure.noise(latency, ratio)} | more


def main(arguments, compare, titles, prefix):
    """Prints a table and writes PREFIX_MODEL_bBATCH_tTHREADS.json below benchmarks/results."""
    output = arguments.output or (
        ROOT / "benchmarks/results"
        / f"{prefix}_{arguments.model.stem}_b{arguments.batch}_t{arguments.threads}.json")
    with tempfile.TemporaryDirectory(prefix="vitro_peers_") as folder:
        result = compare(arguments, pathlib.Path(folder))
    print(f"| engine | median | times as long as {titles['vitro']} (95 % interval) |\n|---|---|---|")
    for name, values in result["latency"].items():
        ratio = result["ratio"].get(name)
        words = "" if ratio is None else (f"{ratio['median']:.3f} ({ratio['low_95']:.3f} to "
                                          f"{ratio['high_95']:.3f})")
        print(f"| {titles[name]} | {values['median_ms']:.2f} ms | {words} |")
    for name, values in result.get("agreement", {}).items():
        print(f"{titles[name]}: nmse {values['nmse']:.1e} of Vitro's float32")
    for reason in result["noise"]:
        print(f"\n**Too noisy to quote:** {reason}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n")
