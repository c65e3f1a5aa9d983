#!/usr/bin/env python3
"""Writes the tables of README.md and docs/performance.md from the JSON files in benchmarks/results.

A table stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. NAME is one of

    peers        peers_*.json, of benchmarks/peers/run
    peers_short  those of HEADLINES alone
    ops          profile_*.json, of `vitro profile --group op --json`, beside tried.json
    kernels      kernels_*.json, of kernel_benchmark --json
    gpu_peers    GPU/peers_*.json, of scripts/gpu-bench peers
    gpu_float32  GPU/fp32_peers_*.json, of scripts/gpu-bench float32
    gpu_models   GPU/bench_*.json, of scripts/gpu-bench models
    gpu_onnx     GPU/onnx_*.json, of scripts/gpu-bench onnx
    gpu_int8     GPU/int8_*.json, of scripts/gpu-bench int8
    gpu_fp8      GPU/fp8_*.json, of scripts/gpu-bench fp8
    int8_accuracy  int8/eval_*.json, of `vitro eval PLAN IMAGES --reference F32_PLAN --json`
    fp8_accuracy   fp8/eval_*.json, the same
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

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/performance.md", "docs/quantization.md")
MODELS = {"uniformer_small": "UniFormer-S", "uniformer_base": "UniFormer-B"}
ENGINES = {"vitro": "Vitro", "openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}
PEERS = ("openvino", "onnxruntime")
GPU_PEERS = {"compile": "torch.compile", "max-autotune": "with max-autotune",
             "graph": "eager in a CUDA graph", "eager": "eager"}
ISAS = {"avx2": "AVX2", "avx2-switches": "AVX2 by switches", "avx512": "AVX-512"}
# What README.md shows: the usual case, the largest batch, and machines without AMX.
HEADLINES = tuple(f"peers_uniformer_small_tiny200_{case}"
                  for case in ("b1_t2", "b8_t2", "b1_t2_avx512", "b1_t2_avx2"))
FAILED, GATE_FAILED = 1, 3


def load(results, pattern):
    """[(path, content)] in the order of their names."""
    return [(path, json.loads(path.read_text())) for path in sorted(results.glob(pattern))]


def row(*cells):
    return "| " + " | ".join(cells) + " |"


def table(header, rows):
    return [row(*header), "|" + "---|" * len(header), *rows]


def plural(count, noun):
    return f"{count} {noun}" + ("s" if count > 1 else "")


def milliseconds(value):
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def model_title(model):
    return next((title for name, title in MODELS.items() if model.startswith(name)), model)


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


def by_gpu(results, pattern):
    """{"NVIDIA H100 80GB HBM3, driver 580.1": [(path, content)]}, smallest batches first."""
    groups = {}
    for path, content in load(results, f"*/{pattern}"):
        of = content[0] if isinstance(content, list) else content
        groups.setdefault(f"{of['gpu']}, driver {of['driver'] or 'unknown'}", []).append(
            (path, content))
    return groups


def fine_ms(value):
    return "" if value is None else f"{value:.3f} ms" if value < 10 else f"{value:.2f} ms"


def gpu_peer_cells(result, way):
    cells = [fine_ms(result[way]["vitro"]["median_ms"])]
    for name in GPU_PEERS:
        if name not in result[way]:
            cells.append("")
            continue
        ratio = result["ratio"][way][name]
        cells.append(f"{fine_ms(result[way][name]['median_ms'])} **{ratio['median']:.2f}**")
    return cells


def gpu_peers_table(results, link, precision="float16", files="peers_*.json", part="peers"):
    lines = []
    for gpu, loaded in by_gpu(results, files).items():
        loaded.sort(key=lambda item: item[1]["batch"])
        lines += ["" if lines else None, f"UniFormer-S, {precision}, {gpu}, PyTorch "
                  f"{loaded[0][1]['versions']['torch']}; bold: times as long as Vitro.", ""]
        rows = [row(str(result["batch"]), title, *gpu_peer_cells(result, way),
                    f"[json]({link(path)})")
                for path, result in loaded
                for way, title in (("back_to_back", "back to back"), ("sync", "one at a time"))]
        lines += table(["batch", "", "Vitro", *GPU_PEERS.values(), "raw"], rows)
    return ([line for line in lines if line is not None]
            or [f"No results yet; `scripts/gpu-bench {part}` makes them."])


def gpu_float32_table(results, link):
    return gpu_peers_table(results, link, "true float32", "fp32_peers_*.json", "float32")


def gpu_onnx_table(results, link):
    lines = []
    for gpu, loaded in by_gpu(results, "onnx_*.json").items():
        for path, result in loaded:
            peers = [name for name in ("graph", "compile") if name in result["rows"][0]["ratio"]["sync"]]
            lines += ["" if lines else None,
                      f"float16, {gpu}, PyTorch {result['versions']['torch']}; back to back; bold: "
                      f"times as long as Vitro; [json]({link(path)}).", ""]
            rows = []
            for one in result["rows"]:
                way, ratio = one["back_to_back"], one["ratio"]["back_to_back"]
                rows.append(row(one["model"], str(one["batch"]), fine_ms(way["vitro"]["median_ms"]),
                                *(f"{fine_ms(way[name]['median_ms'])} **{ratio[name]['median']:.2f}**"
                                  for name in peers),
                                f"{one['agreement']['vitro']['nmse']:.1e}"))
            lines += table(["model", "batch", "Vitro", *(GPU_PEERS.get(name, name) for name in peers),
                            "nmse"], rows)
    return ([line for line in lines if line is not None]
            or ["No results yet; `scripts/gpu-bench onnx` makes them."])


def gpu_int8_table(results, link):
    lines = []
    for gpu, loaded in by_gpu(results, "int8_*.json").items():
        loaded.sort(key=lambda item: item[1]["batch"])
        lines += ["" if lines else None, f"UniFormer-S, {gpu}; bold: times as long as in 8 bits.", ""]
        rows = []
        for path, result in loaded:
            way, ratio = result["back_to_back"], result["ratio"]["back_to_back"]["vitro-int8"]
            rows.append(row(str(result["batch"]), fine_ms(way["vitro-int8"]["median_ms"]),
                            f"{fine_ms(way['vitro']['median_ms'])} **{1 / ratio['median']:.2f}**",
                            f"[json]({link(path)})"))
        lines += table(["batch", "int8", "float16", "raw"], rows)
    return ([line for line in lines if line is not None]
            or ["No results yet; `scripts/gpu-bench int8` makes them."])


GPU_8_BITS = {"vitro-fp8": "fp8", "vitro-int8": "int8", "vitro": "float16"}


def gpu_fp8_table(results, link):
    lines = []
    for gpu, loaded in by_gpu(results, "fp8_*.json").items():
        loaded.sort(key=lambda item: item[1]["batch"])
        lines += ["" if lines else None,
                  f"UniFormer-S, {gpu}; bold: times as long as in float16.", ""]
        rows = []
        for path, result in loaded:
            way, ratio = result["back_to_back"], result["ratio"]["back_to_back"]
            cells = [fine_ms(way[name]["median_ms"])
                     + (f" **{ratio[name]['median']:.2f}**" if name in ratio else "")
                     for name in GPU_8_BITS]
            rows.append(row(str(result["batch"]), *cells, f"[json]({link(path)})"))
        lines += table(["batch", *GPU_8_BITS.values(), "raw"], rows)
    return ([line for line in lines if line is not None]
            or ["No results yet; `scripts/gpu-bench fp8` makes them."])


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


def gpu_models_table(results, link):
    lines = []
    for gpu, loaded in by_gpu(results, "bench_*.json").items():
        for path, result in loaded:
            lines += ["" if lines else None,
                      f"{model_title(path.stem.removeprefix('bench_'))}, {gpu}; "
                      f"[json]({link(path)}).", ""]
            rows = [row(str(line["batch"]), line["precision"], fine_ms(line["median_ms"]),
                        *(fine_ms(line[key]) for key in ("h2d_ms", "compute_ms", "d2h_ms",
                                                         "replay_ms", "cold_ms")),
                        line["throttled"] or "no")
                    for line in result if line["error"] is None]
            lines += table(["batch", "precision", "call", "copy to", "compute", "copy back",
                            "back to back", "L2 flushed", "throttled"], rows)
    return ([line for line in lines if line is not None]
            or ["No results yet; `scripts/gpu-bench models` makes them."])


def accuracy_table(results, link, folder):
    """How much each way to calibrate costs in numbers of that kind."""
    rows = []
    loaded = load(results, f"{folder}/eval_*.json")
    for path, result in sorted(loaded, key=lambda item: -item[1]["reference"]["agreement"]):
        reference = result["reference"]
        calibration = result["calibration"]
        method = f"`{calibration['method']}`"
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


INT8_ENGINES = {"vitro fp32": "Vitro float32", "nncf default": "OpenVINO int8, NNCF",
                "nncf transformer": "the same, its preset for transformers",
                "openvino fp32": "OpenVINO float32"}
BF16_ENGINES = {"vitro fp32": "Vitro float32", "openvino bf16": "OpenVINO bf16",
                "openvino fp32": "OpenVINO float32"}


def precision_table(results, link, pattern, title, engines, script):
    """Latencies beside that of the engine "vitro", which `title` names."""
    rows, captions = [], []
    for path, result in load(results, pattern):
        latency, ratio = result["latency"], result["ratio"]
        cells = [f"{milliseconds(latency[name]['median_ms'])} **{ratio[name]['median']:.2f}**"
                 if name in latency else "" for name in engines]
        rows.append(row(f"batch {result['batch']}, {plural(result['threads'], 'thread')}",
                        milliseconds(latency["vitro"]["median_ms"]), *cells,
                        f"[json]({link(path)})"))
        machine, versions = result["machine"], result["versions"]
        nncf = f", NNCF {versions['nncf']}" if "nncf" in versions else ""
        captions.append(f"UniFormer-S, {machine['cpu']} ({', '.join(machine['isa'])}), OpenVINO "
                        f"{versions['openvino']}{nncf}; bold: times as long as {title}, median "
                        "over the rounds.")
    if not rows:
        return [f"No results yet; `benchmarks/peers/{script}` makes them."]
    return [*dict.fromkeys(captions), "", *table(["", title, *engines.values(), "raw"], rows)]


def int8_peers_table(results, link):
    return precision_table(results, link, "int8/beside_nncf_*.json", "Vitro int8", INT8_ENGINES,
                           "int8.py")


def bf16_peers_table(results, link):
    return precision_table(results, link, "bf16/beside_openvino_*.json", "Vitro bf16",
                           BF16_ENGINES, "bf16.py")


TABLES = {"peers": peers_table, "peers_short": peers_short_table, "ops": ops_table,
          "kernels": kernels_table, "onnx": onnx_table, "int8_accuracy": int8_accuracy_table,
          "fp8_accuracy": fp8_accuracy_table,
          "int8_peers": int8_peers_table, "bf16_peers": bf16_peers_table,
          "gpu_int8": gpu_int8_table, "gpu_fp8": gpu_fp8_table, "gpu_peers": gpu_peers_table,
          "gpu_float32": gpu_float32_table,
          "gpu_models": gpu_models_table, "gpu_onnx": gpu_onnx_table}


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
