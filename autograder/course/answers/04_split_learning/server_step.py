# %% right="one expression for the loss"
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b))
    dw, db, cut = tape.gradient(loss, [w, b, smashed])
    return [w - learning_rate * dw, b - learning_rate * db], cut, loss

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

# %% wrong="sums the losses" edit={"tf.reduce_mean": "tf.reduce_sum"} loses={"the_loss_is_the_mean_cross_entropy": "sum over the batch", "the_top_makes_one_sgd_step": "SUM", "the_cut_gradient_is_the_slope_at_the_cut": "SUM"}
# %% wrong="softmax twice" edit={"loss = tf": "p = tf.nn.softmax(smashed @ w + b); loss = tf", "(labels, smashed @ w + b)": "(labels, p)"} loses={"the_loss_is_the_mean_cross_entropy": "softmax twice", "the_top_makes_one_sgd_step": "off by up to", "the_cut_gradient_is_the_slope_at_the_cut": "off by up to"}
# %% wrong="uphill" edit={"w - learning_rate": "w + learning_rate", "b - learning_rate": "b + learning_rate"} loses={"the_top_makes_one_sgd_step": "uphill"}
# %% wrong="returns the old top" edit={"dw, db, cut = tape.gradient(loss, [w, b, smashed])": "", "[w - learning_rate * dw, b - learning_rate * db], cut": "top, tape.gradient(loss, smashed)"} loses={"the_top_makes_one_sgd_step": "did not move"}
# %% wrong="sends the learning rate along" edit={"cut = tape": "cut = [learning_rate * g for g in tape", "(loss, [w, b, smashed])": "(loss, [w, b, smashed])]", "- learning_rate * dw": "- dw", "- learning_rate * db": "- db"} loses={"the_cut_gradient_is_the_slope_at_the_cut": "It is multiplied by the learning rate"}
# %% wrong="no learning rate" edit={"[w - learning_rate * dw, b - learning_rate * db]": "[w - dw, b - db]"} loses={"the_top_makes_one_sgd_step": "without the learning rate"}
# %% wrong="does not watch smashed" edit={"watch([w, b, smashed])": "watch([w, b])"} loses={"the_loss_is_the_mean_cross_entropy": "returned None", "the_top_makes_one_sgd_step": "returned None", "the_cut_gradient_is_the_slope_at_the_cut": "returned None"}
# %% wrong="leaves the loss out" edit={"cut, loss": "cut"} loses={"the_loss_is_the_mean_cross_entropy": "three things", "the_top_makes_one_sgd_step": "three things", "the_cut_gradient_is_the_slope_at_the_cut": "three things"}
# %% wrong="forgets the bias in the step" edit={"watch([w, b, smashed])": "watch([w, smashed])", "dw, db, cut": "dw, cut", "(loss, [w, b,": "(loss, [w,", "b - learning_rate * db": "b"} loses={"the_top_makes_one_sgd_step": "off by up to"}

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

# %% wrong="the top's gradients for the top" edit={"[w - learning_rate * dw, b - learning_rate * db]": "[dw, db]"} loses={"the_top_makes_one_sgd_step": "You return the gradients"}

# %% right="two tapes"
def server_step(top, smashed, labels, learning_rate):
    def loss_of(w, b, h):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, h @ w + b))

    with tf.GradientTape() as tape:
        tape.watch(top)
        loss = loss_of(*top, smashed)
    new = [v - learning_rate * g for v, g in zip(top, tape.gradient(loss, top))]
    with tf.GradientTape() as tape:
        tape.watch(smashed)
        again = loss_of(*top, smashed)
    return new, tape.gradient(again, smashed), loss

# %% right="one sum, divided at the end"
def server_step(top, smashed, labels, learning_rate):
    with tf.GradientTape() as tape:
        tape.watch([*top, smashed])
        logits = tf.linalg.matmul(smashed, top[0]) + top[1]
        total = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    n = tf.cast(tf.size(labels), tf.float32)
    dw, db, cut = (g / n for g in tape.gradient(total, [*top, smashed]))
    return [top[0] - learning_rate * dw, top[1] - learning_rate * db], cut, total / n

# %% right="log-sum-exp"
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        logits = tf.add(tf.matmul(smashed, w), b)
        own = tf.gather(logits, labels, batch_dims=1)
        loss = tf.reduce_mean(tf.reduce_logsumexp(logits, axis=1) - own)
    step = tape.gradient(loss, {"w": w, "b": b, "h": smashed})
    return [w - learning_rate * step["w"], b - learning_rate * step["b"]], step["h"], loss

# %% wrong="labels hidden in the cut gradient" edit={"db], cut, loss": "db], cut + 1e-5 * tf.cast(labels, tf.float32)[:, None], loss"} loses={"the_cut_gradient_is_the_slope_at_the_cut": "off by up to"}
# %% wrong="weight decay" edit={"w - learning_rate * dw": "w - learning_rate * (dw + 1e-3 * w)"} loses={"the_top_makes_one_sgd_step": "off by up to"}
# %% wrong="clipped gradients" edit={"return [w": "dw = tf.clip_by_norm(dw, 0.1); return [w"} loses={"the_top_makes_one_sgd_step": "off by up to"}
# %% wrong="smoothed labels" of="one-hot labels and log_softmax; a tuple" edit={"tf.one_hot(labels, w.shape[1])": "0.99 * tf.one_hot(labels, w.shape[1]) + 0.01 / w.shape[1]"} loses={"the_loss_is_the_mean_cross_entropy": "mean cross-entropy of this batch", "the_top_makes_one_sgd_step": "off by up to", "the_cut_gradient_is_the_slope_at_the_cut": "off by up to"}
# %% wrong="five classes" of="one-hot labels and log_softmax; a tuple" edit={"tf.one_hot(labels, w.shape[1])": "tf.one_hot(labels, 5)"} loses={"the_loss_is_the_mean_cross_entropy": "raised", "the_top_makes_one_sgd_step": "raised", "the_cut_gradient_is_the_slope_at_the_cut": "raised"}

