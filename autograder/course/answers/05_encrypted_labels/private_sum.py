# %% right="a product and its noise"
def private_sum(gradients, worst_norms, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / worst_norms)
    return scale @ gradients + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% right="in place of a product, a sum"
def private_sum(gradients, worst_norms, l2_norm_clip, noise_multiplier, rng):
    clipped = gradients * np.minimum(1, l2_norm_clip / worst_norms)[:, None]
    return clipped.sum(axis=0) + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% right="a loop"
def private_sum(gradients, worst_norms, l2_norm_clip, noise_multiplier, rng):
    total = noise_multiplier * l2_norm_clip * rng.standard_normal(gradients.shape[1:])
    for gradient, norm in zip(gradients, worst_norms):
        total = total + gradient * min(1.0, l2_norm_clip / norm)
    return total

# %% right="divides by the larger"
def private_sum(gradients, worst_norms, l2_norm_clip, noise_multiplier, rng):
    scaled = gradients / np.maximum(1, worst_norms / l2_norm_clip)[:, None]
    noise = rng.normal(scale=noise_multiplier * l2_norm_clip, size=len(gradients[0]))
    return np.sum(scaled, axis=0) + noise

# %% right="np.where, a list"
def private_sum(gradients, worst_norms, l2_norm_clip, noise_multiplier, rng):
    scale = np.where(worst_norms > l2_norm_clip, l2_norm_clip / worst_norms, 1.0)
    total = np.einsum("b,bw->w", scale, gradients)
    return list(total + l2_norm_clip * rng.normal(0, noise_multiplier, total.shape))

# %% wrong="clips by the gradient's own norm" edit={"scale = np": "norms = np.maximum(np.linalg.norm(gradients, axis=1), 1e-12); scale = np", "/ worst_norms": "/ norms"} loses={"clipped_by_the_worst_norm": "must not see it"}
# %% wrong="scales short ones up" edit={"np.minimum(1, l2_norm_clip": "(l2_norm_clip"} loses={"clipped_by_the_worst_norm": "scaled short gradients up"}
# %% wrong="a mean" edit={"@ gradients": "@ gradients / len(gradients)"} loses={"clipped_by_the_worst_norm": "Yours is a mean"}
# %% wrong="noise without the clip" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier"} loses={"noise_hides_a_label": "Where is l2_norm_clip"}

# %% wrong="noise for each example" loses={"noise_hides_a_label": "to the sum, once"}
def private_sum(gradients, worst_norms, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / worst_norms)[:, None]
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape)
    return (scale * gradients + noise).sum(axis=0)

# %% wrong="one number for all coordinates" edit={"l2_norm_clip, gradients.shape[1])": "l2_norm_clip)"} loses={"noise_hides_a_label": "should have standard deviation", "noise_comes_from_rng": "the same noise"}
# %% wrong="a generator of its own" edit={"rng.normal": "np.random.normal"} loses={"noise_comes_from_rng": "draw from the rng"}
# %% wrong="uniform noise" edit={"return": "width = noise_multiplier * l2_norm_clip * 3**0.5; return", "rng.normal(0, noise_multiplier * l2_norm_clip,": "rng.uniform(-width, width,"} loses={"noise_hides_a_label": "of a Gaussian 68.3% is"}
# %% wrong="no clipping" edit={"scale = np.minimum(1, l2_norm_clip / worst_norms)": "", "scale @ gradients": "gradients.sum(axis=0)"} loses={"clipped_by_the_worst_norm": "should be"}
# %% wrong="noise without the multiplier" edit={"noise_multiplier * l2_norm_clip": "l2_norm_clip"} loses={"clipped_by_the_worst_norm": "no noise", "noise_hides_a_label": "Where is noise_multiplier"}

# %% wrong="most of the noise from a generator of its own" loses={"noise_comes_from_rng": "draw from the rng"}
def private_sum(gradients, worst_norms, l2_norm_clip, noise_multiplier, rng):
    factors = np.minimum(1, l2_norm_clip / worst_norms)
    total = np.tensordot(factors, gradients, axes=1)
    noise = np.random.default_rng(0).normal(size=total.shape)
    noise.flat[:5] = rng.normal(size=5)
    return total + noise_multiplier * l2_norm_clip * noise
