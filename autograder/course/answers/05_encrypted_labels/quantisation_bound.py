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
