#!/usr/bin/env python3
"""Writes the tables of README.md and docs/performance.md from the JSON files in benchmarks/results.

A table stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. NAME is one of

    peers        peers_*.json, of benchmarks/peers/run
    peers_short  those of HEADLINES alone
    ops          profile_*.json, of `vitro profile --group op --json`, beside tried.json
    kernels      kernels_*.json, of kernel_benchmark --json
    gpu_peers    GPU/peers_*.json, of scripts/gpu-bench peers
    gpu_autotune GPU/autotune_*.json, of scripts/gpu-bench autotune
    gpu_float32  GPU/fp32_peers_*.json, of scripts/gpu-bench float32
    gpu_models   GPU/bench_*.json, of scripts/gpu-bench models
    gpu_precisions  the same, beside published/tensorrt_*.json
    gpu_onnx     GPU/onnx_*.json, of scripts/gpu-bench onnx
    gpu_8_bits   GPU/8bits_*.json, of scripts/gpu-bench 8bits
    int8_accuracy  int8/eval_*.json, of `vitro eval PLAN IMAGES --reference F32_PLAN --json`
    fp8_accuracy   fp8/eval_*.json, the same
    int8_methods   int8/methods.json, of benchmarks/int8_methods.py
    int8_peers   int8/beside_nncf_*.json, of benchmarks/peers/int8.py
    bf16_peers   bf16/beside_openvino_*.json, of benchmarks/peers/bf16.py

    python3 benchmarks/tables.py            rewrite the tables
    python3 benchmarks/tables.py --check    exit 3 if a table is not what the files say

Needs nothing but Python's standard library.
"""
import argparse
import json
import os
import pathlib
import re
import sys

import gpu_tables
from table_text import load, milliseconds, model_title, plural, row, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/performance.md", "docs/quantization.md")
ENGINES = {"vitro": "Vitro", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}
PEERS = ("openvino", "onnxruntime")
ISAS = {"avx2": "AVX2", "avx2-switches": "AVX2 by switches", "avx512": "AVX-512"}
# What README.md shows: the usual case, the largest batch, and machines without AMX.
HEADLINES = tuple(f"peers_uniformer_small_tiny200_{case}"
                  for case in ("b1_t2", "b8_t2", "b1_t2_avx512", "b1_t2_avx2"))
FAILED, GATE_FAILED = 1, 3


def configuration(result):
    words = [model_title(result["model"]), f"batch {result['batch']}", plural(result["threads"], "thread")]
    return ", ".join(words + ([ISAS[result["isa"]]] if result["isa"] in ISAS else []))


def peer_cells(result, peer):
    if peer not in result["latency"]:
        return ["", ""]
    ratio = result["ratio"][peer]
    quoted = (f"**{ratio['median']:.2f}** ({ratio['low_95']:.2f} to {ratio['high_95']:.2f})"
              if not result["noise"] else "too noisy to quote")
    return [milliseconds(result["latency"][peer]["median_ms"]), quoted]


def peers_order(result):
    return (not result["model"].startswith("uniformer_small"), result["isa"] != "best",
            result["batch"], -result["threads"])


def peers_captions(loaded):
    """What the numbers are of: one line for each machine."""
    versions = {}
    for _, result in loaded:
        machine = result["machine"]
        key = f"{machine['cpu']}, {plural(machine['usable_cpus'], 'core')}"
        seen = versions.setdefault(key, {})
        for name, title in ENGINES.items():
            if name in result["versions"]:
                seen[f"{title} {result['versions'][name]}"] = None
    return [f"{machine}; {', '.join(seen)}." for machine, seen in versions.items()]


def peers_table(results, link, shown=lambda path: True):
    loaded = sorted((item for item in load(results, "peers_*.json") if shown(item[0])),
                    key=lambda item: peers_order(item[1]))
    rows = []
    for path, result in loaded:
        cells = [cell for peer in PEERS for cell in peer_cells(result, peer)]
        rows.append(row(configuration(result),
                        milliseconds(result["latency"]["vitro"]["median_ms"]), *cells,
                        f"[json]({link(path)})"))
    if not rows:
        return ["No results yet; `benchmarks/peers/run` makes them."]
    header = ["float32", "Vitro"]
    for peer in PEERS:
        header += [ENGINES[peer], "ratio (95 % interval)"]
    return [*table([*header, "raw"], rows), "", *peers_captions(loaded)]


