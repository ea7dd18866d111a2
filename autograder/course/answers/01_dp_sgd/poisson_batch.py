# %% right="np.where"
def poisson_batch(rng, n, sampling_probability):
    return np.where(rng.uniform(size=n) < sampling_probability)[0]

# %% right="a list of coin tosses"
def poisson_batch(rng, n, sampling_probability):
    return [i for i in range(n) if rng.random() < sampling_probability]

# %% right="binomial coins"
def poisson_batch(rng, n, sampling_probability):
    return np.arange(n)[rng.binomial(1, sampling_probability, n).astype(bool)]

# %% right="a binomial size, then distinct members"
def poisson_batch(rng, n, sampling_probability):
    size = rng.binomial(n, sampling_probability)
    return rng.choice(n, size, replace=False)

# %% right="a TensorFlow result"
def poisson_batch(rng, n, sampling_probability):
    return tf.where(rng.random(n) < sampling_probability)[:, 0]

# %% wrong="a fixed size without replacement" loses={"sizes_are_binomial": "same size"}
def poisson_batch(rng, n, sampling_probability):
    return rng.choice(n, round(n * sampling_probability), replace=False)

# %% wrong="a Poisson-distributed size" loses={"sizes_are_binomial": "a coin of its own"}
def poisson_batch(rng, n, sampling_probability):
    return rng.permutation(n)[: rng.poisson(n * sampling_probability)]

# %% wrong="never an empty batch" loses={"sizes_are_binomial": "empty"}
def poisson_batch(rng, n, sampling_probability):
    batch = np.flatnonzero(rng.random(n) < sampling_probability)
    return batch if len(batch) else np.array([rng.integers(n)])

# %% wrong="a fixed size with replacement" loses={"sizes_are_binomial": "same size", "examples_are_independent": "twice"}
def poisson_batch(rng, n, sampling_probability):
    return rng.integers(0, n, round(n * sampling_probability))

# %% wrong="a binomial size with replacement" loses={"examples_are_independent": "twice"}
def poisson_batch(rng, n, sampling_probability):
    return rng.choice(n, rng.binomial(n, sampling_probability))

# %% wrong="a Poisson size, a contiguous block" of="a binomial size, then distinct members" edit={"rng.choice(n, size, replace=False)": "(rng.integers(n) + np.arange(size)) % n"} loses={"examples_are_independent": "neighbours"}
# %% wrong="the mask" of="solution" edit={"np.flatnonzero(": "("} loses={"sizes_are_binomial": "mask", "examples_are_independent": "mask"}
# %% wrong="off by one" of="solution" edit={"return np.flatnonzero": "return 1 + np.flatnonzero"} loses={"sizes_are_binomial": "n − 1", "examples_are_independent": "n − 1"}
# %% wrong="the complement" of="solution" edit={"rng.random(n) <": "rng.random(n) >"} loses={"sizes_are_binomial": "on average", "examples_are_independent": "are expected"}

# %% wrong="slices of a shuffled epoch" loses={"sizes_are_binomial": "same size", "examples_are_independent": "successive"}
def poisson_batch(rng, n, sampling_probability):
    global order
    size = round(n * sampling_probability)
    if "order" not in globals() or len(order) < size or order.max() >= n:
        order = rng.permutation(n)
    batch, order = order[:size], order[size:]
    return batch

# %% wrong="a generator of its own" of="solution" edit={"rng.random": "np.random.random"} loses={"examples_are_independent": "rng you are given"}
