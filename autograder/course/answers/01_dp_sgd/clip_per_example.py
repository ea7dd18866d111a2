# %% right="one long vector per example"
def clip_per_example(per_example_grads, l2_norm_clip):
    flat = np.concatenate([g.reshape(len(g), -1) for g in per_example_grads], axis=1)
    factors = np.minimum(1, l2_norm_clip / np.maximum(np.linalg.norm(flat, axis=1), 1e-12))
    return [g * factors.reshape([-1] + [1] * (g.ndim - 1)) for g in per_example_grads]

# %% right="a loop over examples, float64"
def clip_per_example(per_example_grads, l2_norm_clip):
    out = [np.zeros(g.shape) for g in per_example_grads]
    for i in range(len(per_example_grads[0])):
        norm = np.linalg.norm(np.concatenate([g[i].ravel().astype(float) for g in per_example_grads]))
        scale = 1.0 if norm <= l2_norm_clip else l2_norm_clip / norm
        for o, g in zip(out, per_example_grads):
            o[i] = g[i] * scale
    return out

# %% right="one long vector per example, as a tuple"
def clip_per_example(per_example_grads, l2_norm_clip):
    flat = np.concatenate([g.reshape(len(g), -1) for g in per_example_grads], axis=1)
    norms = np.linalg.norm(flat, axis=1)
    factors = np.minimum(1, l2_norm_clip / np.maximum(norms, 1e-12))
    return tuple((g.T * factors).T for g in per_example_grads)

# %% right="TensorFlow's clip_by_global_norm per example"
def clip_per_example(per_example_grads, l2_norm_clip):
    def clip_one(grads):
        return tf.clip_by_global_norm(list(grads), l2_norm_clip)[0]
    rows = [clip_one([tf.constant(g[i]) for g in per_example_grads]) for i in range(len(per_example_grads[0]))]
    return [tf.stack(column) for column in zip(*rows)]

# %% right="vectorised TensorFlow"
def clip_per_example(per_example_grads, l2_norm_clip):
    squares = tf.add_n([tf.reduce_sum(tf.reshape(g, [len(g), -1]) ** 2, axis=1) for g in per_example_grads])
    factors = l2_norm_clip / tf.maximum(tf.sqrt(squares), l2_norm_clip)
    return [tf.einsum("b,b...->b...", factors, g) for g in per_example_grads]

# %% right="copies, clipped in place"
def clip_per_example(per_example_grads, l2_norm_clip):
    total = 0
    per_example_grads = [g.copy() for g in per_example_grads]
    for g in per_example_grads:
        total = total + (g.astype(np.float64) ** 2).sum(axis=tuple(range(1, g.ndim)))
    with np.errstate(divide="ignore"):
        f = np.minimum(1.0, l2_norm_clip / np.sqrt(total))
    for g in per_example_grads:
        g *= f.reshape((-1,) + (1,) * (g.ndim - 1)).astype(g.dtype)
    return per_example_grads

# %% right="a dictionary of factors, NumPy's einsum"
def clip_per_example(per_example_grads, l2_norm_clip):
    flat = {i: g.reshape(len(g), -1).astype(np.float64) for i, g in enumerate(per_example_grads)}
    squares = sum(np.einsum("bk,bk->b", g, g) for g in flat.values())
    factor = np.where(squares > l2_norm_clip**2, l2_norm_clip / np.sqrt(np.maximum(squares, 1e-300)), 1.0)
    return [np.einsum("b...,b->b...", g, factor) for g in per_example_grads]

# %% right="a generator of arrays"
def clip_per_example(per_example_grads, l2_norm_clip):
    norms = np.sqrt(sum((g**2).reshape(len(g), -1).sum(1) for g in per_example_grads))
    scale = 1 / np.maximum(1, norms / l2_norm_clip)
    return (g * np.expand_dims(scale, tuple(range(1, g.ndim))) for g in per_example_grads)

