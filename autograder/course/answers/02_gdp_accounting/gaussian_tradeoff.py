# %% right="ppf of 1 − α"
def gaussian_tradeoff(alpha, mu):
    return stats.norm.cdf(stats.norm.ppf(1 - np.asarray(alpha)) - mu)

# %% right="special functions, the sign turned"
def gaussian_tradeoff(alpha, mu):
    return special.ndtr(-special.ndtri(alpha) - mu)

# %% right="a list, point by point"
from statistics import NormalDist

def gaussian_tradeoff(alpha, mu):
    normal = NormalDist()
    betas = []
    for a in alpha:
        if a <= 0:
            betas.append(1.0)
        elif a >= 1:
            betas.append(0.0)
        else:
            betas.append(normal.cdf(normal.inv_cdf(1 - a) - mu))
    return betas

# %% right="one minus the power"
def gaussian_tradeoff(alpha, mu):
    threshold = stats.norm.isf(alpha)
    power = stats.norm.sf(threshold, loc=mu)
    return 1 - power

# %% right="TensorFlow"
def gaussian_tradeoff(alpha, mu):
    threshold = -tf.constant(special.ndtri(alpha))
    return 0.5 * tf.math.erfc((mu - threshold) / np.sqrt(2.0))

# %% right="by the error function"
def gaussian_tradeoff(alpha, mu):
    z = math.sqrt(2) * special.erfcinv(2 * np.asarray(alpha)) - mu
    return 0.5 * special.erfc(-z / math.sqrt(2))

# %% right="a frozen distribution"
def gaussian_tradeoff(alpha, mu):
    without, with_her = stats.norm(0, 1), stats.norm(mu, 1)
    return with_her.cdf(without.isf(alpha))

# %% right="from the other side"
def gaussian_tradeoff(alpha, mu):
    return [float(special.ndtr(special.ndtri(1 - a) - mu)) if 0 < a < 1 else 1.0 - a for a in alpha]

# %% wrong="the power, not the miss rate" of="solution" edit={"stats.norm.cdf": "stats.norm.sf"} loses={"it_is_the_best_test": "You return the power", "tradeoff_at_the_edges": "add up to 1"}
# %% wrong="adds μ" of="solution" edit={"isf(alpha) - mu": "isf(alpha) + mu"} loses={"it_is_the_best_test": "SUBTRACTED", "tradeoff_at_the_edges": "better than guessing"}
# %% wrong="ppf of α" edit={"1 - np.asarray(alpha)": "alpha"} loses={"it_is_the_best_test": "isf, not ppf", "tradeoff_at_the_edges": "add up to 1"}
# %% wrong="the density for the probability" of="solution" edit={"stats.norm.cdf": "stats.norm.pdf"} loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "add up to 1"}
# %% wrong="ignores μ" of="solution" edit={"stats.norm.cdf(stats.norm.isf(alpha) - mu)": "1 - np.asarray(alpha)"} loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "better than guessing"}
# %% wrong="half the distance" of="solution" edit={"isf(alpha) - mu": "isf(alpha) - mu / 2"} loses={"it_is_the_best_test": "best test misses"}

# %% wrong="μ as the deviation" loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "NaN"}
def gaussian_tradeoff(alpha, mu):
    with np.errstate(all="ignore"):
        return stats.norm.cdf(stats.norm.isf(alpha) / mu)

# %% wrong="only the first point" of="solution" edit={"isf(alpha)": "isf(alpha[0])"} loses={"it_is_the_best_test": "shape", "tradeoff_at_the_edges": "shape"}
# %% wrong="forgets to return" of="solution" edit={"return stats": "beta = stats"} loses={"it_is_the_best_test": "return", "tradeoff_at_the_edges": "return"}
# %% wrong="another curve between the edges" of="solution" edit={"stats.norm.cdf(stats.norm.isf(alpha) - mu)": "(1 - np.asarray(alpha)) ** (1 + mu)"} loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "swaps the two rates"}

# %% wrong="a constant μ" of="solution" edit={"isf(alpha) - mu": "isf(alpha) - 1.0"} loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "add up to 1"}
# %% wrong="μ²" of="solution" edit={"- mu": "- mu**2"} loses={"it_is_the_best_test": "best test misses"}
# %% wrong="a deviation of √2" of="solution" edit={"isf(alpha) - mu": "isf(alpha) - mu / math.sqrt(2)"} loses={"it_is_the_best_test": "best test misses"}
# %% wrong="the (ε, δ) curve" of="solution" edit={"stats.norm.cdf(stats.norm.isf(alpha) - mu)": "np.maximum(0, np.maximum(1 - np.exp(mu) * alpha, np.exp(-mu) * (1 - alpha)))"} loses={"it_is_the_best_test": "best test misses"}
# %% wrong="in float32" of="solution" edit={"stats.norm.isf(alpha)": "stats.norm.isf(np.float16(alpha))"} loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "rates"}
# %% wrong="far apart, always right" of="solution" edit={"return": "if mu > 4: return np.where(np.asarray(alpha) > 0, 0.0, 1.0)\n    return"} loses={"it_is_the_best_test": "best test misses"}
# %% wrong="close together, guessing" of="solution" edit={"return": "if mu < 0.05: return 1 - np.asarray(alpha)\n    return"} loses={"it_is_the_best_test": "best test misses"}
# %% wrong="one point loses its axis" of="solution" edit={"stats.norm.cdf(stats.norm.isf(alpha) - mu)": "np.squeeze(stats.norm.cdf(stats.norm.isf(alpha) - mu))"} loses={"it_is_the_best_test": "shape"}

# %% right="TensorFlow, float32"
def gaussian_tradeoff(alpha, mu):
    threshold = -tf.math.ndtri(tf.constant(alpha, tf.float32))
    return 0.5 * tf.math.erfc((tf.cast(mu, tf.float32) - threshold) / math.sqrt(2))

# %% wrong="remembered by mu and the number of points" loses={"it_is_the_best_test": "best test misses"}
_curves = {}


def gaussian_tradeoff(alpha, mu):
    if (mu, len(alpha)) not in _curves:
        _curves[mu, len(alpha)] = stats.norm.cdf(stats.norm.isf(alpha) - mu)
    return _curves[mu, len(alpha)]

# %% wrong="beyond mu = 8 always right" loses={"it_is_the_best_test": "best test misses"}
def gaussian_tradeoff(alpha, mu):
    if mu > 8:  # too far apart to be told wrongly
        return np.where(np.asarray(alpha) > 0, 0.0, 1.0)
    return stats.norm.cdf(stats.norm.isf(alpha) - mu)

# %% wrong="one array, written over" loses={"it_is_the_best_test": "what an earlier call returned", "tradeoff_at_the_edges": "what an earlier call returned"}
OUT = {}


def gaussian_tradeoff(alpha, mu):
    out = OUT.setdefault(np.shape(alpha), np.empty(np.shape(alpha)))
    return special.ndtr(special.ndtri(np.subtract(1, alpha)) - mu, out=out)
