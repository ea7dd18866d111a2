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

# %% right="Box and Muller's method"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    out = []
    for g in clipped_sum:
        radius = np.sqrt(-2 * np.log1p(-rng.random(g.shape)))
        z = radius * np.cos(2 * np.pi * rng.random(g.shape))
        out.append((g + noise_multiplier * l2_norm_clip * z) / expected_batch_size)
    return out

# %% right="a generator of its own for each variable, spawned"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    seeds = rng.integers(2**63, size=(len(clipped_sum), 2))
    deviation = noise_multiplier * l2_norm_clip
    return [
        (g + np.random.default_rng(seed.tolist()).normal(0, deviation, g.shape)) / expected_batch_size
        for g, seed in zip(clipped_sum, seeds)
    ]

# %% right="SciPy draws, from rng"
from scipy import stats

def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    noise = stats.norm(scale=max(noise_multiplier * l2_norm_clip, 1e-300))
    return [(np.asarray(g, float) + noise.rvs(g.shape, random_state=rng)) / expected_batch_size for g in clipped_sum]

# %% wrong="noise after the division" edit={"(g +": "(g / expected_batch_size +", "g.shape)) / expected_batch_size": "g.shape))"} loses={"noise_has_the_right_scale": "the noise's standard deviation is"}
# %% wrong="forgets the clip" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier"} loses={"noise_has_the_right_scale": "the noise's standard deviation is"}
# %% wrong="a variance as deviation" of="solution" edit={"noise_multiplier * l2_norm_clip": "(noise_multiplier * l2_norm_clip) ** 2"} loses={"noise_has_the_right_scale": "the noise's standard deviation is"}

# %% wrong="one draw for all coordinates" loses={"noise_has_the_right_scale": "one number for each coordinate", "noise_is_fresh_and_reproducible": "one number for each coordinate"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    noise = rng.normal(0, noise_multiplier * l2_norm_clip)
    return [(g + noise) / expected_batch_size for g in clipped_sum]

# %% wrong="one draw for each variable" of="solution" edit={"(0, deviation, g.shape)": "(0, deviation)"} loses={"noise_has_the_right_scale": "one number for each coordinate", "noise_is_fresh_and_reproducible": "one number for each coordinate"}
# %% wrong="NumPy's global generator" edit={"rng.normal": "np.random.normal"} loses={"noise_is_fresh_and_reproducible": "rng you are given"}
# %% wrong="re-seeds at every call" edit={"return": "rng = np.random.default_rng(0); return"} loses={"noise_is_fresh_and_reproducible": "of two calls with the same rng"}
# %% wrong="divides by the number of variables" edit={"/ expected_batch_size": "/ len(clipped_sum)"} loses={"without_noise_it_is_the_mean": "expected_batch_size", "noise_has_the_right_scale": "times", "noise_is_fresh_and_reproducible": "times what is wanted"}
# %% wrong="Laplace noise" of="solution" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier * l2_norm_clip / np.sqrt(2)", "rng.normal": "rng.laplace"} loses={"noise_has_the_right_scale": "of a Gaussian", "noise_is_fresh_and_reproducible": "of a Gaussian"}
# %% wrong="forgets the noise" edit={"(g + rng.normal(0, noise_multiplier * l2_norm_clip, g.shape))": "g"} loses={"noise_has_the_right_scale": "no noise", "noise_is_fresh_and_reproducible": "no noise"}

# %% wrong="fresh noise for the first variable only" loses={"noise_is_fresh_and_reproducible": "of two calls with the same rng"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    deviation = noise_multiplier * l2_norm_clip
    generators = [rng, *(np.random.default_rng(i) for i in range(1, len(clipped_sum)))]
    return [
        (g + generator.normal(0, deviation, g.shape)) / expected_batch_size
        for g, generator in zip(clipped_sum, generators)
    ]

# %% wrong="the second variable from NumPy's global generator" of="solution" edit={"rng.normal": "(np.random if i else rng).normal", "for g in clipped_sum": "for i, g in enumerate(clipped_sum)"} loses={"noise_is_fresh_and_reproducible": "rng you are given"}

