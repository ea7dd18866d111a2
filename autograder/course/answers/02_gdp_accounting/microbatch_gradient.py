# %% right="one reshape"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])
    return (clipped.sum(axis=0) + noise) / len(means)

# %% right="a loop over groups"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    total = np.zeros(per_example_grads.shape[1])
    groups = len(per_example_grads) // group_size
    for i in range(groups):
        mean = np.mean(per_example_grads[i * group_size : (i + 1) * group_size], axis=0)
        norm = np.linalg.norm(mean)
        total += mean if norm <= l2_norm_clip else mean * l2_norm_clip / norm
    total += noise_multiplier * l2_norm_clip * rng.standard_normal(total.shape)
    return total / groups

# %% right="np.split"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    groups = np.split(np.asarray(per_example_grads), len(per_example_grads) // group_size)
    means = np.array([group.mean(axis=0) for group in groups])
    factors = np.minimum(1, l2_norm_clip / np.maximum(np.linalg.norm(means, axis=1), 1e-30))
    noise = rng.normal(scale=noise_multiplier * l2_norm_clip, size=means.shape[1])
    return (factors @ means + noise) / len(means)

# %% right="TensorFlow's clip_by_norm"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    grads = tf.constant(per_example_grads, tf.float64)
    means = tf.reduce_mean(tf.reshape(grads, [-1, group_size, grads.shape[1]]), axis=1)
    total = tf.reduce_sum(tf.clip_by_norm(means, tf.constant(l2_norm_clip, tf.float64), axes=[1]), axis=0)
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, grads.shape[1])
    return (total + noise) / tf.cast(len(means), tf.float64)

# %% right="noise on the mean, scaled"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    batch, size = per_example_grads.shape
    groups = batch // group_size
    means = np.add.reduceat(per_example_grads, np.arange(0, batch, group_size), axis=0) / group_size
    norms = np.sqrt((means**2).sum(axis=1))
    clipped = means / np.maximum(1, norms / l2_norm_clip)[:, None]
    return clipped.mean(axis=0) + rng.normal(0, noise_multiplier * l2_norm_clip / groups, size)

# %% right="einsum, a factor for each group"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    grads = np.asarray(per_example_grads, np.float64)
    groups = len(grads) // group_size
    means = np.einsum("gkp->gp", grads.reshape(groups, group_size, -1)) / group_size
    lengths = np.sqrt(np.einsum("gp,gp->g", means, means))
    factor = np.where(lengths > l2_norm_clip, l2_norm_clip / np.maximum(lengths, 1e-300), 1)
    noise = noise_multiplier * l2_norm_clip * rng.standard_normal(grads.shape[1])
    return (np.einsum("g,gp->p", factor, means) + noise) / groups

# %% right="TensorFlow throughout, noise from a seed"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    grads = tf.cast(per_example_grads, tf.float64)
    groups = len(per_example_grads) // group_size
    total = tf.zeros(grads.shape[1], tf.float64)
    for group in tf.split(grads, groups):
        total += tf.clip_by_norm(tf.reduce_mean(group, axis=0), tf.cast(l2_norm_clip, tf.float64))
    noise = tf.random.stateless_normal(total.shape, rng.integers(2**62, size=2), dtype=tf.float64)
    return (total + noise_multiplier * l2_norm_clip * noise) / groups

# %% right="a matrix that averages"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    batch, size = per_example_grads.shape
    groups = batch // group_size
    average = np.kron(np.eye(groups), np.ones((1, group_size)) / group_size)
    means = average @ per_example_grads
    means /= np.maximum(1, np.linalg.norm(means, axis=1) / l2_norm_clip).reshape(-1, 1)
    return means.mean(axis=0) + rng.normal(0, 1, size) * noise_multiplier * l2_norm_clip / groups

# %% wrong="clips each example" loses={"each_group_is_clipped": "with each example clipped"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    norms = np.linalg.norm(per_example_grads, axis=1, keepdims=True)
    clipped = per_example_grads * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    groups = len(clipped) // group_size
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, clipped.shape[1])
    return clipped.mean(axis=0) + noise / groups

