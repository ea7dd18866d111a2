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

# %% wrong="noise without the clip" loses={"noise_hides_a_label": "That is without l2_norm_clip"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    return scale @ gradients + rng.normal(0, noise_multiplier, gradients.shape[1])

# %% wrong="noise for each example" loses={"noise_comes_from_rng": "a single weight", "noise_hides_a_label": "times as much: the noise of"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)[:, None]
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape)
    return (scale * gradients + noise).sum(axis=0)

# %% wrong="one number for all coordinates" loses={"noise_hides_a_label": "gets the same noise", "noise_comes_from_rng": "belong together"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    return scale @ gradients + rng.normal(0, noise_multiplier * l2_norm_clip)

# %% wrong="a generator of its own" loses={"noise_comes_from_rng": "draw from the rng"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    return scale @ gradients + np.random.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="uniform noise" loses={"noise_comes_from_rng": "are not distributed as those", "noise_hides_a_label": "of a Gaussian"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    width = noise_multiplier * l2_norm_clip * 3**0.5
    return scale @ gradients + rng.uniform(-width, width, gradients.shape[1])

# %% wrong="no clipping" loses={"scaled_by_the_sensitivity": "should be"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    return gradients.sum(axis=0) + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="noise without the multiplier" loses={"scaled_by_the_sensitivity": "no noise", "noise_hides_a_label": "That is without noise_multiplier"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    factors = np.minimum(1, l2_norm_clip / sensitivities)
    return factors @ gradients + rng.normal(0, l2_norm_clip, gradients.shape[1])

# %% wrong="most of the noise from a generator of its own" loses={"noise_comes_from_rng": "draw all of it from the rng"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    factors = np.minimum(1, l2_norm_clip / sensitivities)
    total = np.tensordot(factors, gradients, axes=1)
    noise = np.random.default_rng(0).normal(size=total.shape)
    noise.flat[:5] = rng.normal(size=5)
    return total + noise_multiplier * l2_norm_clip * noise

# %% right="coordinate by coordinate"
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = [min(1.0, l2_norm_clip / s) for s in sensitivities]
    noise = rng.standard_normal(gradients.shape[1])
    return [
        sum(a * g for a, g in zip(scale, column)) + l2_norm_clip * noise_multiplier * z
        for column, z in zip(gradients.T.tolist(), noise.tolist())
    ]

# %% right="float32 draws"
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    noise = rng.standard_normal(gradients.shape[1], dtype=np.float32)
    scale = 1 / np.maximum(sensitivities / l2_norm_clip, 1)
    return np.dot(gradients.T, scale) + noise_multiplier * l2_norm_clip * noise

# %% right="a multivariate draw, coordinates on a diagonal"
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    clipped = np.clip(l2_norm_clip / np.asarray(sensitivities), None, 1)
    total = (clipped.reshape(-1, 1) * gradients).sum(0)
    return rng.normal(loc=total, scale=noise_multiplier * l2_norm_clip)

# %% right="two halves of the noise"
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    total = np.minimum(1, l2_norm_clip / sensitivities) @ gradients
    half = len(total) // 2
    deviation = noise_multiplier * l2_norm_clip
    total[:half] += rng.normal(0, deviation, half)
    total[half:] += rng.normal(0, deviation, len(total) - half)
    return total

