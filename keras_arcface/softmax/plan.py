"""Which path a head takes, in which pieces."""

from keras_arcface.softmax.backend import on_accelerator

# Up to this many logits the dense path is as fast, and compiles sooner.
DENSE_LOGITS = 2**22
# Logits of a chunk: what caches hold, or what keeps an accelerator busy. Half
# as many make XLA transpose the logits' gradient in a slow pass of its own.
CHUNK_LOGITS = 2**19
CHUNK_LOGITS_ACCELERATOR = 2**25
# Bytes of cosines that the forward pass keeps for the backward pass.
KEPT_BYTES = 2**28
# What a batch is taken for while its size is not known.
USUAL_BATCH = 256
_LEAST_CHUNK = 144
# Classes: rows of a multiple of this share cache lines; so much less do not.
_STRIDE = 128
_ASIDE = 48


def choose_chunk(batch, num_classes, chunk_size=None, accelerator=None):
    """Returns the classes of a chunk, or None for the dense path.

    Args:
        batch: Int, or None where it is not known.
        num_classes: Int.
        chunk_size: Int as the user wants it; 0 for the dense path; None to
            choose: dense for few logits, else chunks that fit the machine.
        accelerator: Whether the machine has anything faster than processors;
            None to look.
    """
    if chunk_size == 0:
        return None
    if chunk_size is not None:
        return min(chunk_size, num_classes)
    batch = batch or USUAL_BATCH
    if batch * num_classes <= DENSE_LOGITS:
        return None
    if accelerator is None:
        accelerator = on_accelerator()
    if accelerator:
        chunk = max(CHUNK_LOGITS_ACCELERATOR // batch, _LEAST_CHUNK)
    else:
        chunk = _off_the_stride(max(CHUNK_LOGITS // batch, _LEAST_CHUNK))
    return min(chunk, num_classes)


def _off_the_stride(chunk):
    """Returns a chunk whose rows do not all fall into the same cache lines.

    A product with the transposed gradient walks down its columns: in steps of
    8,192 bytes, every one of them evicts the last, and it takes a third longer.
    """
    return chunk - _ASIDE if chunk % _STRIDE == 0 else chunk


def choose_kept(batch, chunk, sub_centers=1, bytes_each=4):
    """Returns how many chunks' cosines may be kept for the backward pass."""
    batch = batch or USUAL_BATCH
    return KEPT_BYTES // (batch * chunk * sub_centers * bytes_each)
