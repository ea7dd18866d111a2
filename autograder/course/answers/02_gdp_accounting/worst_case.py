# %% right="the largest so far"
def worst_case(settings, estimate, bracket):
    worst = (None, 1.0)
    for setting in settings:
        low, claimed = bracket(*setting)[0], estimate(*setting)
        factor = low / claimed if claimed else math.inf if low else 1.0
        if factor > worst[1]:
            worst = (setting, factor)
    return worst

# %% right="max with a key"
def worst_case(settings, estimate, bracket):
    worst = (None, 1.0)
    for setting in settings:
        low, claimed = bracket(*setting)[0], estimate(*setting)
        if low > claimed:
            factor = low / claimed if claimed else math.inf
            worst = max(worst, (setting, factor), key=lambda pair: pair[1])
    return worst

# %% right="collect, then max"
def worst_case(settings, estimate, bracket):
    guilty = []
    for setting in settings:
        low, high = bracket(*setting)
        claimed = estimate(*setting)
        if claimed < low:
            guilty.append((low / claimed if claimed else float("inf"), setting))
    if not guilty:
        return None, 1.0
    factor, setting = max(guilty)
    return setting, factor

# %% right="NumPy arrays"
def worst_case(settings, estimate, bracket):
    low = np.array([bracket(*s)[0] for s in settings], dtype=float)
    claimed = np.array([estimate(*s) for s in settings], dtype=float)
    factors = np.ones(len(settings))
    for i in np.flatnonzero(low > claimed):
        factors[i] = low[i] / claimed[i] if claimed[i] > 0 else np.inf
    worst = int(np.argmax(factors))
    return (settings[worst], factors[worst]) if factors[worst] > 1 else (None, 1.0)

# %% right="a list for the pair, unpacked arguments"
def worst_case(settings, estimate, bracket):
    worst, factor = None, 1.0
    for sigma, q, steps in settings:
        claimed, proved = estimate(sigma, q, steps), bracket(sigma, q, steps)[0]
        try:
            here = proved / claimed
        except ZeroDivisionError:
            here = math.inf if proved > 0 else 1.0
        if here > factor:
            worst, factor = (sigma, q, steps), here
    return [worst, factor]

# %% right="sorted"
def worst_case(settings, estimate, bracket):
    def factor(setting):
        low, _ = bracket(*setting)
        claimed = estimate(*setting)
        if low <= claimed:
            return 1.0
        return math.inf if claimed == 0 else low / claimed

    ranked = sorted(((factor(s), s) for s in settings), reverse=True)
    return (ranked[0][1], ranked[0][0]) if ranked and ranked[0][0] > 1 else (None, 1.0)

# %% right="a generator of pairs"
def worst_case(settings, estimate, bracket):
    def pairs():
        yield 1.0, -1
        for i, setting in enumerate(settings):
            low, claimed = bracket(*setting)[0], estimate(*setting)
            if claimed < low:
                yield (low / claimed if claimed > 0 else math.inf), i
    factor, i = max(pairs())
    return (settings[i] if i >= 0 else None), factor

# %% right="named tuples and keyword arguments to none"
def worst_case(settings, estimate, bracket):
    found = {"setting": None, "factor": 1.0}
    for setting in settings:
        bounds = bracket(*setting)
        claimed = float(estimate(*setting))
        if bounds[0] > claimed * found["factor"]:
            with np.errstate(divide="ignore"):
                found = {"setting": setting, "factor": float(np.float64(bounds[0]) / claimed) if claimed else math.inf}
    return tuple(found.values())

# %% wrong="accuses by the upper bound" loses={"finds_the_worst_setting": "LOWER", "accuses_only_with_proof": "nothing is proved"}
def worst_case(settings, estimate, bracket):
    worst = (None, 1.0)
    for setting in settings:
        _, high = bracket(*setting)
        claimed = estimate(*setting)
        factor = high / claimed if claimed > 0 else math.inf
        if factor > worst[1]:
            worst = (setting, factor)
    return worst

# %% wrong="the largest difference" loses={"finds_the_worst_setting": "DIFFERENCE is largest", "accuses_only_with_proof": "nothing is proved"}
def worst_case(settings, estimate, bracket):
    setting = max(settings, key=lambda s: bracket(*s)[0] - estimate(*s))
    claimed = estimate(*setting)
    return setting, bracket(*setting)[0] / claimed if claimed else math.inf

# %% wrong="divides by an estimate of 0" edit={"low, claimed = bracket(*setting)[0], estimate(*setting)": "", "low / claimed if claimed else math.inf if low else 1.0": "bracket(*setting)[0] / estimate(*setting)"} loses={"accuses_only_with_proof": "ZeroDivisionError"}
# %% wrong="the factor upside down" edit={"low, claimed = bracket(*setting)[0], estimate(*setting)": "", "low / claimed if claimed else math.inf if low else 1.0": "estimate(*setting) / bracket(*setting)[0]", "factor >": "factor <"} loses={"finds_the_worst_setting": "your factor", "accuses_only_with_proof": "infinity"}

# %% wrong="skips estimates of 0" loses={"accuses_only_with_proof": "infinity"}
def worst_case(settings, estimate, bracket):
    worst = (None, 1.0)
    for setting in settings:
        claimed = estimate(*setting)
        if claimed == 0:
            continue
        factor = bracket(*setting)[0] / claimed
        if factor > worst[1]:
            worst = (setting, factor)
    return worst

