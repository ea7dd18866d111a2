# %% right="a loop over the layers"
def forward_to_cut(bottom, x):
    for w, b in zip(bottom[::2], bottom[1::2]):
        x = tf.nn.relu(tf.matmul(x, w) + b)
    return x

# %% right="tf.maximum and tf.nn.bias_add"
def forward_to_cut(bottom, x):
    w0, b0, w1, b1 = bottom
    hidden = tf.maximum(tf.nn.bias_add(tf.matmul(x, w0), b0), 0.0)
    return tf.maximum(tf.nn.bias_add(tf.matmul(hidden, w1), b1), 0.0)

# %% right="einsum, and relu by a mask"
def forward_to_cut(bottom, x):
    def relu(z):
        return z * tf.cast(z > 0, z.dtype)

    h = relu(tf.einsum("bp,ph->bh", x, bottom[0]) + bottom[1])
    return relu(tf.einsum("bh,hc->bc", h, bottom[2]) + bottom[3])

# %% right="keras's activation"
def forward_to_cut(bottom, x):
    relu = tf.keras.activations.relu
    return relu(relu(x @ bottom[0] + bottom[1]) @ bottom[2] + bottom[3])

# %% right="float64 inside"
def forward_to_cut(bottom, x):
    w0, b0, w1, b1 = [tf.cast(v, tf.float64) for v in bottom]
    h = tf.nn.relu(tf.cast(x, tf.float64) @ w0 + b0)
    return tf.cast(tf.nn.relu(h @ w1 + b1), tf.float32)

# %% wrong="no relu at the cut" of="solution" edit={"tf.nn.relu(tf.nn.relu(": "(tf.nn.relu("} loses={"both_layers_end_in_relu": "without the second layer's relu"}
# %% wrong="no first relu" of="solution" edit={"tf.nn.relu(tf.nn.relu(": "tf.nn.relu(("} loses={"both_layers_end_in_relu": "without the first layer's relu"}

# %% wrong="no biases" loses={"both_layers_end_in_relu": "yours is 0.00", "weights_and_biases_are_in_their_place": "Yours has no biases"}
def forward_to_cut(bottom, x):
    return tf.nn.relu(tf.nn.relu(x @ bottom[0]) @ bottom[2])

# %% wrong="forgets the first bias" of="solution" edit={"x @ w0 + b0": "x @ w0"} loses={"both_layers_end_in_relu": "1 − ", "weights_and_biases_are_in_their_place": "no first bias"}
# %% wrong="sigmoid" of="solution" edit={"tf.nn.relu(tf.nn.relu(": "tf.sigmoid(tf.sigmoid("} loses={"both_layers_end_in_relu": "should become", "weights_and_biases_are_in_their_place": "With positive weights"}

# %% wrong="NumPy" loses={"both_layers_end_in_relu": "in place of NumPy", "weights_and_biases_are_in_their_place": "in place of NumPy"}
def forward_to_cut(bottom, x):
    w0, b0, w1, b1 = [np.asarray(v) for v in bottom]
    return np.maximum(np.maximum(np.asarray(x) @ w0 + b0, 0) @ w1 + b1, 0)

# %% wrong="one layer" loses={"both_layers_end_in_relu": "nothing can exceed 1", "weights_and_biases_are_in_their_place": "is wanted"}
def forward_to_cut(bottom, x):
    return tf.nn.relu(x @ bottom[0] + bottom[1])

# %% wrong="forgets return" of="solution" edit={"return tf": "tf"} loses={"both_layers_end_in_relu": "return", "weights_and_biases_are_in_their_place": "return"}
# %% wrong="softmax at the cut" of="solution" edit={"tf.nn.relu(tf.nn.relu(": "tf.nn.softmax(tf.nn.relu("} loses={"both_layers_end_in_relu": "should become", "weights_and_biases_are_in_their_place": "With positive weights"}

# %% right="matmul with broadcasting by hand"
def forward_to_cut(bottom, x):
    first, second = (bottom[0], bottom[1]), (bottom[2], bottom[3])
    for weights, biases in (first, second):
        x = tf.linalg.matmul(x, weights) + tf.reshape(biases, [1, -1])
        x = tf.where(x > 0, x, tf.zeros_like(x))
    return x

# %% right="tf.clip_by_value from 0 up"
def forward_to_cut(bottom, x):
    h = tf.clip_by_value(tf.tensordot(x, bottom[0], 1) + bottom[1], 0.0, np.inf)
    return tf.clip_by_value(tf.tensordot(h, bottom[2], 1) + bottom[3], 0.0, np.inf)

