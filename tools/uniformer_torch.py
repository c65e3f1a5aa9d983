"""UniFormer for image classification in PyTorch: the definition that Vitro's goldens are made from.

Covers every variant of the paper's classification models, with and without token labelling.
Parameter names and shapes are those of the published checkpoints. Activations are [n, c, h, w].

    model = create("uniformer_small")
    logits = model(images)
    stages, logits = model(images, return_stages=True)
"""
import torch
from torch import nn
import torch.nn.functional as F

PATCH_EMBED_NORM_EPS = 1e-5
BLOCK_NORM_EPS = 1e-6
BATCH_NORM_EPS = 1e-5
AUX_HEAD_WEIGHT = 0.5

SMALL = dict(depth=(3, 4, 8, 3))
SMALL_PLUS = dict(depth=(3, 5, 9, 3), conv_stem=True)
BASE = dict(depth=(5, 8, 20, 7))
LARGE = dict(depth=(5, 10, 24, 7), dims=(128, 192, 448, 640))

ARCHITECTURES = {
    "uniformer_small": SMALL,
    "uniformer_small_plus": dict(SMALL_PLUS, head_dim=32),
    "uniformer_small_plus_dim64": SMALL_PLUS,
    "uniformer_base": BASE,
    "uniformer_base_ls": dict(BASE, token_layer_scale=True),
    "uniformer_small_tl": dict(SMALL, head_dim=32, aux_head=True),
    "uniformer_small_dim64_tl": dict(SMALL, aux_head=True),
    "uniformer_small_plus_tl": dict(SMALL_PLUS, head_dim=32, aux_head=True),
    "uniformer_small_plus_dim64_tl": dict(SMALL_PLUS, aux_head=True),
    "uniformer_base_tl": dict(BASE, head_dim=32, aux_head=True),
    "uniformer_base_dim64_tl": dict(BASE, aux_head=True),
    "uniformer_large_ls": dict(LARGE, token_layer_scale=True, conv_layer_scale=True, aux_head=True),
}


class ConvMlp(nn.Module):
    """fc2(GELU(fc1(x))) as 1x1 convolutions on [n, c, h, w]."""

    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Conv2d(dim, hidden, 1)
        self.fc2 = nn.Conv2d(hidden, dim, 1)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class TokenMlp(nn.Module):
    """fc2(GELU(fc1(x))) on [n, tokens, c]."""

    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Attention(nn.Module):
    """Multi-head self-attention on [n, tokens, c]; qkv's outputs are [3, heads, head_dim]."""

    def __init__(self, dim, head_dim):
        super().__init__()
        self.head_dim = head_dim
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        batch, tokens, dim = x.shape
        heads = dim // self.head_dim
        qkv = self.qkv(x).reshape(batch, tokens, 3, heads, self.head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [n, heads, tokens, head_dim]
        scores = (q @ k.transpose(-2, -1)) * self.head_dim**-0.5
        mixed = scores.softmax(-1) @ v
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, dim))


class CBlock(nn.Module):
    """Local block of stages 1 and 2. Layer scale, where present, has shape [1, c, 1, 1]."""

    def __init__(self, dim, mlp_ratio, layer_scale):
        super().__init__()
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.BatchNorm2d(dim, eps=BATCH_NORM_EPS)
        self.conv1 = nn.Conv2d(dim, dim, 1)
        self.attn = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.conv2 = nn.Conv2d(dim, dim, 1)
        self.norm2 = nn.BatchNorm2d(dim, eps=BATCH_NORM_EPS)
        self.mlp = ConvMlp(dim, int(dim * mlp_ratio))
        self.layer_scale = layer_scale
        if layer_scale:
            self.gamma_1 = nn.Parameter(torch.ones(1, dim, 1, 1))
            self.gamma_2 = nn.Parameter(torch.ones(1, dim, 1, 1))

    def forward(self, x):
        gamma_1, gamma_2 = (self.gamma_1, self.gamma_2) if self.layer_scale else (1, 1)
        x = x + self.pos_embed(x)
        x = x + gamma_1 * self.conv2(self.attn(self.conv1(self.norm1(x))))
        return x + gamma_2 * self.mlp(self.norm2(x))


class SABlock(nn.Module):
    """Global block of stages 3 and 4. Layer scale, where present, has shape [c]."""

    def __init__(self, dim, head_dim, mlp_ratio, layer_scale):
        super().__init__()
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim, eps=BLOCK_NORM_EPS)
        self.attn = Attention(dim, head_dim)
        self.norm2 = nn.LayerNorm(dim, eps=BLOCK_NORM_EPS)
        self.mlp = TokenMlp(dim, int(dim * mlp_ratio))
        self.layer_scale = layer_scale
        if layer_scale:
            self.gamma_1 = nn.Parameter(torch.ones(dim))
            self.gamma_2 = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        gamma_1, gamma_2 = (self.gamma_1, self.gamma_2) if self.layer_scale else (1, 1)
        x = x + self.pos_embed(x)
        shape = x.shape
        x = x.flatten(2).transpose(1, 2)  # [n, tokens, c]
        x = x + gamma_1 * self.attn(self.norm1(x))
        x = x + gamma_2 * self.mlp(self.norm2(x))
        return x.transpose(1, 2).reshape(shape)


