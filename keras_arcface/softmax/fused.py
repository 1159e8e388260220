"""The margin softmax in chunks of classes, without the matrix of logits.

Forward, a running log-sum-exp over the negatives; backward, each chunk again,
its part of the centres' gradient written straight into its place. The target
column takes no part: its cosine is computed once, in float32, and its gradient
added at the end. So every margin is exact, whatever it does with the target,
and memory holds the centres, their gradient, and one chunk.

The first chunks' cosines may be kept for the backward pass, which then saves
one of its three products there.
"""

import dataclasses
from typing import Any

from keras import ops

from keras_arcface import numerics
from keras_arcface.softmax.backend import add_rows
from keras_arcface.softmax.backend import compiled
from keras_arcface.softmax.backend import pull_back

# A squared length below which a centre has no direction; see `numerics`.
_NO_DIRECTION = 1e-24
_NOTHING = -1e30


@dataclasses.dataclass(frozen=True)
class Fused:
    """What is known of a fused softmax before any number is.

    Attributes:
        margin: Has `negatives(cosine, target, penalized)`.
        chunk: Int, classes a chunk.
        kept: Int, how many chunks' cosines are kept for the backward pass.
        sub_centers: Int, centres a class.
        matmul_dtype: Dtype of the products.
        with_sum: Whether the sum over the negatives is wanted too.
        scale_gradient: Whether the scale has a gradient.
    """

    margin: Any
    chunk: int
    kept: int = 0
    sub_centers: int = 1
    matmul_dtype: str = "float32"
    with_sum: bool = False
    scale_gradient: bool = False

    @property
    def half(self):
        """Whether the products run in half precision."""
        return self.matmul_dtype in ("float16", "bfloat16")


def fused_negatives(
    fused, embeddings, class_centers, scale, rows, labels, target, penalized
):
    """Returns what a margin softmax needs of all classes, chunk by chunk.

    Args:
        fused: `Fused`.
        embeddings: Float32 `(batch, dim)`, of unit length.
        class_centers: Float32 `(classes * sub_centers, dim)`, of any length.
        scale: Float32 `(batch, 1)`.
        rows: Int `(batch,)`, the row of each sample's target centre.
        labels: Int `(batch,)`, classes; one outside of them has no target.
        target: Float32 `(batch,)`, plain target cosines, without gradient.
        penalized: Float32 `(batch,)`, under the margin, without gradient.

    Returns:
        Three float32 `(batch,)`, differentiable by embeddings, class centres
        and, where asked for, the scale: the log of the sum over the negatives
        of exp(scale (cosine - penalized)); the sum over the negatives of
        (cosine - penalized), or zeros; and the target cosine.
    """

    @ops.custom_gradient
    def negatives(embeddings, class_centers, scale, *aside):
        # TensorFlow would differentiate through the compiled function too.
        given = [
            ops.stop_gradient(each)
            for each in (embeddings, class_centers, scale, *aside)
        ]
        parts, *residuals = _forward(fused, *given)

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            gradients = _backward(fused, *given, parts, upstream, *residuals)
            return (*gradients, *[None for _ in aside])

        return parts, gradient

    parts = negatives(
        embeddings, class_centers, scale, rows, labels, target, penalized
    )
    return parts[:, 0], parts[:, 1], parts[:, 2]


def log_negatives(fused, embeddings, class_centers, scale, labels):
    """Returns log sum exp(scale cosine) over the negatives, no gradient.

    Args: as in `fused_negatives`; the scale is a scalar. Returns `(batch,)`.
    """
    embeddings, class_centers, scale = (
        ops.stop_gradient(each) for each in (embeddings, class_centers, scale)
    )
    nothing = ops.zeros_like(embeddings[:, 0])
    column = ops.expand_dims(nothing + scale, -1)
    rows = ops.zeros_like(labels)
    plain = dataclasses.replace(fused, kept=0, with_sum=False)
    parts, *_ = _forward(
        plain, embeddings, class_centers, column, rows, labels, nothing, nothing
    )
    return parts[:, 0]


