# %% right="tf.gradients' formulas, by hand"
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    logits = smashed @ w + b
    error = tf.nn.softmax(logits) - tf.one_hot(labels, tf.shape(w)[1])
    error = error / tf.cast(tf.shape(smashed)[0], tf.float32)
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    new_w = w - learning_rate * tf.transpose(smashed) @ error
    new_b = b - learning_rate * tf.reduce_sum(error, axis=0)
    return [new_w, new_b], error @ tf.transpose(w), loss

# %% right="keras's loss, a persistent tape"
def server_step(top, smashed, labels, learning_rate):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(top)
        tape.watch(smashed)
        logits = tf.matmul(smashed, top[0]) + top[1]
        loss = tf.reduce_mean(
            tf.keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        )
    new = [v - learning_rate * tape.gradient(loss, v) for v in top]
    return new, tape.gradient(loss, smashed), loss

# %% right="one-hot labels and log_softmax; a tuple"
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch((w, b, smashed))
        log_p = tf.nn.log_softmax(smashed @ w + b)
        target = tf.one_hot(labels, w.shape[1])
        loss = -tf.reduce_sum(target * log_p) / labels.shape[0]
    g = tape.gradient(loss, (w, b, smashed))
    return (w - learning_rate * g[0], b - learning_rate * g[1]), g[2], loss

# %% right="tf.gradients"
def server_step(top, smashed, labels, learning_rate):
    logits = smashed @ top[0] + top[1]
    loss = tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(labels, top[1].shape[0]), logits)
    )
    dw, db, cut = tf.gradients(loss, [top[0], top[1], smashed])
    return [top[0] - learning_rate * dw, top[1] - learning_rate * db], cut, loss

# %% wrong="the gradient of the new top" loses={"the_cut_gradient_is_the_slope_at_the_cut": "NEW top"}
def server_step(top, smashed, labels, learning_rate):
    def loss_of(w, b):
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )

    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b])
        loss = loss_of(w, b)
    dw, db = tape.gradient(loss, [w, b])
    w, b = w - learning_rate * dw, b - learning_rate * db
    with tf.GradientTape() as tape:
        tape.watch(smashed)
        again = loss_of(w, b)
    return [w, b], tape.gradient(again, smashed), loss

# %% wrong="sums the losses" loses={"the_loss_is_the_mean_cross_entropy": "sum over the batch", "the_top_makes_one_sgd_step": "SUM", "the_cut_gradient_is_the_slope_at_the_cut": "SUM"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_sum(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    return [w - learning_rate * dw, b - learning_rate * db], cut, loss

# %% wrong="softmax twice" loses={"the_loss_is_the_mean_cross_entropy": "softmax twice", "the_top_makes_one_sgd_step": "off by up to", "the_cut_gradient_is_the_slope_at_the_cut": "off by up to"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        p = tf.nn.softmax(smashed @ w + b)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, p))
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    return [w - learning_rate * dw, b - learning_rate * db], cut, loss

# %% wrong="uphill" loses={"the_top_makes_one_sgd_step": "uphill"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    return [w + learning_rate * dw, b + learning_rate * db], cut, loss

# %% wrong="returns the old top" loses={"the_top_makes_one_sgd_step": "did not move"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    return top, tape.gradient(loss, smashed), loss

# %% wrong="sends the learning rate along" loses={"the_cut_gradient_is_the_slope_at_the_cut": "learning rate does not belong"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, db, cut = [learning_rate * g for g in tape.gradient(loss, [w, b, smashed])]
    return [w - dw, b - db], cut, loss

# %% wrong="no learning rate" loses={"the_top_makes_one_sgd_step": "Where is the learning rate"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    return [w - dw, b - db], cut, loss

# %% wrong="does not watch smashed" loses={"the_loss_is_the_mean_cross_entropy": "returned None", "the_top_makes_one_sgd_step": "returned None", "the_cut_gradient_is_the_slope_at_the_cut": "returned None"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b])
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    return [w - learning_rate * dw, b - learning_rate * db], cut, loss

# %% wrong="leaves the loss out" loses={"the_loss_is_the_mean_cross_entropy": "three things", "the_top_makes_one_sgd_step": "three things", "the_cut_gradient_is_the_slope_at_the_cut": "three things"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    return [w - learning_rate * dw, b - learning_rate * db], cut

# %% wrong="forgets the bias in the step" loses={"the_top_makes_one_sgd_step": "off by up to"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, smashed])
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, cut = tape.gradient(loss, [w, smashed])
    return [w - learning_rate * dw, b], cut, loss

# %% wrong="variables, as in Keras" loses={"the_loss_is_the_mean_cross_entropy": "makes a tf.Variable", "the_top_makes_one_sgd_step": "makes a tf.Variable", "the_cut_gradient_is_the_slope_at_the_cut": "makes a tf.Variable"}
def server_step(top, smashed, labels, learning_rate):
    w, b = tf.Variable(top[0]), tf.Variable(top[1])
    with tf.GradientTape() as tape:
        tape.watch(smashed)
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    w.assign_sub(learning_rate * dw)
    b.assign_sub(learning_rate * db)
    return [w, b], cut, loss

# %% wrong="the top's gradients for the top" loses={"the_top_makes_one_sgd_step": "You return the gradients"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        )
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    return [dw, db], cut, loss
