# %% right="both products in the result"
def reordered_gradient(encrypted_residual, x, hidden, top):
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    factor = tf.cast(hidden > 0, tf.float32)[:, :, None] * top
    signals = tf_shell.reduce_sum(residual * factor, axis=2)
    return tf_shell.expand_dims(signals, axis=1) * x[:, :, None], residual * hidden[:, :, None]

# %% right="unit by unit"
def reordered_gradient(encrypted_residual, x, hidden, top):
    on = tf.cast(hidden > 0, tf.float32)
    below = []
    for j in range(top.shape[0]):
        factor = on[:, j : j + 1] * top[j]
        signal = tf_shell.reduce_sum(encrypted_residual * factor, axis=1)
        below.append(tf_shell.expand_dims(tf_shell.expand_dims(signal, axis=-1) * x, axis=-1))
    above = tf_shell.expand_dims(encrypted_residual, axis=1) * hidden[:, :, None]
    return tf_shell.concat(below, axis=2), above

# %% right="relu' goes into the pixels"
def reordered_gradient(encrypted_residual, x, hidden, top):
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    batch, units, classes = hidden.shape[0], *top.shape
    signals = tf_shell.reduce_sum(residual * tf.broadcast_to(top, [batch, units, classes]), axis=2)
    pixels = x[:, :, None] * tf.cast(hidden > 0, tf.float32)[:, None, :]
    return tf_shell.expand_dims(signals, axis=1) * pixels, residual * hidden[:, :, None]

# %% right="NumPy factors, a list"
def reordered_gradient(encrypted_residual, x, hidden, top):
    factor = np.where(hidden.numpy()[:, :, None] > 0, top.numpy(), 0).astype(np.float32)
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    signals = tf_shell.reduce_sum(residual * tf.constant(factor), axis=2)
    below = tf_shell.expand_dims(signals, axis=1) * tf.constant(x.numpy()[:, :, None])
    return [below, residual * tf.constant(hidden.numpy()[:, :, None])]

# %% right="classes added by hand"
def reordered_gradient(encrypted_residual, x, hidden, top):
    on = tf.cast(hidden > 0, tf.float32)
    signals = None
    for c in range(top.shape[1]):
        part = encrypted_residual[:, c : c + 1] * (on * top[:, c])
        signals = part if signals is None else signals + part
    below = tf_shell.reshape(signals, [x.shape[0], 1, hidden.shape[1]]) * tf.expand_dims(x, -1)
    above = tf_shell.expand_dims(encrypted_residual, axis=1) * tf.expand_dims(hidden, -1)
    return below, above

# %% wrong="the published order" loses={"a_fraction_of_the_multiplications": "BEFORE the pixels come in"}
def reordered_gradient(encrypted_residual, x, hidden, top):
    on = tf.cast(hidden > 0, tf.float32)
    jacobian = tf.einsum("bp,bj,jc->bcpj", x, on, top)
    residual = tf_shell.expand_dims(tf_shell.expand_dims(encrypted_residual, axis=-1), axis=-1)
    below = tf_shell.reduce_sum(residual * jacobian, axis=1)
    return below, tf_shell.expand_dims(encrypted_residual, axis=1) * hidden[:, :, None]

# %% wrong="forgets relu'" edit={"tf.cast(hidden > 0, tf.float32)": "tf.ones_like(hidden)"} loses={"units_that_are_off_learn_nothing": "relu' is 0 there"}
# %% wrong="h in place of relu'" edit={"factor = tf.cast(hidden > 0, tf.float32)[:, :, None] * top": "", "residual * factor": "residual * (hidden[:, :, None] * top)"} loses={"reordered_is_the_gradient": "rounding excuses"}
# %% wrong="one class only" edit={"tf_shell.reduce_sum(residual * factor, axis=2)": "(residual * factor)[:, :, 0]"} loses={"reordered_is_the_gradient": "rounding excuses"}

# %% wrong="relu' for W₂ in place of h" loses={"reordered_is_the_gradient": "for W₂"}
def reordered_gradient(encrypted_residual, x, hidden, top):
    on = tf.cast(hidden > 0, tf.float32)
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    signals = tf_shell.reduce_sum(residual * (on[:, :, None] * top), axis=2)
    return tf_shell.expand_dims(signals, axis=1) * x[:, :, None], residual * on[:, :, None]

# %% wrong="the wrong sign" edit={"residual = tf_shell": "residual = -tf_shell"} loses={"reordered_is_the_gradient": "rounding excuses"}
# %% wrong="only W₁" edit={", residual * hidden[:, :, None]": ""} loses={"reordered_is_the_gradient": "two ciphertexts", "units_that_are_off_learn_nothing": "two ciphertexts", "a_fraction_of_the_multiplications": "two ciphertexts"}

# %% wrong="the signals are no gradient yet" loses={"reordered_is_the_gradient": "is wanted", "units_that_are_off_learn_nothing": "is wanted", "a_fraction_of_the_multiplications": "is wanted"}
def reordered_gradient(encrypted_residual, x, hidden, top):
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    factor = tf.cast(hidden > 0, tf.float32)[:, :, None] * top
    return tf_shell.reduce_sum(residual * factor, axis=2), residual * hidden[:, :, None]

# %% wrong="forgets to return" edit={"return tf_shell.expand_dims(signals, axis=1) * x[:, :, None], residual * hidden[:, :, None]": ""} loses={"reordered_is_the_gradient": "return", "units_that_are_off_learn_nothing": "return", "a_fraction_of_the_multiplications": "return"}
# %% wrong="nothing is left of the residuals" edit={"encrypted_residual, axis=1": "encrypted_residual - encrypted_residual, axis=1"} loses={"reordered_is_the_gradient": "rounding excuses", "units_that_are_off_learn_nothing": "is not each example's own", "a_fraction_of_the_multiplications": "is not each example's own"}