# %% right="half of z plus its size"
def forward_to_cut(bottom, x):
    def relu(z):
        return (z + tf.abs(z)) / 2
    w0, b0, w1, b1 = bottom
    return relu(relu(x @ w0 + b0) @ w1 + b1)

# %% wrong="relu6" of="solution" edit={"tf.nn.relu(tf.nn.relu(": "tf.nn.relu6(tf.nn.relu6("} loses={"weights_and_biases_are_in_their_place": "With positive weights"}
# %% wrong="leaky relu" of="solution" edit={"tf.nn.relu(tf.nn.relu(": "tf.nn.leaky_relu(tf.nn.relu("} loses={"both_layers_end_in_relu": "never negative behind a relu"}
# %% wrong="a little of the images" of="solution" edit={"return tf": "return 1e-3 * tf.reduce_sum(x, axis=1, keepdims=True) + tf"} loses={"both_layers_end_in_relu": "never negative", "weights_and_biases_are_in_their_place": "With positive weights"}
# %% wrong="the batch's mean taken off" of="solution" edit={"return tf.nn.relu(": "centre = lambda z: z - tf.reduce_mean(z, axis=0); return tf.nn.relu(centre(", "@ w1 + b1)": "@ w1 + b1))"} loses={"both_layers_end_in_relu": "computes 1 − ", "weights_and_biases_are_in_their_place": "With positive weights"}
# %% wrong="forgets the second bias" of="solution" edit={"@ w1 + b1": "@ w1"} loses={"both_layers_end_in_relu": "should become", "weights_and_biases_are_in_their_place": "no second bias"}
# %% wrong="half precision" of="solution" edit={"w0, b0, w1, b1 = bottom": "x = tf.cast(tf.cast(x, tf.float16), tf.float32); w0, b0, w1, b1 = bottom"} loses={"both_layers_end_in_relu": "should become", "weights_and_biases_are_in_their_place": "With positive weights"}
# %% wrong="the biases behind the relu" of="a loop over the layers" edit={"tf.nn.relu(tf.matmul(x, w) + b)": "tf.nn.relu(tf.matmul(x, w)) + b"} loses={"both_layers_end_in_relu": "1 − ", "weights_and_biases_are_in_their_place": "of either sign, but"}

# %% wrong="float64 crosses the cut" loses={"weights_and_biases_are_in_their_place": "of 8 bytes a number"}
def forward_to_cut(bottom, x):
    w0, b0, w1, b1 = [tf.cast(w, tf.float64) for w in bottom]
    return tf.nn.relu(tf.nn.relu(tf.cast(x, tf.float64) @ w0 + b0) @ w1 + b1)

# %% right="biases as a row of the weights"
def forward_to_cut(bottom, x):
    h = x
    for w, b in ((bottom[0], bottom[1]), (bottom[2], bottom[3])):
        wide = tf.concat([h, tf.ones_like(h[:, :1])], axis=1)
        h = tf.nn.relu(wide @ tf.concat([w, b[None]], axis=0))
    return h

# %% wrong="clipped at 1000" of="tf.clip_by_value from 0 up" edit={"bottom[0], 1) + bottom[1], 0.0, np.inf": "bottom[0], 1) + bottom[1], 0.0, 1e3", "bottom[3], 0.0, np.inf": "bottom[3], 0.0, 1e3"} loses={"weights_and_biases_are_in_their_place": "With positive weights"}
# %% wrong="a dead zone" of="matmul with broadcasting by hand" edit={"tf.where(x > 0,": "tf.where(x > 1e-2,"} loses={"both_layers_end_in_relu": "should become"}
# %% wrong="a soft relu" of="half of z plus its size" edit={"(z + tf.abs(z)) / 2": "tf.nn.softplus(100.0 * z) / 100.0"} loses={"both_layers_end_in_relu": "yours"}
# %% wrong="a slightly leaky relu" of="half of z plus its size" edit={"(z + tf.abs(z)) / 2": "tf.nn.leaky_relu(z, 1e-6)"} loses={"both_layers_end_in_relu": "a negative sum is 0, exactly"}

# %% wrong="the first layer's weights by their size" loses={"weights_and_biases_are_in_their_place": "of either sign, but"}
def forward_to_cut(bottom, x):
    w0, b0, w1, b1 = bottom
    return tf.nn.relu(tf.nn.relu(x @ tf.abs(w0) + b0) @ w1 + b1)

# %% wrong="no negative biases at the cut" loses={"weights_and_biases_are_in_their_place": "of either sign, but"}
def forward_to_cut(bottom, x):
    w0, b0, w1, b1 = bottom
    hidden = tf.nn.relu(x @ w0 + b0)
    return tf.nn.relu(hidden @ w1 + tf.nn.relu(b1))
