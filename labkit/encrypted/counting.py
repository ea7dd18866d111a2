"""Counts what a program does to ciphertexts, by looking over tf-shell's shoulder."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf
from tf_shell.python import shell_ops


@contextlib.contextmanager
def counted_multiplications() -> Iterator[list[int]]:
    """Within it, the list's one entry counts ciphertext-plaintext products, one a polynomial.

    Elementwise and scalar products, masks and matrix products by tf-shell's public functions,
    run eagerly.
    """
    count = [0]
    kept = {}

    def watch(name: str, products) -> None:
        kept[name] = original = getattr(shell_ops, name)

        def counting(context, a, b, *rest, **options):
            result = original(context, a, b, *rest, **options)
            count[0] += products(result, a, b)
            return result

        setattr(shell_ops, name, counting)

    watch("mul_ct_pt64", lambda result, a, b: int(tf.size(result)))
    watch("mul_ct_tf_scalar64", lambda result, a, b: int(tf.size(result)))
    watch("mat_mul_ct_pt64", lambda result, a, b: int(tf.size(result)) * int(tf.shape(a)[-1]))
    watch("mat_mul_pt_ct64", lambda result, a, b: int(tf.size(result)) * int(tf.shape(b)[0]))
    watch("conv2d_ct_pt64", lambda result, a, b: int(tf.size(result)) * int(tf.shape(a)[-1]))
    try:
        yield count
    finally:
        for name, original in kept.items():
            setattr(shell_ops, name, original)
