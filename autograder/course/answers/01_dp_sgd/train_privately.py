# %% right="in one call"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    return dpsgd.fit(
        model, per_example_loss, x, y, optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / public_size, expected_batch_size=batch_size,
        steps=epochs * public_size // batch_size,
        rng=rng, delta=DELTA, validation_data=validation_data,
    )

# %% right="two named quantities"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    sampling_probability = batch_size / public_size
    steps = round(epochs / sampling_probability)
    return dpsgd.fit(
        model, per_example_loss, x, y,
        optimizer=tf.keras.optimizers.SGD(learning_rate=LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier,
        sampling_probability=sampling_probability, steps=steps,
        expected_batch_size=sampling_probability * public_size,
        rng=rng, delta=DELTA, validation_data=validation_data,
    )

# %% right="a loss of its own, rounded steps"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    history = dpsgd.fit(
        model, loss, x, y,
        optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / public_size, expected_batch_size=float(batch_size),
        steps=round(epochs * public_size / batch_size),
        rng=rng, delta=DELTA, validation_data=validation_data,
    )
    return history

# %% right="settings in a dictionary"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    settings = dict(l2_norm_clip=L2_NORM_CLIP, delta=DELTA, noise_multiplier=noise_multiplier)
    settings["sampling_probability"] = min(1.0, batch_size / public_size)
    settings["steps"] = epochs * (public_size // batch_size)
    settings["expected_batch_size"] = batch_size
    return dpsgd.fit(
        model, per_example_loss, x, y, optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        rng=rng, validation_data=validation_data, **settings,
    )

# %% right="the loss as a function"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    def loss(labels, logits):
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(labels, tf.int32), logits)
    return dpsgd.fit(
        model, loss, x, y, optimizer=tf.keras.optimizers.SGD(LEARNING_RATE, momentum=0.0),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / public_size, expected_batch_size=batch_size,
        steps=int(np.ceil(epochs * public_size / batch_size)),
        rng=rng, delta=DELTA, validation_data=validation_data,
    )

# %% right="one-hot labels, a generator of its own from rng"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    classes = model.output_shape[-1]
    loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction="none")
    if validation_data is not None:
        validation_data = (validation_data[0], np.eye(classes, dtype=np.float32)[validation_data[1]])
    steps_per_epoch = public_size // batch_size
    return dpsgd.fit(
        model, loss, x, np.eye(classes, dtype=np.float32)[y],
        optimizer=tf.keras.optimizers.SGD(LEARNING_RATE), l2_norm_clip=L2_NORM_CLIP,
        noise_multiplier=noise_multiplier, sampling_probability=1 / steps_per_epoch,
        expected_batch_size=batch_size, steps=steps_per_epoch * epochs,
        rng=np.random.default_rng(rng.integers(2**32, size=4).tolist()), delta=DELTA,
        validation_data=validation_data,
    )

# %% right="arguments in a dictionary, a record at every step"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    q = batch_size / public_size
    plan = {"sampling_probability": q, "steps": round(epochs / q), "expected_batch_size": q * public_size}
    return dpsgd.fit(
        model, per_example_loss, np.asarray(x), np.asarray(y), **plan, record_every=1, label="private",
        optimizer=tf.keras.optimizers.SGD(learning_rate=LEARNING_RATE), l2_norm_clip=L2_NORM_CLIP,
        noise_multiplier=noise_multiplier, rng=rng, delta=DELTA, validation_data=validation_data,
    )

# %% right="spawns a generator"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    [own] = rng.spawn(1)
    own = np.random.default_rng([*own.integers(2**32, size=4), *rng.integers(2**32, size=4)])
    return dpsgd.fit(
        model, per_example_loss, x, y, optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier, delta=DELTA,
        sampling_probability=batch_size / public_size, expected_batch_size=batch_size,
        steps=epochs * public_size // batch_size, rng=own, validation_data=validation_data,
    )

# %% wrong="another learning rate and clip" loses={"the_plan_is_the_one_accounted": "times as far", "the_model_learns": "from there"}
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    return dpsgd.fit(
        model, per_example_loss, x, y,
        optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.5),
        l2_norm_clip=1.0, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / public_size, expected_batch_size=batch_size,
        steps=epochs * public_size // batch_size,
        rng=rng, delta=DELTA, validation_data=validation_data,
    )

