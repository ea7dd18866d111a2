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

# %% wrong="only the first inequality" loses={"bound_is_valid_and_tight": "can be swapped"}
def tpr_bound(fpr, epsilon, delta):
    return np.minimum(1, np.exp(epsilon) * fpr + delta)

# %% wrong="forgets that a rate is at most 1" loses={"bound_is_valid_and_tight": "never above 1"}
def tpr_bound(fpr, epsilon, delta):
    forwards = np.exp(epsilon) * fpr + delta
    return np.where(forwards < 1, np.minimum(forwards, 1 - np.exp(-epsilon) * (1 - delta - fpr)),
                    1 - np.exp(-epsilon) * (1 - delta - fpr))

# %% wrong="forgets δ" edit={"fpr + delta": "fpr", "1 - delta - fpr": "1 - fpr"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "ε = 50"}
# %% wrong="e^ε times everything" edit={"np.exp(epsilon) * fpr + delta": "np.exp(epsilon) * (fpr + delta)"} loses={"bound_is_valid_and_tight": "the tight bound is", "bound_at_the_edges": "ε = 50"}
# %% wrong="the maximum of the two" edit={"np.minimum(np.exp": "np.maximum(np.exp"} loses={"bound_is_valid_and_tight": "loose", "bound_at_the_edges": "FPR 0.0"}
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
