# %% right="in place of a product, a sum"
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    clipped = gradients * np.minimum(1, l2_norm_clip / sensitivities)[:, None]
    return clipped.sum(axis=0) + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% right="a loop"
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    total = noise_multiplier * l2_norm_clip * rng.standard_normal(gradients.shape[1:])
    for gradient, norm in zip(gradients, sensitivities):
        total = total + gradient * min(1.0, l2_norm_clip / norm)
    return total

# %% right="divides by the larger"
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scaled = gradients / np.maximum(1, sensitivities / l2_norm_clip)[:, None]
    noise = rng.normal(scale=noise_multiplier * l2_norm_clip, size=len(gradients[0]))
    return np.sum(scaled, axis=0) + noise

# %% right="np.where, a list"
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.where(sensitivities > l2_norm_clip, l2_norm_clip / sensitivities, 1.0)
    total = np.einsum("b,bw->w", scale, gradients)
    return list(total + l2_norm_clip * rng.normal(0, noise_multiplier, total.shape))

# %% wrong="clips by the gradient's own norm" loses={"scaled_by_the_sensitivity": "must not see it"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    norms = np.maximum(np.linalg.norm(gradients, axis=1), 1e-12)
    scale = np.minimum(1, l2_norm_clip / norms)
    return scale @ gradients + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="scales short ones up" loses={"scaled_by_the_sensitivity": "scaled short gradients up"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = l2_norm_clip / sensitivities
    return scale @ gradients + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="a mean" loses={"scaled_by_the_sensitivity": "Yours is a mean"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    return scale @ gradients / len(gradients) + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="noise without the clip" loses={"noise_hides_a_label": "Where is l2_norm_clip"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    return scale @ gradients + rng.normal(0, noise_multiplier, gradients.shape[1])

# %% wrong="noise for each example" loses={"noise_hides_a_label": "to the sum, once"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)[:, None]
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape)
    return (scale * gradients + noise).sum(axis=0)

# %% wrong="one number for all coordinates" loses={"noise_hides_a_label": "should have standard deviation", "noise_comes_from_rng": "the same noise"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    return scale @ gradients + rng.normal(0, noise_multiplier * l2_norm_clip)

# %% wrong="a generator of its own" loses={"noise_comes_from_rng": "draw from the rng"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    return scale @ gradients + np.random.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="uniform noise" loses={"noise_hides_a_label": "of a Gaussian 68.3% is"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    width = noise_multiplier * l2_norm_clip * 3**0.5
    return scale @ gradients + rng.uniform(-width, width, gradients.shape[1])

# %% wrong="no clipping" loses={"scaled_by_the_sensitivity": "should be"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    return gradients.sum(axis=0) + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="noise without the multiplier" loses={"scaled_by_the_sensitivity": "no noise", "noise_hides_a_label": "Where is noise_multiplier"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    factors = np.minimum(1, l2_norm_clip / sensitivities)
    return factors @ gradients + rng.normal(0, l2_norm_clip, gradients.shape[1])

# %% wrong="most of the noise from a generator of its own" loses={"noise_comes_from_rng": "draw from the rng"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    factors = np.minimum(1, l2_norm_clip / sensitivities)
    total = np.tensordot(factors, gradients, axes=1)
    noise = np.random.default_rng(0).normal(size=total.shape)
    noise.flat[:5] = rng.normal(size=5)
    return total + noise_multiplier * l2_norm_clip * noise
