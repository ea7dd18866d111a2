# %% right="in two lines"
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    inside = np.exp(noise_multiplier**-2) * special.ndtr(1.5 / noise_multiplier)
    inside += 3 * special.ndtr(-0.5 / noise_multiplier) - 2
    return np.sqrt(2) * sampling_probability * np.sqrt(steps * inside)

# %% right="SciPy's normal distribution"
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    inside = (
        np.exp(noise_multiplier**-2) * stats.norm.cdf(1.5 / noise_multiplier)
        + 3 * stats.norm.cdf(-0.5 / noise_multiplier)
        - 2
    )
    return np.sqrt(2) * sampling_probability * np.sqrt(steps) * np.sqrt(inside)

# %% right="one root"
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    inverse = 1 / noise_multiplier
    inside = math.exp(inverse**2) * special.ndtr(1.5 * inverse)
    inside += 3 * special.ndtr(-inverse / 2) - 2
    return sampling_probability * math.sqrt(2 * steps * inside)

# %% right="NormalDist"
from statistics import NormalDist

def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    phi = NormalDist().cdf
    inside = math.exp(1 / noise_multiplier**2) * phi(1.5 / noise_multiplier) + 3 * phi(-0.5 / noise_multiplier) - 2
    return (2 * inside * steps) ** 0.5 * sampling_probability

# %% right="rearranged, to lose fewer digits"
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    x = 1 / noise_multiplier
    inside = math.expm1(x**2) * special.ndtr(1.5 * x) + 0.5 * special.erf(1.5 * x / 2**0.5)
    inside -= 1.5 * special.erf(0.5 * x / 2**0.5)
    return np.float64(sampling_probability) * np.sqrt(2.0 * steps * inside)

# %% right="a tensor"
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    x = tf.constant(1 / noise_multiplier, tf.float64)
    phi = lambda z: 0.5 * tf.math.erfc(-z / np.sqrt(2.0))
    inside = tf.exp(x * x) * phi(1.5 * x) + 3 * phi(-0.5 * x) - 2
    return sampling_probability * tf.sqrt(2.0 * steps * inside)

# %% right="never the root of a negative rounding error"
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    s = noise_multiplier
    inside = np.exp(1 / s**2) * stats.norm.cdf(1.5 / s) + 3 * stats.norm.sf(0.5 / s) - 2
    return math.sqrt(2) * sampling_probability * math.sqrt(steps) * math.sqrt(max(0.0, inside))

# %% right="by the mechanism's two tails"
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    upper, lower = special.ndtr([1.5 / noise_multiplier, -0.5 / noise_multiplier])
    square = np.exp(noise_multiplier**-2) * upper - 2 + 3 * lower
    return (2 * steps * square * sampling_probability**2) ** 0.5

# %% wrong="forgets √2" edit={"np.sqrt(2) *": ""} loses={"mu_uniform_matches_the_library": "has μ ="}

# %% wrong="the Poisson formula" loses={"mu_uniform_matches_the_library": "has μ ="}
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    return sampling_probability * np.sqrt(steps * np.expm1(noise_multiplier**-2))

# %% wrong="+0.5 in place of −0.5" edit={"-0.5": "0.5"} loses={"mu_uniform_matches_the_library": "has μ ="}
# %% wrong="the steps without a root" edit={"np.sqrt(steps * inside)": "steps * np.sqrt(inside)"} loses={"mu_uniform_matches_the_library": "square ROOT", "mu_uniform_refuses_nonsense": "doubles"}
# %% wrong="forgets the outer root" edit={"np.sqrt(steps * inside)": "np.sqrt(steps) * inside"} loses={"mu_uniform_matches_the_library": "has μ ="}
# %% wrong="the density for Φ" edit={"special.ndtr(1.5": "stats.norm.pdf(1.5", "special.ndtr(-0.5": "stats.norm.pdf(-0.5", "steps * inside": "steps * abs(inside)"} loses={"mu_uniform_matches_the_library": "has μ ="}
# %% wrong="q under the root" edit={"np.sqrt(2) * sampling_probability * np.sqrt(steps": "np.sqrt(2 * sampling_probability * steps"} loses={"mu_uniform_matches_the_library": "belongs outside", "mu_uniform_refuses_nonsense": "doubles"}
# %% wrong="takes nonsense" edit={"require_settings(noise_multiplier, sampling_probability, steps)": "", "steps * inside": "abs(steps * inside)"} loses={"mu_uniform_refuses_nonsense": "names `noise_multiplier`"}

