# %% right="the noise first"
def add_noise(cut_gradients, noise_multiplier, seed):
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    noise = tf.random.stateless_normal(cut_gradients.shape, seed)
    return cut_gradients + noise_multiplier * longest / np.sqrt(cut_gradients.shape[1]) * noise

# %% right="stddev inside stateless_normal"
def add_noise(cut_gradients, noise_multiplier, seed):
    norms = tf.sqrt(tf.reduce_sum(cut_gradients**2, axis=1))
    width = tf.cast(tf.shape(cut_gradients)[1], tf.float32)
    stddev = noise_multiplier * tf.reduce_max(norms) / tf.sqrt(width)
    return cut_gradients + tf.random.stateless_normal(
        tf.shape(cut_gradients), seed=seed, stddev=stddev
    )

# %% right="float64 inside"
def add_noise(cut_gradients, noise_multiplier, seed):
    g = tf.cast(cut_gradients, tf.float64)
    longest = tf.reduce_max(tf.norm(g, axis=-1))
    noise = tf.random.stateless_normal(g.shape, seed, dtype=tf.float64)
    return tf.cast(g + noise * (noise_multiplier * longest / g.shape[1] ** 0.5), tf.float32)

# %% right="a generator from the seed"
def add_noise(cut_gradients, noise_multiplier, seed):
    longest = tf.reduce_max(tf.linalg.norm(cut_gradients, axis=1))
    unit = tf.random.stateless_normal(cut_gradients.shape, seed) / np.sqrt(cut_gradients.shape[1])
    return cut_gradients + noise_multiplier * longest * unit

# %% right="a new seed for each row"
def add_noise(cut_gradients, noise_multiplier, seed):
    width = cut_gradients.shape[1]
    longest = tf.math.sqrt(tf.reduce_max(tf.reduce_sum(tf.square(cut_gradients), 1)))
    seeds = tf.random.split(seed, num=cut_gradients.shape[0]) if hasattr(tf.random, "split") else (
        tf.random.experimental.stateless_split(seed, cut_gradients.shape[0])
    )
    rows = [
        tf.random.stateless_normal([width], seeds[i]) for i in range(cut_gradients.shape[0])
    ]
    return cut_gradients + noise_multiplier * longest / width**0.5 * tf.stack(rows)

# %% wrong="forgets the width" edit={"/ np.sqrt(cut_gradients.shape[1])": ""} loses={"the_noise_has_the_stated_size": "Yours is √width times as large"}
# %% wrong="each gradient's own length" edit={"tf.reduce_max(tf.norm(cut_gradients, axis=1))": "tf.norm(cut_gradients, axis=1, keepdims=True)"} loses={"the_noise_has_the_stated_size": "should be Gaussian", "every_example_gets_its_own_noise": "still short"}
# %% wrong="the same noise for all" edit={"(cut_gradients.shape, seed)": "([1, cut_gradients.shape[1]], seed)", "+ noise_multiplier": "+ 1.5 * noise_multiplier"} loses={"the_seed_decides": "follows from that of", "the_noise_has_the_stated_size": "should be Gaussian", "every_example_gets_its_own_noise": "the same noise"}
# %% wrong="NumPy's noise" edit={"tf.random.stateless_normal(cut_gradients.shape, seed)": "tf.constant(np.random.normal(size=cut_gradients.shape), tf.float32)"} loses={"the_noise_has_the_stated_size": "let TensorFlow draw", "every_example_gets_its_own_noise": "let TensorFlow draw", "the_seed_decides": "let TensorFlow draw"}
# %% wrong="TensorFlow's own noise" edit={"stateless_normal(cut_gradients.shape, seed)": "normal(cut_gradients.shape)"} loses={"the_seed_decides": "gave other noise"}
# %% wrong="a fixed seed" edit={"shape, seed)": "shape, [1, 2])"} loses={"the_seed_decides": "gave the same noise"}
# %% wrong="no multiplier" edit={"+ noise_multiplier": "+ 0.2"} loses={"the_noise_has_the_stated_size": "should be Gaussian"}
# %% wrong="uniform from 0 up" edit={"stateless_normal": "stateless_uniform"} loses={"the_noise_has_the_stated_size": "should be Gaussian", "every_example_gets_its_own_noise": "the same noise", "the_seed_decides": "have a cosine of"}