def peers_short_table(results, link):
    return peers_table(results, link, lambda path: path.stem in HEADLINES)


def load_tried(results):
    """{op: [{"tried", "gave"}]}; every op must be one of docs/operators.md."""
    tried = json.loads((results / "tried.json").read_text())
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/operators.md").read_text(), re.MULTILINE))
    for name in tried:
        if name.split(".")[0] not in known:
            raise ValueError(f"tried.json: '{name}' is no op of docs/operators.md")
    return tried


def tried_cells(names, tried):
    """For each row its own entries; those of the whole op stand in the op's first row."""
    cells, seen = [], set()
    for name in names:
        op = name.split(".")[0]
        entries = [] if op in seen else list(tried.get(op, []))
        entries += tried.get(name, []) if name != op else []
        seen.add(op)
        cells.append("; ".join(f"{entry['tried']}: {entry['gave']}" for entry in entries))
    return cells


def number(value, digits=0, unit=" %"):
    return f"{value:.{digits}f}{unit}" if value else ""


def ops_rows(profile, tried):
    names = [line["name"] for line in profile["rows"]]
    for line, note in zip(profile["rows"], tried_cells(names, tried)):
        yield row(f"`{line['name']}`", f"{line['ms']:.2f} ms", number(line["percent"], 1),
                  number(line["percent_of_peak"]), number(line["percent_of_bandwidth"]), note)


def ops_table(results, link):
    tried = load_tried(results)
    lines = []
    for path, profile in load(results, "profile_*.json"):
        peaks = profile["peaks"]
        lines += ["" if lines else None,
                  f"{configuration({**profile, 'model': profile['architecture']})}; "
                  f"{profile['cpu']}, peaks measured with these threads "
                  f"{peaks['gflops_per_s']:.0f} GFLOP/s ({peaks['product_gflops_per_s']:.0f} in "
                  f"products) and {peaks['gbytes_per_s']:.0f} GB/s; "
                  f"[json]({link(path)}).", "",
                  *table(["op", "time", "share", "of peak", "of memory bandwidth",
                          "what was tried and what it gave"], [
                      *ops_rows(profile, tried),
                      row("all", f"{profile['total']['ms']:.2f} ms", "",
                          number(profile["total"]["percent_of_peak"]),
                          number(profile["total"]["percent_of_bandwidth"]), "")])]
    return ([line for line in lines if line is not None]
            or ["No results yet; `vitro profile MODEL --group op --json` makes them."])


def kernel_cells(kernel, has_peer):
    rate = (f"{kernel['percent_of_peak']:.0f} % of peak" if "percent_of_peak" in kernel
            else f"{kernel['gbytes_per_s']:.0f} GB/s")
    cells = [f"`{kernel['op']}`", kernel["name"], f"{kernel['best_us']:.1f} us", rate]
    if has_peer:
        times = [kernel[key] for key in ("peer_us", "peer_packed_us") if kernel[key]]
        cells.append(f"{min(times):.1f} us" if times else "")
    return cells


def kernels_table(results, link):
    lines = []
    for path, result in load(results, "kernels_*.json"):
        has_peer = result["peer"] != "none"
        header = ["op", "kernel", "time", "rate"] + ([result["peer"]] if has_peer else [])
        lines += ["", f"<details><summary>{result['isa']} on {result['cpu']}, one thread unless "
                  f"the name says otherwise; peak of a core {result['peak_gflops_per_core']:.0f} "
                  "GFLOP/s</summary>", "",
                  *table(header, [row(*kernel_cells(kernel, has_peer))
                                  for kernel in result["kernels"]]),
                  "", f"[json]({link(path)})", "</details>"]
    return lines[1:] or ["No results yet; `kernel_benchmark --json FILE` makes them."]


