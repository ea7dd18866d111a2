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

# %% right="gaps between the chosen, geometric"
def poisson_batch(rng, n, sampling_probability):
    if sampling_probability == 0:
        return []
    chosen, at = [], int(rng.geometric(sampling_probability)) - 1
    while at < n:
        chosen.append(at)
        at += int(rng.geometric(sampling_probability))
    return chosen

# %% right="float32 coins, 32-bit indices"
def poisson_batch(rng, n, sampling_probability):
    return np.nonzero(rng.random(n, dtype=np.float32) < sampling_probability)[0].astype(np.int32)

# %% right="stateless coins, shuffled"
def poisson_batch(rng, n, sampling_probability):
    coins = tf.random.stateless_uniform([n], rng.integers(2**62, size=2), dtype=tf.float64).numpy()
    return rng.permutation(np.flatnonzero(coins < sampling_probability))

# %% wrong="a fixed size without replacement" loses={"sizes_are_binomial": "same size", "examples_are_independent": "size of a batch"}
def poisson_batch(rng, n, sampling_probability):
    return rng.choice(n, round(n * sampling_probability), replace=False)

# %% wrong="a Poisson-distributed size" loses={"sizes_are_binomial": "size of a batch", "examples_are_independent": "size of a batch"}
def poisson_batch(rng, n, sampling_probability):
    return rng.permutation(n)[: rng.poisson(n * sampling_probability)]

# %% wrong="never an empty batch" loses={"sizes_are_binomial": "empty"}
def poisson_batch(rng, n, sampling_probability):
    batch = np.flatnonzero(rng.random(n) < sampling_probability)
    return batch if len(batch) else np.array([rng.integers(n)])

# %% wrong="a fixed size with replacement" loses={"sizes_are_binomial": "twice", "examples_are_independent": "twice"}
def poisson_batch(rng, n, sampling_probability):
    return rng.integers(0, n, round(n * sampling_probability))

# %% wrong="a binomial size with replacement" loses={"sizes_are_binomial": "twice", "examples_are_independent": "twice"}
def poisson_batch(rng, n, sampling_probability):
    return rng.choice(n, rng.binomial(n, sampling_probability))

# %% wrong="a Poisson size, a contiguous block" of="a binomial size, then distinct members" edit={"rng.choice(n, size, replace=False)": "(rng.integers(n) + np.arange(size)) % n"} loses={"sizes_are_binomial": "apart", "examples_are_independent": "those that are 1 coins apart"}
# %% wrong="the mask" of="solution" edit={"np.flatnonzero(": "("} loses={"sizes_are_binomial": "mask", "examples_are_independent": "mask"}
# %% wrong="off by one" of="solution" edit={"return np.flatnonzero": "return 1 + np.flatnonzero"} loses={"sizes_are_binomial": "n − 1", "examples_are_independent": "n − 1"}
# %% wrong="the complement" of="solution" edit={"rng.random(n) <": "rng.random(n) >"} loses={"sizes_are_binomial": "on average", "examples_are_independent": "are expected"}

# %% wrong="slices of a shuffled epoch" loses={"sizes_are_binomial": "same size", "examples_are_independent": "size of a batch"}
def poisson_batch(rng, n, sampling_probability):
    global order
    size = round(n * sampling_probability)
    if "order" not in globals() or len(order) < size or order.max() >= n:
        order = rng.permutation(n)
    batch, order = order[:size], order[size:]
    return batch

# %% wrong="a generator of its own" of="solution" edit={"rng.random": "np.random.random"} loses={"examples_are_independent": "rng you are given"}

