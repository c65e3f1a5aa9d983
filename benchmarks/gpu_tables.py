"""The tables of GPUs; tables.py says which files each is made of."""
from table_text import load, row, table

PEERS = {"compile": "torch.compile", "max-autotune": "torch.compile, max-autotune",
         "graph": "eager in a CUDA graph", "eager": "eager"}
GPU_8_BITS = {"vitro-fp8": "fp8", "vitro-int8": "int8", "vitro": "float16"}
PRECISIONS = {"fp16": "float16", "bf16": "bfloat16", "tf32": "TF32", "fp32": "float32"}
TENSORRT = {"fp16_ms": "TensorRT 8.4 fp16", "int8_ms": "TensorRT 8.4 int8",
            "pytorch_fp16_ms": "PyTorch fp16 beside it"}


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


def gpu_peer_cells(result, way, peers):
    cells = [fine_ms(result[way]["vitro"]["median_ms"])]
    for name in peers:
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
        peers = [name for name in PEERS
                 if any(name in result["sync"] for _, result in loaded)]
        rows = [row(str(result["batch"]), title, *gpu_peer_cells(result, way, peers),
                    f"[json]({link(path)})")
                for path, result in loaded
                for way, title in (("back_to_back", "back to back"), ("sync", "one at a time"))]
        lines += table(["batch", "", "Vitro", *(PEERS[name] for name in peers), "raw"], rows)
    return ([line for line in lines if line is not None]
            or [f"No results yet; `scripts/gpu-bench {part}` makes them."])


def gpu_float32_table(results, link):
    return gpu_peers_table(results, link, "true float32", "fp32_peers_*.json", "float32")


def gpu_autotune_table(results, link):
    return gpu_peers_table(results, link, "float16", "autotune_*.json", "autotune")


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
            lines += table(["model", "batch", "Vitro", *(PEERS.get(name, name) for name in peers),
                            "nmse"], rows)
    return ([line for line in lines if line is not None]
            or ["No results yet; `scripts/gpu-bench onnx` makes them."])


def gpu_8_bits_table(results, link):
    lines = []
    for gpu, loaded in by_gpu(results, "8bits_*.json").items():
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
            or ["No results yet; `scripts/gpu-bench 8bits` makes them."])


def bench_rows(results, link):
    """{GPU: (links, rows)} of `vitro bench`, by batch and precision."""
    of_gpus = {}
    for gpu, loaded in by_gpu(results, "bench_uniformer_small.json").items():
        rows = {(line["batch"], line["precision"]): line
                for _, result in loaded for line in result if line["error"] is None}
        of_gpus[gpu] = (", ".join(f"[json]({link(path)})" for path, _ in loaded), rows)
    return of_gpus


def gpu_models_table(results, link):
    lines = []
    for gpu, (links, measured) in bench_rows(results, link).items():
        lines += ["" if lines else None, f"UniFormer-S, float16, {gpu}; {links}.", ""]
        rows = [row(str(batch), fine_ms(line["median_ms"]),
                    *(fine_ms(line[key]) for key in ("h2d_ms", "compute_ms", "d2h_ms",
                                                     "replay_ms", "cold_ms")),
                    line["throttled"] or "no")
                for (batch, precision), line in sorted(measured.items()) if precision == "fp16"]
        lines += table(["batch", "call", "copy to", "compute", "copy back", "back to back",
                        "L2 flushed", "throttled"], rows)
    return ([line for line in lines if line is not None]
            or ["No results yet; `scripts/gpu-bench models` makes them."])


def gpu_precisions_table(results, link):
    """Every precision, back to back, beside what was published of TensorRT."""
    lines, published = [], load(results, "published/tensorrt_uniformer_small.json")
    beside = {one["batch"]: one for _, content in published for one in content["rows"]}
    sources = "".join(f"; TensorRT as published, on {content['hardware']} ([json]({link(path)}))"
                      for path, content in published)
    for gpu, (links, measured) in bench_rows(results, link).items():
        times = {key: line["replay_ms"] for key, line in measured.items()}
        of_vitro = [name for name in PRECISIONS if any(name == p for _, p in times)]
        lines += ["" if lines else None, f"Vitro on {gpu} ({links}){sources}.", ""]
        rows = [row(str(batch), *(fine_ms(times.get((batch, name))) for name in of_vitro),
                    *(fine_ms(beside.get(batch, {}).get(name)) for name in TENSORRT))
                for batch in sorted({batch for batch, _ in times})]
        lines += table(["batch", *(f"Vitro {PRECISIONS[name]}" for name in of_vitro),
                        *TENSORRT.values()], rows)
    return ([line for line in lines if line is not None]
            or ["No results yet; `scripts/gpu-bench models` makes them."])


TABLES = {"gpu_peers": gpu_peers_table, "gpu_autotune": gpu_autotune_table,
          "gpu_float32": gpu_float32_table,
          "gpu_models": gpu_models_table, "gpu_precisions": gpu_precisions_table,
          "gpu_onnx": gpu_onnx_table, "gpu_8_bits": gpu_8_bits_table}