@compiled
def _forward(
    fused, embeddings, centers, scale, rows, labels, target, penalized
):
    """Returns parts `(batch, 3)`, kept cosines, and inverse lengths."""
    loop = _Loop(fused, centers)
    seen = _Negatives(fused, scale, labels, target, penalized)
    state = seen.start()
    inverse = ops.zeros((loop.full, loop.width), "float32")
    kept = ops.zeros((max(loop.kept, 1), 1, 1), seen.kept_dtype)
    if loop.kept:
        shape = (loop.kept, ops.shape(embeddings)[0], loop.width)
        kept = ops.zeros(shape, seen.kept_dtype)

    def keeping(index, carry):
        state, inverse, kept = carry
        cosine, lengths = _cosine(fused, embeddings, loop.centers(index))
        kept = ops.slice_update(
            kept, [index, 0, 0], ops.cast(cosine, kept.dtype)[None]
        )
        inverse = ops.slice_update(inverse, [index, 0], lengths[None])
        return seen.add(state, cosine, index * fused.chunk), inverse, kept

    def passing(index, carry):
        state, inverse = carry
        cosine, lengths = _cosine(fused, embeddings, loop.centers(index))
        inverse = ops.slice_update(inverse, [index, 0], lengths[None])
        return seen.add(state, cosine, index * fused.chunk), inverse

    if loop.kept:
        state, inverse, kept = ops.fori_loop(
            0, loop.kept, keeping, (state, inverse, kept)
        )
    if loop.full > loop.kept:
        state, inverse = ops.fori_loop(
            loop.kept, loop.full, passing, (state, inverse)
        )
    if loop.tail:
        cosine, _ = _cosine(fused, embeddings, loop.tail_centers())
        state = seen.add(state, cosine, loop.full * fused.chunk)
    own = numerics.unit(ops.take(centers, rows, axis=0))
    plain = ops.sum(embeddings * own, axis=-1)
    largest, total, summed = state
    parts = ops.stack([largest + ops.log(total), summed, plain], axis=1)
    return parts, kept, inverse


@compiled
def _backward(
    fused,
    embeddings,
    centers,
    scale,
    rows,
    labels,
    target,
    penalized,
    parts,
    upstream,
    kept,
    inverse,
):
    """Returns the gradients by embeddings, class centres and scale."""
    loop = _Loop(fused, centers)
    seen = _Negatives(fused, scale, labels, target, penalized)

    def add(carry, index, chunk, lengths, cosine):
        by_embeddings, by_centers, by_scale = carry
        by_cosine, more = seen.gradient(
            cosine, index * fused.chunk, parts, upstream
        )
        more_embeddings, rows_gradient = _products(
            fused, by_cosine, cosine, embeddings, chunk, lengths
        )
        by_centers = ops.slice_update(
            by_centers, [index * loop.width, 0], rows_gradient
        )
        return by_embeddings + more_embeddings, by_centers, by_scale + more

    def kept_chunk(index, carry):
        chunk = loop.centers(index)
        cosine = ops.cast(kept[index], "float32")
        return add(carry, index, chunk, inverse[index], cosine)

    def chunk_anew(index, carry):
        chunk = loop.centers(index)
        cosine, _ = _cosine(fused, embeddings, chunk, inverse[index])
        return add(carry, index, chunk, inverse[index], cosine)

    carry = (
        ops.zeros_like(embeddings),
        ops.zeros_like(centers),
        ops.zeros_like(scale),
    )
    if loop.kept:
        carry = ops.fori_loop(0, loop.kept, kept_chunk, carry)
    if loop.full > loop.kept:
        carry = ops.fori_loop(loop.kept, loop.full, chunk_anew, carry)
    if loop.tail:
        chunk = loop.tail_centers()
        cosine, lengths = _cosine(fused, embeddings, chunk)
        carry = add(carry, loop.full, chunk, lengths, cosine)
    by_embeddings, by_centers, by_scale = carry
    by_target = ops.expand_dims(upstream[:, 2], -1)
    own = ops.take(centers, rows, axis=0)
    lengths = ops.expand_dims(_inverse_length(own), -1)
    own = own * lengths
    plain = ops.expand_dims(parts[:, 2], -1)
    by_own = by_target * (embeddings - plain * own) * lengths
    return (
        by_embeddings + by_target * own,
        add_rows(by_centers, rows, by_own),
        by_scale,
    )


class _Loop:
    """Where the chunks of class centres lie: full ones, and a tail."""

    def __init__(self, fused, centers):
        self._centers = centers
        self.dim = centers.shape[1]
        classes = centers.shape[0] // fused.sub_centers
        self.width = fused.chunk * fused.sub_centers
        self.full = classes // fused.chunk
        self.tail = (classes - self.full * fused.chunk) * fused.sub_centers
        self.kept = min(fused.kept, self.full)

    def centers(self, index):
        start = [index * self.width, 0]
        return ops.slice(self._centers, start, [self.width, self.dim])

    def tail_centers(self):
        return self._centers[self.full * self.width :]


