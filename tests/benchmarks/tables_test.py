"""benchmarks/tables.py: what becomes of result files, and which texts it refuses."""
import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import tables  # noqa: E402

PEERS = {
    "model": "uniformer_small_tiny200", "batch": 1, "threads": 2, "isa": "best",
    "machine": {"cpu": "Some CPU", "usable_cpus": 2},
    "versions": {"vitro": "0.2.0", "openvino": "2026.4.1"},
    "latency": {"vitro": {"median_ms": 28.04}, "openvino": {"median_ms": 39.26}},
    "ratio": {"openvino": {"median": 1.4, "low_95": 1.389, "high_95": 1.42}},
    "noise": [],
}
PROFILE = {
    "model": "small.plan", "architecture": "uniformer_small", "batch": 1, "threads": 1,
    "isa": "avx512", "cpu": "Some CPU",
    "peaks": {"gflops_per_s": 200, "product_gflops_per_s": 300, "gbytes_per_s": 20},
    "rows": [{"name": name, "ms": 2, "percent": 50, "percent_of_peak": 90,
              "percent_of_bandwidth": None} for name in ("mlp.fc1", "mlp.fc2")],
    "total": {"ms": 4, "percent_of_peak": 90, "percent_of_bandwidth": 10},
}
KERNELS = {
    "cpu": "Some CPU", "isa": "avx2", "peak_gflops_per_core": 100, "peer": "oneDNN 2.6.3",
    "kernels": [{"op": "linear", "name": "gemm 1x2x3", "threads": 1, "best_us": 5,
                 "percent_of_peak": 91.6, "peer_us": 7, "peer_packed_us": 6}],
}
GPU_PEERS = {
    "gpu": "Some GPU", "driver": "580.1", "batch": 8, "versions": {"torch": "2.11.0"},
    "sync": {"vitro": {"median_ms": 1.0}, "compile": {"median_ms": 1.2014}},
    "back_to_back": {"vitro": {"median_ms": 0.8}, "compile": {"median_ms": 1.0}},
    "ratio": {"sync": {"compile": {"median": 1.2014}}, "back_to_back": {"compile": {"median": 1.25}}},
}
GPU_BENCH = {
    "gpu": "Some GPU", "driver": None, "batch": 8, "precision": "fp16", "median_ms": 12.345,
    "h2d_ms": 0.5, "compute_ms": 0.9, "d2h_ms": 0.01, "replay_ms": 0.8, "cold_ms": 0.95,
    "throttled": "", "error": None,
}
DOCUMENT = "a\n<!-- begin: {0} -->\nold\n<!-- end: {0} -->\nz\n"