class PatchEmbed(nn.Module):
    """Non-overlapping patches, then LayerNorm over the channels."""

    def __init__(self, dim_in, dim_out, patch):
        super().__init__()
        self.proj = nn.Conv2d(dim_in, dim_out, patch, patch)
        self.norm = nn.LayerNorm(dim_out, eps=PATCH_EMBED_NORM_EPS)

    def forward(self, x):
        x = self.proj(x).permute(0, 2, 3, 1)
        return self.norm(x).permute(0, 3, 1, 2).contiguous()


class ConvStem(nn.Module):
    """First embedding of the conv-stem variants: two strided 3x3 convolutions, 4x smaller."""

    def __init__(self, dim_in, dim_out):
        super().__init__()
        self.proj = nn.Sequential(
            nn.Conv2d(dim_in, dim_out // 2, 3, stride=2, padding=1),
            nn.BatchNorm2d(dim_out // 2, eps=BATCH_NORM_EPS),
            nn.GELU(),
            nn.Conv2d(dim_out // 2, dim_out, 3, stride=2, padding=1),
            nn.BatchNorm2d(dim_out, eps=BATCH_NORM_EPS),
        )

    def forward(self, x):
        return self.proj(x)


class ConvEmbed(nn.Module):
    """Later embeddings of the conv-stem variants: one strided 3x3 convolution, 2x smaller."""

    def __init__(self, dim_in, dim_out):
        super().__init__()
        self.proj = nn.Sequential(
            nn.Conv2d(dim_in, dim_out, 3, stride=2, padding=1),
            nn.BatchNorm2d(dim_out, eps=BATCH_NORM_EPS),
        )

    def forward(self, x):
        return self.proj(x)


def make_embed(stage, dim_in, dim_out, conv_stem):
    if not conv_stem:
        return PatchEmbed(dim_in, dim_out, 4 if stage == 0 else 2)
    return (ConvStem if stage == 0 else ConvEmbed)(dim_in, dim_out)


class UniFormer(nn.Module):
    def __init__(self, depth, dims=(64, 128, 320, 512), head_dim=64, mlp_ratio=4.0,
                 conv_stem=False, token_layer_scale=False, conv_layer_scale=False,
                 aux_head=False, num_classes=1000):
        super().__init__()
        for stage in range(4):
            dim_in = 3 if stage == 0 else dims[stage - 1]
            if stage < 2:
                blocks = [CBlock(dims[stage], mlp_ratio, conv_layer_scale)
                          for _ in range(depth[stage])]
            else:
                blocks = [SABlock(dims[stage], head_dim, mlp_ratio, token_layer_scale)
                          for _ in range(depth[stage])]
            embed = make_embed(stage, dim_in, dims[stage], conv_stem)
            setattr(self, f"patch_embed{stage + 1}", embed)
            setattr(self, f"blocks{stage + 1}", nn.ModuleList(blocks))
        self.norm = nn.BatchNorm2d(dims[3], eps=BATCH_NORM_EPS)
        self.head = nn.Linear(dims[3], num_classes)
        self.aux_head = nn.Linear(dims[3], num_classes) if aux_head else None

    def forward_head(self, x):
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # [n, tokens, c]
        logits = self.head(tokens.mean(1))
        if self.aux_head is not None:
            logits = logits + AUX_HEAD_WEIGHT * self.aux_head(tokens).amax(1)
        return logits

    def forward(self, x, return_stages=False):
        stages = []
        for stage in range(1, 5):
            x = getattr(self, f"patch_embed{stage}")(x)
            for block in getattr(self, f"blocks{stage}"):
                x = block(x)
            stages.append(x)
        logits = self.forward_head(x)
        return (stages, logits) if return_stages else logits


def create(name, num_classes=1000):
    """The architecture `name` with PyTorch's initial weights, in evaluation mode."""
    return UniFormer(**ARCHITECTURES[name], num_classes=num_classes).eval()


def load_checkpoint(path, name, num_classes):
    """The architecture `name` with the weights of a .safetensors file, as float32."""
    from safetensors.torch import load_file

    model = create(name, num_classes)
    weights = {key: value.float() if value.is_floating_point() else value
               for key, value in load_file(path).items()}
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"{path} is no {name}: missing {missing[:3]}, unexpected {unexpected[:3]}")
    return model