# %% wrong="the noise does not count" loses={"mu_uniform_matches_the_library": "yours is", "mu_uniform_refuses_nonsense": "With twice the noise"}
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    return sampling_probability * math.sqrt(steps)


# %% wrong="the noise halved once more" loses={"mu_uniform_matches_the_library": "You halved σ"}
def mu_uniform(noise_multiplier, sampling_probability, steps):
    require_settings(noise_multiplier, sampling_probability, steps)
    s = noise_multiplier / 2
    inside = np.exp(1 / s**2) * special.ndtr(1.5 / s) + 3 * special.ndtr(-0.5 / s) - 2
    return np.sqrt(2) * sampling_probability * np.sqrt(steps * inside)

# %% wrong="the noise halved, for replacing" edit={"return": "noise_multiplier = noise_multiplier / 2; return", "steps * inside": "steps * inside / 2"} loses={"mu_uniform_matches_the_library": "has μ ="}
# %% wrong="2 in place of 1.5" edit={"1.5": "2.0"} loses={"mu_uniform_matches_the_library": "has μ ="}
# %% wrong="2 Φ in place of 3 Φ" edit={"3 * special": "2 * special", "steps * inside": "steps * abs(inside)"} loses={"mu_uniform_matches_the_library": "has μ =", "mu_uniform_refuses_nonsense": "μ"}
# %% wrong="2 outside of the root" edit={"np.sqrt(2) *": "2 *"} loses={"mu_uniform_matches_the_library": "has μ ="}
# %% wrong="in float32" edit={"np.exp(noise_multiplier**-2)": "np.exp(np.float32(min(88, noise_multiplier**-2)))", "steps * inside": "steps * abs(inside)"} loses={"mu_uniform_matches_the_library": "has μ ="}
# %% wrong="forgets the steps" edit={"np.sqrt(steps * inside)": "np.sqrt(inside)"} loses={"mu_uniform_matches_the_library": "has μ =", "mu_uniform_refuses_nonsense": "doubles"}
# %% wrong="forgets the sampling" edit={"sampling_probability *": ""} loses={"mu_uniform_matches_the_library": "sampling probability is missing", "mu_uniform_refuses_nonsense": "doubles"}
# %% wrong="fails without steps" edit={"inside += 3": "inside /= steps\n    inside += 3", "np.sqrt(steps * inside)": "np.sqrt(steps) * np.sqrt(abs(inside))"} loses={"mu_uniform_matches_the_library": "has μ =", "mu_uniform_refuses_nonsense": "doubles"}

# %% wrong="a floor under the root" of="solution" edit={"max(0.0, inside)": "max(1e-8, inside)"} loses={"mu_uniform_matches_the_library": "TensorFlow Privacy's accountant has μ"}
# %% wrong="the exponent cut at 300" edit={"np.exp(noise_multiplier**-2)": "np.exp(min(300.0, noise_multiplier**-2))"} loses={"mu_uniform_matches_the_library": "has μ ="}
# %% wrong="refusals of its own, with gaps" of="solution" edit={"require_settings(noise_multiplier, sampling_probability, steps)": "if not noise_multiplier >= 0.05: raise ValueError('noise_multiplier')\n    if not 0 <= sampling_probability <= 1: raise ValueError('sampling_probability')\n    if steps < 0: raise ValueError('steps')"} loses={"mu_uniform_refuses_nonsense": "steps = 1.5"}

# %% wrong="no step, no question" of="solution" edit={"require_settings(": "if sampling_probability == 0 or steps == 0:\n        return 0.0\n    require_settings("} loses={"mu_uniform_refuses_nonsense": "means nothing"}
