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

# %% wrong="the power, not the miss rate" loses={"it_is_the_best_test": "You return the power", "tradeoff_at_the_edges": "add up to 1"}
def gaussian_tradeoff(alpha, mu):
    return stats.norm.sf(stats.norm.isf(alpha) - mu)

# %% wrong="adds μ" loses={"it_is_the_best_test": "SUBTRACTED", "tradeoff_at_the_edges": "better than guessing"}
def gaussian_tradeoff(alpha, mu):
    return stats.norm.cdf(stats.norm.isf(alpha) + mu)

# %% wrong="ppf of α" loses={"it_is_the_best_test": "isf, not ppf", "tradeoff_at_the_edges": "add up to 1"}
def gaussian_tradeoff(alpha, mu):
    return stats.norm.cdf(stats.norm.ppf(alpha) - mu)

# %% wrong="the density for the probability" loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "add up to 1"}
def gaussian_tradeoff(alpha, mu):
    return stats.norm.pdf(stats.norm.isf(alpha) - mu)

# %% wrong="ignores μ" loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "better than guessing"}
def gaussian_tradeoff(alpha, mu):
    return 1 - np.asarray(alpha)

# %% wrong="half the distance" loses={"it_is_the_best_test": "best test misses"}
def gaussian_tradeoff(alpha, mu):
    return stats.norm.cdf(stats.norm.isf(alpha) - mu / 2)

# %% wrong="μ as the deviation" loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "NaN"}
def gaussian_tradeoff(alpha, mu):
    with np.errstate(all="ignore"):
        return stats.norm.cdf(stats.norm.isf(alpha) / mu)

# %% wrong="only the first point" loses={"it_is_the_best_test": "shape", "tradeoff_at_the_edges": "shape"}
def gaussian_tradeoff(alpha, mu):
    return stats.norm.cdf(stats.norm.isf(alpha[0]) - mu)

# %% wrong="forgets to return" loses={"it_is_the_best_test": "return", "tradeoff_at_the_edges": "return"}
def gaussian_tradeoff(alpha, mu):
    beta = stats.norm.cdf(stats.norm.isf(alpha) - mu)

# %% wrong="another curve between the edges" loses={"it_is_the_best_test": "best test misses", "tradeoff_at_the_edges": "swaps the two rates"}
def gaussian_tradeoff(alpha, mu):
    return (1 - np.asarray(alpha)) ** (1 + mu)
