# %% right="log-sum-exp with a sign"
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    a = special.log_ndtr(mu / 2 - epsilon / mu)
    b = epsilon + special.log_ndtr(-mu / 2 - epsilon / mu)
    return 0.0 if b >= a else math.exp(a) * -math.expm1(b - a)

# %% right="SciPy's logcdf"
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    first = stats.norm.logcdf(-epsilon / mu + mu / 2)
    second = epsilon + stats.norm.logcdf(-epsilon / mu - mu / 2)
    return np.exp(first) * (1 - np.exp(np.minimum(second - first, 0)))

# %% right="scaled complementary error functions"
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    near, far = epsilon / mu - mu / 2, epsilon / mu + mu / 2
    # e^ε·Φ(−far) = φ(near)·(the ratio of Mills at far), for which erfcx never overflows.
    mills = np.sqrt(np.pi / 2) * special.erfcx(far / np.sqrt(2))
    return max(0.0, special.ndtr(-near) - np.exp(-(near**2) / 2) / np.sqrt(2 * np.pi) * mills)

# %% right="a tensor"
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    logs = special.log_ndtr(np.array([mu / 2, -mu / 2]) - epsilon / mu) + [0, epsilon]
    first, second = tf.constant(logs, tf.float64)
    return -tf.exp(first) * tf.math.expm1(tf.minimum(second - first, 0.0))

# %% right="errors of its own"
def delta_from_mu(epsilon, mu):
    if not (mu > 0 and math.isfinite(mu)):
        raise ValueError("mu must be positive")
    if not epsilon >= 0:
        raise ValueError("epsilon must not be negative")
    first, second = special.log_ndtr(mu / 2 - epsilon / mu), special.log_ndtr(-mu / 2 - epsilon / mu)
    ratio = np.exp(min(0.0, epsilon + second - first))
    return np.exp(first) * (1 - ratio)

# %% right="the loss's two tails, by logcdf"
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    tails = stats.norm.logsf([epsilon / mu - mu / 2, epsilon / mu + mu / 2])
    gap = min(tails[1] + epsilon - tails[0], 0.0)
    return float(math.exp(tails[0]) * (-math.expm1(gap)))

# %% right="logsumexp with a sign"
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    logs = [special.log_ndtr(mu / 2 - epsilon / mu), epsilon + special.log_ndtr(-mu / 2 - epsilon / mu)]
    value, sign = special.logsumexp(logs, b=[1, -1], return_sign=True)
    return float(np.exp(value)) if sign > 0 else 0.0

# %% right="an integer is a number, too"
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    epsilon, mu = np.float64(epsilon), np.float64(mu)
    a = special.log_ndtr(-epsilon / mu + mu / 2)
    b = special.log_ndtr(-epsilon / mu - mu / 2) + epsilon
    return np.exp(a) - np.exp(a + min(b - a, 0.0)) if a > -5 and b - a < -0.5 else -np.exp(a) * np.expm1(min(b - a, 0.0))

# %% wrong="the formula as it stands" loses={"delta_survives_large_mu": "overflow"}
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    phi = stats.norm.cdf
    return phi(-epsilon / mu + mu / 2) - np.exp(epsilon) * phi(-epsilon / mu - mu / 2)

# %% wrong="the exponential cut at 700" loses={"delta_survives_large_mu": "more than a float can hold"}
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    phi = stats.norm.cdf
    return phi(-epsilon / mu + mu / 2) - np.exp(min(epsilon, 700)) * phi(-epsilon / mu - mu / 2)

# %% wrong="NaN called 0" loses={"delta_survives_large_mu": "gives 0"}
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    phi = stats.norm.cdf
    with np.errstate(all="ignore"):
        return np.nan_to_num(phi(mu / 2 - epsilon / mu) - np.exp(epsilon) * phi(-mu / 2 - epsilon / mu))

# %% wrong="the first term alone" loses={"delta_matches_the_integral": "first term alone", "delta_survives_large_mu": "first term alone"}
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    return special.ndtr(-epsilon / mu + mu / 2)

