"""Products in 8 bits beside NNCF's: latency on this machine's CPU, rounds interleaved.

Vitro's own int8 and float32 plans, and OpenVINO with the same model quantized by NNCF as it does by
default (`nncf.quantize(model, dataset)`) and with NNCF's preset for transformers. Each engine runs one
request at a time on the same input.

    vitro calibrate MODEL IMAGES -o x.calib
    build/peers-venv/bin/pip install nncf==3.4.0 pillow
    build/peers-venv/bin/python benchmarks/peers/int8.py MODEL x.calib IMAGES --threads 2

IMAGES is the folder that NNCF calibrates with. Prints a table and writes
benchmarks/results/int8/beside_nncf_MODEL_bBATCH_tTHREADS.json.
"""
import pathlib

import numpy as np

from engines import Peer
from precisions import VitroPlan, compared, images_of, main, parser_of

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
TITLES = {"vitro": "Vitro int8", "vitro fp32": "Vitro fp32", "openvino fp32": "OpenVINO fp32",
          "nncf default": "OpenVINO, NNCF by default", "nncf transformer": "OpenVINO, NNCF transformer"}


def parse_arguments():
    parser = parser_of(__doc__)
    parser.add_argument("calibration", type=pathlib.Path, help="of 'vitro calibrate'")
    parser.add_argument("images", type=pathlib.Path, help="folder of training pictures")
    parser.add_argument("--subset", type=int, default=300, help="pictures for NNCF; its default")
    parser.add_argument("--models", type=pathlib.Path,
                        help="folder to keep what NNCF makes in, for more runs with this model")
    return parser.parse_args()


def pictures(folder, count, size=224):
    """[count, 3, size, size], the shorter side resized to `size`, bicubic."""
    from PIL import Image

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files[::max(1, len(files) // count)][:count]:
        with Image.open(path) as image:
            image = image.convert("RGB")
            scale = size / min(image.size)
            image = image.resize([max(size, round(side * scale)) for side in image.size],
                                 Image.Resampling.BICUBIC)
            left, top = (image.width - size) // 2, (image.height - size) // 2
            pixels = np.asarray(image.crop((left, top, left + size, top + size)), np.float32)
        yield ((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)[None]


def quantized_models(onnx_path, folder, arguments):
    """{name: path} of OpenVINO's models."""
    import nncf
    import openvino

    samples = None
    models = {"openvino fp32": onnx_path}
    for name, options in {"nncf default": {},
                          "nncf transformer": {"model_type": nncf.ModelType.TRANSFORMER}}.items():
        models[name] = folder / f"{name.replace(' ', '_')}.xml"
        if models[name].exists():
            continue
        samples = samples or list(pictures(arguments.images, arguments.subset))
        model = openvino.Core().read_model(onnx_path)
        quantized = nncf.quantize(model, nncf.Dataset(samples), subset_size=len(samples), **options)
        openvino.save_model(quantized, models[name], compress_to_fp16=False)
    return models


def compare(arguments, folder):
    images = images_of(arguments)
    floats = VitroPlan("vitro fp32", [], arguments, images, folder)
    int8 = VitroPlan("vitro", ["--int8", "--calib", arguments.calibration], arguments, images,
                     folder)
    onnx_path = folder / "model.onnx"
    int8.call("export", arguments.model, "-o", onnx_path)
    models = quantized_models(onnx_path, arguments.models or folder, arguments)
    engines = [int8, floats]
    for name, path in models.items():
        engines.append(Peer("openvino", path, images, arguments.threads, {}))
        engines[-1].name = name
    return compared(arguments, engines, "int8.py", ("openvino", "nncf"))


if __name__ == "__main__":
    main(parse_arguments(), compare, TITLES, "int8/beside_nncf")
