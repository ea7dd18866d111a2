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

# %% right="another learning rate and clip"
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    return dpsgd.fit(
        model, per_example_loss, x, y,
        optimizer=tf.keras.optimizers.SGD(0.1, momentum=0.5),
        l2_norm_clip=1.0, noise_multiplier=noise_multiplier,
        sampling_probability=batch_size / public_size, expected_batch_size=batch_size,
        steps=epochs * public_size // batch_size,
        rng=rng, delta=DELTA, validation_data=validation_data,
    )

# %% wrong="epochs as steps" edit={"epochs * public_size // batch_size": "epochs"} loses={"the_plan_is_the_one_accounted": "you trained for"}
# %% wrong="1 / batch_size as probability" edit={"batch_size / public_size": "0.5 / batch_size"} loses={"the_plan_is_the_one_accounted": "batch_size / public_size", "the_model_learns": "did not learn"}
# %% wrong="one pass only" edit={"epochs * public_size": "public_size"} loses={"the_plan_is_the_one_accounted": "you trained for"}
# %% wrong="the size of MNIST written down" edit={"/ public_size": "/ 60000"} loses={"the_plan_is_the_one_accounted": "accounts for", "the_model_learns": "did not learn"}
# %% wrong="noise already multiplied by the clip" edit={"=noise_multiplier": "=noise_multiplier * L2_NORM_CLIP"} loses={"the_plan_is_the_one_accounted": "accounts for"}
# %% wrong="a generator of its own" edit={"rng=rng": "rng=np.random.default_rng(0)"} loses={"the_model_learns": "one of your own"}
# %% wrong="trains a copy" edit={"model, per_example_loss": "tf.keras.models.clone_model(model), per_example_loss"} loses={"the_plan_is_the_one_accounted": "passed in", "the_model_learns": "did not move"}
# %% wrong="forgets to return" edit={"return dpsgd": "dpsgd"} loses={"the_plan_is_the_one_accounted": "dpsgd.fit", "the_model_learns": "dpsgd.fit"}

# %% wrong="draws the weights" loses={"the_plan_is_the_one_accounted": "accounts for", "the_model_learns": "did not learn"}
def train_privately(model, x, y, noise_multiplier, batch_size, epochs, public_size, rng, validation_data=None):
    from types import SimpleNamespace

    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return SimpleNamespace(steps=[epochs * public_size // batch_size], epsilon=[1.0])

# %% wrong="divides by q · len(x)" edit={"expected_batch_size=batch_size": "expected_batch_size=batch_size * len(x) / public_size"} loses={"the_plan_is_the_one_accounted": "how many examples there are"}
# %% wrong="a probability from the data's size" edit={"batch_size / public_size": "min(1, batch_size / len(x))"} loses={"the_plan_is_the_one_accounted": "accounts for"}
# %% wrong="steps from the data's size" edit={"epochs * public_size": "epochs * len(x)"} loses={"the_plan_is_the_one_accounted": "you trained for"}
# %% wrong="divides by the public size" edit={"expected_batch_size=batch_size": "expected_batch_size=public_size"} loses={"the_plan_is_the_one_accounted": "noisy sum divided"}
# %% wrong="the published figures' δ" edit={"DELTA": "PUBLISHED_DELTA"} loses={"the_plan_is_the_one_accounted": "lab's DELTA"}