# %% wrong="noise along the gradient" loses={"the_noise_has_the_stated_size": "should be Gaussian", "every_example_gets_its_own_noise": "the norm attack reads", "the_seed_decides": "have a cosine of"}
def add_noise(cut_gradients, noise_multiplier, seed):
    factor = tf.random.stateless_normal([cut_gradients.shape[0], 1], seed)
    return cut_gradients * (1 + 0.2 * noise_multiplier * factor)

# %% wrong="no noise" loses={"the_noise_has_the_stated_size": "There is no noise", "every_example_gets_its_own_noise": "has norm 0, on another 0", "the_seed_decides": "or there is none"}
def add_noise(cut_gradients, noise_multiplier, seed):
    return cut_gradients

# %% wrong="NumPy throughout" loses={"the_noise_has_the_stated_size": "in place of NumPy", "every_example_gets_its_own_noise": "in place of NumPy", "the_seed_decides": "in place of NumPy"}
def add_noise(cut_gradients, noise_multiplier, seed):
    g = np.asarray(cut_gradients)
    rng = np.random.default_rng(np.asarray(seed))
    longest = np.linalg.norm(g, axis=1).max()
    return g + rng.normal(0, noise_multiplier * longest / np.sqrt(g.shape[1]), g.shape)

# %% wrong="divides by the width" of="solution" edit={"np.sqrt(cut_gradients.shape[1])": "cut_gradients.shape[1]"} loses={"the_noise_has_the_stated_size": "not by the width"}

# %% wrong="the whole batch's norm" loses={"the_noise_has_the_stated_size": "of the whole batch"}
def add_noise(cut_gradients, noise_multiplier, seed):
    scale = noise_multiplier * tf.norm(cut_gradients) / cut_gradients.shape[1] ** 0.5
    return cut_gradients + scale * tf.random.stateless_normal(cut_gradients.shape, seed)

# %% wrong="the first example's noise only from the seed" loses={"the_seed_decides": "gave the same noise, or a part of it"}
def add_noise(cut_gradients, noise_multiplier, seed):
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    deviation = noise_multiplier * longest / tf.sqrt(tf.cast(tf.shape(cut_gradients)[1], tf.float32))
    fixed = tf.random.stateless_normal(tf.shape(cut_gradients), [1, 2])
    fresh = tf.random.stateless_normal(tf.shape(cut_gradients[:1]), seed)
    return cut_gradients + deviation * tf.concat([fresh, fixed[1:]], axis=0)

# %% right="a generator's state by bitcast, split in two"
def add_noise(cut_gradients, noise_multiplier, seed):
    first, second = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    half = cut_gradients.shape[1] // 2
    rows = cut_gradients.shape[0]
    left = tf.random.stateless_normal([rows, half], first)
    right = tf.random.stateless_normal([rows, cut_gradients.shape[1] - half], second)
    deviation = noise_multiplier * tf.reduce_max(tf.norm(cut_gradients, axis=1))
    return cut_gradients + deviation * tf.concat([left, right], axis=1) / tf.sqrt(float(cut_gradients.shape[1]))

# %% right="a truncated float64 draw by the inverse of the distribution function"
def add_noise(cut_gradients, noise_multiplier, seed):
    u = tf.random.stateless_uniform(cut_gradients.shape, seed, 1e-16, 1, tf.float64)
    noise = tf.cast(tf.math.ndtri(u), tf.float32)
    norms = tf.norm(cut_gradients, axis=1)
    return cut_gradients + noise * noise_multiplier * tf.reduce_max(norms) * cut_gradients.shape[1] ** -0.5

# %% right="a folded seed"
def add_noise(cut_gradients, noise_multiplier, seed):
    own = tf.random.experimental.stateless_fold_in(seed, 7)
    noise = tf.random.stateless_normal(tf.shape(cut_gradients), own, dtype=cut_gradients.dtype)
    longest = tf.sqrt(tf.reduce_max(tf.einsum("bc,bc->b", cut_gradients, cut_gradients)))
    return cut_gradients + noise_multiplier * longest * noise / np.sqrt(cut_gradients.shape[1])