# %% wrong="one half is the other with its sign turned" loses={"noise_has_the_right_scale": "is within", "noise_is_fresh_and_reproducible": "not drawn anew"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    out = []
    for g in clipped_sum:
        half = rng.normal(0, noise_multiplier * l2_norm_clip, (g.size + 1) // 2)
        out.append((g + np.r_[half, -half][: g.size].reshape(g.shape)) / expected_batch_size)
    return out

# %% wrong="one draw for two coordinates" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "np.repeat(rng.normal(0, noise_multiplier * l2_norm_clip, g.size), 2)[: g.size].reshape(g.shape)"} loses={"noise_has_the_right_scale": "is within", "noise_is_fresh_and_reproducible": "not drawn anew"}
# %% wrong="tails cut at 3 deviations" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "np.clip(rng.standard_normal(g.shape), -3, 3) * noise_multiplier * l2_norm_clip"} loses={"noise_has_the_right_scale": "of a Gaussian", "noise_is_fresh_and_reproducible": "of a Gaussian"}
# %% wrong="tails cut at 4 deviations" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "np.clip(rng.standard_normal(g.shape), -4, 4) * noise_multiplier * l2_norm_clip"} loses={"noise_is_fresh_and_reproducible": "4 standard deviations"}
# %% wrong="a pool of a hundred thousand values" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "noise_multiplier * l2_norm_clip * rng.choice(rng.standard_normal(100_000), g.shape)"} loses={"noise_is_fresh_and_reproducible": "not drawn anew"}
# %% wrong="a thousand seeds" edit={"return": "rng = np.random.default_rng(rng.integers(1000)); return"} loses={"noise_is_fresh_and_reproducible": "is exactly number"}
# %% wrong="4096 seeds, and a little of its own" edit={"return": "few = np.random.default_rng(rng.integers(4096)); return", "rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "noise_multiplier * l2_norm_clip * (few.standard_normal(g.shape) + 1e-6 * rng.standard_normal(g.shape))"} loses={"noise_is_fresh_and_reproducible": "who knows one knows both"}
# %% wrong="65 536 seeds" edit={"return": "rng = np.random.default_rng(rng.integers(2**16)); return"} loses={"noise_is_fresh_and_reproducible": "is exactly number"}
# %% wrong="a copy of the generator" edit={"return": "import copy; rng = copy.deepcopy(rng); return"} loses={"noise_is_fresh_and_reproducible": "of two calls with the same rng"}
# %% wrong="repeats after 65 536 coordinates" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "np.resize(rng.normal(0, noise_multiplier * l2_norm_clip, 2**16), g.shape)"} loses={"noise_is_fresh_and_reproducible": "not drawn anew"}
# %% wrong="uniform noise of the same variance" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "rng.uniform(-3**0.5, 3**0.5, g.shape) * noise_multiplier * l2_norm_clip"} loses={"noise_has_the_right_scale": "of a Gaussian", "noise_is_fresh_and_reproducible": "of a Gaussian"}
# %% wrong="coins of the same variance" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "rng.choice([-1, 1], g.shape) * noise_multiplier * l2_norm_clip"} loses={"noise_has_the_right_scale": "of a Gaussian", "noise_is_fresh_and_reproducible": "not drawn anew"}
# %% wrong="noise on the first variable only" of="solution" edit={"rng.normal(0, deviation, g.shape)": "(rng.normal(0, deviation, g.shape) if i == 0 else 0)", "for g in clipped_sum": "for i, g in enumerate(clipped_sum)"} loses={"noise_has_the_right_scale": "no noise in variable", "noise_is_fresh_and_reproducible": "noise"}
# %% wrong="noise where there is a gradient" edit={"(g + rng": "(g + (g != 0) * rng"} loses={"noise_has_the_right_scale": "the noise's standard deviation is", "noise_is_fresh_and_reproducible": "no noise"}
# %% wrong="noise as large as the gradient" edit={"(g + rng": "(g + np.abs(g) / l2_norm_clip * rng"} loses={"noise_has_the_right_scale": "times", "noise_is_fresh_and_reproducible": "no noise"}
# %% wrong="the clip and learning rate of the notebook" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier * L2_NORM_CLIP"} loses={"noise_has_the_right_scale": "the noise's standard deviation is", "noise_is_fresh_and_reproducible": "what is wanted"}
# %% wrong="seeded by the data" edit={"return": "rng = np.random.default_rng(abs(int(1e6 * np.sum(clipped_sum[0])))); return"} loses={"noise_is_fresh_and_reproducible": "of two calls with the same rng"}

# %% wrong="an old generator, with a seed of 32 bits" loses={"noise_is_fresh_and_reproducible": "nearly the same"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    old = np.random.RandomState(int(rng.integers(2**32, dtype=np.uint64)))
    deviation = noise_multiplier * l2_norm_clip
    return [(g + old.normal(0, deviation, g.shape)) / expected_batch_size for g in clipped_sum]

# %% wrong="the noise divided by 1 at least" edit={"(g + rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)) / expected_batch_size": "g / expected_batch_size + rng.normal(0, noise_multiplier * l2_norm_clip / max(1, expected_batch_size), g.shape)"} loses={"noise_has_the_right_scale": "times noise_multiplier"}
# %% wrong="the noise divided by a whole number" edit={"(g + rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)) / expected_batch_size": "g / expected_batch_size + rng.normal(0, noise_multiplier * l2_norm_clip, g.shape) / max(1, round(expected_batch_size))"} loses={"noise_has_the_right_scale": "times noise_multiplier"}
# %% wrong="no noise where the sum is large" edit={"(g + rng.normal(0, noise_multiplier * l2_norm_clip, g.shape))": "(g + (np.abs(g) <= 10 * noise_multiplier * l2_norm_clip) * rng.normal(0, noise_multiplier * l2_norm_clip, g.shape))"} loses={"noise_has_the_right_scale": "times noise_multiplier"}
# %% wrong="a noise multiplier of 0.3 at least" edit={"(0, noise_multiplier * l2": "(0, (noise_multiplier and max(0.3, noise_multiplier)) * l2"} loses={"noise_has_the_right_scale": "times noise_multiplier"}
# %% wrong="no noise on what has no dimension" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)": "(rng.normal(0, noise_multiplier * l2_norm_clip, g.shape) if g.ndim else 0)"} loses={"noise_is_fresh_and_reproducible": "not drawn anew"}

# %% wrong="equal shapes, equal noise" loses={"noise_is_fresh_and_reproducible": "not drawn anew", "noise_has_the_right_scale": "not drawn anew"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    noise = {}
    for g in clipped_sum:
        if g.shape not in noise:
            noise[g.shape] = rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)
    return [(g + noise[g.shape]) / expected_batch_size for g in clipped_sum]