# %% wrong="antithetic halves" of="solution" edit={"noise = rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])": "half = rng.normal(0, noise_multiplier * l2_norm_clip, (gradients.shape[1] + 1) // 2); noise = np.concatenate([half, -half])[:gradients.shape[1]]"} loses={"noise_comes_from_rng": "is within", "noise_hides_a_label": "have the size of an earlier one"}
# %% wrong="one draw for two coordinates" of="solution" edit={"noise = rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])": "half = rng.normal(0, noise_multiplier * l2_norm_clip, (gradients.shape[1] + 1) // 2); noise = np.repeat(half, 2)[:gradients.shape[1]]"} loses={"noise_comes_from_rng": "is within", "noise_hides_a_label": "have the size of an earlier one"}
# %% wrong="tails cut at three deviations" of="solution" edit={"return scale": "noise = np.clip(noise, -3 * noise_multiplier * l2_norm_clip, 3 * noise_multiplier * l2_norm_clip); return scale"} loses={"noise_hides_a_label": "standard deviations"}
# %% wrong="a pool of 1000 seeds" of="solution" edit={"noise = rng.normal": "noise = np.random.default_rng(rng.integers(1000)).normal"} loses={"noise_comes_from_rng": "is exactly number"}
# %% wrong="seeds of two bytes" of="solution" edit={"noise = rng.normal": "noise = np.random.default_rng(rng.integers(2**16)).normal"} loses={"noise_comes_from_rng": "is exactly number"}
# %% wrong="a pool of 5000 numbers" of="solution" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])": "rng.choice(rng.normal(0, noise_multiplier * l2_norm_clip, 5000), gradients.shape[1])"} loses={"noise_hides_a_label": "the noise"}
# %% wrong="repeats after 4096" of="solution" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])": "rng.normal(0, noise_multiplier * l2_norm_clip, 4096)[np.arange(gradients.shape[1]) % 4096]"} loses={"noise_hides_a_label": "the noise"}
# %% wrong="plus or minus the deviation" of="solution" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])": "noise_multiplier * l2_norm_clip * rng.choice([-1, 1], gradients.shape[1])"} loses={"noise_hides_a_label": "of a Gaussian", "noise_comes_from_rng": "are the same"}
# %% wrong="a copy of the generator" of="solution" edit={"noise = rng.normal": "import copy; noise = copy.deepcopy(rng).normal"} loses={"noise_comes_from_rng": "the next call's"}
# %% wrong="noise by the sensitivities" of="solution" edit={"noise = rng.normal(0, noise_multiplier * l2_norm_clip,": "noise = rng.normal(0, noise_multiplier * np.minimum(sensitivities, l2_norm_clip).mean(),"} loses={"noise_hides_a_label": "should have standard deviation"}
# %% wrong="noise where there is a gradient" of="solution" edit={"+ noise": "+ noise * (np.abs(gradients).sum(axis=0) > 0)"} loses={"noise_hides_a_label": "should have standard deviation", "noise_comes_from_rng": "of another size by far"}

# %% wrong="noise for the largest move in the batch" of="solution" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier * np.max(scale * sensitivities)"} loses={"noise_hides_a_label": "the noise should have standard deviation"}
# %% wrong="no noise at all" of="solution" edit={"gradients + noise": "gradients"} loses={"noise_hides_a_label": "should have standard deviation", "noise_comes_from_rng": "of another size by far"}

# %% wrong="sensitivities of 1 at least" of="solution" edit={"/ sensitivities": "/ np.maximum(sensitivities, 1.0)"} loses={"scaled_by_the_sensitivity": "the sum should be"}
# %% wrong="a clip of 1 at least in the noise" of="solution" edit={"noise_multiplier * l2_norm_clip,": "noise_multiplier * max(l2_norm_clip, 1.0),"} loses={"noise_hides_a_label": "should have standard deviation"}
# %% wrong="a multiplier of 1 at most" of="solution" edit={"noise_multiplier * l2_norm_clip,": "min(noise_multiplier, 1.0) * l2_norm_clip,"} loses={"noise_hides_a_label": "should have standard deviation"}

# %% wrong="the scales of an earlier batch of the same shape" loses={"scaled_by_the_sensitivity": "the sum should be"}
_scales = {}


def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = _scales.setdefault(gradients.shape, np.minimum(1, l2_norm_clip / sensitivities))
    return scale @ gradients + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="only the first 16 are scaled" of="solution" edit={"return scale": "scale[16:] = 1; return scale"} loses={"scaled_by_the_sensitivity": "the sum should be"}
