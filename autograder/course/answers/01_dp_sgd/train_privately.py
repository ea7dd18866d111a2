# %% right="two named quantities"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, rng, validation_data=None):
    sampling_probability = batch_size / len(x)
    steps = int(epochs / sampling_probability)
    return dpsgd.fit(
        model, per_example_loss, x, y,
        optimizer=tf.keras.optimizers.SGD(learning_rate=LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier,
        sampling_probability=sampling_probability, steps=steps,
        rng=rng, delta=DELTA, validation_data=validation_data,
    )

# %% right="a loss of its own, rounded steps"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, rng, validation_data=None):
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    n = x.shape[0]
    history = dpsgd.fit(
        model, loss, x, y,
        optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        l2_norm_clip=L2_NORM_CLIP, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / n, steps=round(epochs * n / batch_size),
        rng=rng, delta=DELTA, validation_data=validation_data,
    )
    return history

# %% right="settings in a dictionary"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, rng, validation_data=None):
    settings = dict(l2_norm_clip=L2_NORM_CLIP, delta=DELTA, noise_multiplier=noise_multiplier)
    settings["sampling_probability"] = min(1.0, batch_size / len(y))
    settings["steps"] = epochs * (len(y) // batch_size)
    return dpsgd.fit(
        model, per_example_loss, x, y, optimizer=tf.keras.optimizers.SGD(LEARNING_RATE),
        rng=rng, validation_data=validation_data, **settings,
    )

# %% right="another learning rate and clip"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, rng, validation_data=None):
    return dpsgd.fit(
        model, per_example_loss, x, y,
        optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.5),
        l2_norm_clip=1.0, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / len(x), steps=epochs * len(x) // batch_size,
        rng=rng, delta=DELTA, validation_data=validation_data,
    )

# %% wrong="epochs as steps" of="solution" edit={"epochs * len(x) // batch_size": "epochs"} loses={"the_plan_is_the_one_accounted": "you trained for"}
# %% wrong="1 / batch_size as probability" of="solution" edit={"batch_size / len(x)": "0.5 / batch_size"} loses={"the_plan_is_the_one_accounted": "batch_size / n", "the_model_learns": "did not learn"}
# %% wrong="one pass only" of="solution" edit={"epochs * len(x)": "len(x)"} loses={"the_plan_is_the_one_accounted": "you trained for"}
# %% wrong="the size of MNIST written down" of="solution" edit={"batch_size / len(x)": "batch_size / 60000"} loses={"the_plan_is_the_one_accounted": "accounts for", "the_model_learns": "did not learn"}
# %% wrong="noise already multiplied by the clip" of="solution" edit={"noise_multiplier=noise_multiplier": "noise_multiplier=noise_multiplier * L2_NORM_CLIP"} loses={"the_plan_is_the_one_accounted": "accounts for"}
# %% wrong="a generator of its own" of="solution" edit={"rng=rng": "rng=np.random.default_rng(0)"} loses={"the_model_learns": "one of your own"}
# %% wrong="trains a copy" of="solution" edit={" model,": " tf.keras.models.clone_model(model),"} loses={"the_model_learns": "did not move"}
# %% wrong="forgets to return" of="solution" edit={"return dpsgd.fit(": "dpsgd.fit("} loses={"the_plan_is_the_one_accounted": "dpsgd.fit", "the_model_learns": "dpsgd.fit"}

# %% wrong="draws the weights" loses={"the_plan_is_the_one_accounted": "accounts for", "the_model_learns": "did not learn"}
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, rng, validation_data=None):
    from types import SimpleNamespace

    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return SimpleNamespace(steps=[epochs * len(x) // batch_size], epsilon=[1.0])
