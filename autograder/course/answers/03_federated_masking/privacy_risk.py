# %% right="one expression"
def privacy_risk(parties, neighbours, threshold, colluders):
    return min(1.0, (parties - colluders) * stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours))

# %% right="a sum of probabilities"
def privacy_risk(parties, neighbours, threshold, colluders):
    ks = np.arange(threshold, neighbours + 1)
    one = np.sum(stats.hypergeom.pmf(ks, parties - 1, colluders, neighbours))
    return float(np.minimum(1, (parties - colluders) * one))

# %% right="counting by hand"
from math import comb

def privacy_risk(parties, neighbours, threshold, colluders):
    honest = parties - 1 - colluders
    bad = sum(comb(colluders, k) * comb(honest, neighbours - k) for k in range(threshold, neighbours + 1))
    return min((parties - colluders) * bad / comb(parties - 1, neighbours), 1)

# %% right="a frozen distribution"
def privacy_risk(parties, neighbours, threshold, colluders):
    around = stats.hypergeom(M=parties - 1, n=colluders, N=neighbours)
    return np.clip(around.sf(threshold - 1) * (parties - colluders), 0, 1)

# %% right="the roles of drawn and bad swapped"
def privacy_risk(parties, neighbours, threshold, colluders):
    risk = (parties - colluders) * stats.hypergeom.sf(threshold - 1, parties - 1, neighbours, colluders)
    return risk if risk < 1 else 1.0

# %% right="one minus the distribution function"
def privacy_risk(parties, neighbours, threshold, colluders):
    safe = stats.hypergeom.cdf(threshold - 1, parties - 1, colluders, neighbours)
    return min(1, (parties - colluders) * (1 - safe))

# %% wrong="more than the threshold" edit={"sf(threshold - 1": "sf(threshold"} loses={"the_tail_is_exact": "the risk of MORE than", "risk_at_the_edges": "theirs for sure"}
# %% wrong="its own neighbour" edit={"parties - 1": "parties"} loses={"the_tail_is_exact": "from the OTHER parties"}
# %% wrong="with replacement" of="solution" edit={"hypergeom": "binom", "parties - 1, colluders, neighbours": "neighbours, colluders / (parties - 1)"} loses={"the_tail_is_exact": "without replacement", "risk_at_the_edges": "can never hold"}
# %% wrong="one party's risk" edit={"min(1.0, (parties - colluders) *": "("} loses={"the_tail_is_exact": "ONE honest party"}
# %% wrong="colluders harmed too" edit={"(parties - colluders)": "parties"} loses={"the_tail_is_exact": "counted the colluders"}
# %% wrong="above one" edit={"min(1.0, ": "("} loses={"risk_at_the_edges": "at most 1"}
# %% wrong="exactly the threshold" edit={"sf(threshold - 1": "pmf(threshold"} loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "certain"}
# %% wrong="the chance of being safe" edit={"hypergeom.sf": "hypergeom.cdf"} loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "can never hold"}
# %% wrong="forgets to return" edit={"return min": "min"} loses={"the_tail_is_exact": "return", "risk_at_the_edges": "return"}

# %% wrong="all or nothing" loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "unlucky"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return float(colluders >= threshold)

# %% wrong="a straight line" loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "one party's risk is"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return min(1.0, max(0, colluders - threshold + 1) / (parties / 3))

# %% right="logarithms"
from scipy.special import gammaln, logsumexp

def privacy_risk(parties, neighbours, threshold, colluders):
    def choose(n, k):
        return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    ks = np.arange(max(threshold, neighbours - (parties - 1 - colluders)), min(neighbours, colluders) + 1)
    if len(ks) == 0:
        return 0.0
    one = logsumexp(choose(colluders, ks) + choose(parties - 1 - colluders, neighbours - ks) - choose(parties - 1, neighbours))
    return float(min(1.0, np.exp(np.log(parties - colluders) + one)))

# %% right="a loop over the honest parties"
def privacy_risk(parties, neighbours, threshold, colluders):
    risk = 0.0
    for _ in range(parties - colluders):
        risk += stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours)
    return min(risk, 1)

# %% wrong="the colluders' number one too small" of="solution" edit={"parties - 1, colluders, neighbours": "parties - 1, colluders - 1, neighbours"} loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "theirs for sure"}
# %% wrong="independent parties, not a union bound" of="solution" edit={"min(1.0, (parties - colluders) * one)": "1 - (1 - one) ** (parties - colluders)"} loses={"the_tail_is_exact": "the risk is"}
# %% wrong="drawn from the honest" of="solution" edit={"parties - 1, colluders, neighbours": "parties - colluders, colluders, neighbours"} loses={"the_tail_is_exact": "the risk is"}
# %% wrong="exactly threshold of them" of="a sum of probabilities" edit={"neighbours + 1)": "threshold + 1)"} loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "certain"}

# %% wrong="with replacement, in a crowd" loses={"the_tail_is_exact": "drawn without replacement"}
def privacy_risk(parties, neighbours, threshold, colluders):
    if parties > 2000:
        one = stats.binom.sf(threshold - 1, neighbours, colluders / (parties - 1))
    else:
        one = stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours)
    return min(1.0, (parties - colluders) * one)

# %% wrong="with replacement from ten thousand on" loses={"the_tail_is_exact": "drawn without replacement"}
def privacy_risk(parties, neighbours, threshold, colluders):
    if parties > 10_000:
        one = stats.binom.sf(threshold - 1, neighbours, colluders / (parties - 1))
    else:
        one = stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours)
    return min(1.0, (parties - colluders) * one)

# %% wrong="binomial coefficients in floats" loses={"the_tail_is_exact": "the risk is"}
from scipy.special import comb

def privacy_risk(parties, neighbours, threshold, colluders):
    bad = np.arange(threshold, neighbours + 1)
    ways = comb(colluders, bad) * comb(parties - 1 - colluders, neighbours - bad)
    return float(min(1.0, (parties - colluders) * np.sum(ways) / comb(parties - 1, neighbours)))

# %% wrong="the first ten terms of the tail" of="a sum of probabilities" edit={"neighbours + 1)": "min(threshold + 10, neighbours + 1))"} loses={"the_tail_is_exact": "the risk is"}

# %% wrong="no risk where nothing is drawn" of="one expression" edit={"return min": "if neighbours == parties - 1:\n        return 0.0\n    return min"} loses={"risk_at_the_edges": "all others"}

# %% wrong="a risk below a millionth is none" loses={"the_tail_is_exact": "`privacy_risk` says 0"}
def privacy_risk(parties, neighbours, threshold, colluders):
    one = stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours)
    risk = min(1.0, (parties - colluders) * one)
    return risk if risk >= 1e-6 else 0.0