class _Negatives:
    """The negatives of a chunk: their running sums, and their gradient."""

    def __init__(self, fused, scale, labels, target, penalized):
        self.fused = fused
        self.scale = scale
        self.labels = ops.expand_dims(labels, -1)
        self.target = target
        self.penalized = penalized
        self.kept_dtype = fused.matmul_dtype if fused.half else "float32"

    def start(self):
        zeros = ops.zeros_like(self.target)
        return zeros + _NOTHING, zeros, zeros

    def add(self, state, cosine, first):
        """Returns largest logit, sum of exponentials, and sum, with a chunk."""
        largest, total, summed = state
        difference, is_target = self._difference(cosine, first)
        logits = ops.where(is_target, _NOTHING, self.scale * difference)
        highest = ops.maximum(largest, ops.max(logits, axis=-1))
        here = ops.exp(logits - ops.expand_dims(highest, -1))
        total = total * ops.exp(largest - highest) + ops.sum(here, axis=-1)
        if self.fused.with_sum:
            others = ops.where(is_target, 0.0, difference)
            summed = summed + ops.sum(others, axis=-1)
        return highest, total, summed

    def gradient(self, cosine, first, parts, upstream):
        """Returns the gradients by the chunk's cosines and by the scale."""
        difference, is_target = self._difference(cosine, first)
        share = ops.exp(self.scale * difference - parts[:, :1])
        share = ops.where(is_target, 0.0, share * upstream[:, :1])
        by_scale = ops.zeros_like(self.scale)
        if self.fused.scale_gradient:
            by_scale = ops.sum(share * difference, axis=-1, keepdims=True)
        by_difference = share * self.scale
        if self.fused.with_sum:
            others = ops.where(is_target, 0.0, upstream[:, 1:2])
            by_difference = by_difference + others
        return pull_back(self._bend, cosine, by_difference), by_scale

    def _difference(self, cosine, first):
        negatives = self._bend(cosine)
        classes = ops.arange(negatives.shape[-1], dtype=self.labels.dtype)
        is_target = ops.equal(classes + first, self.labels)
        return negatives - ops.expand_dims(self.penalized, -1), is_target

    def _bend(self, cosine):
        nearest = numerics.nearest_sub_center(cosine, self.fused.sub_centers)
        return self.fused.margin.negatives(nearest, self.target, self.penalized)


def _inverse_length(centers):
    square = ops.sum(ops.square(centers), axis=-1)
    no_direction = square <= _NO_DIRECTION
    return ops.where(
        no_direction, 0.0, ops.rsqrt(ops.where(no_direction, 1.0, square))
    )


def _cosine(fused, embeddings, centers, lengths=None):
    """Returns cosines `(batch, rows)` in float32, and inverse lengths."""
    lengths = _inverse_length(centers) if lengths is None else lengths
    if fused.half:
        centers = centers * ops.expand_dims(lengths, -1)
        product = ops.matmul(
            ops.cast(embeddings, fused.matmul_dtype),
            ops.transpose(ops.cast(centers, fused.matmul_dtype)),
        )
        return ops.cast(product, "float32"), lengths
    # The product of the raw centres, scaled, saves a pass over them.
    return ops.matmul(embeddings, ops.transpose(centers)) * lengths, lengths


def _products(fused, by_cosine, cosine, embeddings, centers, lengths):
    """Returns the gradients by embeddings and by the chunk's centres.

    Through the normalisation of the centres: what points along a centre does
    not turn it.
    """
    along = ops.expand_dims(ops.sum(by_cosine * cosine, axis=0), -1)
    column = ops.expand_dims(lengths, -1)
    if fused.half:
        dtype = fused.matmul_dtype
        unit = centers * column
        by_cosine = ops.cast(by_cosine, dtype)
        by_embeddings = ops.matmul(by_cosine, ops.cast(unit, dtype))
        by_unit = ops.matmul(
            ops.transpose(by_cosine), ops.cast(embeddings, dtype)
        )
        by_centers = (ops.cast(by_unit, "float32") - along * unit) * column
        return ops.cast(by_embeddings, "float32"), by_centers
    by_cosine = by_cosine * lengths
    by_centers = ops.matmul(ops.transpose(by_cosine), embeddings)
    by_centers = by_centers - along * ops.square(column) * centers
    return ops.matmul(by_cosine, centers), by_centers
