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

# %% wrong="more than the threshold" loses={"the_tail_is_exact": "the risk is"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return min(1.0, (parties - colluders) * stats.hypergeom.sf(threshold, parties - 1, colluders, neighbours))

# %% wrong="its own neighbour" loses={"the_tail_is_exact": "from the OTHER parties"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return min(1.0, (parties - colluders) * stats.hypergeom.sf(threshold - 1, parties, colluders, neighbours))

# %% wrong="with replacement" loses={"the_tail_is_exact": "without replacement", "risk_at_the_edges": "can never hold"}
def privacy_risk(parties, neighbours, threshold, colluders):
    one = stats.binom.sf(threshold - 1, neighbours, colluders / (parties - 1))
    return min(1.0, (parties - colluders) * one)

# %% wrong="one party's risk" loses={"the_tail_is_exact": "ONE honest party"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours)

# %% wrong="colluders harmed too" loses={"the_tail_is_exact": "counted the colluders"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return min(1.0, parties * stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours))

# %% wrong="above one" loses={"risk_at_the_edges": "at most 1"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return (parties - colluders) * stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours)

# %% wrong="exactly the threshold" loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "certain"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return min(1.0, (parties - colluders) * stats.hypergeom.pmf(threshold, parties - 1, colluders, neighbours))

# %% wrong="the chance of being safe" loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "can never hold"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return min(1.0, (parties - colluders) * stats.hypergeom.cdf(threshold - 1, parties - 1, colluders, neighbours))

# %% wrong="forgets to return" loses={"the_tail_is_exact": "return", "risk_at_the_edges": "return"}
def privacy_risk(parties, neighbours, threshold, colluders):
    min(1.0, (parties - colluders) * stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours))

# %% wrong="all or nothing" loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "unlucky"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return float(colluders >= threshold)

# %% wrong="a straight line" loses={"the_tail_is_exact": "the risk is", "risk_at_the_edges": "one party's risk is"}
def privacy_risk(parties, neighbours, threshold, colluders):
    return min(1.0, max(0, colluders - threshold + 1) / (parties / 3))