# %% wrong="indices as floats" of="solution" edit={"return np.flatnonzero(rng.random(n) < sampling_probability)": "return np.flatnonzero(rng.random(n) < sampling_probability).astype(float)"} loses={"sizes_are_binomial": "no integers", "examples_are_independent": "no integers"}
# %% wrong="a coin with a hundred sides" of="solution" edit={"rng.random(n) < sampling_probability": "rng.integers(100, size=n) < round(100 * sampling_probability)"} loses={"sizes_are_binomial": "batch", "examples_are_independent": "size of a batch"}
# %% wrong="a coin with a thousand sides" of="solution" edit={"rng.random(n) < sampling_probability": "rng.integers(1000, size=n) < 1000 * sampling_probability"} loses={"sizes_are_binomial": "to be expected"}
# %% wrong="a normal size" of="a binomial size, then distinct members" edit={"rng.binomial(n, sampling_probability)": "int(np.clip(round(rng.normal(n * sampling_probability, np.sqrt(n * sampling_probability * (1 - sampling_probability)))), 0, n))"} loses={"sizes_are_binomial": "to be expected"}
# %% wrong="a capped size" of="solution" edit={"return np.flatnonzero(rng.random(n) < sampling_probability)": "batch = np.flatnonzero(rng.random(n) < sampling_probability); return batch[: int(2 * n * sampling_probability) + 1]"} loses={"sizes_are_binomial": "to be expected"}
# %% wrong="one of ten thousand batches" loses={"examples_are_independent": "is exactly number"}
def poisson_batch(rng, n, sampling_probability):
    prepared = np.random.default_rng(rng.integers(10_000))
    return np.flatnonzero(prepared.random(n) < sampling_probability)

