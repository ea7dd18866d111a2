# %% right="geometric middle"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")
    if accountant(1000.0, sampling_probability, steps, delta) > target_epsilon:
        raise ValueError(f"no noise keeps target_epsilon = {target_epsilon}")
    low, high = 0.1, 1000.0
    while high / low >= 1.001:
        middle = math.sqrt(low * high)
        if accountant(middle, sampling_probability, steps, delta) <= target_epsilon:
            high = middle
        else:
            low = middle
    return high

# %% right="arithmetic middle, a hundred halvings"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError("target_epsilon must be positive")
    if accountant(1000.0, sampling_probability, steps, delta) > target_epsilon:
        raise ValueError(f"no noise keeps target_epsilon = {target_epsilon}")
    low, high = 0.1, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        if accountant(middle, sampling_probability, steps, delta) > target_epsilon:
            low = middle
        else:
            high = middle
    return high

# %% right="in the logarithm, recursive"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon = {target_epsilon}")
    if accountant(1000.0, sampling_probability, steps, delta) > target_epsilon:
        raise ValueError(f"no noise keeps target_epsilon = {target_epsilon}")

    def search(low, high):
        if high - low < 5e-4:
            return math.exp(high)
        middle = (low + high) / 2
        kept = accountant(math.exp(middle), sampling_probability, steps, delta) <= target_epsilon
        return search(low, middle) if kept else search(middle, high)

    return search(math.log(0.1), math.log(1000))

# %% right="Brent's method, then a step to the safe side"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")

    def gap(sigma):
        return accountant(sigma, sampling_probability, steps, delta) - target_epsilon

    sigma = optimize.brentq(gap, 0.1, 1000, xtol=1e-9, rtol=1e-6)
    while gap(sigma) > 0:
        sigma *= 1.0001
    return sigma

# %% right="ever finer grids"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon must be > 0, not {target_epsilon}")
    if accountant(1000.0, sampling_probability, steps, delta) > target_epsilon:
        raise ValueError(f"no noise keeps target_epsilon = {target_epsilon}")
    low, high = 0.1, 1000.0
    while high / low > 1.0005:
        for sigma in np.geomspace(low, high, 6)[1:]:
            if accountant(sigma, sampling_probability, steps, delta) <= target_epsilon:
                high = sigma
                break
            low = sigma
    return high

# %% right="doubles first, then halves"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon must be positive, it is {target_epsilon}")
    high = 0.1
    while accountant(high, sampling_probability, steps, delta) > target_epsilon:
        if high == 1000.0:
            raise ValueError(f"target_epsilon {target_epsilon} needs more noise than 1000")
        high = min(2 * high, 1000.0)
    low = high / 2
    for _ in range(12):
        middle = (low + high) / 2
        if accountant(middle, sampling_probability, steps, delta) > target_epsilon:
            low = middle
        else:
            high = middle
    return high

# %% right="keywords, halving until nothing changes"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")

    def kept(sigma):
        epsilon = accountant(
            noise_multiplier=sigma, sampling_probability=sampling_probability, steps=steps, delta=delta
        )
        return epsilon <= target_epsilon

    if not kept(1000.0):
        raise ValueError(f"no noise up to 1000 keeps target_epsilon = {target_epsilon}")
    low, high = np.log(0.1), np.log(1000.0)
    best = 1000.0
    for _ in range(30):
        middle = (low + high) / 2
        sigma = float(np.exp(middle))
        if kept(sigma):
            best, high = min(best, sigma), middle
        else:
            low = middle
    return best

# %% right="bisect, then 0.05 % more"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")
    gap = lambda log: accountant(math.exp(log), sampling_probability, steps, delta) - target_epsilon
    if gap(math.log(1000)) > 0:
        raise ValueError(f"target_epsilon = {target_epsilon} cannot be kept")
    return math.exp(optimize.bisect(gap, math.log(0.1), math.log(1000), xtol=1e-5) + 1e-4)