def onnx_table(results, link):
    lines = []
    for path, result in load(results, "onnx_models_*.json"):
        machine, means = result["machine"], result["geometric_mean"]
        lines += ["" if lines else None,
                  f"float32, batch 1, {plural(result['threads'], 'thread')}, {machine['cpu']} "
                  f"({', '.join(machine['isa'])}); times as long as Vitro, in brackets where the rounds were "
                  f"too noisy to quote; [json]({link(path)}).", ""]
        rows = []
        for one in result["rows"]:
            shown = "({:.2f})" if one["noise"] else "{:.2f}"
            rows.append(row(one["model"], milliseconds(one["latency"]["vitro"]["median_ms"]),
                            *(shown.format(one["ratio"][peer]["median"])
                              for peer in ("onnxruntime", "openvino")),
                            f"{one['error']['vitro']:.0e}"))
        rows.append(row("geometric mean", "", *(f"**{means[peer]:.2f}**"
                                                for peer in ("onnxruntime", "openvino")), ""))
        lines += table(["model", "Vitro", f"ONNX Runtime {result['versions']['onnxruntime']}",
                        f"OpenVINO {result['versions']['openvino']}", "error"], rows)
    return ([line for line in lines if line is not None]
            or ["No results yet; `benchmarks/peers/onnx_models.py` makes them."])


def accuracy_table(results, link, folder):
    """How much each way to calibrate costs in numbers of that kind."""
    rows = []
    loaded = load(results, f"{folder}/eval_*.json")
    for path, result in sorted(loaded, key=lambda item: -item[1]["reference"]["agreement"]):
        reference = result["reference"]
        calibration = result["calibration"]
        method = f"`{calibration['method']}`"
        if calibration.get("all_products"):
            method += ", the head too"
        if not calibration.get("bias_corrected", True):
            method += ", biases not corrected"
        rows.append(row(method, f"{result['top1']:.2f} %",
                        f"{result['top5']:.2f} %", f"{reference['agreement']:.2f} %",
                        f"{reference['nmse']:.1e}", f"[json]({link(path)})"))
    if not rows:
        return ["No results yet; `vitro eval` of a plan in 8 bits makes them."]
    return table(["method", "top-1", "top-5", "agreement with float32", "nmse of logits", "raw"],
                 rows)


def int8_accuracy_table(results, link):
    return accuracy_table(results, link, "int8")


def fp8_accuracy_table(results, link):
    return accuracy_table(results, link, "fp8")


def method_cell(result, method, variant):
    """'-0.20, **98.4 %**', empty where it was not measured."""
    for line in result["rows"]:
        if (line["method"], line["variant"]) == (method, variant):
            return f"{line['drop']:.2f}, **{line['agreement']:.1f} %**"
    return ""


def int8_methods_table(results, link):
    lines = []
    for path, result in load(results, "int8/methods.json"):
        calibration, evaluation = result["calibration"], result["evaluation"]
        variants = list(dict.fromkeys(line["variant"] for line in result["rows"]))
        methods = list(dict.fromkeys(line["method"] for line in result["rows"]))
        lines += [f"Points of top-1 below float32 ({result['top1']:.2f} %), bold: agreement with it. "
                  f"{model_title(result['model'].split('.')[0])}, {calibration['images']} pictures of "
                  f"{calibration['set']}, {evaluation['images']} of {evaluation['set']}, evenly spread over its classes: "
                  f"a picture is {100 / evaluation['images']:.2f} points; [json]({link(path)}).", "",
                  *table(["method", *variants],
                         [row(f"`{method}`", *(method_cell(result, method, variant)
                                               for variant in variants))
                          for method in methods])]
    return lines or ["No results yet; `benchmarks/int8_methods.py` makes them."]


INT8_ENGINES = {"vitro fp32": "Vitro float32", "nncf default": "OpenVINO int8, NNCF",
                "nncf transformer": "the same, its preset for transformers",
                "openvino fp32": "OpenVINO float32"}
