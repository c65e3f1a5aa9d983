"""What benchmarks/peers concludes from its rounds."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks/peers"))
import measure  # noqa: E402


class FakeEngine:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def round(self, warmup, iterations):
        self.log.append(self.name)
        return float(len(self.log)), 0.0


def latency(vitro, peer, foreign=0.0):
    return {"openvino": {"rounds_ms": peer, "foreign_cores": [foreign] * len(peer)},
            "vitro": {"rounds_ms": vitro, "foreign_cores": [foreign] * len(vitro)}}


def noise(values):
    ratio = measure.ratio(values["openvino"]["rounds_ms"], values["vitro"]["rounds_ms"])
    return measure.noise(values, {"openvino": ratio})


class Interleave(unittest.TestCase):
    def test_engines_take_turns(self):
        measure.PAUSE_SECONDS = 0
        log = []
        engines = [FakeEngine(name, log) for name in "abc"]
        result = measure.interleave(engines, 2, 1, 1, lambda *_: None)
        self.assertEqual(log, list("abcabc"))
        self.assertEqual(result["b"]["rounds_ms"], [2, 5])
        self.assertEqual(result["b"]["median_ms"], 3.5)


class Ratio(unittest.TestCase):
    def test_is_the_median_of_the_paired_rounds(self):
        # The second round met a slow machine; both engines did.
        self.assertEqual(measure.ratio([20, 60, 20], [10, 30, 10]),
                         {"median": 2, "low_95": 2, "high_95": 2})

    def test_interval_spans_the_rounds(self):
        ratio = measure.ratio([10, 11, 12, 13, 14, 15], [10] * 6)
        self.assertLess(ratio["low_95"], ratio["median"])
        self.assertLess(ratio["median"], ratio["high_95"])
        self.assertEqual(ratio, measure.ratio([10, 11, 12, 13, 14, 15], [10] * 6))


class Noise(unittest.TestCase):
    def test_quiet_rounds_have_none(self):
        self.assertEqual(noise(latency([10] * 6, [14] * 6)), [])

    def test_few_rounds(self):
        self.assertIn("4 rounds", noise(latency([10] * 4, [14] * 4))[0])

    def test_wide_interval(self):
        self.assertIn("interval", noise(latency([10] * 6, [10, 12, 14, 16, 18, 20]))[0])

    def test_foreign_load(self):
        self.assertIn("6 of 6 rounds", noise(latency([10] * 6, [14] * 6, foreign=0.5))[0])


if __name__ == "__main__":
    unittest.main()