# %% wrong="the end that breaks the promise" edit={"return high": "return low"} loses={"noise_keeps_the_promise": "KEEPS the promise"}
# %% wrong="the wrong half" edit={"<= target_epsilon": "> target_epsilon", "return high": "return low"} loses={"noise_keeps_the_promise": "More noise", "noise_is_not_wasted": "noise is wasted", "noise_for_refuses_the_impossible": "it should fall"}
# %% wrong="stops at 5 %" edit={"1.001": "1.05", "return high": "return 1.01 * high"} loses={"noise_is_not_wasted": "Halve on"}

# %% wrong="tries ten thousand values" loses={"noise_keeps_the_promise": "1000 times", "noise_is_not_wasted": "1000 times", "noise_for_refuses_the_impossible": "1000 times"}
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")
    if accountant(1000.0, sampling_probability, steps, delta) > target_epsilon:
        raise ValueError(f"no noise keeps target_epsilon = {target_epsilon}")
    for sigma in np.geomspace(0.1, 1000, 10001):
        if accountant(sigma, sampling_probability, steps, delta) <= target_epsilon:
            return sigma

# %% wrong="asks for a single step" edit={"(middle, sampling_probability, steps,": "(middle, sampling_probability, 1,"} loses={"noise_keeps_the_promise": "above it", "noise_is_not_wasted": "hardly any noise"}

# %% wrong="always safe" loses={"noise_is_not_wasted": "noise is wasted"}
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")
    if accountant(1000.0, sampling_probability, steps, delta) > target_epsilon:
        raise ValueError(f"no noise keeps target_epsilon = {target_epsilon}")
    sigma = 0.1
    while accountant(sigma, sampling_probability, steps, delta) > target_epsilon:
        sigma *= 2
    return 1.01 * sigma

# %% wrong="promises nothing for nothing" edit={"if not target_epsilon > 0:\n        raise ValueError(f\"target_epsilon is {target_epsilon}\")": ""} loses={"noise_for_refuses_the_impossible": "target_epsilon"}
# %% wrong="1000 for a target that no noise keeps" edit={"if accountant(1000.0, sampling_probability, steps, delta) > target_epsilon:\n        raise ValueError(f\"no noise keeps target_epsilon = {target_epsilon}\")": ""} loses={"noise_for_refuses_the_impossible": "without a word"}

# %% wrong="Brent's root, a hair too small" loses={"noise_keeps_the_promise": "above it"}
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")
    return optimize.brentq(
        lambda sigma: accountant(sigma, sampling_probability, steps, delta) - target_epsilon,
        0.1,
        1000,
        xtol=1e-12,
    ) * (1 - 1e-9)

# %% wrong="q and the steps swapped" loses={"noise_keeps_the_promise": "raised ValueError", "noise_is_not_wasted": "raised ValueError", "noise_for_refuses_the_impossible": "raised ValueError"}
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")
    low, high = 0.1, 1000.0
    while high / low >= 1.001:
        middle = math.sqrt(low * high)
        if accountant(middle, steps, sampling_probability, delta) <= target_epsilon:
            high = middle
        else:
            low = middle
    return high

# %% wrong="a closed form, and the accountant not asked" loses={"noise_keeps_the_promise": "above it", "noise_is_not_wasted": "noise is wasted", "noise_for_refuses_the_impossible": "Ask the accountant"}
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError("target_epsilon must be positive")
    log = math.log(1 / delta)
    root = math.sqrt(log + target_epsilon) - math.sqrt(log)
    noise = sampling_probability * math.sqrt(steps / 2) / root
    if noise > 1000:
        raise ValueError(f"target_epsilon {target_epsilon} cannot be kept")
    return noise * (1 + 1e-6)

# %% wrong="half of the target" edit={"steps, delta) <= target_epsilon": "steps, delta) <= target_epsilon / 2"} loses={"noise_is_not_wasted": "noise is wasted"}
# %% wrong="another δ" edit={"(middle, sampling_probability, steps, delta)": "(middle, sampling_probability, steps, 1e-5)"} loses={"noise_keeps_the_promise": "above it", "noise_is_not_wasted": "noise"}
# %% wrong="a sampling probability of its own" edit={"(middle, sampling_probability, steps, delta)": "(middle, Q, steps, delta)"} loses={"noise_keeps_the_promise": "promise", "noise_is_not_wasted": "noise", "noise_for_refuses_the_impossible": "should"}

