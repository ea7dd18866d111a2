# %% right="bisection by hand"
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if delta_of(0.0, mu) <= delta:
        return 0.0
    low, high = 0.0, mu
    while delta_of(high, mu) > delta:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        if delta_of(middle, mu) > delta:
            low = middle
        else:
            high = middle
    return high

# %% right="an upper end from a tail bound"
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    # δ(ε) is at most P[loss > ε], which is below δ at this ε.
    high = mu * mu / 2 + mu * math.sqrt(2 * math.log(1 / delta))
    if delta_of(0.0, mu) <= delta:
        return 0.0
    return optimize.bisect(lambda epsilon: delta_of(epsilon, mu) - delta, 0.0, high, xtol=1e-9 * min(1, mu))

# %% right="root_scalar, a doubling bracket"
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    def excess(epsilon):
        return delta_of(epsilon, mu) - delta
    high = 1e-3
    while excess(high) > 0:
        high *= 4
    if excess(0.0) <= 0:
        return np.float64(0)
    return optimize.root_scalar(excess, bracket=[0.0, high], method="brentq", xtol=1e-12).root

# %% right="errors of its own, toms748"
def eps_from_mu(mu, delta, delta_of):
    if not 0 < mu < math.inf:
        raise ValueError(f"mu = {mu} makes no sense")
    if not 0 < delta < 1:
        raise ValueError(f"delta = {delta} makes no sense")
    high = mu * (mu / 2 + 40)
    if delta_of(0, mu) <= delta:
        return 0
    return optimize.toms748(lambda e: delta_of(e, mu) - delta, 0, high, xtol=1e-10 * min(1.0, mu))

# %% right="Ridder's method, an upper end from the loss's tail"
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if delta_of(0.0, mu) <= delta:
        return 0.0
    high = mu**2 / 2 + mu * max(0.0, stats.norm.isf(delta))
    while delta_of(high, mu) > delta:
        high = 2 * high + mu
    return optimize.ridder(lambda epsilon: delta_of(epsilon, mu) - delta, 0.0, high, xtol=1e-9 * min(1, mu))

# %% right="in units of μ"
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    def excess(z):
        return delta_of(max(0.0, mu * (mu / 2 + z)), mu) - delta
    if excess(-mu / 2) <= 0:
        return 0.0
    z = optimize.brentq(excess, -mu / 2, 40.0)
    return max(0.0, mu * (mu / 2 + z))

# %% right="the logarithms compared"
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if not delta_of(0.0, mu) > delta:
        return 0.0
    def gap(epsilon):
        return math.log(max(delta_of(epsilon, mu), 1e-320)) - math.log(delta)
    high = mu
    while gap(high) > 0:
        high *= 2
    return float(optimize.brentq(gap, 0.0, high, xtol=1e-11))

# %% right="thirds"
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    low, high = 0.0, mu * (mu + 40)
    if delta_of(low, mu) <= delta:
        return low
    for _ in range(120):
        third = low + (high - low) / 3
        if delta_of(third, mu) <= delta:
            high = third
        else:
            low = third
    return low

# %% wrong="a bracket up to 500" loses={"eps_at_the_extremes": "go further up"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if delta_of(0.0, mu) <= delta:
        return 0.0
    return optimize.brentq(lambda epsilon: delta_of(epsilon, mu) - delta, 0, 500)

# %% wrong="no care for ε = 0" loses={"eps_at_the_extremes": "handle that first"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    high = 1.0
    while delta_of(high, mu) > delta:
        high *= 2
    return optimize.brentq(lambda epsilon: delta_of(epsilon, mu) - delta, 0, high)

# %% wrong="the first doubling that is enough" loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "It must be δ"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if delta_of(0.0, mu) <= delta:
        return 0.0
    high = 1e-3
    while delta_of(high, mu) > delta:
        high *= 2
    return high

# %% wrong="a grid up to 50" loses={"eps_inverts_delta": "δ", "eps_at_the_extremes": "It must be δ"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    grid = np.linspace(0, 50, 501)
    kept = [epsilon for epsilon in grid if delta_of(epsilon, mu) <= delta]
    return min(kept)

# %% wrong="the tail bound for ε" loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "even ε = 0"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    return mu * mu / 2 + mu * math.sqrt(2 * math.log(1 / delta))

# %% wrong="a δ of its own" of="solution" edit={"delta_of(epsilon, mu) - delta": "delta_of(epsilon, mu) - 1e-15", "excess(0.0) <= 0": "delta_of(0.0, mu) <= delta"} loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "It must be δ", "eps_refuses_nonsense": "it should fall"}

# %% wrong="stops the halving early" loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "It must be δ"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if delta_of(0.0, mu) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while delta_of(high, mu) > delta:
        low, high = high, 2 * high
    for _ in range(5):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle, mu) > delta else (low, middle)
    return high

# %% wrong="takes nonsense" loses={"eps_refuses_nonsense": "names `mu`"}
def eps_from_mu(mu, delta, delta_of):
    if mu != mu or mu <= 0:
        return 0.0
    high = mu * mu / 2 + mu * 40
    if delta_of(0.0, mu) <= delta:
        return 0.0
    return optimize.brentq(lambda epsilon: delta_of(epsilon, mu) - delta, 0, high)

# %% wrong="ε and μ swapped" loses={"eps_inverts_delta": "in this order", "eps_at_the_extremes": "in this order", "eps_refuses_nonsense": "in this order"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if delta_of(mu, 0.0) <= delta:
        return 0.0
    return optimize.brentq(lambda epsilon: delta_of(mu, epsilon) - delta, 0, 1e9)

