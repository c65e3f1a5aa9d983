"""Real images through the shipped checkpoint in PyTorch float32: goldens and accuracy.

    make_checkpoint_goldens.py select DIR    copies the first image (sorted by name) of each class
                                             folder of DIR to models/tiny200_val/<synset>/
    make_checkpoint_goldens.py goldens       writes tests/models/data/photos.safetensors and
                                             tests/models/data/tiny200_val_predictions.txt
    make_checkpoint_goldens.py evaluate DIR  prints top-1 and top-5 on DIR/<synset>/*.JPEG

photos.safetensors: `<photo>.input` F32 [1024] (the normalised image, [1, 3, 224, 224], sampled as in
make_model_goldens.py) and `<photo>.logits` F32 [200].
tiny200_val_predictions.txt: one image a line, tab-separated: path below models/, label, argmax,
top-1 logit, margin to the second logit; lines with # are comments.
"""
import argparse
import json
import pathlib
import shutil

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file

import uniformer_torch
from make_model_goldens import sample

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"
GOLDENS = ROOT / "tests/models/data"
CHECKPOINT = MODELS / "uniformer_small_tiny200.safetensors"
CONFIG = json.loads(CHECKPOINT.with_suffix(".config.json").read_text())
BATCH = 50


def preprocess(path):
    """Shorter side to the input size (bicubic), centre crop, normalise: [3, h, w] float32."""
    settings = CONFIG["pretrained_cfg"]
    size = settings["input_size"][1]
    image = Image.open(path).convert("RGB")
    shorter = min(image.size)
    image = image.resize([int(size * side / shorter) for side in image.size],
                         Image.Resampling.BICUBIC)
    left, top = (round((side - size) / 2) for side in image.size)
    pixels = np.asarray(image.crop((left, top, left + size, top + size)), np.float32) / 255
    normalised = (pixels - np.float32(settings["mean"])) / np.float32(settings["std"])
    return torch.from_numpy(normalised.transpose(2, 0, 1).copy())


def load_model():
    return uniformer_torch.load_checkpoint(CHECKPOINT, CONFIG["architecture"],
                                           CONFIG["num_classes"])


def logits_of(model, paths):
    with torch.inference_mode():
        return torch.cat([model(torch.stack([preprocess(path) for path in paths[i:i + BATCH]]))
                          for i in range(0, len(paths), BATCH)])


def labelled_images(directory):
    """Image paths in sorted order and their class indices."""
    paths = sorted(directory.glob("*/*.JPEG"))
    return paths, torch.tensor([CONFIG["label_names"].index(path.parent.name) for path in paths])


def accuracy(logits, labels, top):
    hits = (logits.topk(top).indices == labels[:, None]).any(1).sum().item()
    return f"{100 * hits / len(labels):.2f} % ({hits} of {len(labels)})"


def select(source):
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        first = min(folder.glob("*.JPEG"))
        target = MODELS / "tiny200_val" / folder.name
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(first, target / first.name)


def evaluate(directory):
    paths, labels = labelled_images(directory)
    logits = logits_of(load_model(), paths)
    print(f"top-1 {accuracy(logits, labels, 1)}, top-5 {accuracy(logits, labels, 5)}")


def photo_goldens(model):
    tensors = {}
    for path in sorted((MODELS / "photos").glob("*.png")):
        logits = logits_of(model, [path])[0]
        tensors[f"{path.stem}.input"] = sample(preprocess(path).numpy())
        tensors[f"{path.stem}.logits"] = logits.numpy()
        print(path.name)
        for probability, idx in zip(*logits.softmax(0).topk(5)):
            name = CONFIG["label_names"][idx]
            print(f"  {probability:6.2%}  {name}  {CONFIG['label_descriptions'][name]}")
    save_file(tensors, GOLDENS / "photos.safetensors")


def prediction_goldens(model):
    paths, labels = labelled_images(MODELS / "tiny200_val")
    logits = logits_of(model, paths)
    best, idx = logits.topk(2)
    lines = ["# path\tlabel\targmax\ttop-1 logit\tmargin to the second logit"]
    for path, label, (first, second), winner in zip(paths, labels, best, idx[:, 0]):
        lines.append(f"{path.relative_to(MODELS)}\t{label}\t{winner}\t{first:.6f}"
                     f"\t{first - second:.6f}")
    (GOLDENS / "tiny200_val_predictions.txt").write_text("\n".join(lines) + "\n")
    print(f"{len(paths)} images: top-1 {accuracy(logits, labels, 1)}, "
          f"top-5 {accuracy(logits, labels, 5)}, "
          f"smallest margin {(best[:, 0] - best[:, 1]).min():.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("select", "evaluate"):
        commands.add_parser(name).add_argument("directory", type=pathlib.Path)
    commands.add_parser("goldens")
    arguments = parser.parse_args()
    if arguments.command == "select":
        select(arguments.directory)
    elif arguments.command == "evaluate":
        evaluate(arguments.directory)
    else:
        model = load_model()
        photo_goldens(model)
        prediction_goldens(model)


if __name__ == "__main__":
    main()
