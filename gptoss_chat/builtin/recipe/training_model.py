"""The gpt-oss architecture written for fast training on a CPU.

Knows nothing of files, text or optimisers. A batch is a set of prefixes, each shared by several conversations: a prefix is
computed once, and each conversation attends to its prefix and to itself.

Shape legend: G prefixes in a batch, B conversations, P tokens a prefix, L tokens a conversation, S = P + L,
N tokens in all (prefixes first), M hidden size, H query heads, J key-value heads, R = H / J, D head size, E experts,
K experts a token, I expert size, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gptoss_chat.builtin.recipe.mxfp4 import quantised

ALPHA = 1.702


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Every dimension of the model; the multiples of 32 keep MXFP4 blocks whole."""

    vocab: int
    hidden: int = 128
    layers: int = 6
    q_heads: int = 4
    kv_heads: int = 2
    head_dim: int = 32
    intermediate: int = 64
    experts: int = 16
    experts_per_token: int = 4
    window: int = 64
    swiglu_limit: float = 7.0
    eps: float = 1e-5
    rope_theta: float = 10_000.0
    yarn_factor: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    original_context: int = 512

    @property
    def context(self) -> int:
        """Most positions the rotary embedding is made for."""
        return int(self.original_context * self.yarn_factor)

    @property
    def layer_types(self) -> list[str]:
        """Even layers slide, odd layers see everything."""
        return ["full_attention" if layer % 2 else "sliding_attention" for layer in range(self.layers)]

    @property
    def stacked(self) -> dict[str, tuple[int, ...]]:
        """Row counts of the matrices that one parameter stacks, by the parameter's name in its module."""
        key_value = self.kv_heads * self.head_dim
        return {
            "qkv": (self.q_heads * self.head_dim, key_value, key_value),
            "gate_up": (self.intermediate, self.intermediate),
        }

    def as_dict(self) -> dict[str, Any]:
        """Fields by name, for a checkpoint."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids and what may attend to what.

    prefix_GP and ids_BL int64; prefix_of_B int64 names each conversation's prefix; positions_BL int64; visible_BLL bool, query
    by key inside a conversation, without the window; valid_BL bool, false on padding; targets_BL int64, the next token, or
    -100 where there is no loss.
    """

    prefix_GP: Tensor
    prefix_of_B: Tensor
    ids_BL: Tensor
    positions_BL: Tensor
    visible_BLL: Tensor
    valid_BL: Tensor
    targets_BL: Tensor


@dataclass(frozen=True, slots=True)
class Routing:
    """What the router of one layer did: logits_NE float32, experts_NK int64."""

    logits_NE: Tensor
    experts_NK: Tensor


