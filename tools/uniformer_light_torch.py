"""The light UniFormers (XXS, XS) in PyTorch: the definition that Vitro's goldens are made from.

Stages 3 and 4 prune tokens as Evo-ViT does. A class token rides along; the mean over heads of what it
attends to, blended over the blocks, scores the tokens of the map. The first block takes all tokens.
Every other one sorts them by score, keeps the first half, merges the rest into one token weighted by
score, and adds to every token of the rest what the block added to the merged one.

Parameter names and shapes are those of the published checkpoints. Activations are [n, c, h, w].

    model = create("uniformer_xxs")
    stages, logits = model(images, return_stages=True)
"""
import torch
from torch import nn
import torch.nn.functional as F

from uniformer_torch import (BATCH_NORM_EPS, BLOCK_NORM_EPS, Attention, CBlock, ConvStem, PatchEmbed,
                             TokenMlp)

SCORE_TRADE_OFF = 0.5

ARCHITECTURES = {
    "uniformer_xxs": dict(depth=(2, 5, 8, 2), dims=(56, 112, 224, 448), head_dim=28),
    "uniformer_xs": dict(depth=(3, 5, 9, 3), dims=(64, 128, 256, 512), head_dim=32),
}


class ScoringAttention(Attention):
    """Also tells how much the first token attends to each: the mean over heads, [n, tokens]."""

    def forward(self, x):
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, dim // self.head_dim, self.head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [n, heads, tokens, head_dim]
        weights = ((q @ k.transpose(-2, -1)) * self.head_dim**-0.5).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch, tokens, dim)
        return self.proj(mixed), weights[:, :, 0].mean(1)


def reordered(x, order):
    """Tokens [n, t, c] at the positions of order [n, t]."""
    return x.gather(1, order.unsqueeze(-1).expand(-1, -1, x.shape[2]))


class PruningBlock(nn.Module):
    """Of stages 3 and 4. Scores are those of the map's tokens, [n, t], or None before the first block."""

    def __init__(self, dim, head_dim, mlp_ratio):
        super().__init__()
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim, eps=BLOCK_NORM_EPS)
        self.attn = ScoringAttention(dim, head_dim)
        self.norm2 = nn.LayerNorm(dim, eps=BLOCK_NORM_EPS)
        self.mlp = TokenMlp(dim, int(dim * mlp_ratio))

    def attend(self, x):
        """The tokens, what was added to the last one, and what the first attends to."""
        attention, attended = self.attn(self.norm1(x))
        x = x + attention
        mlp = self.mlp(self.norm2(x))
        return x + mlp, attention[:, -1:] + mlp[:, -1:], attended

    def prune(self, class_token, tokens, scores):
        kept = tokens.shape[1] // 2
        scores, order = scores.sort(dim=1, descending=True)
        tokens = reordered(tokens, order)
        kept_scores, rest_scores = scores[:, :kept], scores[:, kept:]
        rest = tokens[:, kept:]
        share = rest_scores / rest_scores.sum(1, keepdim=True)
        merged = (share.unsqueeze(-1) * rest).sum(1, keepdim=True)
        slow, update, attended = self.attend(torch.cat([class_token, tokens[:, :kept], merged], 1))
        kept_scores = (1 - SCORE_TRADE_OFF) * kept_scores + SCORE_TRADE_OFF * attended[:, 1:-1]
        back = order.argsort(dim=1)
        tokens = reordered(torch.cat([slow[:, 1:-1], rest + update], 1), back)
        scores = torch.cat([kept_scores, rest_scores], 1).gather(1, back)
        return slow[:, :1], tokens, scores

    def forward(self, class_token, x, scores):
        x = x + self.pos_embed(x)
        shape = x.shape
        tokens = x.flatten(2).transpose(1, 2)  # [n, t, c]
        if scores is None:
            tokens, _, attended = self.attend(torch.cat([class_token, tokens], 1))
            class_token, tokens, scores = tokens[:, :1], tokens[:, 1:], attended[:, 1:]
        else:
            class_token, tokens, scores = self.prune(class_token, tokens, scores)
        return class_token, tokens.transpose(1, 2).reshape(shape), scores


class LightUniFormer(nn.Module):
    def __init__(self, depth, dims, head_dim, mlp_ratio=3, num_classes=1000):
        super().__init__()
        self.patch_embed1 = ConvStem(3, dims[0])
        for stage in range(4):
            if stage > 0:
                setattr(self, f"patch_embed{stage + 1}", PatchEmbed(dims[stage - 1], dims[stage], 2))
            blocks = [CBlock(dims[stage], mlp_ratio, layer_scale=False) if stage < 2 else
                      PruningBlock(dims[stage], head_dim, mlp_ratio) for _ in range(depth[stage])]
            setattr(self, f"blocks{stage + 1}", nn.ModuleList(blocks))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dims[2]))
        self.cls_upsample = nn.Linear(dims[2], dims[3])
        self.norm = nn.BatchNorm2d(dims[3], eps=BATCH_NORM_EPS)
        self.head = nn.Linear(dims[3], num_classes)
        # For training alone.
        self.norm_cls = nn.LayerNorm(dims[3])
        self.head_cls = nn.Linear(dims[3], num_classes)

    def forward(self, x, return_stages=False):
        stages = []
        for stage in (1, 2):
            x = getattr(self, f"patch_embed{stage}")(x)
            for block in getattr(self, f"blocks{stage}"):
                x = block(x)
            stages.append(x)
        class_token, scores = self.cls_token.expand(x.shape[0], -1, -1), None
        for stage in (3, 4):
            x = getattr(self, f"patch_embed{stage}")(x)
            if stage == 4:
                class_token = self.cls_upsample(class_token)
                # Four tokens become one, which has their sum.
                pooled = F.avg_pool2d(scores.reshape(-1, 1, *stages[-1].shape[2:]), 2)
                scores = 4 * pooled.flatten(1)
            for block in getattr(self, f"blocks{stage}"):
                class_token, x, scores = block(class_token, x, scores)
            stages.append(x)
        logits = self.head(self.norm(x).flatten(2).mean(-1))
        return (stages, logits) if return_stages else logits


def create(name, num_classes=1000):
    """The architecture `name` with PyTorch's initial weights, in evaluation mode."""
    return LightUniFormer(**ARCHITECTURES[name], num_classes=num_classes).eval()
