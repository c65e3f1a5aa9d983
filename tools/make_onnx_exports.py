#!/usr/bin/env python3
"""Exports tiny relatives of the families that people bring as ONNX, with what PyTorch makes of them.

    python3 -m venv venv && venv/bin/pip install torch==2.11.0 torchvision==0.26.0 timm==1.0.22 onnx==1.22.0 \\
        onnxscript==0.7.2 numpy==2.4.6
    venv/bin/python tools/make_onnx_exports.py tests/ops/data/onnx_exports.safetensors [MODEL ...]

Only the models that are named are made anew, the others stay as the file has them. The layout is that of make_onnx_vectors.py. Where the exporter leaves height and width open, the pictures are
of another size than those that were exported with. Weights are seeded, expected logits are those of the model in float64.
"""
import json
import os
import sys
import tempfile
import warnings

import numpy as np
import onnx
import torch
from timm.models.convit import ConVit
from timm.models.convnext import ConvNeXt
from timm.models.davit import DaVit
from timm.models.levit import Levit
from timm.models.mobilenetv3 import _gen_mobilenet_v3
from timm.models.mvitv2 import MultiScaleVit, MultiScaleVitCfg
from timm.models.nfnet import NfCfg, NormFreeNet
from timm.models.resnet import BasicBlock, ResNet
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2_cr import SwinTransformerV2Cr
from timm.models.vision_transformer import VisionTransformer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from make_model_goldens import check_score_margins, score_margins  # noqa: E402
from make_onnx_vectors import read_safetensors, write_safetensors  # noqa: E402
import uniformer_light_torch  # noqa: E402
import uniformer_torch  # noqa: E402

CLASSES = 7


def uniformer():
    return uniformer_torch.UniFormer(depth=(1, 1, 1, 1), dims=(8, 8, 16, 16), head_dim=8, num_classes=CLASSES)


def light_uniformer():
    return uniformer_light_torch.LightUniFormer(depth=(1, 1, 2, 1), dims=(8, 8, 16, 16), head_dim=8, num_classes=CLASSES)


MODELS = {
    # name: (model, side of the picture, whether height and width may be open, opsets; from 18 on by torch.export). An
    # extent that is 1 somewhere inside is fixed by torch.export.
    "resnet": (lambda: ResNet(BasicBlock, [1, 1, 1, 1], num_classes=CLASSES, stem_width=4, channels=(4, 8, 8, 16)), 32,
               True, (14, 18)),
    "mobilenet": (lambda: _gen_mobilenet_v3("mobilenetv3_small_050", channel_multiplier=0.05, num_classes=CLASSES), 32, True, (17,)),
    "convnext": (lambda: ConvNeXt(depths=(1, 1, 1, 1), dims=(4, 8, 8, 16), num_classes=CLASSES), 32, True, (14, 17, 18)),
    "vit": (lambda: VisionTransformer(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2,
                                      num_classes=CLASSES), 32, False, (14, 17, 18)),
    "swin": (lambda: SwinTransformer(img_size=32, patch_size=2, window_size=4, embed_dim=8, depths=(2, 2),
                                     num_heads=(2, 2), num_classes=CLASSES), 32, False, (17, 18)),
    "levit": (lambda: Levit(img_size=64, embed_dim=(16, 16), key_dim=8, depth=(1, 1), num_heads=(2, 2),
                            num_classes=CLASSES), 64, False, (17, 18)),
    "uniformer": (uniformer, 64, True, (14, 17, 18)),
    "uniformer_light": (light_uniformer, 64, True, (16, 18)),
    # What these ask of an importer where the batch is open: tables of positions by scatters, pads and ranges of floats,
    # indices of integers, products and norms of weights.
    "convit": (lambda: ConVit(img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, local_up_to_layer=1,
                              num_classes=CLASSES), 32, False, (17, 18)),
    "mobilenet_same": (lambda: _gen_mobilenet_v3("mobilenetv3_small_050", channel_multiplier=0.05, pad_type="same",
                                                 num_classes=CLASSES), 36, False, (17,)),
    "mvit": (lambda: MultiScaleVit(MultiScaleVitCfg(depths=(1, 1), embed_dim=8, num_heads=1),
                                   img_size=(32, 32), num_classes=CLASSES), 32, False, (17, 18)),
    "nfnet": (lambda: NormFreeNet(NfCfg(depths=(1, 1, 1, 1), channels=(8, 8, 8, 8), stem_type="3x3", stem_chs=8,
                                        group_size=8, act_layer="relu"), num_classes=CLASSES), 32, False, (17,)),
    "cosine_swin": (lambda: SwinTransformerV2Cr(img_size=32, patch_size=2, window_size=4, embed_dim=8, depths=(2, 2),
                                                num_heads=(2, 2), num_classes=CLASSES), 32, False, (17,)),
    "davit": (lambda: DaVit(depths=(1, 1), embed_dims=(8, 16), num_heads=(2, 2), window_size=4,
                            num_classes=CLASSES), 32, False, (17, 18)),
}