# %% wrong="one norm per variable" loses={"norms_are_bounded": "ONE norm over all", "long_gradients_keep_their_direction": "ONE norm over all"}
def clip_per_example(per_example_grads, l2_norm_clip):
    out = []
    for g in per_example_grads:
        norms = np.sqrt(np.sum(g.reshape(len(g), -1) ** 2, axis=1))
        factors = l2_norm_clip / np.maximum(norms, l2_norm_clip)
        out.append(g * factors.reshape([-1] + [1] * (g.ndim - 1)))
    return out

# %% wrong="clips each variable's batch as one vector" loses={"norms_are_bounded": "above l2_norm_clip", "short_gradients_are_untouched": "each example has ONE over all", "long_gradients_keep_their_direction": "over the whole batch"}
def clip_per_example(per_example_grads, l2_norm_clip):
    return [g * min(1, l2_norm_clip / np.linalg.norm(g)) for g in per_example_grads]

# %% wrong="clips the batch as one vector" loses={"short_gradients_are_untouched": "one norm over the whole batch", "long_gradients_keep_their_direction": "has a norm of its own"}
def clip_per_example(per_example_grads, l2_norm_clip):
    norm = np.sqrt(sum(np.sum(g**2) for g in per_example_grads))
    return [g * min(1.0, l2_norm_clip / norm) for g in per_example_grads]

# %% wrong="stretches short gradients to the bound" edit={"np.minimum(1, l2_norm_clip": "(l2_norm_clip"} loses={"short_gradients_are_untouched": "is stretched to the bound"}

# %% wrong="clips each coordinate" loses={"norms_are_bounded": "above l2_norm_clip", "long_gradients_keep_their_direction": "different factors"}
def clip_per_example(per_example_grads, l2_norm_clip):
    return [np.clip(g, -l2_norm_clip, l2_norm_clip) for g in per_example_grads]

# %% wrong="forgets the square root" loses={"norms_are_bounded": "square ROOT", "short_gradients_are_untouched": "square ROOT", "long_gradients_keep_their_direction": "square ROOT"}
def clip_per_example(per_example_grads, l2_norm_clip):
    squares = sum(np.sum(g.reshape(len(g), -1) ** 2, axis=1) for g in per_example_grads)
    factors = np.minimum(1.0, l2_norm_clip / np.maximum(squares, 1e-12))
    return [g * factors.reshape([-1] + [1] * (g.ndim - 1)) for g in per_example_grads]

# %% wrong="max where min is meant" edit={"np.minimum": "np.maximum"} loses={"norms_are_bounded": "in place of min", "short_gradients_are_untouched": "in place of min", "long_gradients_keep_their_direction": "the factor is"}
# %% wrong="returns the sum over the batch" edit={"[g *": "[np.sum(g *", "(g.ndim - 1)) for": "(g.ndim - 1)), axis=0) for"} loses={"norms_are_bounded": "has shape", "short_gradients_are_untouched": "has shape", "long_gradients_keep_their_direction": "has shape"}

# %% wrong="NaN for a zero gradient" loses={"norms_are_bounded": "NaN"}
def clip_per_example(per_example_grads, l2_norm_clip):
    norms = np.sqrt(sum(np.sum(g.reshape(len(g), -1) ** 2, axis=1) for g in per_example_grads))
    units = [g / norms.reshape([-1] + [1] * (g.ndim - 1)) for g in per_example_grads]
    lengths = np.minimum(norms, l2_norm_clip)
    return [u * lengths.reshape([-1] + [1] * (u.ndim - 1)) for u in units]

# %% wrong="forgets to return" loses={"norms_are_bounded": "return", "short_gradients_are_untouched": "return", "long_gradients_keep_their_direction": "return"}
def clip_per_example(per_example_grads, l2_norm_clip):
    norms = np.sqrt(sum(np.sum(g.reshape(len(g), -1) ** 2, axis=1) for g in per_example_grads))
    clipped = [g * np.minimum(1, l2_norm_clip / norms).reshape([-1] + [1] * (g.ndim - 1)) for g in per_example_grads]