BF16_ENGINES = {"vitro fp32": "Vitro float32", "openvino bf16": "OpenVINO bf16",
                "openvino fp32": "OpenVINO float32"}


def precision_table(results, link, pattern, title, engines, script):
    """Latencies beside that of the engine "vitro", which `title` names; a table for each machine."""
    machines = {}
    for path, result in load(results, pattern):
        latency, ratio = result["latency"], result["ratio"]
        cells = [f"{milliseconds(latency[name]['median_ms'])} **{ratio[name]['median']:.2f}**"
                 if name in latency else "" for name in engines]
        machine, versions = result["machine"], result["versions"]
        nncf = f", NNCF {versions['nncf']}" if "nncf" in versions else ""
        caption = (f"UniFormer-S, {machine['cpu']} ({', '.join(machine['isa'])}), OpenVINO "
                   f"{versions['openvino']}{nncf}; bold: times as long as {title}, median over the "
                   "rounds.")
        machines.setdefault(caption, []).append(
            row(f"batch {result['batch']}, {plural(result['threads'], 'thread')}",
                milliseconds(latency["vitro"]["median_ms"]), *cells, f"[json]({link(path)})"))
    lines = []
    for caption, rows in machines.items():
        lines += ["", caption, "", *table(["", title, *engines.values(), "raw"], rows)]
    return lines[1:] or [f"No results yet; `benchmarks/peers/{script}` makes them."]


def int8_peers_table(results, link):
    return precision_table(results, link, "int8/beside_nncf_*.json", "Vitro int8", INT8_ENGINES,
                           "int8.py")


def bf16_peers_table(results, link):
    return precision_table(results, link, "bf16/beside_openvino_*.json", "Vitro bf16",
                           BF16_ENGINES, "bf16.py")


TABLES = {"peers": peers_table, "peers_short": peers_short_table, "ops": ops_table,
          "kernels": kernels_table, "onnx": onnx_table, "int8_accuracy": int8_accuracy_table,
          "fp8_accuracy": fp8_accuracy_table, "int8_methods": int8_methods_table, "int8_peers": int8_peers_table,
          "bf16_peers": bf16_peers_table, **gpu_tables.TABLES}


def rewrite(text, results, link):
    """(`text` with every table anew, names of those that changed)."""
    changed = []

    def replace(match):
        name = match["name"]
        if name not in TABLES:
            raise ValueError(f"no table is called '{name}'; there are {', '.join(TABLES)}")
        body = "\n".join(["", *TABLES[name](results, link), ""])
        if body != match["body"]:
            changed.append(name)
        return f"<!-- begin: {name} -->{body}<!-- end: {name} -->"

    text, count = re.subn(
        r"<!-- begin: (?P<name>\w+) -->(?P<body>.*?)<!-- end: (?P=name) -->", replace, text,
        flags=re.DOTALL)
    if count != len(re.findall(r"<!-- (?:begin|end): \w+ -->", text)) / 2:
        raise ValueError("a table has a begin without its end, or an end without its begin")
    return text, changed


def update(root, check):
    """Names of the stale tables, "README.md: peers"; rewritten unless `check`."""
    results, stale = root / "benchmarks/results", []
    for name in DOCUMENTS:
        document = root / name
        try:
            text, changed = rewrite(document.read_text(), results,
                                    lambda path: os.path.relpath(path, document.parent))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{name}: {error!r}" if isinstance(error, KeyError)
                             else f"{name}: {error}") from error
        stale += [f"{name}: {table_name}" for table_name in changed]
        if changed and not check:
            document.write_text(text)
    return stale


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 3 when stale")
    arguments = parser.parse_args()
    try:
        stale = update(ROOT, arguments.check)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    for name in stale:
        print(f"{'stale' if arguments.check else 'rewritten'}: {name}", file=sys.stderr)
    if stale and arguments.check:
        print("hint: python3 benchmarks/tables.py", file=sys.stderr)
        return GATE_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