# %% right="signals by concat"
def reordered_gradient(encrypted_residual, x, hidden, top):
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    masked = tf.where(hidden[:, :, None] > 0, top[None], 0.0)
    signals = tf_shell.reduce_sum(residual * masked, axis=2)
    pixels = [tf_shell.expand_dims(signals * x[:, p : p + 1], axis=1) for p in range(x.shape[1])]
    return tf_shell.concat(pixels, axis=1), residual * tf.expand_dims(hidden, 2)

# %% right="class by class for W₂"
def reordered_gradient(encrypted_residual, x, hidden, top):
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    on = tf.sign(hidden)
    signals = tf_shell.reduce_sum(residual * tf.einsum("bj,jc->bjc", on, top), axis=2)
    above = [
        tf_shell.expand_dims(encrypted_residual[:, c : c + 1] * hidden, axis=2) for c in range(top.shape[1])
    ]
    return tf_shell.expand_dims(signals, axis=1) * tf.expand_dims(x, 2), tf_shell.concat(above, axis=2)

# %% right="relu' masks the signals"
def reordered_gradient(encrypted_residual, x, hidden, top):
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    factor = tf.einsum("bj,jc->bjc", tf.cast(tf.greater(hidden, 0), tf.float32), top)
    signals = tf_shell.reshape(tf_shell.reduce_sum(residual * factor, axis=2), [x.shape[0], 1, top.shape[0]])
    return signals * tf.reshape(x, [*x.shape, 1]), residual * tf.reshape(hidden, [*hidden.shape, 1])

# %% wrong="the pixels squared" of="solution" edit={"* x[:, :, None]": "* (x * tf.abs(x))[:, :, None]"} loses={"reordered_is_the_gradient": "rounding excuses", "a_fraction_of_the_multiplications": "is not rounded as"}
# %% wrong="W₂'s sizes summed over its classes" of="solution" edit={"[:, :, None] * top": "[:, :, None] * tf.reduce_sum(tf.abs(top), axis=1, keepdims=True) + 0 * top"} loses={"reordered_is_the_gradient": "rounding excuses"}
# %% wrong="W₁'s and W₂'s parts swapped" of="solution" edit={"return below, residual * hidden[:, :, None]": "return residual * hidden[:, :, None], below"} loses={"reordered_is_the_gradient": "is wanted", "units_that_are_off_learn_nothing": "is wanted", "a_fraction_of_the_multiplications": "is wanted"}
# %% wrong="a mean over the classes" of="solution" edit={"* x[:, :, None]": "* (x / top.shape[1])[:, :, None]"} loses={"reordered_is_the_gradient": "rounding excuses", "a_fraction_of_the_multiplications": "is not rounded as"}
# %% wrong="summed over the batch" of="solution" edit={"return below": "return tf_shell.fast_reduce_sum(below)"} loses={"reordered_is_the_gradient": "rounding excuses", "units_that_are_off_learn_nothing": "decrypts to", "a_fraction_of_the_multiplications": "is not each example's own"}

# %% wrong="h cut off at 1" loses={"reordered_is_the_gradient": "the gradient for W₂"}
def reordered_gradient(encrypted_residual, x, hidden, top):
    on = tf.cast(hidden > 0, tf.float32)
    residual = tf_shell.expand_dims(encrypted_residual, 1)
    signals = tf_shell.reduce_sum(residual * (on[:, :, None] * top), axis=2)
    return tf_shell.expand_dims(signals, 1) * x[:, :, None], residual * tf.minimum(hidden, 1.0)[:, :, None]

# %% wrong="on above a millionth" of="solution" edit={"hidden > 0": "hidden > 1e-6"} loses={"reordered_is_the_gradient": "the gradient for W₁"}

# %% wrong="h of an earlier batch of the same shape" loses={"reordered_is_the_gradient": "the gradient for W₂"}
_h = {}


def reordered_gradient(encrypted_residual, x, hidden, top):
    factor = tf.cast(hidden > 0, tf.float32)[:, :, None] * top
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    signals = tf_shell.reduce_sum(residual * factor, axis=2)
    kept = _h.setdefault((*x.shape, *top.shape), hidden)
    return tf_shell.expand_dims(signals, axis=1) * x[:, :, None], residual * kept[:, :, None]

# %% wrong="signals of the first four classes" loses={"reordered_is_the_gradient": "the gradient for W₁"}
def reordered_gradient(encrypted_residual, x, hidden, top):
    kept = tf.cast(tf.range(tf.shape(top)[1]) < 4, tf.float32)
    factor = tf.cast(hidden > 0, tf.float32)[:, :, None] * (top * kept)
    residual = tf_shell.expand_dims(encrypted_residual, axis=1)
    signals = tf_shell.reduce_sum(residual * factor, axis=2)
    below = tf_shell.expand_dims(signals, axis=1) * x[:, :, None]
    return below, residual * hidden[:, :, None]

# %% wrong="negative features become 0" of="solution" edit={"* x[:, :, None]": "* tf.nn.relu(x)[:, :, None]"} loses={"reordered_is_the_gradient": "the gradient for W₁", "a_fraction_of_the_multiplications": ""}
# %% wrong="features of 1 at most" of="solution" edit={"* x[:, :, None]": "* tf.clip_by_value(x, -1.0, 1.0)[:, :, None]"} loses={"reordered_is_the_gradient": "the gradient for W₁", "a_fraction_of_the_multiplications": ""}