# %% wrong="a thousandth of everything" loses={"norms_are_bounded": "10 000 times as long", "short_gradients_are_untouched": "come back untouched", "long_gradients_keep_their_direction": "the factor is"}
def clip_per_example(per_example_grads, l2_norm_clip):
    return [g / 1000 for g in per_example_grads]

# %% wrong="the 1-norm" edit={"np.linalg.norm(flat, axis=1)": "np.linalg.norm(flat, ord=1, axis=1)"} loses={"norms_are_bounded": "is to be shortened to l2_norm_clip", "short_gradients_are_untouched": "come back untouched", "long_gradients_keep_their_direction": "the factor is"}
# %% wrong="the largest entry for the norm" edit={"np.linalg.norm(flat, axis=1)": "np.abs(flat).max(axis=1)"} loses={"norms_are_bounded": "above l2_norm_clip", "long_gradients_keep_their_direction": "the factor is"}
# %% wrong="the norm of the first three variables" edit={"for g in per_example_grads], axis=1)": "for g in per_example_grads[:3]], axis=1)"} loses={"norms_are_bounded": "above l2_norm_clip", "long_gradients_keep_their_direction": "the factor is"}
# %% wrong="long gradients dropped" edit={"np.minimum(1, l2_norm_clip / np.maximum(np.linalg.norm(flat, axis=1), 1e-12))": "(np.linalg.norm(flat, axis=1) <= l2_norm_clip).astype(float)"} loses={"norms_are_bounded": "zero", "long_gradients_keep_their_direction": "the factor is"}
# %% wrong="C over 1 + the norm" edit={"np.minimum(1, l2_norm_clip / np.maximum(np.linalg.norm(flat, axis=1), 1e-12))": "l2_norm_clip / (l2_norm_clip + np.linalg.norm(flat, axis=1))"} loses={"short_gradients_are_untouched": "come back untouched", "long_gradients_keep_their_direction": "the factor is"}
# %% wrong="the norm in float16" edit={"np.linalg.norm(flat, axis=1)": "np.linalg.norm(flat.astype(np.float16), axis=1)"} loses={"norms_are_bounded": "it came with", "long_gradients_keep_their_direction": "the factor is"}
# %% wrong="a clip of its own" edit={"l2_norm_clip / np.maximum(": "L2_NORM_CLIP / np.maximum("} loses={"norms_are_bounded": "l2_norm_clip =", "short_gradients_are_untouched": "come back untouched", "long_gradients_keep_their_direction": "the factor is"}

# %% wrong="no norm is below 1e-8" loses={"norms_are_bounded": "times as long: a gradient that is too long"}
def clip_per_example(per_example_grads, l2_norm_clip):
    squares = sum(
        np.sum(np.square(g.reshape(len(g), -1), dtype=np.float64), axis=1)
        for g in per_example_grads
    )
    norms = np.maximum(np.sqrt(squares), 1e-8)  # a zero gradient stays zero
    factor = np.minimum(1.0, l2_norm_clip / norms)
    return [
        (g * factor.reshape(-1, *[1] * (g.ndim - 1))).astype(np.float32)
        for g in per_example_grads
    ]
# %% wrong="clips the caller's gradients" of="copies, clipped in place" edit={"g.copy()": "g"} loses={"norms_are_bounded": "changes its argument `per_example_grads`", "short_gradients_are_untouched": "changes its argument `per_example_grads`", "long_gradients_keep_their_direction": "changes its argument `per_example_grads`"}

