# %% right="a name for half a step"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    e = 0.5 / scaling_factor
    return terms * (e * (largest_residual + largest_slope) + e * e)

# %% right="multiplied out"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    e = 1 / (2 * scaling_factor)
    return terms * ((largest_residual + e) * (largest_slope + e) - largest_residual * largest_slope)

# %% right="three parts"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    first = terms * largest_residual / (2 * scaling_factor)
    second = terms * largest_slope / (2 * scaling_factor)
    third = terms / (2 * scaling_factor) ** 2
    return first + second + third

# %% right="NumPy float64"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    half = np.float64(0.5) / scaling_factor
    return np.sum(np.full(terms, half * (largest_residual + largest_slope + half)))

# %% right="one fraction"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    s = scaling_factor
    return terms * (2 * s * (largest_residual + largest_slope) + 1) / (4 * s * s)

# %% wrong="only the Jacobian is rounded" loses={"rounding_never_exceeds_it": "Both factors are rounded"}
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    return terms * largest_residual / (2 * scaling_factor)

# %% wrong="forgets the product of both errors" loses={"rounding_never_exceeds_it": "your bound is"}
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    return terms * (largest_residual + largest_slope) / (2 * scaling_factor)

# %% wrong="a whole step" edit={"0.5 / scaling_factor": "1 / scaling_factor"} loses={"rounding_can_reach_it": "larger than it must be"}
# %% wrong="one term" edit={"terms * (": "("} loses={"rounding_never_exceeds_it": "your bound is"}
# %% wrong="random errors: the square root of the terms" edit={"terms *": "terms**0.5 *"} loses={"rounding_never_exceeds_it": "your bound is"}

# %% wrong="the error of the product alone" loses={"rounding_never_exceeds_it": "your bound is"}
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    return terms * 0.5 / scaling_factor**2

# %% wrong="the whole product" edit={"(e * (largest_residual + largest_slope) + e * e)": "(largest_residual + e) * (largest_slope + e)"} loses={"rounding_never_exceeds_it": "says nothing", "rounding_can_reach_it": "larger than it must be"}
# %% wrong="negative" edit={"return terms": "return -terms"} loses={"rounding_never_exceeds_it": "is not negative", "rounding_can_reach_it": "is not negative"}

# %% wrong="the slopes, as if they were not rounded" loses={"rounding_never_exceeds_it": "says nothing", "rounding_can_reach_it": "larger than it must be"}
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    return terms * largest_slope

# %% right="the corner"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    corner = [largest_residual + 0.5 / scaling_factor, largest_slope + 0.5 / scaling_factor]
    return terms * (float(np.prod(corner)) - largest_residual * largest_slope)

# %% right="a loop over the terms"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    step, bound = 1 / scaling_factor, 0.0
    for _ in range(terms):
        bound += largest_residual * step / 2 + largest_slope * step / 2 + step**2 / 4
    return bound

# %% right="fractions"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    from fractions import Fraction

    half = Fraction(1, 2 * scaling_factor)
    return terms * (half * (Fraction(largest_residual) + Fraction(largest_slope)) + half**2)

# %% wrong="a slack of a hundredth" of="solution" edit={"return terms": "return 1.01 * terms"} loses={"rounding_can_reach_it": "larger than it must be"}
# %% wrong="the product of the errors twice" of="solution" edit={"+ half_step**2": "+ 2 * half_step**2"} loses={"rounding_can_reach_it": "larger than it must be"}
# %% wrong="rounded down" of="solution" edit={"half_step = 0.5": "half_step = 0.0 + 1"} loses={"rounding_can_reach_it": "larger than it must be"}
# %% wrong="the larger of both" of="solution" edit={"(largest_residual + largest_slope)": "max(largest_residual, largest_slope)"} loses={"rounding_never_exceeds_it": "your bound is"}

# %% wrong="residuals up to 1 only" of="solution" edit={"(largest_residual + largest_slope)": "(min(largest_residual, 1.0) + largest_slope)"} loses={"rounding_never_exceeds_it": "Both factors are rounded, each by up to"}

# %% wrong="the product of the errors once" of="solution" edit={"terms * (half_step * (largest_residual + largest_slope) + half_step**2)": "terms * half_step * (largest_residual + largest_slope) + half_step**2"} loses={"rounding_never_exceeds_it": "Both factors are rounded, each by up to"}

# %% wrong="half of the errors' product" of="solution" edit={"half_step**2": "half_step**2 / 2"} loses={"rounding_never_exceeds_it": "Both factors are rounded, each by up to"}
# %% wrong="a thousandth too small" of="solution" edit={"0.5 / scaling": "0.4995 / scaling"} loses={"rounding_never_exceeds_it": "Both factors are rounded, each by up to"}

# %% right="TensorFlow, float32"
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    half = 0.5 / tf.cast(scaling_factor, tf.float32)
    r, j = (tf.constant(v, tf.float32) for v in (largest_residual, largest_slope))
    return tf.cast(terms, tf.float32) * half * (r + j + half)

# %% wrong="errors of many terms average out" loses={"rounding_never_exceeds_it": "Both factors are rounded, each by up to"}
def quantisation_bound(scaling_factor, terms, largest_residual, largest_slope):
    half_step = 0.5 / scaling_factor
    if terms > 100:
        terms = 100 * math.sqrt(terms / 100)
    return terms * (half_step * (largest_residual + largest_slope) + half_step**2)
