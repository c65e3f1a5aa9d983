"""One model or more of nearly every family of timm, from ONNX, against PyTorch.

Random weights of a seed, written by either exporter of PyTorch with the batch left open, run at a batch of
two: the logits in float32 must be within 1e-4 of PyTorch's in float64, relative to the largest of them, or within four
times what PyTorch's own in float32 are off, since some networks of random weights enlarge every rounding. Prints and
writes what failed, and who refused: PyTorch to export, or Vitro, with its reason. Measures nothing.

    python3 benchmarks/peers/timm_families.py --vitro build/release/vitro --output FILE [MODEL...]

Asks for PyPI's torch, timm and onnx (and onnxscript for --exporter dynamo). Exit codes: 0 done, 2 wrong usage,
3 some logits were wrong.
"""
import argparse
import concurrent.futures
import contextlib
import copy
import json
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

MODELS = """
aimv2_large_patch14_224 beit_base_patch16_224 botnet26t_256 caformer_s18 cait_xxs24_224 coat_lite_tiny coat_tiny
coatnet_pico_rw_224 convformer_s18 convit_tiny convmixer_768_32 convnextv2_atto crossvit_9_240
crossvit_9_dagger_240 cs3darknet_focus_s csatv2 cspdarknet53 davit_tiny deit3_small_patch16_224
deit_tiny_distilled_patch16_224 densenet121 dla46_c dpn48b eca_nfnet_l0 edgenext_xx_small efficientformer_l1
efficientformerv2_s0 efficientnet_b0_gn efficientnetv2_rw_t efficientvit_b0 efficientvit_m0
ese_vovnet19b_slim_dw eva02_tiny_patch14_224 fasternet_t0 fastvit_sa12 flexivit_small focalnet_tiny_srf
gcresnext26ts gcvit_xxtiny ghostnet_050 ghostnetv2_100 ghostnetv3_050 gmlp_ti16_224 halonet26t hardcorenas_a
hgnetv2_b0 hiera_tiny_224 hrnet_w18_small inception_next_atto inception_resnet_v2 inception_v3 inception_v4
lambda_resnet26t lcnet_035 legacy_seresnet18 legacy_xception levit_128s levit_conv_128s lowformer_b0
mambaout_femto maxvit_pico_rw_256 maxvit_tiny_tf_224 mixer_s32_224 mixnet_s mnasnet_small mobilenetv4_conv_small
mobilenetv4_hybrid_medium mobilenetv5_base mobileone_s0 mobilevit_xxs mobilevitv2_050 mvitv2_tiny nest_tiny
nextvit_small nf_resnet26 pit_ti_224 pvt_v2_b0 pvt_v2_b2_li rdnet_tiny regnetz_b16 repghostnet_050 repvgg_a0
repvit_m0_9 res2net50_14w_8s resmlp_12_224 resnest14d resnet10t resnetv2_18 resnetv2_50d_evos
resnetv2_50x1_bit rexnet_100 samvit_base_patch16_224 selecsls42b sequencer2d_s seresnext26t_32x4d shvit_s1
skresnet18 starnet_s050 swiftformer_xs swin_s3_tiny_224 swinv2_cr_tiny_224 swinv2_tiny_window8_256
tiny_vit_5m_224 tinynet_e tnt_s_patch16_224 tresnet_m twins_pcpvt_small twins_svt_small vgg11_bn
visformer_tiny vit_base_patch32_clip_224 vit_medium_patch16_gap_240 vit_relpos_small_patch16_224
vit_small_patch14_dinov2 vit_small_patch14_reg4_dinov2 vit_small_patch16_dinov3 vit_srelpos_small_patch16_224
vit_tiny_patch16_224 vit_tiny_r_s16_p8_224 vitamin_small_224 volo_d1_224 xception41 xcit_nano_12_p16_224
""".split()
MAX_ERROR = 1e-4
MAX_ERRORS_OF_PYTORCH = 4
BATCH = 2


def random_model(torch, timm, name):
    """Weights and running statistics are those that some training may leave, where timm begins with zeros."""
    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.uniform_(-0.1, 0.1)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return network


def export(torch, network, size, exporter, path):
    names = {"input_names": ["input"], "output_names": ["logits"]}
    images = torch.randn(BATCH, 3, size, size)
    if exporter == "dynamo":
        torch.onnx.export(network, (images,), path, dynamo=True, external_data=False, verbose=False,
                          dynamic_shapes=({0: torch.export.Dim("batch")},), **names)
    else:
        torch.onnx.export(network, images, path, dynamo=False, opset_version=17,
                          dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}}, **names)


@contextlib.contextmanager
def silence():
    """Exporters print what they cannot export, past Python's own streams."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def relative_error(logits, exact):
    return float(f"{abs(logits - exact).max() / abs(exact).max():.2g}")


def in_float64(torch, network, x):
    """None where a model has a part of its own in float32."""
    try:
        return copy.deepcopy(network).double()(x.double()).numpy()
    except RuntimeError:
        return None


def agrees(row):
    # Written so that a NaN is wrong, too.
    return row["error"] <= max(MAX_ERROR, MAX_ERRORS_OF_PYTORCH * row["error_of_pytorch"])


def check(arguments, name):
    import numpy
    import timm
    import torch

    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    row = {"model": name}
    with tempfile.TemporaryDirectory(prefix="vitro_timm_") as folder:
        path, images, logits = (pathlib.Path(folder) / file for file in ("m.onnx", "images.npy", "logits.npy"))
        try:
            network = random_model(torch, timm, name)
            size = network.default_cfg["input_size"][-1]
            x = torch.randn(BATCH, 3, size, size)
            with torch.no_grad():
                single, exact = network(x).numpy(), in_float64(torch, network, x)
            with silence():
                export(torch, network, size, arguments.exporter, str(path))
        except Exception as error:  # whatever PyTorch's exporters throw
            return row | {"not_exported": str(error).split("\n")[0][:200]}
        numpy.save(images, x.numpy())
        run = subprocess.run([arguments.vitro, "run", path, "--input", f"input={images}", "--output", logits,
                              "--backend", arguments.backend, "--fp32", "-q"], capture_output=True, text=True)
        if run.returncode != 0:
            return row | {"refused": run.stderr.replace(folder, "").strip()[:400]}
        exact = single if exact is None else exact
        return row | {"error": relative_error(numpy.load(logits), exact),
                      "error_of_pytorch": relative_error(single, exact)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    parser.add_argument("--vitro", default="vitro")
    parser.add_argument("--backend", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--exporter", choices=("torchscript", "dynamo"), default="torchscript")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    import timm
    import torch

    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("spawn")) as pool:
        rows = list(pool.map(check, [arguments] * len(arguments.models), arguments.models))
    wrong = [row for row in rows if "error" in row and not agrees(row)]
    counts = {key: sum(key in row for row in rows) for key in ("error", "refused", "not_exported")}
    print(f"{counts['error'] - len(wrong)} of {len(rows)} agree, {len(wrong)} do not, {counts['refused']} are "
          f"refused, {counts['not_exported']} cannot be exported")
    for row in wrong + [row for row in rows if "refused" in row]:
        print(row["model"], row.get("refused", row.get("error")))
    arguments.output.write_text(json.dumps(
        {"backend": arguments.backend, "exporter": arguments.exporter, "batch": BATCH, "max_error": MAX_ERROR,
         "versions": {"torch": torch.__version__, "timm": timm.__version__}, "rows": rows}, indent=1) + "\n")
    return 3 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