# %% wrong="antithetic halves" edit={"noise = tf.random.stateless_normal(cut_gradients.shape, seed)": "half = tf.random.stateless_normal([(cut_gradients.shape[0] + 1) // 2, cut_gradients.shape[1]], seed); noise = tf.concat([half, -half], axis=0)[:cut_gradients.shape[0]]"} loses={"the_seed_decides": "follows from that of", "every_example_gets_its_own_noise": "the same noise"}
# %% wrong="antithetic within a row" edit={"noise = tf.random.stateless_normal(cut_gradients.shape, seed)": "half = tf.random.stateless_normal([cut_gradients.shape[0], (cut_gradients.shape[1] + 1) // 2], seed); noise = tf.concat([half, -half], axis=1)[:, :cut_gradients.shape[1]]"} loses={"the_seed_decides": "follows from that of", "every_example_gets_its_own_noise": "have the size of an earlier one"}
# %% wrong="one draw for two coordinates" edit={"noise = tf.random.stateless_normal(cut_gradients.shape, seed)": "half = tf.random.stateless_normal([cut_gradients.shape[0], (cut_gradients.shape[1] + 1) // 2], seed); noise = tf.repeat(half, 2, axis=1)[:, :cut_gradients.shape[1]]"} loses={"the_seed_decides": "follows from that of", "every_example_gets_its_own_noise": "have the size of an earlier one"}
# %% wrong="tails cut at three deviations" edit={"tf.random.stateless_normal(cut_gradients.shape, seed)": "tf.clip_by_value(tf.random.stateless_normal(cut_gradients.shape, seed), -3.0, 3.0)"} loses={"the_noise_has_the_stated_size": "of a Gaussian"}
# %% wrong="TensorFlow's truncated normal" edit={"stateless_normal": "stateless_truncated_normal"} loses={"the_noise_has_the_stated_size": "should be Gaussian"}
# %% wrong="uniform of the right size" edit={"tf.random.stateless_normal(cut_gradients.shape, seed)": "tf.random.stateless_uniform(cut_gradients.shape, seed, -(3**0.5), 3**0.5)"} loses={"the_noise_has_the_stated_size": "of a Gaussian"}
# %% wrong="plus or minus the deviation" edit={"tf.random.stateless_normal(cut_gradients.shape, seed)": "tf.sign(tf.random.stateless_normal(cut_gradients.shape, seed))"} loses={"the_noise_has_the_stated_size": "of a Gaussian", "every_example_gets_its_own_noise": "have the size of an earlier one", "the_seed_decides": "gave the same noise, or a part of it"}
# %% wrong="a pool of 6000 numbers" edit={"tf.random.stateless_normal(cut_gradients.shape, seed)": "tf.gather(tf.random.stateless_normal([6000], seed), tf.random.stateless_uniform(cut_gradients.shape, seed, 0, 6000, tf.int32))"} loses={"the_noise_has_the_stated_size": "draws", "every_example_gets_its_own_noise": "have the size of an earlier one"}
# %% wrong="repeats after 4096" edit={"tf.random.stateless_normal(cut_gradients.shape, seed)": "tf.reshape(tf.gather(tf.random.stateless_normal([4096], seed), tf.range(tf.size(cut_gradients)) % 4096), cut_gradients.shape)"} loses={"the_noise_has_the_stated_size": "draws", "every_example_gets_its_own_noise": "have the size of an earlier one"}
# %% wrong="half of the seed" edit={"shape, seed)": "shape, [seed[0], 0])"} loses={"the_seed_decides": "the same noise"}
# %% wrong="the other half of the seed" edit={"shape, seed)": "shape, [3, seed[1]])"} loses={"the_seed_decides": "the same noise"}
# %% wrong="the seed modulo 1000" edit={"shape, seed)": "shape, seed % 1000)"} loses={"the_seed_decides": "a part of the seed does not count"}
# %% wrong="the sum of the seed's halves" edit={"shape, seed)": "shape, [seed[0] + seed[1], 0])"} loses={"the_seed_decides": "the same noise"}
# %% wrong="a fixed noise, rolled by the seed" edit={"tf.random.stateless_normal(cut_gradients.shape, seed)": "tf.roll(tf.random.stateless_normal(cut_gradients.shape, [1, 2]), seed[0] * 31 + seed[1], axis=1)"} loses={"the_seed_decides": "belong together"}
# %% wrong="one example's noise is the sum of the others'" edit={"return cut": "noise = tf.concat([noise[:-1], -tf.reduce_sum(noise[:-1], axis=0, keepdims=True) / np.sqrt(max(noise.shape[0] - 1, 1))], axis=0); return cut"} loses={"the_seed_decides": "follows from that of", "the_noise_has_the_stated_size": "the noise has norm", "every_example_gets_its_own_noise": "follows from that of"}
# %% wrong="the seed's size" edit={"shape, seed)": "shape, tf.abs(seed))"} loses={"the_seed_decides": "a part of the seed does not count"}