# %% wrong="the last stretch interpolated" loses={"noise_keeps_the_promise": "You promise", "noise_is_not_wasted": "noise is wasted"}
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon!r}: give a positive number.")

    def spent(sigma):
        return accountant(sigma, sampling_probability, steps, delta)

    low, high = 0.1, 1000.0
    if spent(high) > target_epsilon:
        raise ValueError("Even a noise multiplier of 1000 does not keep the target.")
    while high / low > 1.1:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if spent(middle) <= target_epsilon else (middle, high)
    above, below = spent(low), spent(high)
    if not (math.isfinite(above) and below > 0 and above > below):
        return high
    part = math.log(above / target_epsilon) / math.log(above / below)
    return min(high, low * (high / low) ** part * 1.0002)

# %% wrong="refusing left to the accountant" edit={"require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)\n    ": ""} loses={"noise_for_refuses_the_impossible": "means nothing"}
# %% wrong="stops at 0.25 %" edit={"1.001": "1.0025"} loses={"noise_is_not_wasted": "Halve on"}

# %% wrong="remembers, whatever the accountant" loses={"noise_for_refuses_the_impossible": "Ask the accountant"}
_found = {}


def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")
    key = target_epsilon, delta, sampling_probability, steps
    if key in _found:
        return _found[key]
    low, high = 0.1, 1000.0
    if accountant(high, sampling_probability, steps, delta) > target_epsilon:
        raise ValueError(f"no noise keeps target_epsilon = {target_epsilon}")
    while high / low >= 1.001:
        middle = math.sqrt(low * high)
        kept = accountant(middle, sampling_probability, steps, delta) <= target_epsilon
        low, high = (low, middle) if kept else (middle, high)
    _found[key] = high
    return high

# %% wrong="gives up where nothing below 1000 was tried" edit={"if accountant(1000.0, sampling_probability, steps, delta) > target_epsilon:": "if False:", "return high": "if high == 1000.0:\n        raise ValueError('no noise is enough')\n    return high"} loses={"noise_for_refuses_the_impossible": "1000 keeps"}

# %% wrong="up to 1024" loses={"noise_for_refuses_the_impossible": "without a word"}
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon}")
    high = 0.125
    while accountant(high, sampling_probability, steps, delta) > target_epsilon:
        high *= 2
        if high > 1024:
            raise ValueError(f"no noise keeps target_epsilon = {target_epsilon}")
    low = high / 2
    while high / low >= 1.001:
        middle = math.sqrt(low * high)
        kept = accountant(middle, sampling_probability, steps, delta) <= target_epsilon
        low, high = (low, middle) if kept else (middle, high)
    return high

# %% right="steps of 2 %, then of 0.09 %"
def noise_for(target_epsilon, delta, sampling_probability, steps, accountant):
    require_domain(sampling_probability=sampling_probability, steps=steps, delta=delta)
    if not target_epsilon > 0:
        raise ValueError(f"target_epsilon is {target_epsilon!r}: give a positive number.")

    def kept(sigma):
        return accountant(sigma, sampling_probability, steps, delta) <= target_epsilon

    if not kept(1000.0):
        raise ValueError(f"target_epsilon is {target_epsilon!r}: not even noise 1000 keeps it.")
    low = 0.1
    while not kept(min(1.02 * low, 1000.0)):  # 465 questions at most
        low *= 1.02
    sigma = 1.0009 * low
    while not kept(min(sigma, 1000.0)):  # and 22
        sigma *= 1.0009
    return min(sigma, 1000.0)

# %% wrong="an ε that is just the target is too much" of="solution" edit={"if accountant(high, sampling_probability, steps, delta) > target_epsilon": "if accountant(high, sampling_probability, steps, delta) >= target_epsilon", "<= target_epsilon": "< target_epsilon"} loses={"noise_for_refuses_the_impossible": "1000 keeps"}
