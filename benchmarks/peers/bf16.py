"""bf16 beside OpenVINO's: latency on this machine's CPU, rounds interleaved.

Vitro with `--bf16` and in float32, from one plan of float32 weights, and OpenVINO with the same model
and the precision hints bf16 (its default on such CPUs) and f32. Each engine runs one request at a time
on the same input. The CPU must have AVX512-BF16 or AMX-BF16.

    build/peers-venv/bin/python benchmarks/peers/bf16.py MODEL --threads 2

Prints a table and writes benchmarks/results/bf16/beside_openvino_MODEL_bBATCH_tTHREADS.json.
"""
import measure
from engines import Peer
from precisions import VitroPlan, compared, images_of, main, parser_of

TITLES = {"vitro": "Vitro bf16", "vitro fp32": "Vitro fp32", "openvino bf16": "OpenVINO bf16",
          "openvino fp32": "OpenVINO fp32"}


def compare(arguments, folder):
    images = images_of(arguments)
    engines = [VitroPlan("vitro", [], arguments, images, folder, ["--bf16"]),
               VitroPlan("vitro fp32", [], arguments, images, folder)]
    onnx_path = folder / "model.onnx"
    engines[0].call("export", arguments.model, "-o", onnx_path)
    for name, precision in (("openvino bf16", "bf16"), ("openvino fp32", "f32")):
        engines.append(Peer("openvino", onnx_path, images, arguments.threads, {}, precision))
        engines[-1].name = name
    outputs = {engine.name: engine.outputs() for engine in engines}
    kernels = {engine.name: engine.kernels for engine in engines if engine.kernels}
    return compared(arguments, engines, "bf16.py", ("openvino",), kernels=kernels,
                    agreement=measure.agreement(outputs, "vitro fp32"))


if __name__ == "__main__":
    main(parser_of(__doc__).parse_args(), compare, TITLES, "bf16/beside_openvino")