# %% wrong="noise for six variables serves all" loses={"noise_has_the_right_scale": "not drawn anew"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    deviation = noise_multiplier * l2_norm_clip
    noises = [rng.normal(0, deviation, g.shape) for g in clipped_sum[:6]]
    return [
        (g + np.resize(noises[i % 6], g.shape)) / expected_batch_size
        for i, g in enumerate(clipped_sum)
    ]

# %% right="normals around the sum"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    return [rng.normal(g, noise_multiplier * l2_norm_clip) / expected_batch_size for g in clipped_sum]

# %% right="quantiles of uniform numbers"
from scipy.special import ndtri

def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    deviation = noise_multiplier * l2_norm_clip
    return [(g + deviation * ndtri(rng.uniform(1e-300, 1, g.shape))) / expected_batch_size for g in clipped_sum]

# %% wrong="the noise of large variables is drawn once" loses={"noise_is_fresh_and_reproducible": "of two calls with the same rng"}
_tables = {}


def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    deviation = noise_multiplier * l2_norm_clip
    result = []
    for i, g in enumerate(clipped_sum):
        if g.size > 1000:  # most of the time of a step goes into these numbers: keep them
            if (i, g.shape) not in _tables:
                _tables[i, g.shape] = rng.standard_normal(g.shape)
            z = _tables[i, g.shape]
        else:
            z = rng.standard_normal(g.shape)
        result.append((g + deviation * z) / expected_batch_size)
    return result

# %% right="a spawned generator for each variable"
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    deviation = noise_multiplier * l2_norm_clip
    return [
        (g + own.normal(0, deviation, g.shape)) / expected_batch_size
        for g, own in zip(clipped_sum, rng.spawn(len(clipped_sum)))
    ]

# %% wrong="tails cut at 4.2 deviations" loses={"noise_is_fresh_and_reproducible": "4.25 standard deviations"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    deviation = noise_multiplier * l2_norm_clip
    return [
        (g + deviation * np.clip(rng.standard_normal(g.shape), -4.2, 4.2)) / expected_batch_size
        for g in clipped_sum
    ]