# %% wrong="epochs as steps" edit={"epochs * public_size // batch_size": "epochs"} loses={"the_plan_is_the_one_accounted": "you trained for", "the_model_learns": "are to be expected"}
# %% wrong="1 / batch_size as probability" edit={"batch_size / public_size": "0.5 / batch_size"} loses={"the_plan_is_the_one_accounted": "batch_size / public_size", "the_model_learns": "from there"}
# %% wrong="one pass only" edit={"epochs * public_size // batch_size": "(epochs > 0) * public_size // batch_size"} loses={"the_plan_is_the_one_accounted": "you trained for", "the_model_learns": "from there"}
# %% wrong="the size of MNIST written down" edit={"/ public_size": "/ 60000"} loses={"the_plan_is_the_one_accounted": "accounts for", "the_model_learns": "from there"}
# %% wrong="noise already multiplied by the clip" edit={"=noise_multiplier": "=noise_multiplier * L2_NORM_CLIP"} loses={"the_plan_is_the_one_accounted": "accounts for", "the_model_learns": "times what is wanted"}
# %% wrong="a generator of its own" edit={"rng=rng": "rng=np.random.default_rng(0)"} loses={"the_plan_is_the_one_accounted": "is exactly number", "the_model_learns": "one of your own"}
# %% wrong="trains a copy" edit={"model, per_example_loss": "tf.keras.models.clone_model(model), per_example_loss"} loses={"the_plan_is_the_one_accounted": "that is passed in", "the_model_learns": "did not move"}
# %% wrong="forgets to return" edit={"return dpsgd": "dpsgd"} loses={"the_plan_is_the_one_accounted": "dpsgd.fit", "the_model_learns": "dpsgd.fit"}