def random_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(0.75 + 0.5 * torch.rand(tensor.shape, generator=generator))
            elif tensor.ndim > 1:
                tensor.copy_(noise * (tensor[0].numel() ** -0.5))
            else:
                tensor.copy_(noise * 0.1 + (1.0 if name.endswith("weight") or "gamma" in name else 0.0))
    return model.eval()


def exported(model, x, opset, is_open):
    axes = {0: "n", 2: "h", 3: "w"} if is_open else {0: "n"}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        if opset >= 18:
            shapes = ({axis: torch.export.Dim.DYNAMIC for axis in axes},)
            torch.onnx.export(model, (x,), path, opset_version=opset, input_names=["x"], output_names=["y"],
                              dynamic_shapes=shapes, dynamo=True, external_data=False, verbose=False)
        else:
            torch.onnx.export(model, (x,), path, opset_version=opset, input_names=["x"], output_names=["y"],
                              dynamic_axes={"x": axes, "y": {0: "n"}}, dynamo=False)
        proto = onnx.load(path)
    strip(proto)
    return np.frombuffer(proto.SerializeToString(), np.uint8)


def strip(proto):
    """Takes away what no reader needs: metadata of the exporter is most of a small file."""
    proto.graph.ClearField("value_info")
    del proto.metadata_props[:]
    for node in [*proto.graph.node, *(node for function in proto.functions for node in function.node)]:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for port in [*proto.graph.input, *proto.graph.output, *proto.graph.initializer]:
        port.ClearField("doc_string")
        del port.metadata_props[:]
    # Long names of values and nodes as well.
    kept = {port.name for port in [*proto.graph.input, *proto.graph.output]}
    short = {}

    def rename(name):
        return name if not name or name in kept else short.setdefault(name, f"v{len(short)}")

    for tensor in proto.graph.initializer:
        tensor.name = rename(tensor.name)
    for i, node in enumerate(proto.graph.node):
        node.name = f"{node.op_type}_{i}"
        node.input[:] = [rename(name) for name in node.input]
        node.output[:] = [rename(name) for name in node.output]


def in_float64(model):
    for module in model.modules():  # a table that ConViT keeps beside its buffers
        if isinstance(getattr(module, "rel_indices", None), torch.Tensor):
            module.rel_indices = module.rel_indices.double()
    return model.double()


def make(seed, name):
    """Its cases and tensors."""
    build, side, is_open, opsets = MODELS[name]
    cases, tensors = [], []
    model = random_weights(build(), seed)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 3, side, side, generator=generator)
    images = torch.randn(2, 3, side + 32, side, generator=generator) if is_open else x
    for opset in opsets:
        try:
            bytes_ = exported(model, x, opset, is_open)
        except Exception as error:
            print(f"{name} {opset}: {type(error).__name__}: {str(error)[:200]}")
            continue
        cases.append({"name": f"{name}_{opset}", "tensors": name})
        tensors.append((f"{name}_{opset}/model", bytes_))
    margins = score_margins(model)
    with torch.no_grad():
        logits = in_float64(model)(images.double()).float().numpy()
    check_score_margins(name, margins)
    return cases, [*tensors, (f"{name}/in0", images.numpy()), (f"{name}/out0", logits)]


def main():
    warnings.filterwarnings("ignore")
    path, names = sys.argv[1], sys.argv[2:]
    before, metadata = read_safetensors(path) if names else ({}, {"torch": torch.__version__, "cases": "[]"})
    cases, tensors = [], []
    for seed, name in enumerate(MODELS):
        if not names or name in names:
            more_cases, more_tensors = make(seed, name)
        else:
            more_cases = [case for case in json.loads(metadata["cases"]) if case["tensors"] == name]
            kept = [f"{case['name']}/model" for case in more_cases] + [f"{name}/in0", f"{name}/out0"]
            more_tensors = [(tensor, before[tensor]) for tensor in kept]
        cases += more_cases
        tensors += more_tensors
    write_safetensors(path, tensors, dict(metadata, cases=json.dumps(cases)))
    print(f"{len(cases)} cases, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