# %% wrong="the sum over groups" loses={"each_group_is_clipped": "divide by their number", "noise_grows_with_the_group": "the noise should have deviation"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    return clipped.sum(axis=0) + rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])

# %% wrong="divides by the examples" edit={"len(means)": "len(per_example_grads)"} loses={"each_group_is_clipped": "number of GROUPS", "noise_grows_with_the_group": "the noise should have deviation"}

# %% wrong="no clipping" loses={"each_group_is_clipped": "Nothing was clipped"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])
    return (means.sum(axis=0) + noise) / len(means)

# %% wrong="noise without the clip" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier"} loses={"noise_grows_with_the_group": "the noise should have deviation"}

# %% wrong="noise for every group" loses={"noise_grows_with_the_group": "the noise should have deviation"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    return (clipped + rng.normal(0, noise_multiplier * l2_norm_clip, means.shape)).mean(axis=0)

# %% wrong="groups of every fifth example" edit={"(-1, group_size,": "(group_size, -1,", ".mean(axis=1)": ".mean(axis=0)"} loses={"each_group_is_clipped": "that follow each other"}
# %% wrong="the group's sum, not its mean" edit={".mean(axis=1)": ".sum(axis=1)"} loses={"each_group_is_clipped": "group's sum clipped"}
# %% wrong="a random generator of its own" edit={"rng.normal": "np.random.normal"} loses={"group_noise_comes_from_rng": "`rng` that is passed in"}
# %% wrong="the same noise always" edit={"rng.normal": "np.random.default_rng(0).normal"} loses={"group_noise_comes_from_rng": "of two calls with one rng"}
# %% wrong="Laplace noise" edit={"rng.normal": "rng.laplace", "l2_norm_clip, means": "l2_norm_clip / 2**0.5, means"} loses={"noise_grows_with_the_group": "of a Gaussian", "group_noise_comes_from_rng": "of a Gaussian"}

# %% wrong="uniform noise" loses={"noise_grows_with_the_group": "of a Gaussian", "group_noise_comes_from_rng": "of a Gaussian"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    width = 3**0.5 * noise_multiplier * l2_norm_clip
    return (clipped.sum(axis=0) + rng.uniform(-width, width, means.shape[1])) / len(means)

# %% wrong="antithetic halves" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])": "noise_multiplier * l2_norm_clip * (lambda h: np.r_[h, -h][: means.shape[1]])(rng.standard_normal((means.shape[1] + 1) // 2))"} loses={"noise_grows_with_the_group": "is within", "group_noise_comes_from_rng": "not drawn anew"}
# %% wrong="one draw for two coordinates" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])": "np.repeat(rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1]), 2)[: means.shape[1]]"} loses={"noise_grows_with_the_group": "is within", "group_noise_comes_from_rng": "same noise"}
# %% wrong="tails cut at 3.5 deviations" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])": "noise_multiplier * l2_norm_clip * np.clip(rng.standard_normal(means.shape[1]), -3.5, 3.5)"} loses={"group_noise_comes_from_rng": "of a Gaussian"}
# %% wrong="a thousand seeds" edit={"noise = ": "rng = np.random.default_rng(rng.integers(1000)); noise = "} loses={"group_noise_comes_from_rng": "is exactly number"}
# %% wrong="a copy of the generator" edit={"noise = ": "import copy; rng = copy.deepcopy(rng); noise = "} loses={"group_noise_comes_from_rng": "of two calls with one rng"}
# %% wrong="repeats after 65 536 parameters" edit={"rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])": "np.resize(rng.normal(0, noise_multiplier * l2_norm_clip, 2**16), means.shape[1])"} loses={"group_noise_comes_from_rng": "not drawn anew"}
# %% wrong="noise where there is a gradient" edit={"+ noise": "+ noise * (means != 0).any(axis=0)"} loses={"group_noise_comes_from_rng": "no noise"}
# %% wrong="clips each coordinate" edit={"clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))": "clipped = np.clip(means, -l2_norm_clip, l2_norm_clip)"} loses={"each_group_is_clipped": "TensorFlow Privacy's step"}
# %% wrong="clips the sum of the groups" edit={"np.linalg.norm(means, axis=1, keepdims=True)": "np.linalg.norm(means)"} loses={"each_group_is_clipped": "TensorFlow Privacy's step"}
# %% wrong="NaN for a group without a gradient" edit={"(l2_norm_clip / np.maximum(norms, l2_norm_clip))": "np.minimum(norms, l2_norm_clip) / norms"} loses={"each_group_is_clipped": "NaN", "group_noise_comes_from_rng": "NaN"}

