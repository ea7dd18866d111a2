# %% right="NumPy"
def mu_poisson(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    return sampling_probability * np.sqrt(steps) * np.sqrt(np.expm1(noise_multiplier**-2))

# %% right="a formula in pieces"
def mu_poisson(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    one_step = math.expm1(1 / noise_multiplier**2)
    return math.sqrt(sampling_probability**2 * steps * one_step)

# %% right="errors of its own"
def mu_poisson(noise_multiplier, sampling_probability, steps):
    if not noise_multiplier >= 0.05:
        raise ValueError("noise_multiplier must be at least 0.05")
    if not 0 <= sampling_probability <= 1:
        raise ValueError("sampling_probability must be a probability")
    if steps < 0 or steps != int(steps):
        raise ValueError("steps must be a count")
    return sampling_probability * (steps * np.expm1(noise_multiplier ** (-2))) ** 0.5

# %% right="by sinh, as a tensor"
def mu_poisson(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    half = tf.constant(0.5 * noise_multiplier**-2, tf.float64)
    # e^(2h) − 1 = 2·e^h·sinh h, which loses no digits either.
    return sampling_probability * tf.sqrt(2.0 * steps * tf.exp(half) * tf.sinh(half))

# %% right="float64 by NumPy"
def mu_poisson(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    sigma, q, count = np.array([noise_multiplier, sampling_probability, steps], dtype=np.float64)
    return float(q * np.sqrt(count * np.expm1(1 / (sigma * sigma))))

# %% right="a series where σ is large"
def mu_poisson(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    x = noise_multiplier**-2
    inside = x + x * x / 2 + x**3 / 6 if x < 1e-5 else math.exp(x) - 1
    return sampling_probability * math.sqrt(steps) * math.sqrt(inside)

# %% right="composed from single steps"
def mu_poisson(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    one = sampling_probability * math.sqrt(math.expm1(noise_multiplier ** (-2)))
    return math.hypot(one) * steps**0.5

# %% right="a tensor"
def mu_poisson(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    x = tf.constant(noise_multiplier, tf.float64) ** -2
    return sampling_probability * tf.sqrt(tf.constant(steps, tf.float64) * tf.math.expm1(x))

# %% wrong="subtracts 1 from the exponential" edit={"np.expm1(noise_multiplier**-2)": "np.exp(noise_multiplier**-2) - 1"} loses={"mu_poisson_at_the_limits": "expm1"}
# %% wrong="no root over the steps" edit={"np.sqrt(steps)": "steps"} loses={"mu_poisson_matches_the_library": "square ROOT", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="forgets the steps" edit={"* np.sqrt(steps)": ""} loses={"mu_poisson_matches_the_library": "number of steps is missing", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="forgets the sampling" edit={"sampling_probability *": ""} loses={"mu_poisson_matches_the_library": "sampling probability is missing", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="q under the root" edit={"sampling_probability * np.sqrt(steps) * np.sqrt(np": "np.sqrt(sampling_probability * steps * np"} loses={"mu_poisson_matches_the_library": "belongs outside", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="e^σ² in place of e^(1/σ²)" edit={"return": "exponent = min(noise_multiplier**2, 500.0); return", "noise_multiplier**-2": "exponent"} loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="its limit for much noise" edit={"* np.sqrt(np.expm1(noise_multiplier**-2))": "/ noise_multiplier"} loses={"mu_poisson_matches_the_library": "has μ ="}
# %% wrong="takes nonsense" edit={"require_settings(noise_multiplier, sampling_probability, steps)": 'if noise_multiplier < 0.05: raise ValueError("noise_multiplier is too small")'} loses={"mu_poisson_at_the_limits": "names `noise_multiplier`"}

# %% wrong="in float32" edit={"np.expm1(noise_multiplier**-2)": "np.expm1(np.float32(min(noise_multiplier**-2, 88)))"} loses={"mu_poisson_matches_the_library": "has μ ="}
# %% wrong="one step more" edit={"np.sqrt(steps)": "np.sqrt(steps + 1)"} loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "μ"}
# %% wrong="q squared" edit={"return sampling_probability *": "return sampling_probability**2 *"} loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="e^(1/σ)" edit={"noise_multiplier**-2": "1 / noise_multiplier"} loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="no root over the exponential" edit={"np.sqrt(np.expm1(noise_multiplier**-2))": "np.expm1(noise_multiplier**-2)"} loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="half the exponent" edit={"noise_multiplier**-2": "noise_multiplier**-2 / 2"} loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="σ cut at 80" edit={"return": "noise_multiplier = min(noise_multiplier, 80); return"} loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="the notebook's steps" edit={"np.sqrt(steps)": "np.sqrt(STEPS)"} loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "yours is"}
# %% wrong="the exponent cut at 300" edit={"np.expm1(noise_multiplier**-2)": "np.expm1(min(300.0, noise_multiplier**-2))"} loses={"mu_poisson_matches_the_library": "has μ ="}
# %% wrong="the least noise refused" edit={"return": "if noise_multiplier <= 0.05: raise ValueError('noise_multiplier')\n    return"} loses={"mu_poisson_matches_the_library": "raised ValueError"}

# %% wrong="remembers, whatever the noise" loses={"mu_poisson_matches_the_library": "has μ =", "mu_poisson_at_the_limits": "the first should be"}
_known = {}


def mu_poisson(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    if (sampling_probability, steps) not in _known:
        mu = sampling_probability * math.sqrt(steps * math.expm1(noise_multiplier**-2))
        _known[sampling_probability, steps] = mu
    return _known[sampling_probability, steps]

# %% wrong="refusals of its own, with gaps" loses={"mu_poisson_at_the_limits": "means nothing"}
def mu_poisson(noise_multiplier, sampling_probability, steps):
    if not noise_multiplier >= 0.05:
        raise ValueError("noise_multiplier must be at least 0.05")
    if not sampling_probability <= 1:
        raise ValueError("sampling_probability must be at most 1")
    if steps < 0 or steps != int(steps):
        raise ValueError("steps must be a count")
    return sampling_probability * math.sqrt(steps * math.expm1(noise_multiplier**-2))

# %% wrong="no step, no question" of="solution" edit={"require_settings(": "if sampling_probability == 0 or steps == 0:\n        return 0.0\n    require_settings("} loses={"mu_poisson_at_the_limits": "means nothing"}