class Tables(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.results = self.root / "benchmarks/results"
        self.results.mkdir(parents=True)
        (self.root / "docs").mkdir()
        self.write("tried.json", {"mlp": [{"tried": "bands", "gave": "faster"}]})
        for name in tables.DOCUMENTS:
            (self.root / name).write_text("no tables\n")

    def write(self, name, content):
        (self.results / name).parent.mkdir(exist_ok=True)
        (self.results / name).write_text(json.dumps(content))

    def table(self, name):
        text, _ = tables.rewrite(DOCUMENT.format(name), self.results, lambda path: path.name)
        self.assertTrue(text.startswith("a\n<!-- begin"))
        self.assertTrue(text.endswith("-->\nz\n"))
        return text

    def test_peers(self):
        self.write("peers_a.json", PEERS)
        self.assertIn("| UniFormer-S, batch 1, 2 threads | 28.0 ms | 39.3 ms "
                      "| **1.40** (1.39 to 1.42) |  |  | [json](peers_a.json) |",
                      self.table("peers"))

    def test_the_short_table_has_the_headlines_alone(self):
        self.write(tables.HEADLINES[0] + ".json", PEERS)
        self.write("peers_other.json", {**PEERS, "batch": 8})
        self.assertIn("batch 1, 2 threads", self.table("peers_short"))
        self.assertNotIn("batch 8", self.table("peers_short"))
        self.assertLessEqual(len(tables.HEADLINES), 4)

    def test_a_ratio_from_a_noisy_machine_is_not_quoted(self):
        self.write("peers_a.json", {**PEERS, "noise": ["other processes"]})
        self.assertIn("too noisy to quote", self.table("peers"))
        self.assertNotIn("1.40", self.table("peers"))

    def test_ops_have_what_was_tried_once(self):
        self.write("profile_a.json", PROFILE)
        self.assertIn("| `mlp.fc1` | 2.00 ms | 50.0 % | 90 % |  | bands: faster |",
                      self.table("ops"))
        self.assertEqual(self.table("ops").count("bands"), 1)

    def test_what_was_tried_names_an_op(self):
        self.write("tried.json", {"mpl": []})
        with self.assertRaisesRegex(ValueError, "'mpl' is no op"):
            self.table("ops")

    def write_of_gpu(self, name, content):
        (self.results / "some_gpu").mkdir(exist_ok=True)
        self.write(f"some_gpu/{name}", content)

    def test_gpu_peers(self):
        self.assertIn("No results yet", self.table("gpu_peers"))
        self.write_of_gpu("peers_b8.json", GPU_PEERS)
        text = self.table("gpu_peers")
        self.assertIn("Some GPU, driver 580.1, PyTorch 2.11.0", text)
        self.assertIn("| 8 | back to back | 0.800 ms | 1.000 ms **1.25** | "
                      "[json](peers_b8.json) |", text)
        self.assertIn("| 8 | one at a time | 1.000 ms | 1.201 ms **1.20** |", text)

    def test_gpu_autotune(self):
        def with_autotune(of_ways, value):
            return {way: {**engines, "max-autotune": value} for way, engines in of_ways.items()}
        times = {way: GPU_PEERS[way] for way in ("sync", "back_to_back")}
        self.write_of_gpu("autotune_b8.json", {
            **GPU_PEERS, **with_autotune(times, {"median_ms": 1.6}),
            "ratio": with_autotune(GPU_PEERS["ratio"], {"median": 2.0})})
        text = self.table("gpu_autotune")
        self.assertIn("| batch |  | Vitro | torch.compile | torch.compile, max-autotune | raw |", text)
        self.assertIn("1.000 ms **1.25** | 1.600 ms **2.00** | [json](autotune_b8.json) |", text)
        self.assertIn("No results yet", self.table("gpu_peers"))

    def test_gpu_models(self):
        self.assertIn("No results yet", self.table("gpu_models"))
        self.write_of_gpu("bench_uniformer_small.json",
                          [GPU_BENCH, {**GPU_BENCH, "batch": 999, "error": "out of memory"}])
        text = self.table("gpu_models")
        self.assertIn("UniFormer-S, float16, Some GPU, driver unknown", text)
        self.assertIn("| 8 | 12.35 ms | 0.500 ms | 0.900 ms | 0.010 ms | 0.800 ms | 0.950 ms | no |",
                      text)
        self.assertNotIn("999", text)

    def test_gpu_precisions(self):
        self.write_of_gpu("bench_uniformer_small.json",
                          [GPU_BENCH, {**GPU_BENCH, "precision": "fp32", "replay_ms": 3.2},
                           {**GPU_BENCH, "batch": 2}])
        text = self.table("gpu_precisions")
        self.assertIn("| 2 | 0.800 ms |  |  |  |  |", text)
        self.assertIn("| 8 | 0.800 ms | 3.200 ms |  |  |  |", text)
        (self.results / "published").mkdir()
        self.write("published/tensorrt_uniformer_small.json", {
            "hardware": "some card", "rows": [{"batch": 8, "fp16_ms": 6.337, "int8_ms": 5.756}]})
        text = self.table("gpu_precisions")
        self.assertIn("as published, on some card", text)
        self.assertIn("| 8 | 0.800 ms | 3.200 ms | 6.337 ms | 5.756 ms |  |", text)

    def test_gpu_8_bits(self):
        self.write_of_gpu("8bits_b8.json", {
            **GPU_PEERS,
            "back_to_back": {name: {"median_ms": ms} for name, ms in
                             (("vitro", 1.2), ("vitro-int8", 1.0), ("vitro-fp8", 0.9))},
            "ratio": {"back_to_back": {"vitro-int8": {"median": 0.83},
                                       "vitro-fp8": {"median": 0.75}}}})
        self.assertIn("| 8 | 0.900 ms **0.75** | 1.000 ms **0.83** | 1.200 ms | [json](8bits_b8.json) |",
                      self.table("gpu_8_bits").replace("some_gpu/", ""))

    def test_int8_methods(self):
        self.write("int8/methods.json", {
            "model": "uniformer_small_tiny200.safetensors", "top1": 66.8,
            "calibration": {"set": "train", "images": 200},
            "evaluation": {"set": "val", "images": 500},
            "rows": [{"method": "mse", "variant": "as is", "drop": 0.2, "agreement": 97.84},
                     {"method": "mse", "variant": "both", "drop": -0.4, "agreement": 98.2},
                     {"method": "minmax", "variant": "both", "drop": 0.0, "agreement": 96.0}]})
        text = self.table("int8_methods")
        self.assertIn("500 of val, evenly spread over its classes: a picture is 0.20 points", text)
        self.assertIn("| method | as is | both |", text)
        self.assertIn("| `mse` | 0.20, **97.8 %** | -0.40, **98.2 %** |", text)
        self.assertIn("| `minmax` |  | 0.00, **96.0 %** |", text)

    def test_bf16_peers(self):
        versions = {"openvino": "2026.4.1"}
        latency = {"vitro": {"median_ms": 20.0}, "openvino bf16": {"median_ms": 25.0}}
        self.write("bf16/beside_openvino_small_b1_t2.json", PEERS | {
            "versions": versions, "latency": latency, "ratio": {"openvino bf16": {"median": 1.25}},
            "machine": {"cpu": "Some CPU", "isa": ["avx512_bf16"]}})
        text = "\n".join(tables.bf16_peers_table(self.results, str))
        self.assertIn("Some CPU (avx512_bf16), OpenVINO 2026.4.1; bold", text)
        self.assertIn("| batch 1, 2 threads | 20.0 ms |  | 25.0 ms **1.25** |  |", text)

    def test_kernels(self):
        self.write("kernels_avx2.json", KERNELS)
        self.assertIn("| `linear` | gemm 1x2x3 | 5.0 us | 92 % of peak | 6.0 us |",
                      self.table("kernels"))

    def test_without_results_there_is_a_hint(self):
        for name in tables.TABLES:
            self.assertIn("No results yet", self.table(name))

    def test_check_reports_and_changes_nothing(self):
        readme = self.root / "README.md"
        readme.write_text(DOCUMENT.format("peers"))
        self.write("peers_a.json", PEERS)
        self.assertEqual(tables.update(self.root, check=True), ["README.md: peers"])
        self.assertEqual(readme.read_text(), DOCUMENT.format("peers"))
        tables.update(self.root, check=False)
        self.assertIn("(benchmarks/results/peers_a.json)", readme.read_text())
        self.assertEqual(tables.update(self.root, check=True), [])

    def test_wrong_marks_are_refused(self):
        for text, message in ((DOCUMENT.format("pears"), "no table is called 'pears'"),
                              ("<!-- begin: peers -->\n", "begin without its end"),
                              ("<!-- end: peers -->\n", "end without its begin")):
            with self.assertRaisesRegex(ValueError, message):
                tables.rewrite(text, self.results, str)


if __name__ == "__main__":
    unittest.main()
