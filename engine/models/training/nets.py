# SPDX-License-Identifier: GPL-3.0-or-later
"""Compact PyTorch modules with the parameter names and the arithmetic of diffusers'
AutoencoderKL and UNet2DConditionModel and of transformers' CLIPTextModel."""
import math

import torch
import torch.nn.functional as F
from torch import nn


from common import fused


class FusedGroupNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, groups, eps, silu):
        x = x.contiguous(memory_format=torch.channels_last)
        b, c, h, w = x.shape
        y, stats = torch.empty_like(x), torch.empty(b, 2, c)
        fused("group_norm", x, gamma, beta, y, stats, b, h * w, c, groups, eps, silu)
        ctx.save_for_backward(x, gamma, beta, stats)
        ctx.groups, ctx.silu = groups, silu
        return y

    @staticmethod
    def backward(ctx, dy):
        x, gamma, beta, stats = ctx.saved_tensors
        dy = dy.contiguous(memory_format=torch.channels_last)
        b, c, h, w = x.shape
        dx, part = torch.empty_like(x), torch.empty(b, 2, c)
        fused("group_norm_backward", dy, x, gamma, beta, stats, dx, part, b, h * w, c, ctx.groups, ctx.silu)
        part = part.sum(0).bfloat16()
        return dx, part[1], part[0], None, None, None


class FusedLayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        x = x.contiguous()
        c = x.shape[-1]
        n = x.numel() // c
        y, stats = torch.empty_like(x), torch.empty(n, 2)
        fused("layer_norm", x, gamma, beta, y, stats, n, c, eps)
        ctx.save_for_backward(x, gamma, stats)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, gamma, stats = ctx.saved_tensors
        dy, c = dy.contiguous(), x.shape[-1]
        dx, part = torch.empty_like(x), torch.empty(8, 2, c)
        fused("layer_norm_backward", dy, x, gamma, stats, dx, part, 8, x.numel() // c, c)
        part = part.sum(0).bfloat16()
        return dx, part[1], part[0], None


class FusedGEGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x = x.contiguous()
        ctx.save_for_backward(x)
        y = x.new_empty(*x.shape[:-1], x.shape[-1] // 2)
        fused("geglu", x, y, y.numel() // y.shape[-1], y.shape[-1])
        return y

    @staticmethod
    def backward(ctx, dy):
        (x,), dy = ctx.saved_tensors, dy.contiguous()
        dx = torch.empty_like(x)
        fused("geglu_backward", dy, x, dx, dy.numel() // dy.shape[-1], dy.shape[-1])
        return dx


class FusedAttention(torch.autograd.Function):
    """softmax (q k^T / sqrt d) v; `causal` is 0 or the number of query rows per head."""

    @staticmethod
    def forward(ctx, q, k, v, causal):
        w = torch.bmm(q, k.transpose(1, 2))
        ctx.scale = 1.0 / math.sqrt(q.shape[-1])
        fused("softmax", w, w.shape[0] * w.shape[1], w.shape[2], ctx.scale, causal)
        ctx.save_for_backward(q, k, v, w)
        return torch.bmm(w, v)

    @staticmethod
    def backward(ctx, do):
        q, k, v, w = ctx.saved_tensors
        do = do.contiguous()
        dw = torch.bmm(do, v.transpose(1, 2))
        fused("softmax_backward", dw, w, w.shape[0] * w.shape[1], w.shape[2], ctx.scale)
        return (torch.bmm(dw, k), torch.bmm(dw.transpose(1, 2), q), torch.bmm(w.transpose(1, 2), do), None)


def attention(q, k, v, causal=False):
    if q.dtype == torch.bfloat16:
        return FusedAttention.apply(q, k, v, q.shape[1] if causal else 0)
    w = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(q.shape[-1])
    if causal:
        w = w + torch.full(w.shape[1:], -1e4).triu(1)
    return torch.bmm(torch.softmax(w, dim=-1), v)


class GroupNorm(nn.GroupNorm):
    """Group normalisation with optional SiLU."""

    def forward(self, x, silu=False):
        if x.dtype == torch.bfloat16:
            return FusedGroupNorm.apply(x, self.weight, self.bias, self.num_groups, self.eps, silu)
        y = super().forward(x)
        return F.silu(y) if silu else y


class LayerNorm(nn.LayerNorm):
    def forward(self, x):
        if x.dtype == torch.bfloat16:
            return FusedLayerNorm.apply(x, self.weight, self.bias, self.eps)
        return super().forward(x)


def conv3(cin, cout, stride=1, padding=1):
    return nn.Conv2d(cin, cout, 3, stride, padding)


class ResnetBlock(nn.Module):
    def __init__(self, cin, cout, groups, eps, temb=None):
        super().__init__()
        self.norm1 = GroupNorm(groups, cin, eps)
        self.conv1 = conv3(cin, cout)
        if temb:
            self.time_emb_proj = nn.Linear(temb, cout)
        self.norm2 = GroupNorm(groups, cout, eps)
        self.conv2 = conv3(cout, cout)
        if cin != cout:
            self.conv_shortcut = nn.Conv2d(cin, cout, 1)

    def forward(self, x, temb=None):
        h = self.conv1(self.norm1(x, silu=True))
        if temb is not None:
            h = h + self.time_emb_proj(F.silu(temb))[:, :, None, None]
        h = self.conv2(self.norm2(h, silu=True))
        return h + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Downsample(nn.Module):
    def __init__(self, ch, asymmetric):
        super().__init__()
        self.asymmetric = asymmetric
        self.conv = conv3(ch, ch, 2, 0 if asymmetric else 1)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)) if self.asymmetric else x)


class Upsample(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.conv = conv3(ch, ch)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Attention(nn.Module):
    def __init__(self, dim, heads, context_dim=None, qkv_bias=False, groups=None, eps=1e-6):
        super().__init__()
        self.heads = heads
        if groups:
            self.group_norm = GroupNorm(groups, dim, eps)
        context_dim = context_dim or dim
        self.to_q = nn.Linear(dim, dim, bias=qkv_bias)
        self.to_k = nn.Linear(context_dim, dim, bias=qkv_bias)
        self.to_v = nn.Linear(context_dim, dim, bias=qkv_bias)
        self.to_out = nn.ModuleList([nn.Linear(dim, dim)])

    def forward(self, x, context=None):
        context = x if context is None else context
        b, n, c = x.shape
        d = c // self.heads

        def split(t):
            return t.view(b, -1, self.heads, d).transpose(1, 2).reshape(b * self.heads, -1, d)

        q, k, v = split(self.to_q(x)), split(self.to_k(context)), split(self.to_v(context))
        o = attention(q, k, v).view(b, self.heads, n, d).transpose(1, 2).reshape(b, n, c)
        return self.to_out[0](o)


class SpatialAttention(Attention):
    """The single-head attention of the VAE's middle block."""

    def __init__(self, ch, groups):
        super().__init__(ch, 1, qkv_bias=True, groups=groups, eps=1e-6)

    def forward(self, x):
        b, c, h, w = x.shape
        t = self.group_norm(x).flatten(2).transpose(1, 2)
        return super().forward(t).transpose(1, 2).reshape(b, c, h, w) + x


class GEGLU(nn.Module):
    def __init__(self, dim, inner):
        super().__init__()
        self.proj = nn.Linear(dim, inner * 2)

    def forward(self, x):
        x = self.proj(x)
        if x.dtype == torch.bfloat16:
            return FusedGEGLU.apply(x)
        a, g = x.chunk(2, dim=-1)
        return a * F.gelu(g)


class FeedForward(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.net = nn.ModuleList([GEGLU(dim, dim * 4), nn.Identity(), nn.Linear(dim * 4, dim)])

    def forward(self, x):
        return self.net[2](self.net[0](x))


class BasicTransformerBlock(nn.Module):
    def __init__(self, dim, heads, context_dim):
        super().__init__()
        self.norm1 = LayerNorm(dim)
        self.attn1 = Attention(dim, heads)
        self.norm2 = LayerNorm(dim)
        self.attn2 = Attention(dim, heads, context_dim)
        self.norm3 = LayerNorm(dim)
        self.ff = FeedForward(dim)

    def forward(self, x, context):
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer2D(nn.Module):
    def __init__(self, ch, heads, context_dim, groups):
        super().__init__()
        self.norm = GroupNorm(groups, ch, 1e-6)
        self.proj_in = nn.Conv2d(ch, ch, 1)
        self.transformer_blocks = nn.ModuleList([BasicTransformerBlock(ch, heads, context_dim)])
        self.proj_out = nn.Conv2d(ch, ch, 1)

    def forward(self, x, context):
        b, c, h, w = x.shape
        t = self.proj_in(self.norm(x)).permute(0, 2, 3, 1).reshape(b, h * w, c)
        t = self.transformer_blocks[0](t, context)
        return self.proj_out(t.view(b, h, w, c).permute(0, 3, 1, 2)) + x


# ---------------------------------------------------------------- AutoencoderKL

class VaeMid(nn.Module):
    def __init__(self, ch, groups):
        super().__init__()
        self.attentions = nn.ModuleList([SpatialAttention(ch, groups)])
        self.resnets = nn.ModuleList([ResnetBlock(ch, ch, groups, 1e-6) for _ in range(2)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class VaeStage(nn.Module):
    def __init__(self, cin, cout, layers, groups, resample, up):
        super().__init__()
        self.resnets = nn.ModuleList(
            [ResnetBlock(cin if i == 0 else cout, cout, groups, 1e-6) for i in range(layers)])
        self.name = "upsamplers" if up else "downsamplers"
        if resample:
            block = Upsample(cout) if up else Downsample(cout, True)
            setattr(self, self.name, nn.ModuleList([block]))

    def forward(self, x):
        for r in self.resnets:
            x = r(x)
        return getattr(self, self.name)[0](x) if hasattr(self, self.name) else x


class Encoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        ch, g, n = cfg["block_out_channels"], cfg["norm_num_groups"], cfg["layers_per_block"]
        self.conv_in = conv3(3, ch[0])
        self.down_blocks = nn.ModuleList(
            [VaeStage(ch[max(i - 1, 0)], c, n, g, i < len(ch) - 1, False) for i, c in enumerate(ch)])
        self.mid_block = VaeMid(ch[-1], g)
        self.conv_norm_out = GroupNorm(g, ch[-1], 1e-6)
        self.conv_out = conv3(ch[-1], 2 * cfg["latent_channels"])

    def forward(self, x):
        x = self.conv_in(x)
        for b in self.down_blocks:
            x = b(x)
        return self.conv_out(self.conv_norm_out(self.mid_block(x), silu=True))


class Decoder(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        ch, g, n = cfg["block_out_channels"][::-1], cfg["norm_num_groups"], cfg["layers_per_block"]
        self.conv_in = conv3(cfg["latent_channels"], ch[0])
        self.up_blocks = nn.ModuleList(
            [VaeStage(ch[max(i - 1, 0)], c, n + 1, g, i < len(ch) - 1, True) for i, c in enumerate(ch)])
        self.mid_block = VaeMid(ch[0], g)
        self.conv_norm_out = GroupNorm(g, ch[-1], 1e-6)
        self.conv_out = conv3(ch[-1], 3)

    def forward(self, z):
        x = self.mid_block(self.conv_in(z))
        for b in self.up_blocks:
            x = b(x)
        return self.conv_out(self.conv_norm_out(x, silu=True))


class AutoencoderKL(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        z = cfg["latent_channels"]
        self.encoder = Encoder(cfg)
        self.decoder = Decoder(cfg)
        self.quant_conv = nn.Conv2d(2 * z, 2 * z, 1)
        self.post_quant_conv = nn.Conv2d(z, z, 1)

    def encode(self, x):
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z):
        return self.decoder(self.post_quant_conv(z))


# ---------------------------------------------------------------- UNet2DConditionModel

class UNetStage(nn.Module):
    """A down stage (`skips` is None) or an up stage (`skips` lists its skip channels)."""

    def __init__(self, cin, cout, layers, cfg, heads, resample, skips=None):
        super().__init__()
        g, ctx, temb = cfg["norm_num_groups"], cfg["cross_attention_dim"], cfg["block_out_channels"][0] * 4
        extra = skips or [0] * layers
        self.resnets = nn.ModuleList(
            [ResnetBlock((cin if i == 0 else cout) + extra[i], cout, g, 1e-5, temb) for i in range(layers)])
        if heads:
            self.attentions = nn.ModuleList([Transformer2D(cout, heads, ctx, g) for _ in range(layers)])
        if resample and skips:
            self.upsamplers = nn.ModuleList([Upsample(cout)])
        elif resample:
            self.downsamplers = nn.ModuleList([Downsample(cout, False)])

    def layer(self, i, x, temb, context):
        x = self.resnets[i](x, temb)
        return self.attentions[i](x, context) if hasattr(self, "attentions") else x


class UNetMid(nn.Module):
    def __init__(self, ch, cfg, heads):
        super().__init__()
        g, temb = cfg["norm_num_groups"], cfg["block_out_channels"][0] * 4
        self.attentions = nn.ModuleList([Transformer2D(ch, heads, cfg["cross_attention_dim"], g)])
        self.resnets = nn.ModuleList([ResnetBlock(ch, ch, g, 1e-5, temb) for _ in range(2)])


class TimestepEmbedding(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.linear_1 = nn.Linear(cin, cout)
        self.linear_2 = nn.Linear(cout, cout)

    def forward(self, x):
        return self.linear_2(F.silu(self.linear_1(x)))


class UNet2DConditionModel(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        ch, n = cfg["block_out_channels"], cfg["layers_per_block"]
        heads = cfg["attention_head_dim"]
        heads = heads if isinstance(heads, list) else [heads] * len(ch)
        down_heads = [h if "CrossAttn" in t else 0 for h, t in zip(heads, cfg["down_block_types"])]
        up_heads = [h if "CrossAttn" in t else 0 for h, t in zip(heads[::-1], cfg["up_block_types"])]
        self.time_dim = ch[0]
        self.conv_in = conv3(cfg["in_channels"], ch[0])
        self.time_embedding = TimestepEmbedding(ch[0], ch[0] * 4)
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        skip_ch, cin, last = [ch[0]], ch[0], len(ch) - 1
        for i, c in enumerate(ch):
            self.down_blocks.append(UNetStage(cin, c, n, cfg, down_heads[i], i < last))
            skip_ch += [c] * (n + (i < last))
            cin = c
        self.mid_block = UNetMid(cin, cfg, heads[-1])
        for i, c in enumerate(ch[::-1]):
            skips = [skip_ch.pop() for _ in range(n + 1)]
            self.up_blocks.append(UNetStage(cin, c, n + 1, cfg, up_heads[i], i < last, skips))
            cin = c
        self.conv_norm_out = GroupNorm(cfg["norm_num_groups"], ch[0], 1e-5)
        self.conv_out = conv3(ch[0], cfg["out_channels"])

    def forward(self, x, t, context):
        half = self.time_dim // 2
        freq = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
        arg = t.float()[:, None] * freq[None]
        temb = self.time_embedding(torch.cat([arg.cos(), arg.sin()], dim=-1).to(x.dtype))
        x = self.conv_in(x)
        skips = [x]
        for b in self.down_blocks:
            for i in range(len(b.resnets)):
                x = b.layer(i, x, temb, context)
                skips.append(x)
            if hasattr(b, "downsamplers"):
                x = b.downsamplers[0](x)
                skips.append(x)
        m = self.mid_block
        x = m.resnets[1](m.attentions[0](m.resnets[0](x, temb), context), temb)
        for b in self.up_blocks:
            for i in range(len(b.resnets)):
                x = b.layer(i, torch.cat([x, skips.pop()], dim=1), temb, context)
            if hasattr(b, "upsamplers"):
                x = b.upsamplers[0](x)
        return self.conv_out(self.conv_norm_out(x, silu=True))


# ---------------------------------------------------------------- CLIPTextModel

class ClipEmbeddings(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.token_embedding = nn.Embedding(cfg["vocab_size"], cfg["hidden_size"])
        self.position_embedding = nn.Embedding(cfg["max_position_embeddings"], cfg["hidden_size"])

    def forward(self, ids):
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]


class ClipSelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x):
        b, n, c = x.shape
        d = c // self.heads
        q, k, v = (p(x).view(b, n, self.heads, d).transpose(1, 2).reshape(-1, n, d)
                   for p in (self.q_proj, self.k_proj, self.v_proj))
        o = attention(q, k, v, causal=True)
        return self.out_proj(o.view(b, self.heads, n, d).transpose(1, 2).reshape(b, n, c))


class ClipMLP(nn.Module):
    def __init__(self, dim, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, inner), nn.Linear(inner, dim)

    def forward(self, x):
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h))  # quick_gelu


class ClipLayer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        dim = cfg["hidden_size"]
        self.self_attn = ClipSelfAttention(dim, cfg["num_attention_heads"])
        self.layer_norm1 = LayerNorm(dim, cfg["layer_norm_eps"])
        self.mlp = ClipMLP(dim, cfg["intermediate_size"])
        self.layer_norm2 = LayerNorm(dim, cfg["layer_norm_eps"])

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class ClipTransformer(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embeddings = ClipEmbeddings(cfg)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList([ClipLayer(cfg) for _ in range(cfg["num_hidden_layers"])])
        self.final_layer_norm = LayerNorm(cfg["hidden_size"], cfg["layer_norm_eps"])

    def forward(self, ids):
        x = self.embeddings(ids)
        for layer in self.encoder.layers:
            x = layer(x)
        return self.final_layer_norm(x)


class CLIPTextModel(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.text_model = ClipTransformer(cfg)

    def forward(self, ids):
        return self.text_model(ids)
