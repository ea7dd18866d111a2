# %% right="one expression"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    return [(g + rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)) / expected_batch_size for g in clipped_sum]

# %% right="a loop"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    result = []
    for g in clipped_sum:
        noise = noise_multiplier * l2_norm_clip * rng.standard_normal(g.shape)
        result.append((g + noise) / expected_batch_size)
    return result

# %% right="noise after the division, scaled to match"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    scale = noise_multiplier * l2_norm_clip / expected_batch_size
    return [g / expected_batch_size + rng.normal(scale=scale, size=g.shape) for g in clipped_sum]

# %% right="stateless TensorFlow noise, seeded by rng"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    return tuple(
        (g + tf.random.stateless_normal(
            g.shape, seed=rng.integers(2**31, size=2), stddev=noise_multiplier * l2_norm_clip
        )) / expected_batch_size
        for g in clipped_sum
    )

# %% right="float32, one flat draw cut into pieces"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    total = sum(g.size for g in clipped_sum)
    noise = rng.standard_normal(total, dtype=np.float32) * np.float32(noise_multiplier * l2_norm_clip)
    out, at = [], 0
    for g in clipped_sum:
        out.append((g + noise[at : at + g.size].reshape(g.shape)) / np.float32(expected_batch_size))
        at += g.size
    return out

# %% wrong="noise after the division" edit={"(g +": "(g / expected_batch_size +", "g.shape)) / expected_batch_size": "g.shape))"} loses={"noise_has_the_right_scale": "after the division"}
# %% wrong="forgets the clip" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier"} loses={"noise_has_the_right_scale": "l2_norm_clip is missing"}
# %% wrong="a variance as deviation" of="solution" edit={"noise_multiplier * l2_norm_clip": "(noise_multiplier * l2_norm_clip) ** 2"} loses={"noise_has_the_right_scale": "variance is used where a standard deviation"}

# %% wrong="one draw for all coordinates" loses={"noise_has_the_right_scale": "one number for each coordinate", "noise_is_fresh_and_reproducible": "one number for each coordinate"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    noise = rng.normal(0, noise_multiplier * l2_norm_clip)
    return [(g + noise) / expected_batch_size for g in clipped_sum]

# %% wrong="one draw for each variable" of="solution" edit={"(0, deviation, g.shape)": "(0, deviation)"} loses={"noise_has_the_right_scale": "one number for each coordinate", "noise_is_fresh_and_reproducible": "one number for each coordinate"}
# %% wrong="NumPy's global generator" edit={"rng.normal": "np.random.normal"} loses={"noise_is_fresh_and_reproducible": "rng you are given"}
# %% wrong="re-seeds at every call" edit={"return": "rng = np.random.default_rng(0); return"} loses={"noise_is_fresh_and_reproducible": "two calls"}
# %% wrong="divides by the number of variables" edit={"/ expected_batch_size": "/ len(clipped_sum)"} loses={"without_noise_it_is_the_mean": "clipped_sum / result", "noise_has_the_right_scale": "times"}
# %% wrong="Laplace noise" of="solution" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier * l2_norm_clip / np.sqrt(2)", "rng.normal": "rng.laplace"} loses={"noise_has_the_right_scale": "not Gaussian"}
# %% wrong="forgets the noise" edit={"(g + rng.normal(0, noise_multiplier * l2_norm_clip, g.shape))": "g"} loses={"noise_has_the_right_scale": "no noise", "noise_is_fresh_and_reproducible": "no noise"}

# %% wrong="fresh noise for the first variable only" loses={"noise_is_fresh_and_reproducible": "in some variable"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    deviation = noise_multiplier * l2_norm_clip
    generators = [rng, *(np.random.default_rng(i) for i in range(1, len(clipped_sum)))]
    return [
        (g + generator.normal(0, deviation, g.shape)) / expected_batch_size
        for g, generator in zip(clipped_sum, generators)
    ]

# %% wrong="the second variable from NumPy's global generator" of="solution" edit={"rng.normal": "(np.random if i else rng).normal", "for g in clipped_sum": "for i, g in enumerate(clipped_sum)"} loses={"noise_is_fresh_and_reproducible": "rng you are given"}
