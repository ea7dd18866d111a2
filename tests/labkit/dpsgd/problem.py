"""Four classes to tell apart, the loss, and what float32 may be off by."""

CLASSES = 4
# Sums of up to some thousand float32 products, each rounded to 2⁻²⁴ = 6e-8, in two orders: errors
# of some √1000 · 6e-8 = 2e-6 of the largest entry. The goal of the library, and a safe bound:
FLOAT32 = 1e-5


def loss_of(keras):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