# %% wrong="a plus between the terms" of="solution" edit={"float(-np.exp(first) * np.expm1(min(0.0, second - first)))": "np.exp(first) + np.exp(second)"} loses={"delta_matches_the_integral": "gives δ", "delta_survives_large_mu": "gives"}
# %% wrong="log δ" of="solution" edit={"float(-np.exp(first) * np.expm1(min(0.0, second - first)))": "min(-1e-300, first + np.log1p(-np.exp(min(-1e-12, second - first))))"} loses={"delta_matches_the_integral": "never negative", "delta_survives_large_mu": "never negative", "delta_refuses_nonsense": "should be about"}
# %% wrong="ε·μ in place of ε/μ" of="solution" edit={"-epsilon / mu +": "-epsilon * mu +", "-epsilon / mu -": "-epsilon * mu -"} loses={"delta_matches_the_integral": "integration gives", "delta_survives_large_mu": "integration gives", "delta_refuses_nonsense": "it should"}
# %% wrong="takes nonsense" of="solution" edit={"require_domain(epsilon=epsilon, mu=mu)": 'if mu <= 0: raise ValueError("mu must be positive")'} loses={"delta_refuses_nonsense": "means nothing"}
# %% wrong="a ValueError that names nothing" of="solution" edit={"require_domain(epsilon=epsilon, mu=mu)": 'if not (0 <= epsilon and 0 < mu < math.inf): raise ValueError("out of range")'} loses={"delta_refuses_nonsense": "does not name `epsilon`"}

# %% wrong="a ratio" loses={"delta_matches_the_integral": "integration gives", "delta_survives_large_mu": "integration gives", "delta_refuses_nonsense": "should be about"}
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    return mu / max(epsilon, 1e-9)

# %% wrong="the second term alone" of="solution" edit={"float(-np.exp(first) * np.expm1(min(0.0, second - first)))": "float(np.exp(min(0.0, second)))"} loses={"delta_matches_the_integral": "integration gives", "delta_survives_large_mu": "δ"}
# %% wrong="no e^ε" of="solution" edit={"second = epsilon + ": "second = "} loses={"delta_matches_the_integral": "integration gives", "delta_survives_large_mu": "first term alone"}
# %% wrong="μ in place of μ/2" of="solution" edit={"mu + mu / 2": "mu + mu", "mu - mu / 2": "mu - mu"} loses={"delta_matches_the_integral": "integration gives", "delta_survives_large_mu": "integration gives"}
# %% wrong="the means the wrong way round" of="solution" edit={"mu + mu / 2": "mu - mu / 2", "mu - mu / 2": "mu + mu / 2"} loses={"delta_matches_the_integral": "integration gives", "delta_survives_large_mu": "integration gives", "delta_refuses_nonsense": "it should"}
# %% wrong="logarithms of Φ" of="solution" edit={"special.log_ndtr(-epsilon / mu + mu / 2)": "np.log(special.ndtr(-epsilon / mu + mu / 2))", "special.log_ndtr(-epsilon / mu - mu / 2)": "np.log(max(1e-300, special.ndtr(-epsilon / mu - mu / 2)))"} loses={"delta_survives_large_mu": "δ"}
# %% wrong="in float32" of="solution" edit={"-epsilon / mu + mu / 2": "np.float32(-epsilon / mu + mu / 2)", "-epsilon / mu - mu / 2": "np.float32(-epsilon / mu - mu / 2)"} loses={"delta_matches_the_integral": "integration gives", "delta_survives_large_mu": "integration gives"}
# %% wrong="no cost for a small μ" of="solution" edit={"first = ": "if mu < 1e-4: return 0.0\n    first = "} loses={"delta_matches_the_integral": "gives 0"}
# %% wrong="surely lost is 1" of="solution" edit={"first = ": "if mu > 20 and epsilon < mu * mu / 2 - 2 * mu: return 1.0\n    first = "} loses={"delta_survives_large_mu": "gives 1"}

# %% wrong="overflows where δ is nearly 1" loses={"delta_survives_large_mu": "NaN"}
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    near, far = epsilon / mu - mu / 2, epsilon / mu + mu / 2
    ratios = special.erfcx(near / math.sqrt(2)) - special.erfcx(far / math.sqrt(2))
    return 0.5 * math.exp(-(near**2) / 2) * float(ratios)

# %% wrong="1 − Φ for a small first term" loses={"delta_matches_the_integral": "integration gives"}
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    first = 1 - special.ndtr(epsilon / mu - mu / 2)
    if first == 0:
        return 0.0
    second = epsilon + special.log_ndtr(-epsilon / mu - mu / 2)
    return float(-first * np.expm1(min(0.0, second - np.log(first))))

# %% wrong="nothing beyond ten deviations" loses={"delta_matches_the_integral": "gives 0"}
def delta_from_mu(epsilon, mu):
    require_domain(epsilon=epsilon, mu=mu)
    if epsilon / mu - mu / 2 > 10:  # nobody is as unlucky as that
        return 0.0
    first = special.log_ndtr(-epsilon / mu + mu / 2)
    second = epsilon + special.log_ndtr(-epsilon / mu - mu / 2)
    return float(-np.exp(first) * np.expm1(min(0.0, second - first)))