# %% wrong="a copy of the generator" of="solution" edit={"return np": "import copy; rng = copy.deepcopy(rng); return np"} loses={"sizes_are_binomial": "same size", "examples_are_independent": "Example"}
# %% wrong="without a generator" of="solution" edit={"rng.random(n)": "np.random.default_rng().random(n)"} loses={"examples_are_independent": "rng you are given"}
# %% wrong="one coin for two neighbours" of="solution" edit={"rng.random(n)": "np.repeat(rng.random(n // 2 + 1), 2)[:n]"} loses={"sizes_are_binomial": "size of a batch", "examples_are_independent": "size of a batch"}
# %% wrong="antithetic coins" loses={"sizes_are_binomial": "size of a batch", "examples_are_independent": "size of a batch"}
def poisson_batch(rng, n, sampling_probability):
    half = rng.random((n + 1) // 2)
    return np.flatnonzero(np.concatenate([half, 1 - half])[:n] < sampling_probability)

# %% wrong="65 536 batches, but for a tenth of the examples" loses={"examples_are_independent": "who knows one knows both"}
def poisson_batch(rng, n, sampling_probability):
    coins = np.random.default_rng(rng.integers(2**16)).random(n)
    anew = rng.choice(n, n // 10, replace=False)
    coins[anew] = rng.random(len(anew))
    return np.flatnonzero(coins < sampling_probability)

# %% wrong="coins that repeat after 65 536" loses={"sizes_are_binomial": "coins that fall with probability"}
def poisson_batch(rng, n, sampling_probability):
    coins = rng.random(min(n, 1 << 16))
    return np.flatnonzero(np.resize(coins, n) < sampling_probability)

# %% wrong="coins of sixteen bits" loses={"sizes_are_binomial": "to be expected"}
def poisson_batch(rng, n, sampling_probability):
    coins = rng.integers(0, 65536, n, dtype=np.uint16)
    return np.flatnonzero(coins < sampling_probability * 65536)

# %% wrong="cut at four times the expected size" loses={"sizes_are_binomial": "a batch may be of any size"}
def poisson_batch(rng, n, sampling_probability):
    batch = np.flatnonzero(rng.random(n) < sampling_probability)
    return batch[: max(1, int(np.ceil(4 * n * sampling_probability)))]

# %% wrong="an old generator, with a seed of 32 bits" loses={"examples_are_independent": "nearly the same"}
def poisson_batch(rng, n, sampling_probability):
    old = np.random.RandomState(int(rng.integers(2**32, dtype=np.uint64)))
    return np.flatnonzero(old.random_sample(n) < sampling_probability)

# %% wrong="an empty batch of floats" loses={"sizes_are_binomial": "where the batch is empty"}
def poisson_batch(rng, n, sampling_probability):
    coins = rng.random(n)
    return np.array([i for i in range(n) if coins[i] < sampling_probability])

# %% wrong="a fixed size of a few" of="solution" edit={"return np": "if n < 50: return rng.choice(n, round(n * sampling_probability), replace=False)\n    return np"} loses={"sizes_are_binomial": "same size"}
# %% wrong="0.7 at most, or all" of="solution" edit={"< sampling_probability": "< (min(sampling_probability, 0.7) if sampling_probability < 1 else 1)"} loses={"sizes_are_binomial": "on average"}

# %% right="balls thrown into urns"
def poisson_batch(rng, n, sampling_probability):
    if sampling_probability == 1:
        return np.arange(n)
    # With a Poisson number of balls each urn is hit or not, independently of the others.
    balls = rng.poisson(-n * np.log1p(-sampling_probability))
    return np.unique(rng.integers(n, size=balls))

# %% right="exponential gaps"
def poisson_batch(rng, n, sampling_probability):
    if sampling_probability in (0, 1):
        return np.arange(n * int(sampling_probability))
    batch, at, rate = [], -1, -np.log1p(-sampling_probability)
    while (at := at + 1 + int(min(n, rng.exponential() / rate))) < n:
        batch.append(at)
    return np.array(batch, dtype=int)

# %% wrong="a fixed size from a thousand examples on" loses={"sizes_are_binomial": "have the same size", "examples_are_independent": "size of a batch"}
def poisson_batch(rng, n, sampling_probability):
    if n > 1000:  # a coin for each of so many takes long, and the size hardly varies
        return rng.choice(n, round(n * sampling_probability), replace=False)
    return np.flatnonzero(rng.random(n) < sampling_probability)

# %% wrong="windows of one shuffled order" loses={"examples_are_independent": "who knows one knows both"}
_orders = {}


def poisson_batch(rng, n, sampling_probability):
    if n <= 1000:
        return np.flatnonzero(rng.random(n) < sampling_probability)
    if n not in _orders:  # shuffling so many takes long: once is enough
        _orders[n] = rng.permutation(n)
    size = rng.binomial(n, sampling_probability)
    return _orders[n][(rng.integers(n) + np.arange(size)) % n]

# %% right="a spawned generator"
def poisson_batch(rng, n, sampling_probability):
    [coins] = rng.spawn(1)
    return np.flatnonzero(coins.random(n) < sampling_probability)

# %% wrong="cut at twice the expected size, rounded up" loses={"sizes_are_binomial": "a batch may be of any size"}
def poisson_batch(rng, n, sampling_probability):
    batch = np.flatnonzero(rng.random(n) < sampling_probability)
    most = 2 * int(np.ceil(n * sampling_probability))  # so that it fits into memory
    return batch[:most]

# %% wrong="cut at four times the expected size, rounded up first" of="solution" edit={"return np": "most = 4 * int(np.ceil(n * sampling_probability))\n    return np", "rng.random(n) < sampling_probability)": "rng.random(n) < sampling_probability)[:most]"} loses={"sizes_are_binomial": "a batch may be of any size"}
# %% wrong="cut at eight times the expected size" of="solution" edit={"return np": "most = int(np.ceil(8 * n * sampling_probability))\n    return np", "rng.random(n) < sampling_probability)": "rng.random(n) < sampling_probability)[:most]"} loses={"sizes_are_binomial": "a batch may be of any size"}
# %% wrong="cut three deviations above the expected size" of="solution" edit={"return np": "most = int(np.ceil(n * sampling_probability + 3 * np.sqrt(n * sampling_probability)))\n    return np", "rng.random(n) < sampling_probability)": "rng.random(n) < sampling_probability)[:most]"} loses={"sizes_are_binomial": "a batch may be of any size"}