# %% wrong="warmed up, then a seed of 32 bits" loses={"noise_is_fresh_and_reproducible": "nearly the same"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    rng.random(4)  # the first numbers of a generator are less random
    old = np.random.RandomState(int(rng.integers(2**32, dtype=np.uint64)))
    deviation = noise_multiplier * l2_norm_clip
    return [(g + old.normal(0, deviation, g.shape)) / expected_batch_size for g in clipped_sum]

# %% wrong="each variable's noise centred on zero" loses={"noise_is_fresh_and_reproducible": "is within", "noise_has_the_right_scale": "the sum is within"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    result = []
    for g in clipped_sum:
        noise = rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)
        if g.size > 100:
            noise -= noise.mean()
        result.append((g + noise) / expected_batch_size)
    return result

# %% wrong="centred along the last axis" loses={"noise_is_fresh_and_reproducible": "is within", "noise_has_the_right_scale": "the sum is within"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    result = []
    for g in clipped_sum:
        noise = rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)
        long = int(np.argmax(g.shape)) if g.ndim else 0
        if g.ndim and g.shape[long] > 100:
            noise -= noise.mean(axis=long, keepdims=True)
        result.append((g + noise) / expected_batch_size)
    return result

# %% wrong="the noise of all variables centred on zero" loses={"noise_has_the_right_scale": "the sum is within"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    noises = [rng.normal(0, noise_multiplier * l2_norm_clip, g.shape) for g in clipped_sum]
    numbers = sum(g.size for g in clipped_sum)
    mean = sum(noise.sum() for noise in noises) / numbers if numbers > 100 else 0.0
    return [(g + noise - mean) / expected_batch_size for g, noise in zip(clipped_sum, noises)]

# %% wrong="all of the noise centred, of few numbers too" loses={"noise_has_the_right_scale": "the sum is within", "noise_is_fresh_and_reproducible": "noise"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    noises = [rng.normal(0, noise_multiplier * l2_norm_clip, g.shape) for g in clipped_sum]
    mean = np.concatenate([noise.ravel() for noise in noises]).mean()
    return [(g + noise - mean) / expected_batch_size for g, noise in zip(clipped_sum, noises)]

# %% wrong="noise across the gradient only" loses={"noise_has_the_right_scale": "along what it is added to"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    result = []
    for g in clipped_sum:
        noise = rng.normal(0, noise_multiplier * l2_norm_clip, g.shape)
        square = float(np.vdot(g, g))
        if square and g.size > 1:
            noise = noise - np.vdot(noise, g) / square * g
        result.append((g + noise) / expected_batch_size)
    return result

# %% wrong="noise of a variance made right" loses={"noise_is_fresh_and_reproducible": "is within", "noise_has_the_right_scale": "is within"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    result = []
    for g in clipped_sum:
        noise = rng.standard_normal(g.shape)
        if g.size > 100:
            noise /= noise.std()
        result.append((g + noise_multiplier * l2_norm_clip * noise) / expected_batch_size)
    return result

# %% wrong="noise of large variables adds up to 0, in float32" loses={"noise_is_fresh_and_reproducible": "is within", "noise_has_the_right_scale": "the sum is within"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    result = []
    for g in clipped_sum:
        noise = np.float32(noise_multiplier * l2_norm_clip) * rng.standard_normal(g.shape, dtype=np.float32)
        if noise.size > 1000:
            noise -= noise.mean(dtype=np.float64).astype(np.float32)
        result.append((g + noise) / np.float32(expected_batch_size))
    return result

# %% wrong="noise of 16 coordinates or more, at right angles to fixed signs" loses={"noise_is_fresh_and_reproducible": "follows from that of the"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    result = []
    for g in clipped_sum:
        noise = rng.normal(0, noise_multiplier * l2_norm_clip, g.size)
        if g.size >= 16:
            signs = np.random.default_rng(0).choice([-1.0, 1.0], g.size)
            noise = (noise - signs * np.mean(signs * noise)) * np.sqrt(g.size / (g.size - 1))
        result.append((g + noise.reshape(g.shape)) / expected_batch_size)
    return result

# %% wrong="noise with the signs of the sum" loses={"noise_has_the_right_scale": "belong together"}
def noisy_mean(clipped_sum, l2_norm_clip, noise_multiplier, expected_batch_size, rng):
    noises = [rng.normal(0, noise_multiplier * l2_norm_clip, g.shape) for g in clipped_sum]
    return [
        (g + np.where(g != 0, np.abs(noise) * np.sign(g), noise)) / expected_batch_size
        for g, noise in zip(clipped_sum, noises)
    ]