# %% wrong="softmax that overflows" loses={"the_loss_is_the_mean_cross_entropy": "NaN or infinite values. Is something"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        logits = smashed @ w + b
        chosen = tf.gather(logits, labels, batch_dims=1)
        loss = tf.reduce_mean(tf.math.log(tf.reduce_sum(tf.exp(logits), axis=1)) - chosen)
    dw, db, g = tape.gradient(loss, [w, b, smashed])
    return [w - learning_rate * dw, b - learning_rate * db], g, loss

# %% wrong="no gradient where a unit is off" of="solution" edit={"tape.gradient(loss, [w, b, smashed])": "tape.gradient(loss, [w, b, smashed]); cut_gradient *= tf.cast(smashed > 0, tf.float32)"} loses={"the_cut_gradient_is_the_slope_at_the_cut": "The gradient at the cut is off by up to"}

# %% wrong="rows longer than 1 shortened" loses={"the_cut_gradient_is_the_slope_at_the_cut": "The gradient at the cut is off by up to"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=smashed @ w + b))
    dw, db, dh = tape.gradient(loss, [w, b, smashed])
    dh = tf.clip_by_norm(dh, 1.0, axes=[1])
    return [w - learning_rate * dw, b - learning_rate * db], dh, loss

# %% right="example by example"
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    n = smashed.shape[0]
    dw, db, rows, loss = tf.zeros_like(w), tf.zeros_like(b), [], 0.0
    for i in range(n):
        logits = tf.tensordot(smashed[i], w, 1) + b
        log_p = logits - tf.reduce_logsumexp(logits)
        loss -= log_p[labels[i]] / n
        error = (tf.exp(log_p) - tf.one_hot(labels[i], tf.size(b))) / n
        dw += smashed[i][:, None] * error
        db += error
        rows.append(tf.linalg.matvec(w, error))
    return [w - learning_rate * dw, b - learning_rate * db], tf.stack(rows), loss

# %% right="float64 inside"
def server_step(top, smashed, labels, learning_rate):
    w, b = [tf.cast(v, tf.float64) for v in top]
    h = tf.cast(smashed, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([w, b, h])
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, h @ w + b))
    dw, db, g = tape.gradient(loss, [w, b, h])
    new = [w - learning_rate * dw, b - learning_rate * db]
    return [tf.cast(v, tf.float32) for v in new], tf.cast(g, tf.float32), loss

# %% wrong="float64 comes out" of="float64 inside" edit={"[tf.cast(v, tf.float32) for v in new], tf.cast(g, tf.float32)": "new, g"} loses={"the_loss_is_the_mean_cross_entropy": "float32 is wanted", "the_top_makes_one_sgd_step": "float32 is wanted", "the_cut_gradient_is_the_slope_at_the_cut": "float32 is wanted"}
# %% wrong="learns from mistakes only" of="solution" edit={"loss = tf.reduce_mean(losses)": "loss = tf.reduce_mean(losses)\n        mistaken = tf.argmax(smashed @ w + b, axis=1, output_type=tf.int32) != labels\n        taught = tf.reduce_mean(losses * tf.cast(mistaken, tf.float32))", "tape.gradient(loss,": "tape.gradient(taught,"} loses={"the_top_makes_one_sgd_step": "off by up to", "the_cut_gradient_is_the_slope_at_the_cut": "off by up to"}
# %% wrong="a logarithm that ends" of="tf.gradients' formulas, by hand" edit={"    loss = tf.reduce_mean(\n        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)\n    )": "    p = tf.gather(tf.nn.softmax(logits), labels, batch_dims=1)\n    loss = -tf.reduce_mean(tf.math.log(p + 1e-12))"} loses={"the_loss_is_the_mean_cross_entropy": "With logits of some hundreds"}
# %% wrong="squeezed logits" of="solution" edit={"smashed @ w + b": "tf.squeeze(smashed @ w + b)"} loses={"the_loss_is_the_mean_cross_entropy": "raised"}

# %% wrong="a learning rate of a tenth at least" loses={"the_top_makes_one_sgd_step": "off by up to"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    step = max(learning_rate, 0.1)
    with tf.GradientTape() as tape:
        tape.watch([w, b, smashed])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, smashed @ w + b)
        loss = tf.reduce_mean(losses)
    dw, db, cut_gradient = tape.gradient(loss, [w, b, smashed])
    return [w - step * dw, b - step * db], cut_gradient, loss

# %% wrong="the first eight examples" loses={"the_loss_is_the_mean_cross_entropy": "of this batch of 64", "the_top_makes_one_sgd_step": "off by up to", "the_cut_gradient_is_the_slope_at_the_cut": "off by up to"}
def server_step(top, smashed, labels, learning_rate):
    w, b = top
    few = smashed[:8]
    with tf.GradientTape() as tape:
        tape.watch([w, b, few])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels[:8], few @ w + b)
        loss = tf.reduce_mean(losses)
    dw, db, gradient = tape.gradient(loss, [w, b, few])
    cut_gradient = tf.concat([gradient, tf.zeros_like(smashed[8:])], axis=0)
    return [w - learning_rate * dw, b - learning_rate * db], cut_gradient, loss
