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

# %% wrong="clips each example" loses={"each_group_is_clipped": "GROUP's mean"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    norms = np.linalg.norm(per_example_grads, axis=1, keepdims=True)
    clipped = per_example_grads * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    groups = len(clipped) // group_size
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, clipped.shape[1])
    return clipped.mean(axis=0) + noise / groups

# %% wrong="the sum over groups" loses={"each_group_is_clipped": "divide by their number", "noise_grows_with_the_group": "together with the sum"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    return clipped.sum(axis=0) + rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])

# %% wrong="divides by the examples" edit={"len(means)": "len(per_example_grads)"} loses={"each_group_is_clipped": "number of GROUPS", "noise_grows_with_the_group": "number of EXAMPLES"}

# %% wrong="no clipping" loses={"each_group_is_clipped": "Nothing was clipped"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    noise = rng.normal(0, noise_multiplier * l2_norm_clip, means.shape[1])
    return (means.sum(axis=0) + noise) / len(means)

# %% wrong="noise without the clip" edit={"noise_multiplier * l2_norm_clip": "noise_multiplier"} loses={"noise_grows_with_the_group": "multiplied by l2_norm_clip"}

# %% wrong="noise for every group" loses={"noise_grows_with_the_group": "once for each group"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    return (clipped + rng.normal(0, noise_multiplier * l2_norm_clip, means.shape)).mean(axis=0)

# %% wrong="groups of every fifth example" edit={"(-1, group_size,": "(group_size, -1,", ".mean(axis=1)": ".mean(axis=0)"} loses={"each_group_is_clipped": "TensorFlow Privacy's step"}
# %% wrong="the group's sum, not its mean" edit={".mean(axis=1)": ".sum(axis=1)"} loses={"each_group_is_clipped": "TensorFlow Privacy's step"}
# %% wrong="a random generator of its own" edit={"rng.normal": "np.random.normal"} loses={"group_noise_comes_from_rng": "`rng` that is passed in"}
# %% wrong="the same noise always" edit={"rng.normal": "np.random.default_rng(0).normal"} loses={"group_noise_comes_from_rng": "Different rngs"}
# %% wrong="Laplace noise" edit={"rng.normal": "rng.laplace", "l2_norm_clip, means": "l2_norm_clip / 2**0.5, means"} loses={"noise_grows_with_the_group": "not Gaussian"}

# %% wrong="uniform noise" loses={"noise_grows_with_the_group": "not Gaussian"}
def microbatch_gradient(per_example_grads, group_size, l2_norm_clip, noise_multiplier, rng):
    means = per_example_grads.reshape(-1, group_size, per_example_grads.shape[1]).mean(axis=1)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    clipped = means * (l2_norm_clip / np.maximum(norms, l2_norm_clip))
    width = 3**0.5 * noise_multiplier * l2_norm_clip
    return (clipped.sum(axis=0) + rng.uniform(-width, width, means.shape[1])) / len(means)