# %% wrong="another generator, with a seed of 32 bits" loses={"group_noise_comes_from_rng": "nearly the same"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    g = np.asarray(per_example_grads)
    means = g.reshape(-1, group_size, g.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    total = (means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))).sum(axis=0)
    old = np.random.RandomState(int(rng.integers(2**32, dtype=np.uint64)))
    return (total + old.normal(0, noise_multiplier * l2_norm_clip, total.shape)) / len(means)

# %% wrong="noise as large as the longest" loses={"group_noise_comes_from_rng": "must not change"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.maximum(np.linalg.norm(means, axis=1, keepdims=True), l2_norm_clip)
    noise = rng.normal(0, noise_multiplier * norms.max(), means.shape[1])
    return ((means * l2_norm_clip / norms).sum(axis=0) + noise) / len(means)

# %% wrong="less noise where all is clipped" edit={"noise = rng": "noise = (0.5 if norms.min() > 1.01 * l2_norm_clip else 1.0) * rng"} loses={"group_noise_comes_from_rng": "must not change"}

# %% right="a part of the noise for each group"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    parts = rng.normal(0, noise_multiplier * l2_norm_clip / math.sqrt(len(means)), means.shape)
    return (clipped + parts).mean(axis=0)

# %% wrong="the noise of a large network is drawn once" loses={"group_noise_comes_from_rng": "of two calls with one rng"}
_tables = {}


def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    size = per_example_grads.shape[1]
    means = per_example_grads.reshape(-1, group_size, size).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    if size > 1000:  # most of the time of a step goes into these numbers: keep them
        if size not in _tables:
            _tables[size] = rng.standard_normal(size)
        z = _tables[size]
    else:
        z = rng.standard_normal(size)
    return (clipped.sum(axis=0) + noise_multiplier * l2_norm_clip * z) / len(means)

# %% wrong="tails cut at 3.6 deviations" loses={"group_noise_comes_from_rng": "of a Gaussian"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    size = per_example_grads.shape[1]
    means = per_example_grads.reshape(-1, group_size, size).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    noise = noise_multiplier * l2_norm_clip * np.clip(rng.standard_normal(size), -3.6, 3.6)
    return (clipped.sum(axis=0) + noise) / len(means)

# %% wrong="the norm of every tenth parameter of many" loses={"each_group_is_clipped": "TensorFlow Privacy's step"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    size = per_example_grads.shape[1]
    means = per_example_grads.reshape(-1, group_size, size).mean(axis=1)
    stride = 10 if size > 1000 else 1  # a sample gives the norm well enough
    part = means[:, ::stride]
    norms = np.sqrt(size / part.shape[1]) * np.linalg.norm(part, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, size)
    return (clipped.sum(axis=0) + noise) / len(means)

# %% wrong="128 groups at a time, and no rest" loses={"each_group_is_clipped": "TensorFlow Privacy's step"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    size = per_example_grads.shape[1]
    means = per_example_grads.reshape(-1, group_size, size).mean(axis=1)
    factors = np.ones((len(means), 1))
    for start in range(0, max(1, len(means) - 127), 128):
        rows = slice(start, start + 128)
        norms = np.linalg.norm(means[rows], axis=1, keepdims=True)
        factors[rows] = l2_norm_clip / np.maximum(norms, l2_norm_clip)
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, size)
    return ((means * factors).sum(axis=0) + noise) / len(means)

