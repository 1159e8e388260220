"""The loss of a margin head in chunks of classes."""

from keras import ops

from keras_arcface import numerics
from keras_arcface import softmax
from keras_arcface.softmax.backend import read
from keras_arcface.softmax.fused import Fused


class _Plain:
    """What stands in for a margin outside of training."""

    def negatives(self, cosine, target, penalized):
        return cosine


_PLAIN = _Plain()


def fused_loss(head, embeddings, labels, classes, chunk, training):
    """Returns the margin softmax of each sample, `(batch,)`.

    Equal to the dense path in value and gradient, and as exact for small
    losses: all logits are taken relative to the target's.

    Args:
        head: A built `ArcMarginLayer`.
        embeddings: Float tensor `(batch, embedding_dim)`, of any length.
        labels: Int tensor `(batch,)`, as the margin reads them.
        classes: `Classes`, all or a sample; a target that is not among them
            gives inf.
        chunk: Int, classes a chunk.
        training: Whether the margin is on.
    """
    margin, positions = head.margin, classes.positions
    centers, placement = read(classes.centers), classes.placement
    fused = _describe(head, embeddings, chunk, training)
    unit = numerics.unit(embeddings)
    norm = ops.squeeze(numerics.norm(embeddings), -1)
    target, rows = _own_center(head, unit, classes)
    penalize = _identity
    if training:
        margin.update(
            target,
            norm,
            lambda s: placement.log_negatives(
                fused, unit, centers, s, positions
            ),
        )
        draw = margin.draw(target)

        def penalize(cosine):
            return margin(cosine, labels=labels, norm=norm, draw=draw)

    scale = ops.ones_like(target) * ops.reshape(
        margin.logit_scale(head.scale, norm, training), (-1,)
    )
    fixed = ops.stop_gradient(penalize(target))
    rest, total, cosine = placement.fused_negatives(
        fused,
        unit,
        centers,
        ops.expand_dims(scale, -1),
        rows,
        positions,
        target,
        fixed,
    )
    # The same number twice: only the second one carries the gradient.
    behind = fixed - penalize(cosine)
    loss = ops.softplus(rest + scale * behind)
    if head.label_smoothing:
        total = total + (classes.count - 1) * behind
        share = head.label_smoothing / classes.count
        loss = loss - share * scale * total
    valid = ops.logical_and(positions >= 0, positions < classes.count)
    return ops.where(valid, loss, float("inf"))


def _identity(cosine):
    return cosine


def _describe(head, embeddings, chunk, training):
    half = head.compute_dtype in ("float16", "bfloat16")
    kept = softmax.choose_kept(
        embeddings.shape[0], chunk, head.sub_centers, 2 if half else 4
    )
    return Fused(
        margin=head.margin if training else _PLAIN,
        chunk=chunk,
        kept=kept if training else 0,
        sub_centers=head.sub_centers,
        matmul_dtype=head.compute_dtype if half else "float32",
        with_sum=bool(head.label_smoothing),
        scale_gradient="norm" in head.margin.reads and training,
    )


def _own_center(head, unit, classes):
    """Returns the target cosine and the row of its centre, no gradient."""
    place = ops.clip(classes.positions, 0, classes.count - 1)
    cosine = classes.placement.own_cosines(
        unit, classes.centers, place, head.sub_centers
    )
    nearest = ops.cast(ops.argmax(cosine, axis=-1), place.dtype)
    rows = place * head.sub_centers + nearest
    return ops.stop_gradient(ops.max(cosine, axis=-1)), rows
