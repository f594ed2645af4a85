"""Triton kernels for the operations between a block's matrix products: a single read, a single
write.

Arithmetic is fp32, whatever the tensors are. Tests run the kernels through Triton's interpreter,
never on a GPU. `model.fast.blocks.fused` calls the kernels and documents the shapes.
"""

import triton
import triton.language as tl


@triton.jit
def modulate(x, shift, scale, out, frame_stride, tokens, width, eps, BLOCK: tl.constexpr):
    """Layer norm, scale and shift of a token; `tokens` tokens share a frame's row."""
    token, column, inside = _columns(width, BLOCK)
    condition = token // tokens * frame_stride + column
    values = tl.load(x + token * width + column, mask=inside, other=0.0).to(tl.float32)
    moved = _modulated(values, shift + condition, scale + condition, inside, width, eps)
    tl.store(out + token * width + column, moved.to(out.dtype.element_ty), mask=inside)


@triton.jit
def add_gated(x, y, gate, out, frame_stride, tokens, width, BLOCK: tl.constexpr):
    """A layer's output for a token, times the frame's gate, added to the token."""
    token, column, inside = _columns(width, BLOCK)
    condition = token // tokens * frame_stride + column
    total = _gated_sum(x, y, gate + condition, token * width + column, inside)
    tl.store(out + token * width + column, total.to(out.dtype.element_ty), mask=inside)


@triton.jit
def add_and_modulate(
    x, y, gate, shift, scale, out, hidden, frame_stride, tokens, width, eps, BLOCK: tl.constexpr
):
    """Both: the sum, and the modulated sum as input of the next layer."""
    token, column, inside = _columns(width, BLOCK)
    condition = token // tokens * frame_stride + column
    place = token * width + column
    total = _gated_sum(x, y, gate + condition, place, inside)
    moved = _modulated(total, shift + condition, scale + condition, inside, width, eps)
    tl.store(out + place, total.to(out.dtype.element_ty), mask=inside)
    tl.store(hidden + place, moved.to(hidden.dtype.element_ty), mask=inside)


@triton.jit
def rotate_normed(
    # Not formatted: tensors, sizes and constants on a line each, as in the call.
    qkv, q_weight, k_weight, cos, sin, out,
    tokens, num_rows, num_heads, half, session_stride, token_stride, eps,
    HEADS: tl.constexpr, HALF: tl.constexpr,
):  # fmt: skip
    """RMS norm and rotation of all heads of a token's queries (kind 0) or keys (kind 1), written
    head by head. `num_rows`: tokens of all sessions; `tokens`: of a single session."""
    row, kind = tl.program_id(0).to(tl.int64), tl.program_id(1)
    head, pair = tl.arange(0, HEADS)[:, None], tl.arange(0, HALF)[None, :]
    inside, in_pairs = (head < num_heads) & (pair < half), pair < half
    source = qkv + ((3 * row + kind) * num_heads + head) * 2 * half + pair
    first = tl.load(source, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(source + half, mask=inside, other=0.0).to(tl.float32)
    squares = tl.sum(first * first + second * second, axis=1)[:, None]
    inverse = 1.0 / tl.sqrt(squares / (2 * half) + eps)
    first *= inverse * _weight(q_weight, k_weight, kind, pair, in_pairs)
    second *= inverse * _weight(q_weight, k_weight, kind, half + pair, in_pairs)
    session, token = row // tokens, row % tokens
    angle = session * session_stride + token * token_stride + pair
    turn_cos = tl.load(cos + angle, mask=in_pairs, other=1.0)
    turn_sin = tl.load(sin + angle, mask=in_pairs, other=0.0)
    heads_before = kind * num_rows * num_heads + (session * num_heads + head) * tokens
    target = out + (heads_before + token) * 2 * half + pair
    turned_first = (first * turn_cos - second * turn_sin).to(out.dtype.element_ty)
    turned_second = (second * turn_cos + first * turn_sin).to(out.dtype.element_ty)
    tl.store(target, turned_first, mask=inside)
    tl.store(target + half, turned_second, mask=inside)


@triton.jit
def _weight(q_weight, k_weight, kind, place, inside):
    of_q = tl.load(q_weight + place, mask=inside, other=0.0).to(tl.float32)
    of_k = tl.load(k_weight + place, mask=inside, other=0.0).to(tl.float32)
    return tl.where(kind == 0, of_q, of_k)


@triton.jit
def _columns(width, BLOCK: tl.constexpr):
    column = tl.arange(0, BLOCK)
    return tl.program_id(0).to(tl.int64), column, column < width


@triton.jit
def _gated_sum(x, y, gate, place, inside):
    before = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
    given = tl.load(y + place, mask=inside, other=0.0).to(tl.float32)
    return before + given * tl.load(gate, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _modulated(values, shift, scale, inside, width, eps):
    centred = tl.where(inside, values - tl.sum(values, axis=0) / width, 0.0)
    normed = centred / tl.sqrt(tl.sum(centred * centred, axis=0) / width + eps)
    scaled = normed * (1.0 + tl.load(scale, mask=inside, other=0.0).to(tl.float32))
    return scaled + tl.load(shift, mask=inside, other=0.0).to(tl.float32)
