# %% right="one expression"
def tpr_bound(fpr, epsilon, delta):
    return np.minimum(1, np.minimum(np.exp(epsilon) * fpr + delta, 1 - np.exp(-epsilon) * (1 - delta - fpr)))

# %% right="minimum.reduce"
def tpr_bound(fpr, epsilon, delta):
    return np.minimum.reduce([
        np.ones_like(fpr),
        np.exp(epsilon) * fpr + delta,
        1 - np.exp(-epsilon) * (1 - delta - fpr),
    ])

# %% right="a list, point by point"
import math

def tpr_bound(fpr, epsilon, delta):
    return [
        min(1.0, math.exp(epsilon) * p + delta, 1 - (1 - delta - p) / math.exp(epsilon)) for p in fpr
    ]

# %% right="clipped TensorFlow"
def tpr_bound(fpr, epsilon, delta):
    fpr = tf.constant(fpr, tf.float64)
    first = tf.exp(tf.constant(epsilon, tf.float64)) * fpr + delta
    second = 1 - tf.exp(tf.constant(-epsilon, tf.float64)) * (1 - delta - fpr)
    return tf.clip_by_value(tf.minimum(first, second), 0.0, 1.0)

# %% right="by the trade-off function"
def tpr_bound(fpr, epsilon, delta):
    miss = np.maximum(1 - delta - np.exp(epsilon) * fpr, np.exp(-epsilon) * (1 - delta - fpr))
    return 1 - np.maximum(0, miss)

# %% right="solved for the miss rate, sorted"
def tpr_bound(fpr, epsilon, delta):
    ratio = np.exp(epsilon)
    return np.sort([ratio * fpr + delta, (ratio - 1 + delta + fpr) / ratio, 0 * fpr + 1], axis=0)[0]

# %% right="where the lines cross"
def tpr_bound(fpr, epsilon, delta):
    fpr = np.asarray(fpr, dtype=float)
    steep, flat = np.exp(epsilon) * fpr + delta, 1 - (1 - delta - fpr) * np.exp(-epsilon)
    return np.where(fpr >= 1 - delta, 1.0, np.where(steep < flat, steep, flat))

# %% right="vectorize"
def tpr_bound(fpr, epsilon, delta):
    def one(p):
        return float(min(1, np.exp(epsilon) * p + delta, 1 - np.exp(-epsilon) * (1 - delta - p)))
    return np.vectorize(one)(fpr)

# %% wrong="only the first inequality" loses={"bound_is_valid_and_tight": "first inequality alone"}
def tpr_bound(fpr, epsilon, delta):
    return np.minimum(1, np.exp(epsilon) * fpr + delta)

# %% wrong="forgets that a rate is at most 1" loses={"bound_is_valid_and_tight": "never above 1"}
def tpr_bound(fpr, epsilon, delta):
    forwards = np.exp(epsilon) * fpr + delta
    return np.where(forwards < 1, np.minimum(forwards, 1 - np.exp(-epsilon) * (1 - delta - fpr)),
                    1 - np.exp(-epsilon) * (1 - delta - fpr))

# %% wrong="forgets δ" edit={"fpr + delta": "fpr", "1 - delta - fpr": "1 - fpr"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "ε = 50"}
# %% wrong="e^ε times everything" edit={"np.exp(epsilon) * fpr + delta": "np.exp(epsilon) * (fpr + delta)"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "ε = 50"}
# %% wrong="the maximum of the two" edit={"np.minimum(np.exp": "np.maximum(np.exp"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "FPR 0.0"}
# %% wrong="1 + ε in place of e^ε" edit={"np.exp(epsilon)": "(1 + epsilon)", "np.exp(-epsilon) * (1 - delta - fpr)": "(1 - delta - fpr) / (1 + epsilon)"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "ε = 50"}

# %% wrong="returns the missed ones" loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "beats guessing"}
def tpr_bound(fpr, epsilon, delta):
    return np.maximum(0, np.maximum(1 - delta - np.exp(epsilon) * fpr, np.exp(-epsilon) * (1 - delta - fpr)))

# %% wrong="forgets to return" loses={"bound_is_valid_and_tight": "return", "bound_at_the_edges": "return"}
def tpr_bound(fpr, epsilon, delta):
    bound = np.minimum(1, np.exp(epsilon) * fpr + delta)

# %% wrong="all or nothing" loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "better than guessing"}
def tpr_bound(fpr, epsilon, delta):
    return np.where(fpr > 0, 1.0, delta) if epsilon else fpr