def rope_frequencies(shape: ModelShape) -> tuple[Tensor, float]:
    """YaRN inverse frequencies float32 [D/2] and the factor on cos and sin."""
    dim, base, original = shape.head_dim, shape.rope_theta, shape.original_context
    inverse = base ** -(torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    low, high = (
        dim * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(base))
        for rotations in (shape.beta_fast, shape.beta_slow)
    )
    low, high = max(low, 0.0), min(high, dim - 1.0)
    interpolate = ((torch.arange(dim // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
    inverse = inverse / shape.yarn_factor * interpolate + inverse * (1 - interpolate)
    return inverse, 0.1 * math.log(shape.yarn_factor) + 1.0


def rounded(name: str, weights: Tensor) -> Tensor:
    """The values that the exported file will hold for a parameter: MXFP4 for the experts' matrices, bfloat16 for the rest."""
    if name.endswith(("experts.gate_up", "experts.down")):
        return quantised(weights)
    return weights.to(torch.bfloat16).to(weights.dtype)


class _ExpertMix(torch.autograd.Function):
    """The experts and their weighted sum, gradient written out.

    The automatic gradient of 16 small experts spends more on slicing, filling and adding buffers than on arithmetic. Here every
    expert works on its own rows of one buffer, one after the other, while they are in the cache.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x_NM: Tensor,
        mix_NK: Tensor,
        experts_NK: Tensor,
        gate_up: Tensor,
        gate_up_bias: Tensor,
        down: Tensor,
        down_bias: Tensor,
        limit: float,
    ) -> Tensor:
        flat = experts_NK.flatten()
        order = flat.argsort()
        tokens = order // experts_NK.shape[1]
        back = torch.empty_like(order)
        back[order] = torch.arange(len(order))
        ends = torch.bincount(flat, minlength=len(gate_up)).cumsum(0).tolist()
        rows = x_NM.index_select(0, tokens)
        hidden, inner = rows.new_empty(len(rows), gate_up.shape[1]), rows.new_empty(len(rows), down.shape[2])
        out = torch.empty_like(rows)
        start = 0
        for expert, end in enumerate(ends):
            part = slice(start, end)
            torch.addmm(gate_up_bias[expert], rows[part], gate_up[expert].T, out=hidden[part])
            inner[part] = swiglu(hidden[part], limit)
            torch.addmm(down_bias[expert], inner[part], down[expert].T, out=out[part])
            start = end
        ctx.save_for_backward(rows, hidden, inner, out, tokens, back, order, mix_NK, gate_up, down)
        ctx.ends, ctx.limit = ends, limit
        return (mix_NK.unsqueeze(1) @ out.index_select(0, back).view(*experts_NK.shape, -1)).squeeze(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad_NM,) = grads
        rows, hidden, inner, out, tokens, back, order, mix_NK, gate_up, down = ctx.saved_tensors
        grad_out = grad_NM.index_select(0, tokens)
        grad_mix = (grad_out * out).sum(-1).index_select(0, back).view_as(mix_NK)
        grad_out *= mix_NK.flatten().index_select(0, order).unsqueeze(1)
        grad_gate_up, grad_down = torch.empty_like(gate_up), torch.empty_like(down)
        grad_gate_up_bias = gate_up.new_empty(gate_up.shape[:2])
        grad_down_bias = down.new_empty(down.shape[:2])
        grad_rows = torch.empty_like(rows)
        start = 0
        for expert, end in enumerate(ctx.ends):
            part = slice(start, end)
            torch.mm(grad_out[part].T, inner[part], out=grad_down[expert])
            torch.sum(grad_out[part], 0, out=grad_down_bias[expert])
            grad_hidden = swiglu_gradient(grad_out[part] @ down[expert], hidden[part], ctx.limit)
            torch.mm(grad_hidden.T, rows[part], out=grad_gate_up[expert])
            torch.sum(grad_hidden, 0, out=grad_gate_up_bias[expert])
            torch.mm(grad_hidden, gate_up[expert], out=grad_rows[part])
            start = end
        grad_x = grad_rows.index_select(0, back).view(*mix_NK.shape, -1).sum(1)
        return grad_x, grad_mix, None, grad_gate_up, grad_gate_up_bias, grad_down, grad_down_bias, None


def swiglu(gate_up: Tensor, limit: float) -> Tensor:
    """Clamped SwiGLU: [..., 2I], gates first -> [..., I]."""
    gate, up = gate_up.chunk(2, dim=-1)
    gate, up = gate.clamp(max=limit), up.clamp(-limit, limit)
    return up.add_(1).mul_(gate).mul_(torch.sigmoid(gate * ALPHA))


def swiglu_gradient(grad: Tensor, gate_up: Tensor, limit: float) -> Tensor:
    """Gradient of `swiglu` by its input: grad [..., I], gate_up [..., 2I] -> [..., 2I]."""
    raw_gate, raw_up = gate_up.chunk(2, dim=-1)
    gate, up = raw_gate.clamp(max=limit), raw_up.clamp(-limit, limit)
    sigmoid = torch.sigmoid(gate * ALPHA)
    shared = grad * sigmoid
    out = torch.empty_like(gate_up)
    grad_gate, grad_up = out.chunk(2, dim=-1)
    torch.mul(shared, gate, out=grad_up)
    grad_up.mul_(raw_up == up)
    torch.mul(shared, up.add_(1), out=grad_gate)
    grad_gate.mul_(sigmoid.neg_().add_(1).mul_(gate).mul_(ALPHA).add_(1)).mul_(raw_gate == gate)
    return out


class Experts(nn.Module):
    """Router and experts. gate_up rows are stored gates first, then ups; the export interleaves them."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        e, m, i = shape.experts, shape.hidden, shape.intermediate
        self.router = nn.Linear(m, e)
        self.gate_up = nn.Parameter(torch.randn(e, 2 * i, m) * m**-0.5)
        self.gate_up_bias = nn.Parameter(torch.zeros(e, 2 * i))
        self.down = nn.Parameter(torch.randn(e, m, i) * i**-0.5 * 0.5)
        self.down_bias = nn.Parameter(torch.zeros(e, m))

    def forward(self, x_NM: Tensor) -> tuple[Tensor, Routing]:
        """x_NM -> [N, M] and the routing."""
        logits_NE = self.router(x_NM)
        top_NK, experts_NK = logits_NE.topk(self.shape.experts_per_token, dim=-1)
        out: Tensor = _ExpertMix.apply(  # type: ignore[no-untyped-call]
            x_NM,
            top_NK.softmax(-1),
            experts_NK,
            self.gate_up,
            self.gate_up_bias,
            self.down,
            self.down_bias,
            self.shape.swiglu_limit,
        )
        return out, Routing(logits_NE, experts_NK)


class Attention(nn.Module):
    """Grouped-query attention with biases and sinks, for prefixes and conversations in one pass."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        width = (shape.q_heads + 2 * shape.kv_heads) * shape.head_dim
        self.qkv = nn.Parameter(torch.randn(width, shape.hidden) * shape.hidden**-0.5)
        self.qkv_bias = nn.Parameter(torch.zeros(width))
        self.out = nn.Parameter(torch.randn(shape.hidden, shape.q_heads * shape.head_dim) * shape.hidden**-0.5 * 0.5)
        self.out_bias = nn.Parameter(torch.zeros(shape.hidden))
        self.sinks = nn.Parameter(torch.zeros(shape.q_heads))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, sinks_H: Tensor) -> Tensor:
        """q [B,T,H,D], k and v [B,S,J,D], mask float [B or 1, T, S] of 0 and -inf -> [B, T, H*D]."""
        batch, length, heads, dim = q.shape
        groups = k.shape[2]
        q = q.view(batch, length, groups, -1, dim).permute(0, 2, 3, 1, 4).reshape(batch, groups, -1, dim)
        scores = (q @ k.permute(0, 2, 3, 1)).view(batch, heads, length, -1)
        scores = scores * dim**-0.5 + mask.unsqueeze(1)
        sink = sinks_H.view(1, heads, 1, 1).expand(batch, heads, length, 1)
        weights = torch.cat((scores, sink), dim=-1).softmax(-1)[..., :-1]
        out = weights.reshape(batch, groups, -1, weights.shape[-1]) @ v.transpose(1, 2)
        return out.view(batch, heads, length, dim).transpose(1, 2).reshape(batch, length, heads * dim)

    def forward(self, x_NM: Tensor, rope: tuple[Tensor, Tensor], batch: Batch, masks: tuple[Tensor, Tensor]) -> Tensor:
        """x_NM (prefixes, then conversations) -> [N, M]; masks for prefixes and for conversations."""
        shape = self.shape
        (g, p), (b, length) = batch.prefix_GP.shape, batch.ids_BL.shape
        qkv = functional.linear(x_NM, self.qkv, self.qkv_bias).view(len(x_NM), -1, shape.head_dim)
        qk, v = torch.split(qkv, [shape.q_heads + shape.kv_heads, shape.kv_heads], dim=1)
        cos, sin = rope
        one, two = qk.chunk(2, dim=-1)
        qk = torch.cat((one * cos - two * sin, two * cos + one * sin), dim=-1)
        q, k = torch.split(qk, [shape.q_heads, shape.kv_heads], dim=1)
        sinks = self.sinks
        head = g * p

        def conversations(prefix_and_rest: Tensor) -> Tensor:
            prefix = prefix_and_rest[:head].view(g, p, shape.kv_heads, -1).index_select(0, batch.prefix_of_B)
            return torch.cat((prefix, prefix_and_rest[head:].view(b, length, shape.kv_heads, -1)), dim=1)

        first = self._attend(
            q[:head].view(g, p, shape.q_heads, -1),
            k[:head].view(g, p, shape.kv_heads, -1),
            v[:head].view(g, p, shape.kv_heads, -1),
            masks[0],
            sinks,
        )
        second = self._attend(
            q[head:].view(b, length, shape.q_heads, -1), conversations(k), conversations(v), masks[1], sinks
        )
        out = torch.cat((first.reshape(head, -1), second.reshape(b * length, -1)))
        return functional.linear(out, self.out, self.out_bias)


class Block(nn.Module):
    """One layer: attention, then experts, each behind a norm and added to the stream."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.eps = shape.eps
        self.attention_norm = nn.Parameter(torch.ones(shape.hidden))
        self.attention = Attention(shape)
        self.experts_norm = nn.Parameter(torch.ones(shape.hidden))
        self.experts = Experts(shape)


class TrainingModel(nn.Module):
    """The whole model over a `Batch`."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.randn(shape.vocab, shape.hidden) * 0.3)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.hidden))
        self.head = nn.Parameter(torch.randn(shape.vocab, shape.hidden) * 0.02)
        inverse, self.concentration = rope_frequencies(shape)
        self.inverse = inverse

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(x, (x.shape[-1],), weight, self.shape.eps)

    def _masks(self, batch: Batch, sliding: bool) -> tuple[Tensor, Tensor]:
        p = batch.prefix_GP.shape[1]
        window = self.shape.window if sliding else self.shape.context + 1
        at = torch.arange(p)
        back = at[:, None] - at[None, :]
        prefix = ((back >= 0) & (back < window))[None]
        positions = batch.positions_BL
        to_prefix = (positions[:, :, None] - at[None, None, :]) < window
        inside = batch.visible_BLL & ((positions[:, :, None] - positions[:, None, :]) < window)
        both = torch.cat((to_prefix, inside), dim=-1)
        floor = torch.tensor(float("-inf"))
        return torch.where(prefix, 0.0, floor), torch.where(both, 0.0, floor)

    def hidden(self, batch: Batch) -> tuple[Tensor, list[Routing]]:
        """Normed stream of the conversations' tokens [B, L, M], and the routing of every layer (prefix tokens first)."""
        g, p = batch.prefix_GP.shape
        b, length = batch.ids_BL.shape
        masks = {sliding: self._masks(batch, sliding) for sliding in (True, False)}
        positions = torch.cat((torch.arange(p).repeat(g), batch.positions_BL.flatten()))
        angles = positions[:, None, None].float() * self.inverse
        rope = (angles.cos() * self.concentration, angles.sin() * self.concentration)
        x = functional.embedding(torch.cat((batch.prefix_GP.flatten(), batch.ids_BL.flatten())), self.embedding)
        routing = []
        for number, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            normed = self._norm(x, block.attention_norm)
            x = x + block.attention(normed, rope, batch, masks[number % 2 == 0])
            out, routed = block.experts(self._norm(x, block.experts_norm))
            x = x + out
            routing.append(routed)
        return self._norm(x[g * p :], self.norm).view(b, length, -1), routing

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., M] -> [..., V]."""
        return functional.linear(hidden, self.head)


def balance_loss(routing: list[Routing], keep_N: Tensor) -> Tensor:
    """Mean over layers of E * sum(share of tokens * mean probability); 1 when balanced. keep_N bool drops padding."""
    losses = []
    for routed in routing:
        logits = routed.logits_NE[keep_N]
        experts = logits.shape[-1]
        load = torch.bincount(routed.experts_NK[keep_N].flatten(), minlength=experts).float()
        losses.append(experts * (load / load.sum() * logits.softmax(-1).mean(0)).sum())
    return torch.stack(losses).mean()