# %% wrong="repeats after 60 000" of="solution" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])": "np.resize(rng.normal(0, noise_multiplier * l2_norm_clip, min(60_000, gradients.shape[1])), gradients.shape[1])"} loses={"noise_hides_a_label": "have the size of an earlier one"}
# %% wrong="repeats after 100 000, with the other sign" of="solution" edit={"return scale": "later = noise[100_000:200_000]; later[:] = -noise[: len(later)]; return scale"} loses={"noise_hides_a_label": "have the size of an earlier one"}

# %% wrong="a seed of 31 bits" loses={"noise_comes_from_rng": "is exactly number"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    own = np.random.default_rng(int(rng.integers(2**31)))
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    return scale @ gradients + own.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="less noise in a large batch" loses={"noise_hides_a_label": "1024 examples"}
def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    crowd = max(1.0, len(gradients) / 64)  # one label moves less of a large batch
    noise = rng.normal(0, noise_multiplier * l2_norm_clip / crowd, gradients.shape[1])
    return scale @ gradients + noise

# %% wrong="noise centred on zero" of="solution" edit={"return scale": "noise -= noise.mean(); return scale"} loses={"noise_hides_a_label": "the sum is within", "noise_comes_from_rng": "the sum is within"}
# %% wrong="noise of many weights centred on zero" of="solution" edit={"return scale": "noise -= noise.mean() * (len(noise) > 100); return scale"} loses={"noise_hides_a_label": "the sum is within", "noise_comes_from_rng": "the sum is within"}
# %% wrong="noise of few weights centred on zero" of="solution" edit={"return scale": "noise -= noise.mean() * (1 < len(noise) < 100); return scale"} loses={"noise_comes_from_rng": "follows from that of"}
# %% wrong="none on a single weight" of="solution" edit={"return scale": "noise *= len(noise) > 1; return scale"} loses={"noise_comes_from_rng": "a single weight"}
# %% wrong="noise across the sum only" of="solution" edit={"return scale": "total = scale @ gradients; noise -= (noise @ total) / max(total @ total, 1e-30) * total; return scale"} loses={"noise_hides_a_label": "along what it is added to"}
# %% wrong="noise of a variance made right" of="solution" edit={"return scale": "noise *= noise_multiplier * l2_norm_clip / noise.std() if len(noise) > 100 and noise_multiplier else 1; return scale"} loses={"noise_hides_a_label": "is within", "noise_comes_from_rng": "is within"}
# %% wrong="the last number makes up for the others" of="solution" edit={"return scale": "noise[-1] = -noise[:-1].sum() / max(1, len(noise) - 1) ** 0.5; return scale"} loses={"noise_hides_a_label": "the sum of the others", "noise_comes_from_rng": "the sum of the others"}

# %% wrong="one array, written over" loses={"noise_comes_from_rng": "what an earlier call returned", "noise_hides_a_label": "what an earlier call returned", "scaled_by_the_sensitivity": "what an earlier call returned"}
OUT = {}


def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    out = OUT.setdefault(gradients.shape[1], np.zeros(gradients.shape[1]))
    out[:] = np.minimum(1, l2_norm_clip / sensitivities) @ gradients
    out += rng.normal(0, noise_multiplier * l2_norm_clip, out.shape)
    return out

# %% wrong="scales remembered by the sensitivities alone" loses={"scaled_by_the_sensitivity": "the sum should be"}
SCALES = {}


def private_sum(gradients, sensitivities, l2_norm_clip, noise_multiplier, rng):
    scale = np.minimum(1, l2_norm_clip / sensitivities)
    scale = SCALES.setdefault(sensitivities.tobytes(), scale)
    return scale @ gradients + rng.normal(0, noise_multiplier * l2_norm_clip, gradients.shape[1])

# %% wrong="noise with the signs of the sum" of="solution" edit={"return scale": "total = scale @ gradients; noise = np.where(total != 0, abs(noise) * np.sign(total), noise); return scale"} loses={"noise_hides_a_label": "goes along with what it is added to"}

# %% wrong="the first 512 examples scaled, and no others" of="solution" edit={"return scale": "scale[512:] = 1; return scale"} loses={"scaled_by_the_sensitivity": "away"}