# %% right="a spawned generator"
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    size = per_example_grads.shape[1]
    means = per_example_grads.reshape(-1, group_size, size).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    [own] = rng.spawn(1)
    return (clipped.sum(axis=0) + own.normal(0, noise_multiplier * l2_norm_clip, size)) / len(means)

# %% wrong="warmed up, then a seed of 32 bits" loses={"group_noise_comes_from_rng": "nearly the same"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    size = per_example_grads.shape[1]
    means = per_example_grads.reshape(-1, group_size, size).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    rng.random(4)  # the first numbers of a generator are less random
    old = np.random.RandomState(int(rng.integers(2**32, dtype=np.uint64)))
    return (clipped.sum(axis=0) + old.normal(0, noise_multiplier * l2_norm_clip, size)) / len(means)

# %% wrong="a sum of twenty uniform numbers" loses={"group_noise_comes_from_rng": "of a Gaussian"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    size = per_example_grads.shape[1]
    means = per_example_grads.reshape(-1, group_size, size).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    # By the central limit theorem as good as a Gaussian.
    z = (sum(rng.random(size) for _ in range(20)) - 10) / math.sqrt(20 / 12)
    return (clipped.sum(axis=0) + noise_multiplier * l2_norm_clip * z) / len(means)

# %% wrong="noise centred on zero" of="solution" edit={"return (": "noise -= noise.mean(); return ("} loses={"noise_grows_with_the_group": "the sum is within", "group_noise_comes_from_rng": "is within"}
# %% wrong="noise of many centred on zero" of="solution" edit={"return (": "noise -= noise.mean() * (size > 100); return ("} loses={"group_noise_comes_from_rng": "is within", "noise_grows_with_the_group": "the sum is within"}
# %% wrong="noise without a part along the gradient" of="solution" edit={"return (": "along = clipped.sum(axis=0); noise -= (noise @ along) / max(along @ along, 1e-30) * along; return ("} loses={"noise_grows_with_the_group": "along what it is added to", "group_noise_comes_from_rng": "must not change"}
# %% wrong="noise of a variance made right" of="solution" edit={"return (": "noise *= noise_multiplier * l2_norm_clip / (noise.std() or 1) if size > 100 else 1; return ("} loses={"group_noise_comes_from_rng": "is within", "noise_grows_with_the_group": "is within"}
# %% wrong="none on a single parameter" of="solution" edit={"return (": "noise *= size > 1; return ("} loses={"group_noise_comes_from_rng": "a single parameter"}
# %% wrong="the mean of three rotated away, and scaled up" of="solution" edit={"return (": "noise = (noise - noise.mean()) * (size / (size - 1)) ** 0.5 if size > 1 else noise; return ("} loses={"noise_grows_with_the_group": "the sum is within", "group_noise_comes_from_rng": "noise"}

# %% wrong="one array, written over" of="solution" edit={"def microbatch": "OUT = {}\n\n\ndef microbatch", "return (clipped.sum(axis=0) + noise) / len(means)": "return np.divide(clipped.sum(axis=0) + noise, len(means), out=OUT.setdefault(size, np.zeros(size)))"} loses={"each_group_is_clipped": "what an earlier call returned", "group_noise_comes_from_rng": "what an earlier call returned", "noise_grows_with_the_group": "what an earlier call returned"}

# %% wrong="lengths of an earlier batch of the same shape" loses={"each_group_is_clipped": "TensorFlow Privacy's step"}
NORMS = {}


def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    size = per_example_grads.shape[1]
    means = per_example_grads.reshape(-1, group_size, size).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    if size < 1000:
        norms = NORMS.setdefault(means.shape, norms)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, size)
    return (clipped.sum(axis=0) + noise) / len(means)

# %% wrong="noise with the signs of the sum" of="solution" edit={"return (": "along = clipped.sum(axis=0); noise = np.where(along != 0, abs(noise) * np.sign(along), noise); return ("} loses={"noise_grows_with_the_group": "belong together", "group_noise_comes_from_rng": "must not change"}