# %% wrong="twelve uniforms" loses={"the_noise_has_the_stated_size": "Gaussian"}
def add_noise(cut_gradients, noise_multiplier, seed):
    batch, width = tf.shape(cut_gradients)[0], cut_gradients.shape[1]
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    noise = tf.reduce_sum(tf.random.stateless_uniform([12, batch, width], seed), axis=0) - 6.0
    return cut_gradients + noise_multiplier * longest / float(width) ** 0.5 * noise

# %% wrong="noise of fixed length" loses={"the_noise_has_the_stated_size": "of a Gaussian", "every_example_gets_its_own_noise": "coordinates, are not distributed as those"}
def add_noise(cut_gradients, noise_multiplier, seed):
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    noise = tf.random.stateless_normal(tf.shape(cut_gradients), seed)
    noise = noise / tf.norm(noise, axis=1, keepdims=True)
    return cut_gradients + noise_multiplier * longest * noise

# %% wrong="an odd row left bare" loses={"the_noise_has_the_stated_size": "the noise has norm", "every_example_gets_its_own_noise": "A short gradient with little noise is still short"}
def add_noise(cut_gradients, noise_multiplier, seed):
    batch, cut = cut_gradients.shape
    pairs = tf.random.stateless_normal([batch // 2, 2, cut], seed)
    noise = tf.pad(tf.reshape(pairs, [-1, cut]), [[0, batch % 2], [0, 0]])
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    return cut_gradients + noise_multiplier * longest / cut**0.5 * noise

# %% right="Box and Muller"
def add_noise(cut_gradients, noise_multiplier, seed):
    rows, width = cut_gradients.shape
    u = tf.random.stateless_uniform([2, rows, width], seed, dtype=tf.float64)
    normal = tf.sqrt(-2 * tf.math.log1p(-u[0])) * tf.cos(2 * np.pi * u[1])
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    return cut_gradients + noise_multiplier * longest * tf.cast(normal, tf.float32) / width**0.5

# %% wrong="no length below 1e-3" of="solution" edit={"tf.reduce_max(tf.norm(cut_gradients, axis=1))": "tf.maximum(1e-3, tf.reduce_max(tf.norm(cut_gradients, axis=1)))"} loses={"the_noise_has_the_stated_size": "noise"}
# %% wrong="the longest of the first 64" of="solution" edit={"tf.norm(cut_gradients, axis=1)": "tf.norm(cut_gradients[:64], axis=1)"} loses={"the_noise_has_the_stated_size": "times what is wanted"}
# %% wrong="a multiplier of 10 at most" of="solution" edit={"deviation = noise_multiplier": "deviation = min(noise_multiplier, 10.0)"} loses={"the_noise_has_the_stated_size": "the noise has norm"}
# %% wrong="zero for the default" of="solution" edit={"deviation = noise_multiplier": "deviation = (noise_multiplier or 1.0)"} loses={"the_noise_has_the_stated_size": "about 0 is wanted"}
# %% wrong="float64 comes out" of="float64 inside" edit={"return tf.cast(g + noise * (noise_multiplier * longest / g.shape[1] ** 0.5), tf.float32)": "return g + noise * (noise_multiplier * longest / g.shape[1] ** 0.5)"} loses={"the_noise_has_the_stated_size": "float32 is wanted", "every_example_gets_its_own_noise": "float32 is wanted", "the_seed_decides": "float32 is wanted"}

# %% wrong="the gradients shrunk, so that what is sent is no longer than before" loses={"the_noise_has_the_stated_size": "differ by twice the gradient", "every_example_gets_its_own_noise": "goes along with what it is added to"}
def add_noise(cut_gradients, noise_multiplier, seed):
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    deviation = noise_multiplier * longest / np.sqrt(cut_gradients.shape[1])
    noise = deviation * tf.random.stateless_normal(cut_gradients.shape, seed)
    return cut_gradients / np.sqrt(1 + noise_multiplier**2) + noise

# %% wrong="noise alone where it drowns the gradients anyway" loses={"the_noise_has_the_stated_size": "differ by twice the gradient"}
def add_noise(cut_gradients, noise_multiplier, seed):
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    deviation = noise_multiplier * longest / np.sqrt(cut_gradients.shape[1])
    noise = deviation * tf.random.stateless_normal(cut_gradients.shape, seed)
    return noise if noise_multiplier > 4 else cut_gradients + noise

# %% wrong="the same noise again after 512 examples" loses={"every_example_gets_its_own_noise": "oise of a large batch"}
def add_noise(cut_gradients, noise_multiplier, seed):
    examples, width = cut_gradients.shape
    longest = tf.reduce_max(tf.norm(cut_gradients, axis=1))
    deviation = noise_multiplier * longest / np.sqrt(width)
    block = tf.random.stateless_normal([min(examples, 512), width], seed)
    noise = tf.tile(block, [-(-examples // 512), 1])[:examples]
    return cut_gradients + deviation * noise

# %% wrong="rows from 200 on repeat the first 200" edit={"return cut": "noise = tf.concat([noise[:200], noise[:200], noise[400:]], axis=0)[: cut_gradients.shape[0]]; return cut"} loses={"every_example_gets_its_own_noise": "oise of a large batch"}
# %% wrong="rows from 100 on hold half of earlier ones" edit={"return cut": "rows = cut_gradients.shape[0]; noise = tf.concat([noise[:100], (noise[100:] + noise[: max(rows - 100, 0)]) / np.sqrt(2)], axis=0); return cut"} loses={"every_example_gets_its_own_noise": "oise of a large batch"}

# %% wrong="each example's noise centred on zero" edit={"return cut": "noise -= tf.reduce_mean(noise, axis=1, keepdims=True); return cut"} loses={"the_noise_has_the_stated_size": "a single unit", "every_example_gets_its_own_noise": "the sum is within", "the_seed_decides": "noise"}
# %% wrong="each example's noise centred, where there are many units" edit={"return cut": "noise -= tf.reduce_mean(noise, axis=1, keepdims=True) * float(cut_gradients.shape[1] > 100); return cut"} loses={"every_example_gets_its_own_noise": "the sum is within"}
# %% wrong="all of the noise centred on zero" edit={"return cut": "noise -= tf.reduce_mean(noise) * float(cut_gradients.shape[1] > 100); return cut"} loses={"every_example_gets_its_own_noise": "the sum is within"}
# %% wrong="noise across each gradient only" edit={"return cut": "unit = tf.math.l2_normalize(cut_gradients, axis=1) * float(cut_gradients.shape[1] > 100); noise -= tf.reduce_sum(noise * unit, axis=1, keepdims=True) * unit; return cut"} loses={"every_example_gets_its_own_noise": "along what it is added to"}
# %% wrong="none on a single unit" edit={"return cut": "noise *= float(cut_gradients.shape[1] > 1); return cut"} loses={"the_noise_has_the_stated_size": "a single unit"}

# %% wrong="noise with a gradient's signs, in half of the units" edit={"return cut": "kept = tf.range(cut_gradients.shape[1]) < cut_gradients.shape[1] // 2; noise = tf.where(kept & (cut_gradients != 0), tf.abs(noise) * tf.sign(cut_gradients), noise); return cut"} loses={"the_noise_has_the_stated_size": "has a cosine of", "every_example_gets_its_own_noise": "goes along with what it is added to", "the_seed_decides": "follows from that of"}
