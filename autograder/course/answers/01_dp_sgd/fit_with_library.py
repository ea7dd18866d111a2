# %% right="the loss of the set-up cell"
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer, per_example_loss)
    return model.fit(x, y, batch_size, epochs, verbose=0)

# %% right="reduction as a string, with metrics"
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(
        optimizer=optimizer,
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none"),
        metrics=["accuracy"],
    )
    return model.fit(x, y, batch_size=batch_size, epochs=epochs)

# %% right="one-hot labels"
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    classes = model.output_shape[-1]
    loss = tf.keras.losses.CategoricalCrossentropy(
        from_logits=True, reduction=tf.keras.losses.Reduction.NONE
    )
    model.compile(optimizer=optimizer, loss=loss)
    return model.fit(x, tf.one_hot(y, classes), batch_size=batch_size, epochs=epochs, verbose=2)

# %% right="the loss as a function, a tf.data pipeline"
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    def loss(y_true, logits):
        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(tf.reshape(y_true, [-1]), tf.int32), logits)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)

    class PerExample(tf.keras.losses.Loss):
        def call(self, y_true, y_pred):
            return loss(y_true, y_pred)

    model.compile(optimizer=optimizer, loss=PerExample(reduction="none"))
    return model.fit(data, epochs=epochs, verbose=0)

# %% right="its own loss class, batches of a pipeline"
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    model.compile(loss=loss, optimizer=optimizer)
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(batch_size)
    return model.fit(data, epochs=epochs, verbose=0)

# %% right="steps per epoch, spelled out"
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer=optimizer, loss=per_example_loss)
    history = model.fit(
        x=x, y=y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0,
        steps_per_epoch=len(x) // batch_size,
    )
    return history

# %% right="labels in a column"
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer, per_example_loss, metrics=[tf.keras.metrics.SparseCategoricalAccuracy()])
    return model.fit(x, y[:, None], batch_size=batch_size, epochs=epochs, verbose=0)

# %% right="tensors in place of arrays"
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer, per_example_loss)
    return model.fit(tf.constant(x), tf.constant(y), batch_size=batch_size, epochs=epochs, verbose=0)

# %% wrong="a reduced loss" loses={"fit_keeps_one_loss_per_example": "reduction NONE"}
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)

# %% wrong="the loss by name" loses={"fit_keeps_one_loss_per_example": "reduction NONE"}
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)

# %% wrong="probabilities expected" loses={"fit_keeps_one_loss_per_example": "LOGITS"}
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    loss = tf.keras.losses.SparseCategoricalCrossentropy(reduction=tf.keras.losses.Reduction.NONE)
    model.compile(optimizer, loss)
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)

# %% wrong="an optimizer of its own" loses={"fit_keeps_one_loss_per_example": "the optimizer you are given"}
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(tf.keras.optimizers.SGD(0.15), per_example_loss)
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)

# %% wrong="forgets the epochs" edit={"batch_size, epochs,": "batch_size=batch_size,"} loses={"fit_keeps_one_loss_per_example": "epochs: fit once"}
# %% wrong="a batch size of its own" edit={"batch_size, epochs,": "batch_size=4, epochs=epochs,"} loses={"fit_keeps_one_loss_per_example": "another size than batch_size"}
# %% wrong="forgets the batch size" edit={"batch_size, epochs,": "epochs=epochs,"} loses={"fit_keeps_one_loss_per_example": "another size than batch_size"}

# %% wrong="returns the model" loses={"fit_keeps_one_loss_per_example": "model.fit"}
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer, per_example_loss)
    model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)
    return model

# %% wrong="the whole data as one batch" edit={"batch_size, epochs,": "len(x), epochs,"} loses={"fit_keeps_one_loss_per_example": "steps"}
# %% wrong="one epoch too many" edit={"batch_size, epochs,": "batch_size, epochs + 1,"} loses={"fit_keeps_one_loss_per_example": "epochs: fit once"}
# %% wrong="fits twice" edit={"return model": "model.fit(x, y, batch_size, epochs, verbose=0); return model"} loses={"fit_keeps_one_loss_per_example": "steps"}
# %% wrong="the mean squared error" edit={"per_example_loss": "tf.keras.losses.MeanSquaredError(reduction='none')"} loses={"fit_keeps_one_loss_per_example": "LOGITS"}
# %% wrong="labels shuffled" edit={"fit(x, y,": "fit(x, np.random.default_rng(0).permutation(y),"} loses={"fit_keeps_one_loss_per_example": "LOGITS"}
# %% wrong="an eighth is kept for validation" edit={"verbose=0": "verbose=0, validation_split=0.5"} loses={"fit_keeps_one_loss_per_example": "all examples"}
# %% wrong="the sum of the losses" edit={"per_example_loss)": "tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction='sum'))"} loses={"fit_keeps_one_loss_per_example": "reduction NONE"}

# %% wrong="a fit for each epoch, the last History" loses={"fit_keeps_one_loss_per_example": "fit once"}
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer, per_example_loss)
    for _ in range(epochs):
        history = model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0)
    return history

# %% wrong="as many classes as the labels name" of="one-hot labels" edit={"classes = model.output_shape[-1]": "classes = int(np.max(y)) + 1"} loses={"fit_keeps_one_loss_per_example": "hapes"}

# %% wrong="compiles only what is not compiled" loses={"fit_keeps_one_loss_per_example": "Compile with the optimizer you are given"}
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    if getattr(model, "optimizer", None) is None:
        model.compile(optimizer=optimizer, loss=per_example_loss)
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)

# %% wrong="the first batch again and again" edit={"fit(x, y,": "fit(x[np.arange(len(x)) % batch_size], y[np.arange(len(x)) % batch_size],"} loses={"fit_keeps_one_loss_per_example": "takes them"}

# %% wrong="stops early" loses={"fit_keeps_one_loss_per_example": "epochs: fit once"}
def fit_with_library(model, optimizer, x, y, batch_size, epochs):
    model.compile(optimizer, per_example_loss, metrics=["accuracy"])
    stop = tf.keras.callbacks.EarlyStopping(monitor="loss", patience=3)
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, callbacks=[stop], verbose=0)