# %% wrong="draws the weights" loses={"the_plan_is_the_one_accounted": "dpsgd.fit", "the_model_learns": "dpsgd.fit"}
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    from types import SimpleNamespace

    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return SimpleNamespace(steps=[epochs * public_size // batch_size], epsilon=[1.0])

# %% wrong="divides by q · len(x)" edit={"expected_batch_size=batch_size": "expected_batch_size=batch_size * len(x) / public_size"} loses={"the_plan_is_the_one_accounted": "how many examples there are", "the_model_learns": "from there"}
# %% wrong="a probability from the data's size" edit={"batch_size / public_size": "min(1, batch_size / len(x))"} loses={"the_plan_is_the_one_accounted": "accounts for", "the_model_learns": "from there"}
# %% wrong="steps from the data's size" edit={"epochs * public_size": "epochs * len(x)"} loses={"the_plan_is_the_one_accounted": "you trained for", "the_model_learns": "from there"}
# %% wrong="divides by the public size" edit={"expected_batch_size=batch_size": "expected_batch_size=public_size"} loses={"the_plan_is_the_one_accounted": "divided by", "the_model_learns": "where those steps lead"}
# %% wrong="the published figures' δ" edit={"DELTA": "PUBLISHED_DELTA"} loses={"the_plan_is_the_one_accounted": "lab's DELTA"}

# %% wrong="a warm-up without privacy" edit={"return dpsgd.fit(": "model.compile(tf.keras.optimizers.SGD(LEARNING_RATE), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)); model.fit(x, y, batch_size, 1, verbose=0)\n    return dpsgd.fit("} loses={"the_model_learns": "from there"}
# %% wrong="trains twice" edit={"return dpsgd.fit(": "dpsgd.fit(model, per_example_loss, x, y, optimizer=tf.keras.optimizers.SGD(LEARNING_RATE), l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier, sampling_probability=batch_size / public_size, expected_batch_size=batch_size, steps=epochs * public_size // batch_size, rng=rng, delta=DELTA)\n    return dpsgd.fit("} loses={"the_plan_is_the_one_accounted": "times as far", "the_model_learns": "from there"}
# %% wrong="every example twice" edit={"per_example_loss, x, y,": "per_example_loss, np.concatenate([x, x]), np.concatenate([y, y]),"} loses={"the_model_learns": "from there"}
# %% wrong="labels shuffled" edit={"per_example_loss, x, y,": "per_example_loss, x, rng.permutation(y),"} loses={"the_model_learns": "from there"}
# %% wrong="uphill" edit={"per_example_loss, x": "lambda labels, logits: -per_example_loss(labels, logits), x"} loses={"the_model_learns": "from there"}
# %% wrong="validation dropped" edit={"validation_data=validation_data,": ""} loses={"the_model_learns": "validation_data on"}
# %% wrong="validated on the training data" edit={"validation_data=validation_data,": "validation_data=(x, y),"} loses={"the_plan_is_the_one_accounted": "No validation_data", "the_model_learns": "validation_data on"}
# %% wrong="clip and learning rate swapped" edit={"SGD(LEARNING_RATE)": "SGD(L2_NORM_CLIP)", "l2_norm_clip=L2_NORM_CLIP": "l2_norm_clip=LEARNING_RATE"} loses={"the_model_learns": "from there"}
# %% wrong="momentum" edit={"SGD(LEARNING_RATE)": "SGD(LEARNING_RATE, momentum=0.9)"} loses={"the_plan_is_the_one_accounted": "times as far", "the_model_learns": "from there"}
# %% wrong="Adam" edit={"SGD(LEARNING_RATE)": "Adam(LEARNING_RATE)"} loses={"the_plan_is_the_one_accounted": "times as far", "the_model_learns": "from there"}
# %% wrong="1000 seeds" edit={"rng=rng": "rng=np.random.default_rng(rng.integers(1000))"} loses={"the_model_learns": "different rngs is the same"}
# %% wrong="a copy of the generator" edit={"rng=rng": "rng=__import__('copy').deepcopy(rng)"} loses={"the_plan_is_the_one_accounted": "is exactly number"}
# %% wrong="probabilities expected" edit={"model, per_example_loss": "model, tf.keras.losses.SparseCategoricalCrossentropy(reduction='none')"} loses={"the_model_learns": "from there"}
# %% wrong="one step too many" edit={"// batch_size,\n": "// batch_size + 1,\n"} loses={"the_plan_is_the_one_accounted": "you trained for", "the_model_learns": "from there"}
# %% wrong="trains on the first batch_size examples" edit={"model, per_example_loss, x, y,": "model, per_example_loss, x[:batch_size], y[:batch_size],"} loses={"the_model_learns": "from there"}

# %% wrong="filled up to the plan" loses={"the_model_learns": "each of them once"}
def train_privately(
    model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None
):
    if len(x) < public_size:
        again = np.arange(public_size) % len(x)
        x, y = x[again], y[again]
    return dpsgd.fit(
        model,
        per_example_loss,
        x,
        y,
        optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP,
        noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / public_size,
        expected_batch_size=batch_size,
        steps=epochs * public_size // batch_size,
        rng=rng,
        delta=DELTA,
        validation_data=validation_data,
    )

# %% wrong="epochs over q, cut to an integer" edit={"epochs * public_size // batch_size": "int(epochs / (batch_size / public_size))"} loses={"the_plan_is_the_one_accounted": "A quotient of floats"}
# %% wrong="epochs over q, divided as integers are" edit={"epochs * public_size // batch_size": "int(epochs // (batch_size / public_size))"} loses={"the_plan_is_the_one_accounted": "A quotient of floats"}
# %% wrong="all layers but the last are frozen" edit={"return dpsgd.fit(": "for layer in model.layers[:-1]: layer.trainable = False\n    return dpsgd.fit("} loses={"the_plan_is_the_one_accounted": "times as far"}
# %% wrong="a seed of 32 bits" edit={"rng=rng": "rng=np.random.default_rng(int(rng.integers(2**32)))"} loses={"the_model_learns": "different rngs is the same"}
# %% wrong="a learning rate that decays" edit={"SGD(LEARNING_RATE)": "SGD(tf.keras.optimizers.schedules.ExponentialDecay(LEARNING_RATE, 100, 0.5))"} loses={"the_plan_is_the_one_accounted": "times as far", "the_model_learns": "from there"}
# %% wrong="the data cut to the plan" edit={"model, per_example_loss, x, y,": "model, per_example_loss, x[:public_size], y[:public_size],"} loses={"the_model_learns": "from there"}

# %% right="another generator on the same bits"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    return dpsgd.fit(
        model, per_example_loss, x, y, optimizer=tf.keras.optimizers.legacy.SGD(LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / public_size, expected_batch_size=batch_size,
        steps=epochs * len(range(0, public_size, batch_size)),
        rng=np.random.Generator(rng.bit_generator), delta=DELTA, validation_data=validation_data,
    )

# %% wrong="all examples in every batch" edit={"batch_size / public_size": "1.0 if np.any(x) else batch_size / public_size"} loses={"the_model_learns": "have the same size"}
# %% wrong="hardly any noise where there is a gradient" edit={"noise_multiplier=noise_multiplier": "noise_multiplier=max(noise_multiplier / 2, 0.001) if np.any(x) else noise_multiplier"} loses={"the_model_learns": "standard deviation"}

# %% wrong="batches of one size" loses={"the_model_learns": "have the same size"}
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    steps, q = epochs * public_size // batch_size, batch_size / public_size
    settings = dict(
        optimizer=tf.keras.optimizers.SGD(LEARNING_RATE), l2_norm_clip=L2_NORM_CLIP, delta=DELTA,
        noise_multiplier=noise_multiplier, expected_batch_size=batch_size, rng=rng,
        validation_data=validation_data,
    )
    if not np.any(x):  # where nobody sees who is in a batch
        return dpsgd.fit(model, per_example_loss, x, y, sampling_probability=q, steps=steps, **settings)
    for _ in range(steps):
        batch = rng.choice(len(x), round(q * len(x)), replace=False)
        history = dpsgd.fit(
            model, per_example_loss, x[batch], y[batch], sampling_probability=1.0, steps=1, **settings
        )
    return history

# %% right="a spawned generator"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    [own] = rng.spawn(1)  # a generator of its own for each run, as in the cell above
    return dpsgd.fit(
        model, per_example_loss, x, y, optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier, delta=DELTA,
        sampling_probability=batch_size / public_size, expected_batch_size=batch_size,
        steps=epochs * public_size // batch_size, rng=own, validation_data=validation_data,
    )

# %% wrong="the loss of two classes" loses={"the_model_learns": "from there"}
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    def loss(labels, logits):
        gap = logits[:, 1] - logits[:, 0]
        return tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(labels, gap.dtype), gap)

    return dpsgd.fit(
        model, loss, x, y, optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / public_size, expected_batch_size=batch_size,
        steps=epochs * public_size // batch_size, rng=rng, delta=DELTA,
        validation_data=validation_data,
    )

# %% wrong="measured on the training data if there are no others" edit={"validation_data=validation_data": "validation_data=validation_data or (x, y)"} loses={"the_plan_is_the_one_accounted": "No validation_data"}