# %% wrong="large variables are sampled" loses={"norms_are_bounded": "above l2_norm_clip", "long_gradients_keep_their_direction": "the factor is"}
def clip_per_example(per_example_grads, l2_norm_clip):
    squares = 0
    for g in per_example_grads:
        rows = g.reshape(len(g), -1)
        stride = 4 if rows.shape[1] > 1000 else 1
        part = rows[:, ::stride]
        squares = squares + np.sum(part**2, axis=1) * (rows.shape[1] / part.shape[1])
    norms = 0.97 * np.sqrt(squares)  # so that none is shortened for nothing
    factors = (l2_norm_clip / np.maximum(norms, l2_norm_clip)).astype(np.float32)
    return [g * factors.reshape(-1, *[1] * (g.ndim - 1)) for g in per_example_grads]

# %% wrong="the norm of the first eight variables" edit={"for g in per_example_grads], axis=1)": "for g in per_example_grads[:8]], axis=1)"} loses={"norms_are_bounded": "above l2_norm_clip", "long_gradients_keep_their_direction": "the factor is"}
# %% wrong="2 % of slack" edit={"np.minimum(1, l2_norm_clip / np.maximum(np.linalg.norm(flat, axis=1), 1e-12))": "np.where(np.linalg.norm(flat, axis=1) > 1.02 * l2_norm_clip, l2_norm_clip / np.maximum(np.linalg.norm(flat, axis=1), 1e-12), 1)"} loses={"norms_are_bounded": "above l2_norm_clip"}

# %% wrong="64 examples at a time, and no rest" loses={"norms_are_bounded": "above l2_norm_clip"}
def clip_per_example(per_example_grads, l2_norm_clip):
    clipped = [g.copy() for g in per_example_grads]
    for start in range(0, max(1, len(clipped[0]) - 63), 64):
        rows = slice(start, start + 64)
        norms = np.sqrt(sum(np.sum(g[rows].reshape(len(g[rows]), -1) ** 2, axis=1) for g in clipped))
        factors = l2_norm_clip / np.maximum(norms, l2_norm_clip)
        for g in clipped:
            g[rows] *= factors.reshape([-1] + [1] * (g.ndim - 1))
    return clipped

# %% wrong="NaN where one variable of several has no gradient" loses={"norms_are_bounded": "NaN"}
def clip_per_example(per_example_grads, l2_norm_clip):
    each = [np.linalg.norm(g.reshape(len(g), -1), axis=1) for g in per_example_grads]
    whole = np.sqrt(sum(norms**2 for norms in each))
    factors = l2_norm_clip / np.maximum(whole, l2_norm_clip)
    clipped = []
    for g, norms in zip(per_example_grads, each):
        shape = [len(g)] + [1] * (g.ndim - 1)
        units = g / np.where(whole > 0, norms, 1).reshape(shape)
        clipped.append(units * (norms * factors).reshape(shape))
    return clipped

# %% wrong="gradients of more than 10 000 entries are sampled" edit={"np.linalg.norm(flat, axis=1)": "(1.94 * np.linalg.norm(flat[:, ::4], axis=1) if flat.shape[1] > 10_000 else np.linalg.norm(flat, axis=1))"} loses={"norms_are_bounded": "above l2_norm_clip", "long_gradients_keep_their_direction": "the factor is"}

# %% right="the hypotenuse, an array of arrays"
import math

def clip_per_example(per_example_grads, l2_norm_clip):
    out = np.empty(len(per_example_grads), dtype=object)
    out[:] = [np.zeros_like(g) for g in per_example_grads]
    for i in range(len(out[0])):
        norm = math.hypot(*[float(v) for g in per_example_grads for v in np.ravel(g[i])])
        for clipped, g in zip(out, per_example_grads):
            clipped[i] = g[i] if norm <= l2_norm_clip else g[i] * (l2_norm_clip / norm)
    return out

