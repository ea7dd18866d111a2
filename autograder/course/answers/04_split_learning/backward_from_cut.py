# %% right="forward_to_cut's work, in a loop"
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    with tf.GradientTape() as tape:
        tape.watch(bottom)
        h = x
        for w, b in ((bottom[0], bottom[1]), (bottom[2], bottom[3])):
            h = tf.nn.relu(h @ w + b)
    return [
        w - learning_rate * g
        for w, g in zip(bottom, tape.gradient(h, bottom, output_gradients=cut_gradient))
    ]

# %% right="the gradient of an inner product"
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = bottom
    with tf.GradientTape() as tape:
        tape.watch(bottom)
        h = tf.nn.relu(tf.nn.relu(x @ w0 + b0) @ w1 + b1)
        inner = tf.reduce_sum(h * tf.stop_gradient(cut_gradient))
    return [w - learning_rate * g for w, g in zip(bottom, tape.gradient(inner, bottom))]

# %% right="the chain rule by hand"
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = bottom
    hidden = tf.nn.relu(x @ w0 + b0)
    at_cut = cut_gradient * tf.cast(hidden @ w1 + b1 > 0, tf.float32)
    at_hidden = at_cut @ tf.transpose(w1) * tf.cast(hidden > 0, tf.float32)
    gradients = (
        tf.transpose(x) @ at_hidden,
        tf.reduce_sum(at_hidden, axis=0),
        tf.transpose(hidden) @ at_cut,
        tf.reduce_sum(at_cut, axis=0),
    )
    return tuple(w - learning_rate * g for w, g in zip(bottom, gradients))

# %% right="tf.gradients with grad_ys"
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = bottom
    h = tf.nn.relu(tf.nn.relu(x @ w0 + b0) @ w1 + b1)
    steps = tf.gradients(h, list(bottom), grad_ys=cut_gradient)
    return tf.nest.map_structure(lambda w, g: w - learning_rate * g, list(bottom), steps)

# %% wrong="steps 7 and 8 commented out" loses={"alices_weights_move": "alice's weights did not move", "the_chain_rule_goes_through_the_bottom": "off by up to", "no_gradient_no_step": "did not move"}
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    # gradients = tape.gradient(smashed, bottom, output_gradients=cut_gradient)
    return bottom

# %% wrong="forgets bob's gradient" of="solution" edit={"gradients = tape.gradient(smashed, bottom, output_gradients=cut_gradient)": "", "(bottom, gradients)": "(bottom, tape.gradient(smashed, bottom))"} loses={"the_chain_rule_goes_through_the_bottom": "what became of the gradient that bob sent", "no_gradient_no_step": "a gradient of zeros"}

# %% wrong="only the layer at the cut learns" loses={"alices_weights_move": "0, 1 did not move", "the_chain_rule_goes_through_the_bottom": "off by up to"}
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = bottom
    hidden = tf.nn.relu(x @ w0 + b0)
    with tf.GradientTape() as tape:
        tape.watch([w1, b1])
        h = tf.nn.relu(hidden @ w1 + b1)
    dw, db = tape.gradient(h, [w1, b1], output_gradients=cut_gradient)
    return [w0, b0, w1 - learning_rate * dw, b1 - learning_rate * db]

# %% wrong="uphill" of="solution" edit={"w - learning_rate": "w + learning_rate"} loses={"the_chain_rule_goes_through_the_bottom": "uphill"}
# %% wrong="divides by the batch again" of="solution" edit={"output_gradients=cut_gradient": "output_gradients=cut_gradient / x.shape[0]"} loses={"the_chain_rule_goes_through_the_bottom": "divide by the batch again"}
# %% wrong="no learning rate" of="solution" edit={"learning_rate * g": "g"} loses={"the_chain_rule_goes_through_the_bottom": "Where is the learning rate"}
# %% wrong="normalises the gradient" of="solution" edit={"gradients = tape": "unit = cut_gradient / (tf.norm(cut_gradient) + 1e-12); gradients = tape", "output_gradients=cut_gradient": "output_gradients=unit"} loses={"the_chain_rule_goes_through_the_bottom": "off by up to", "no_gradient_no_step": "twice as far"}
# %% wrong="returns gradients" of="solution" edit={"gradients = tape": "return tape", "return [w - learning_rate * g for w, g in zip(bottom, gradients)]": ""} loses={"the_chain_rule_goes_through_the_bottom": "You return the gradients", "no_gradient_no_step": "a gradient of zeros", "alices_weights_move": "does not start from the weights"}
# %% wrong="a tape that watches nothing" of="solution" edit={"tape.watch(bottom)": ""} loses={"alices_weights_move": "did not `watch`", "the_chain_rule_goes_through_the_bottom": "did not `watch`", "no_gradient_no_step": "did not `watch`"}