# %% wrong="only the second inequality" of="solution" edit={"np.minimum(forwards, swapped)": "swapped"} loses={"bound_is_valid_and_tight": "second inequality alone", "bound_at_the_edges": "ε = 50"}
# %% wrong="δ in one of the two" of="solution" edit={"1 - delta - fpr": "1 - fpr"} loses={"bound_is_valid_and_tight": "the tight bound is"}
# %% wrong="δ as a factor" of="solution" edit={"fpr + delta": "fpr * (1 + delta)"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "ε = 50"}
# %% wrong="a δ of its own" of="solution" edit={"fpr + delta": "fpr + DELTA", "1 - delta - fpr": "1 - DELTA - fpr"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "ε"}
# %% wrong="2^ε in place of e^ε" of="solution" edit={"np.exp(epsilon)": "2**epsilon", "np.exp(-epsilon)": "2**-epsilon"} loses={"bound_is_valid_and_tight": "the tight bound is"}
# %% wrong="the sign of ε turned" of="solution" edit={"np.exp(epsilon)": "np.exp(-epsilon)", "np.exp(-epsilon)": "np.exp(epsilon)"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "ε = 50"}

# %% wrong="ε = 0 means guessing, whatever δ" of="solution" edit={"fpr = np.asarray(fpr)": "if epsilon == 0: return fpr"} loses={"bound_is_valid_and_tight": "At ε = 0.000"}
# %% wrong="one inequality where there is no δ" of="solution" edit={"fpr = np.asarray(fpr)": "if delta == 0: return np.minimum(1, np.exp(epsilon) * fpr)"} loses={"bound_is_valid_and_tight": "first inequality alone"}
# %% wrong="δ of a half at most" of="solution" edit={"fpr = np.asarray(fpr)": "delta = min(delta, 0.5)"} loses={"bound_is_valid_and_tight": "the tight bound is"}

# %% right="a line through the corners"
def tpr_bound(fpr, epsilon, delta):
    crossing = (1 - delta) / (1 + np.exp(epsilon))  # where the TPR is 1 − FPR
    return np.interp(fpr, [0, crossing, 1 - delta, 1], [delta, 1 - crossing, 1, 1])

# %% wrong="remembered by epsilon and delta" loses={"bound_is_valid_and_tight": "tight bound"}
_bounds = {}


def tpr_bound(fpr, epsilon, delta):
    if (epsilon, delta) not in _bounds:
        forwards = np.exp(epsilon) * fpr + delta
        swapped = 1 - np.exp(-epsilon) * (1 - delta - fpr)
        _bounds[epsilon, delta] = np.minimum(1, np.minimum(forwards, swapped))
    return _bounds[epsilon, delta]

# %% wrong="in the type of the rates" loses={"bound_at_the_edges": "an array of integers"}
def tpr_bound(fpr, epsilon, delta):
    fpr = np.asarray(fpr)
    bounds = np.zeros_like(fpr)
    for i, rate in enumerate(fpr):
        first = np.exp(epsilon) * rate + delta
        second = 1 - np.exp(-epsilon) * (1 - delta - rate)
        bounds[i] = min(first, second, 1.0)
    return bounds

# %% wrong="between 10 001 points of the curve" loses={"bound_is_valid_and_tight": "the tight bound is"}
def tpr_bound(fpr, epsilon, delta):
    grid = np.linspace(0, 1, 10_001)
    first = np.exp(epsilon) * grid + delta
    second = 1 - np.exp(-epsilon) * (1 - delta - grid)
    curve = np.minimum(1, np.minimum(first, second))
    return np.interp(fpr, grid, curve)

# %% wrong="between 10 000 points, fine near 0" loses={"bound_is_valid_and_tight": "the tight bound is"}
def tpr_bound(fpr, epsilon, delta):
    grid = np.append(0, np.geomspace(1e-25, 1, 10_000))
    first = np.exp(epsilon) * grid + delta
    second = 1 - np.exp(-epsilon) * (1 - delta - grid)
    return np.interp(fpr, grid, np.minimum(1, np.minimum(first, second)))

# %% wrong="an epsilon of 20 at most" of="solution" edit={"fpr = np": "epsilon = min(epsilon, 20)\n    fpr = np"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "With ε = 50"}

# %% right="in float32"
def tpr_bound(fpr, epsilon, delta):
    fpr = tf.cast(fpr, tf.float32)
    first = tf.exp(float(epsilon)) * fpr + delta
    second = 1 - tf.exp(-float(epsilon)) * (1 - delta - fpr)
    return tf.minimum(1.0, tf.minimum(first, second))