# %% wrong="the middle of the bracket for the truth" loses={"finds_the_worst_setting": "LOWER", "accuses_only_with_proof": "nothing is proved"}
def worst_case(settings, estimate, bracket):
    worst = (None, 1.0)
    for setting in settings:
        truth = sum(bracket(*setting)) / 2
        claimed = estimate(*setting)
        factor = truth / claimed if claimed > 0 else math.inf
        if factor > worst[1]:
            worst = (setting, factor)
    return worst

# %% wrong="the smallest" loses={"finds_the_worst_setting": "times too small at", "accuses_only_with_proof": "infinity"}
def worst_case(settings, estimate, bracket):
    best = (None, math.inf)
    for setting in settings:
        low, claimed = bracket(*setting)[0], estimate(*setting)
        factor = low / claimed if claimed else math.inf
        if 1 < factor < best[1]:
            best = (setting, factor)
    return best if best[0] else (None, 1.0)

# %% wrong="returns only the setting" edit={"if low else 1.0": "", "return worst": "return worst[0]"} loses={"finds_the_worst_setting": "the pair", "accuses_only_with_proof": "None"}
# %% wrong="nothing over nothing is infinity" edit={"if low else 1.0": ""} loses={"accuses_only_with_proof": "not below the lower bound 0"}
# %% wrong="the pair the other way round" of="max with a key" edit={"(None, 1.0)": "(1.0, None)", "(setting, factor)": "(factor, setting)", "pair[1]": "pair[0]"} loses={"finds_the_worst_setting": "other way round", "accuses_only_with_proof": "other way round"}
# %% wrong="the factor as text" of="max with a key" edit={"return worst": "return worst[0], str(worst[1])"} loses={"finds_the_worst_setting": "is a str", "accuses_only_with_proof": "is a str"}

# %% wrong="the smallest bracket, and no estimate" loses={"finds_the_worst_setting": "times t", "accuses_only_with_proof": "nothing is proved"}
def worst_case(settings, estimate, bracket):
    return min(settings, key=lambda setting: bracket(*setting)[0]), 2.5

# %% wrong="the first that is guilty" edit={"if factor > worst[1]:": "if factor > worst[1] and worst[0] is None:"} loses={"finds_the_worst_setting": "times too small at", "accuses_only_with_proof": "infinity"}
# %% wrong="the last that is guilty" edit={"if factor > worst[1]:": "if factor > 1:"} loses={"finds_the_worst_setting": "times too small at", "accuses_only_with_proof": "infinity"}
# %% wrong="the largest bound" loses={"finds_the_worst_setting": "times too small at", "accuses_only_with_proof": "nothing is proved"}
def worst_case(settings, estimate, bracket):
    setting = max(settings, key=lambda s: bracket(*s)[0])
    claimed = estimate(*setting)
    return setting, bracket(*setting)[0] / claimed if claimed else math.inf

# %% wrong="the factor less one" edit={"return worst": "return worst[0], max(worst[1] - 1, 1.0)"} loses={"finds_the_worst_setting": "times the estimate"}

# %% wrong="a tenth is forgiven" of="solution" edit={"if low > claimed:": "if low > 1.1 * claimed:"} loses={"finds_the_worst_setting": "Of one setting"}
# %% wrong="a tie is proof" edit={"factor > worst[1]": "factor >= worst[1]"} loses={"accuses_only_with_proof": "nothing is proved"}
# %% wrong="an estimate of nearly 0 is 0" of="solution" edit={"claimed > 0": "claimed > 1e-3"} loses={"finds_the_worst_setting": "times"}
# %% wrong="nearly the same is the same" of="solution" edit={"low > claimed": "low > claimed + 1e-3"} loses={"finds_the_worst_setting": "times"}

# %% wrong="whoever is outside of the bracket" loses={"accuses_only_with_proof": "nowhere too small"}
def worst_case(settings, estimate, bracket):
    worst = (None, 1.0)
    for setting in settings:
        low, high = bracket(*setting)
        claimed = estimate(*setting)
        if not low <= claimed <= high:
            factor = max(low / claimed, claimed / high) if claimed > 0 else math.inf
            worst = max(worst, (setting, factor), key=lambda pair: pair[1])
    return worst

# %% wrong="a hundredth of the bound is as good as 0" loses={"finds_the_worst_setting": "your factor is inf"}
def worst_case(settings, estimate, bracket):
    worst = (None, 1.0)
    for setting in settings:
        low, _ = bracket(*setting)
        claimed = estimate(*setting)
        if low > claimed:
            factor = low / claimed if claimed > 0.01 * low else math.inf
            if factor > worst[1]:
                worst = (setting, factor)
    return worst

# %% wrong="0 over 0 is the largest factor" loses={"accuses_only_with_proof": "where the lower bound is 0 too"}
def worst_case(settings, estimate, bracket):
    claimed = np.array([estimate(*setting) for setting in settings], dtype=float)
    lows = np.array([bracket(*setting)[0] for setting in settings], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = lows / claimed
    worst = int(np.argmax(factors))
    if not factors[worst] > 1:
        return None, 1.0
    return settings[worst], float(factors[worst])