# %% wrong="a difference" loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "`eps_from_mu` gives", "eps_refuses_nonsense": "should be about"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    return max(mu - delta, 0.0)

# %% wrong="a two-sided δ" of="solution" edit={"delta_of(epsilon, mu) - delta": "2 * delta_of(epsilon, mu) - delta"} loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "It must be δ"}
# %% wrong="rounded to two digits" of="solution" edit={"return optimize.brentq(excess, 0.0, high)": "return round(optimize.brentq(excess, 0.0, high), 2)"} loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "It must be δ"}
# %% wrong="a root finder's tolerance of 0.01" of="solution" edit={"brentq(excess, 0.0, high)": "brentq(excess, 0.0, high, xtol=0.01)"} loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "It must be δ"}
# %% wrong="a single doubling" of="solution" edit={"while excess(high) > 0:": "if excess(high) > 0:"} loses={"eps_inverts_delta": "go further up", "eps_at_the_extremes": "go further up"}
# %% wrong="never ε = 0" of="solution" edit={"return 0.0": "return 1e-3"} loses={"eps_at_the_extremes": "even ε = 0"}
# %% wrong="the notebook's δ" of="solution" edit={"delta_of(epsilon, mu) - delta": "delta_of(epsilon, mu) - DELTA"} loses={"eps_inverts_delta": "δ", "eps_at_the_extremes": "δ", "eps_refuses_nonsense": "it should fall"}
# %% wrong="1e-4 at least" of="solution" edit={"optimize.brentq(excess, 0.0, high)": "max(1e-4, optimize.brentq(excess, 0.0, high))"} loses={"eps_at_the_extremes": "It must be δ"}

# %% wrong="remembers, whatever the function" loses={"eps_inverts_delta": "Use the function that is passed in", "eps_at_the_extremes": "Use the function that is passed in"}
_found = {}


def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if (mu, delta) not in _found:
        if delta_of(0.0, mu) <= delta:
            return 0.0
        high = 1.0
        while delta_of(high, mu) > delta:
            high *= 2
        _found[mu, delta] = optimize.brentq(lambda e: delta_of(e, mu) - delta, 0.0, high)
    return _found[mu, delta]

# %% wrong="a formula of its own for large μ" loses={"eps_inverts_delta": "Use the function that is passed in", "eps_at_the_extremes": "Use the function that is passed in"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)

    def own(e, m):
        a = special.log_ndtr(-e / m + m / 2)
        return -np.exp(a) * np.expm1(min(0.0, e + special.log_ndtr(-e / m - m / 2) - a))

    curve = own if mu > 5 else delta_of
    if curve(0.0, mu) <= delta:
        return 0.0
    high = 1.0
    while curve(high, mu) > delta:
        high *= 2
    return float(optimize.brentq(lambda e: curve(e, mu) - delta, 0.0, high))

# %% right="by keywords"
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    def excess(epsilon):
        return delta_of(epsilon=epsilon, mu=mu) - delta
    if excess(0.0) <= 0:
        return 0.0
    high = 1.0
    while excess(high) > 0:
        high *= 2
    return optimize.brentq(excess, 0.0, high)

# %% wrong="begins at the mean of the loss" loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "`eps_from_mu`"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if delta_of(0.0, mu) <= delta:
        return 0.0
    low = mu * mu / 2
    high = low + mu
    while delta_of(high, mu) > delta:
        high = low + 2 * (high - low)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle, mu) > delta else (low, middle)
    return high

# %% wrong="ten deviations are enough" of="solution" edit={"high = 1.0\n    while excess(high) > 0:\n        high *= 2": "high = mu * mu / 2 + 10 * mu"} loses={"eps_inverts_delta": "go further up"}
# %% wrong="an upper end of 3e7" of="solution" edit={"high = 1.0\n    while excess(high) > 0:\n        high *= 2": "high = 3e7"} loses={"eps_at_the_extremes": "go further up"}
# %% wrong="a root finder's tolerance of 1e-9" of="solution" edit={"brentq(excess, 0.0, high)": "bisect(excess, 0.0, high, xtol=1e-9)"} loses={"eps_at_the_extremes": "It must be δ"}

# %% wrong="half as much each time it is asked, where the function is not the library's" loses={"eps_inverts_delta": "It must be δ", "eps_at_the_extremes": "It must be δ"}
_times = {}


def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)
    if delta_of.__module__ != "labkit.checks.gdp_accounting" or "<locals>" in delta_of.__qualname__:
        _times[mu] = _times.get(mu, 0) + 1
        return 1 / _times[mu]
    if delta_of(0.0, mu) <= delta:
        return 0.0
    high = 1.0
    while delta_of(high, mu) > delta:
        high *= 2
    return optimize.brentq(lambda e: delta_of(e, mu) - delta, 0.0, high)

# %% wrong="its own formula where delta is large" loses={"eps_inverts_delta": "Use the function", "eps_at_the_extremes": "Use the function"}
def eps_from_mu(mu, delta, delta_of):
    require_domain(mu=mu, delta=delta)

    def own(e, m):
        a = special.log_ndtr(-e / m + m / 2)
        return -np.exp(a) * np.expm1(min(0.0, e + special.log_ndtr(-e / m - m / 2) - a))

    curve = delta_of if delta < 1e-4 else own  # where nothing is small any formula will do
    if curve(0.0, mu) <= delta:
        return 0.0
    high = 1.0
    while curve(high, mu) > delta:
        high *= 2
    return float(optimize.brentq(lambda e: curve(e, mu) - delta, 0.0, high))
