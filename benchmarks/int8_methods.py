#!/usr/bin/env python3
"""What calibration methods cost in accuracy, each as it is, with smoothing and with bias correction.

    python3 benchmarks/int8_methods.py build/release/vitro MODEL CALIBRATION_IMAGES EVALUATION_FOLDER

builds a plan for each of them, evaluates it on the cpu backend and writes
benchmarks/results/int8/methods.json, from which benchmarks/tables.py makes a table. Results are
written one by one; what is in the file, or in a folder given by --scratch, is not made again, so that
it may be interrupted.
Needs nothing but Python's standard library.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
METHODS = ("minmax", "entropy", "percentile", "mse", "output-mse")
# Name: (smoothing of the calibration, bias correction of the build).
VARIANTS = {"as is": ("none", "none"),
            "smoothing": ("search", "none"),
            "bias correction": ("none", "sequential"),
            "both": ("search", "sequential"),
            "smoothing, rounding": ("search", "rounding")}


def run(*words):
    done = subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


class Evaluator:
    """Runs a model on evenly spread pictures of a folder."""

    def __init__(self, vitro, folder, images, scratch):
        self.vitro, self.folder, self.images, self.scratch = vitro, folder, images, scratch

    def predictions(self, model, name):
        """{path: (label, prediction)}; kept by that name."""
        table = self.scratch / f"{name}.csv"
        if not table.exists():
            run(self.vitro, "eval", model, self.folder, "--backend", "cpu", "--limit", self.images,
                "--predictions", table, "--json", "-q")
        with open(table, newline="") as file:
            return {line["path"]: (line["label"], line["prediction"])
                    for line in csv.DictReader(file)}


def percent(flags):
    flags = list(flags)
    return 100 * sum(flags) / len(flags)


def comparison(expected, seen):
    right = [label == prediction for label, prediction in seen.values()]
    reference = [label == prediction for label, prediction in expected.values()]
    return {"top1": percent(right), "drop": round(percent(reference) - percent(right), 3),
            "agreement": percent(expected[path][1] == seen[path][1] for path in expected)}


def calibrated(arguments, smoothing, scratch):
    """Only the first call with a smoothing runs."""
    calibration = scratch / f"{smoothing}.calib"
    if not calibration.exists():
        run(arguments.vitro, "calibrate", arguments.model, arguments.calibration, "-o", calibration,
            "--calib-method", "all", "--smoothing", smoothing, "--max-images",
            arguments.calibration_images, "--json", "-q")
    return calibration


def measure(arguments, evaluator, expected, method, variant):
    smoothing, correction = VARIANTS[variant]
    calibration, plan = calibrated(arguments, smoothing, evaluator.scratch), evaluator.scratch / "plan"
    images = ["--bias-images", arguments.calibration] if correction == "sequential" else []
    run(arguments.vitro, "build", arguments.model, "--int8", "--calib", calibration,
        "--calib-method", method, "--bias-correction", correction, *images, "-o", plan, "--json", "-q")
    return {"method": method, "variant": variant,
            **comparison(expected, evaluator.predictions(plan, f"{method} {variant}"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vitro")
    parser.add_argument("model")
    parser.add_argument("calibration", help="pictures to calibrate with")
    parser.add_argument("evaluation", help="pictures in a folder for each class")
    parser.add_argument("--calibration-images", type=int, default=200)
    parser.add_argument("--images", type=int, default=500, help="of the evaluation, evenly spread")
    parser.add_argument("--output", type=pathlib.Path,
                        default=ROOT / "benchmarks/results/int8/methods.json")
    parser.add_argument("--scratch", type=pathlib.Path, help="where plans and calibrations are kept")
    arguments = parser.parse_args()
    scratch = arguments.scratch or pathlib.Path(tempfile.mkdtemp())
    evaluator = Evaluator(arguments.vitro, arguments.evaluation, arguments.images, scratch)
    expected = evaluator.predictions(arguments.model, "float32")
    result = {"model": pathlib.Path(arguments.model).name,
              "calibration": {"set": pathlib.Path(arguments.calibration).name,
                              "images": arguments.calibration_images},
              "evaluation": {"set": pathlib.Path(arguments.evaluation).name,
                             "images": len(expected)},
              "top1": percent(label == prediction for label, prediction in expected.values()),
              "rows": []}
    if arguments.output.exists():
        result["rows"] = json.loads(arguments.output.read_text())["rows"]
    made = {(row["method"], row["variant"]) for row in result["rows"]}
    for variant in VARIANTS:
        for method in METHODS:
            if (method, variant) in made:
                continue
            result["rows"].append(measure(arguments, evaluator, expected, method, variant))
            print(result["rows"][-1], flush=True)
            arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
