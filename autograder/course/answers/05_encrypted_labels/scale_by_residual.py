# %% right="minus the difference"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    residual = -(encrypted_labels - predictions)
    return tf_shell.expand_dims(residual, axis=2) * jacobian

# %% right="the sign goes into the Jacobian"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    error = tf_shell.expand_dims(encrypted_labels - predictions, axis=-1)
    return error * (-jacobian)

# %% right="a tensor minus a ciphertext"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    residual = predictions - encrypted_labels
    return jacobian * tf_shell.expand_dims(residual, axis=-1)

# %% right="class by class"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    parts = []
    for c in range(jacobian.shape[1]):
        one = encrypted_labels[:, c : c + 1].__rsub__(predictions[:, c : c + 1])
        parts.append(tf_shell.expand_dims(one, axis=-1) * jacobian[:, c : c + 1])
    return tf_shell.concat(parts, axis=1)

# %% right="by reshape"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    residual = encrypted_labels.__rsub__(predictions)
    batch, classes, weights = jacobian.shape
    return tf_shell.reshape(residual, [batch, classes, 1]) * jacobian

# %% right="a NumPy array minus a ciphertext"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    residual = predictions.numpy() - encrypted_labels
    return jacobian.numpy() * tf_shell.expand_dims(residual, axis=-1)

# %% wrong="label minus prediction" loses={"residual_times_jacobian": "That is its negative"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    return tf_shell.expand_dims(encrypted_labels - predictions, axis=-1) * jacobian

# %% wrong="adds the label" loses={"residual_times_jacobian": "You added the label"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    return tf_shell.expand_dims(encrypted_labels + predictions, axis=-1) * jacobian

# %% wrong="multiplies first, subtracts then" loses={"residual_times_jacobian": "different scaling factors"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    scaled_labels = tf_shell.expand_dims(encrypted_labels, axis=-1) * jacobian
    return scaled_labels.__rsub__(tf.expand_dims(predictions, -1) * jacobian)

# %% wrong="only the residual" loses={"residual_times_jacobian": "is wanted", "one_multiplication_deep": "is wanted"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    return encrypted_labels.__rsub__(predictions)

# %% wrong="forgets the label" loses={"residual_times_jacobian": "not a ciphertext", "one_multiplication_deep": "not a ciphertext"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    return tf.expand_dims(predictions, -1) * jacobian

# %% wrong="a plaintext polynomial" loses={"residual_times_jacobian": "plaintext polynomial", "one_multiplication_deep": "plaintext polynomial"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    return tf_shell.to_shell_plaintext(tf.expand_dims(predictions, -1) * jacobian, encrypted_labels._context)

# %% wrong="a product for the sign as well" loses={"residual_times_jacobian": "rounding excuses", "one_multiplication_deep": "One is enough"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    negative = encrypted_labels * tf.constant(-1.0)
    return tf_shell.expand_dims(negative + predictions, axis=-1) * jacobian

# %% wrong="sums over the classes" of="solution" edit={"return tf_shell": "return tf_shell.reduce_sum(tf_shell", "* jacobian": "* jacobian, axis=1)"} loses={"residual_times_jacobian": "is wanted", "one_multiplication_deep": "is wanted"}

# %% wrong="the same product twice" loses={"one_multiplication_deep": "multiply once"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    residual = tf_shell.expand_dims(encrypted_labels.__rsub__(predictions), axis=-1)
    return residual * jacobian + residual * tf.zeros_like(jacobian)

# %% wrong="forgets to return" of="solution" edit={"return tf": "tf"} loses={"residual_times_jacobian": "return", "one_multiplication_deep": "return"}
# %% wrong="the labels cancel" of="solution" edit={"encrypted_labels.__rsub__(predictions)": "encrypted_labels - encrypted_labels + predictions"} loses={"residual_times_jacobian": "rounding excuses", "one_multiplication_deep": "next to nothing of the labels"}

# %% right="labels times, and predictions times, at one scale"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    residual = tf_shell.expand_dims(predictions - encrypted_labels, axis=2)
    return residual.__mul__(jacobian)

# %% right="weight by weight"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    residual = encrypted_labels.__rsub__(predictions)
    parts = [
        tf_shell.expand_dims(residual * jacobian[:, :, w], axis=2) for w in range(jacobian.shape[2])
    ]
    return tf_shell.concat(parts, axis=2)

# %% right="the Jacobian negated first, an array for the predictions"
def scale_by_residual(encrypted_labels, predictions, jacobian):
    minus = tf.negative(jacobian)
    return tf_shell.expand_dims(encrypted_labels - tf.convert_to_tensor(predictions.numpy()), axis=2) * minus

# %% wrong="half of the residual" of="solution" edit={"* jacobian": "* (0.5 * jacobian)"} loses={"residual_times_jacobian": "rounding excuses"}
# %% wrong="eight times the residual" of="solution" edit={"* jacobian": "* (8.0 * jacobian)"} loses={"residual_times_jacobian": "rounding excuses", "one_multiplication_deep": "times in the result; once is wanted"}
# %% wrong="the first class for all" of="solution" edit={"residual = encrypted_labels.__rsub__(predictions)": "residual = encrypted_labels.__rsub__(predictions)[:, :1]"} loses={"residual_times_jacobian": "rounding excuses"}

# %% wrong="predictions normalised" loses={"residual_times_jacobian": "and rounding excuses"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    predictions = predictions / tf.reduce_sum(predictions, axis=1, keepdims=True)
    residual = encrypted_labels - predictions
    return tf_shell.expand_dims(residual, axis=2) * (-jacobian)

# %% wrong="the predictions of an earlier batch of the same shape" loses={"residual_times_jacobian": "and rounding excuses"}
_seen = {}


def scale_by_residual(encrypted_labels, predictions, jacobian):
    shape = tuple(predictions.shape)
    if shape not in _seen:
        _seen[shape] = -predictions
    residual = encrypted_labels + _seen[shape]
    return tf_shell.expand_dims(residual, axis=2) * (-jacobian)

# %% wrong="slopes beyond 1 cut off" loses={"residual_times_jacobian": "yours decrypts to"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    residual = tf_shell.expand_dims(predictions - encrypted_labels, 2)
    return residual * tf.clip_by_value(jacobian, -1.0, 1.0)

# %% wrong="four classes" loses={"residual_times_jacobian": "rounding excuses"}
def scale_by_residual(encrypted_labels, predictions, jacobian):
    kept = tf.cast(tf.range(tf.shape(jacobian)[1]) < 4, tf.float32)
    residual = encrypted_labels.__rsub__(predictions)
    return tf_shell.expand_dims(residual, axis=-1) * (jacobian * kept[:, None])

# %% wrong="remembered by the predictions" loses={"residual_times_jacobian": "rounding excuses"}
RESIDUALS = {}


def scale_by_residual(encrypted_labels, predictions, jacobian):
    key = predictions.numpy().tobytes()
    if key not in RESIDUALS:
        RESIDUALS[key] = encrypted_labels.__rsub__(predictions)
    return tf_shell.expand_dims(RESIDUALS[key], axis=-1) * jacobian