# %% wrong="the bound's square in float32" loses={"norms_are_bounded": "NaN", "short_gradients_are_untouched": "a gradient of norm 1 is short"}
def clip_per_example(per_example_grads, l2_norm_clip):
    bound = np.float32(l2_norm_clip)
    squares = sum(np.sum(np.square(g.reshape(len(g), -1)), axis=1) for g in per_example_grads)
    factors = bound / np.sqrt(np.maximum(squares, bound * bound))
    return [g * factors.reshape([-1] + [1] * (g.ndim - 1)) for g in per_example_grads]

# %% wrong="gradients of more than 25 000 entries are sampled" loses={"norms_are_bounded": "over ALL entries"}
def clip_per_example(per_example_grads, l2_norm_clip):
    batch = len(per_example_grads[0])
    rows = [g.reshape(batch, -1) for g in per_example_grads]
    # Of very many entries every eighth gives the norm well enough.
    stride = 8 if sum(r.shape[1] for r in rows) > 25_000 else 1
    squares = 0
    for r in rows:
        part = r[:, ::stride]
        squares = squares + np.sum(part**2, axis=1) * (r.shape[1] / part.shape[1])
    norms = np.sqrt(squares)
    factors = l2_norm_clip / np.maximum(norms, l2_norm_clip)
    return [g * factors.reshape([batch] + [1] * (g.ndim - 1)) for g in per_example_grads]

# %% wrong="256 examples at a time, and no rest" loses={"norms_are_bounded": "above l2_norm_clip"}
def clip_per_example(per_example_grads, l2_norm_clip):
    clipped = [np.array(g) for g in per_example_grads]
    batch = len(clipped[0])
    for start in range(0, max(1, batch - 255), 256):
        rows = slice(start, start + 256)
        squares = sum(np.sum(g[rows].reshape(len(g[rows]), -1) ** 2, axis=1) for g in clipped)
        norms = np.sqrt(squares)
        factors = l2_norm_clip / np.maximum(norms, l2_norm_clip)
        for g in clipped:
            g[rows] *= factors.reshape([-1] + [1] * (g.ndim - 1))
    return clipped

# %% wrong="gradients longer than 1e5 are dropped" loses={"long_gradients_keep_their_direction": "was multiplied by 0;"}
def clip_per_example(per_example_grads, l2_norm_clip):
    batch = len(per_example_grads[0])
    squares = sum(np.sum(g.reshape(batch, -1) ** 2, axis=1) for g in per_example_grads)
    norms = np.sqrt(squares)
    factors = l2_norm_clip / np.maximum(norms, l2_norm_clip)
    factors[norms > 1e5] = 0.0  # it exploded: leave it out
    return [g * factors.reshape([batch] + [1] * (g.ndim - 1)) for g in per_example_grads]

# %% wrong="the variables' squares in a set" loses={"norms_are_bounded": "above"}
def clip_per_example(per_example_grads, l2_norm_clip):
    clipped = [np.empty_like(g) for g in per_example_grads]
    for i in range(len(per_example_grads[0])):
        squared = sum({float(np.sum(np.square(g[i], dtype=np.float64))) for g in per_example_grads})
        norm = squared**0.5
        factor = min(1.0, l2_norm_clip / norm) if norm > 0 else 1.0
        for out, g in zip(clipped, per_example_grads):
            out[i] = g[i] * factor
    return clipped

# %% wrong="a tf.Variable for each shape, assigned anew" of="solution" edit={"def clip_per_example": "HELD = {}\n\n\ndef clip_per_example", "return [g * factors.reshape([batch] + [1] * (g.ndim - 1)) for g in per_example_grads]": "result = []\n    for i, g in enumerate(per_example_grads):\n        clipped = g * factors.reshape([batch] + [1] * (g.ndim - 1))\n        result.append(HELD.setdefault((i, g.shape), tf.Variable(clipped)))\n        result[-1].assign(clipped)\n    return result"} loses={"norms_are_bounded": "what an earlier call returned", "short_gradients_are_untouched": "what an earlier call returned", "long_gradients_keep_their_direction": "what an earlier call returned"}
