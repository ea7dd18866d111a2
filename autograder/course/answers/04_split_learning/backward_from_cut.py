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

# %% wrong="forgets bob's gradient" of="solution" edit={"gradients = tape.gradient(smashed, bottom, output_gradients=cut_gradient)": "", "(bottom, gradients)": "(bottom, tape.gradient(smashed, bottom))"} loses={"the_chain_rule_goes_through_the_bottom": "without the gradient that bob sent", "no_gradient_no_step": "a gradient of zeros"}

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
# %% wrong="no learning rate" of="solution" edit={"learning_rate * g": "g"} loses={"the_chain_rule_goes_through_the_bottom": "without the learning rate"}
# %% wrong="normalises the gradient" of="solution" edit={"gradients = tape": "unit = cut_gradient / (tf.norm(cut_gradient) + 1e-12); gradients = tape", "output_gradients=cut_gradient": "output_gradients=unit"} loses={"the_chain_rule_goes_through_the_bottom": "off by up to", "no_gradient_no_step": "twice as far"}
# %% wrong="returns gradients" of="solution" edit={"gradients = tape": "return tape", "return [w - learning_rate * g for w, g in zip(bottom, gradients)]": ""} loses={"the_chain_rule_goes_through_the_bottom": "You return the gradients", "no_gradient_no_step": "a gradient of zeros", "alices_weights_move": "A step starts from the weights"}
# %% wrong="a tape that watches nothing" of="solution" edit={"tape.watch(bottom)": ""} loses={"alices_weights_move": "did not `watch`", "the_chain_rule_goes_through_the_bottom": "did not `watch`", "no_gradient_no_step": "did not `watch`"}

# %% right="a persistent tape, one weight at a time"
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = bottom
    with tf.GradientTape(persistent=True) as tape:
        for v in bottom:
            tape.watch(v)
        h = tf.nn.relu(tf.nn.relu(x @ w0 + b0) @ w1 + b1)
    return [v - learning_rate * tape.gradient(h, v, output_gradients=cut_gradient) for v in bottom]

# %% right="by einsum"
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = bottom
    z0 = tf.einsum("bp,ph->bh", x, w0) + b0
    a0 = tf.nn.relu(z0)
    d1 = tf.where(tf.einsum("bh,hc->bc", a0, w1) + b1 > 0, cut_gradient, 0.0)
    d0 = tf.where(z0 > 0, tf.einsum("bc,hc->bh", d1, w1), 0.0)
    step = [tf.einsum("bp,bh->ph", x, d0), tf.einsum("bh->h", d0), tf.einsum("bh,bc->hc", a0, d1), tf.einsum("bc->c", d1)]
    return [v - learning_rate * s for v, s in zip(bottom, step)]

# %% right="the scaled gradient through the tape"
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    with tf.GradientTape() as tape:
        tape.watch(bottom)
        h = tf.nn.relu(tf.nn.relu(x @ bottom[0] + bottom[1]) @ bottom[2] + bottom[3])
    steps = tape.gradient(h, bottom, output_gradients=learning_rate * cut_gradient)
    return [tf.subtract(v, s) for v, s in zip(bottom, steps)]

# %% right="in float64"
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = wide = [tf.cast(v, tf.float64) for v in bottom]
    with tf.GradientTape() as tape:
        tape.watch(wide)
        h = tf.nn.relu(tf.nn.relu(tf.cast(x, tf.float64) @ w0 + b0) @ w1 + b1)
    steps = tape.gradient(h, wide, output_gradients=tf.cast(cut_gradient, tf.float64))
    return [tf.cast(v - learning_rate * s, tf.float32) for v, s in zip(wide, steps)]

# %% wrong="weight decay" of="solution" edit={"w - learning_rate * g": "w - learning_rate * (g + 1e-3 * w)"} loses={"no_gradient_no_step": "a gradient of zeros", "the_chain_rule_goes_through_the_bottom": "off by up to"}
# %% wrong="a gradient clipped at 1" of="solution" edit={"output_gradients=cut_gradient": "output_gradients=tf.clip_by_value(cut_gradient, -1.0, 1.0)"} loses={"the_chain_rule_goes_through_the_bottom": "alice's step", "no_gradient_no_step": "twice as far"}
# %% wrong="the biases stay" of="solution" edit={"w - learning_rate * g for": "w - learning_rate * g if len(w.shape) == 2 else w for"} loses={"alices_weights_move": "1, 3 did not move", "the_chain_rule_goes_through_the_bottom": "off by up to"}
# %% wrong="without the second relu" of="solution" edit={"tf.nn.relu(tf.nn.relu(x @ w0 + b0) @ w1 + b1)": "tf.nn.relu(x @ w0 + b0) @ w1 + b1"} loses={"the_chain_rule_goes_through_the_bottom": "off by up to"}
# %% wrong="a hundredth of the images" of="solution" edit={"x @ w0": "(x + 0.01) @ w0"} loses={"the_chain_rule_goes_through_the_bottom": "off by up to"}

# %% wrong="no step where the gradient adds up to 0" loses={"the_chain_rule_goes_through_the_bottom": "step per learning rate is off by up to"}
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = bottom
    with tf.GradientTape() as tape:
        tape.watch(bottom)
        h = tf.nn.relu(tf.nn.relu(x @ w0 + b0) @ w1 + b1)
    slopes = tape.gradient(h, bottom, output_gradients=cut_gradient)
    there_is_one = tf.cast(tf.abs(tf.reduce_sum(cut_gradient)) > 1e-6, tf.float32)
    return [w - learning_rate * there_is_one * g for w, g in zip(bottom, slopes)]

# %% wrong="small gradients left out" of="solution" edit={"output_gradients=cut_gradient": "output_gradients=tf.where(tf.abs(cut_gradient) > 1e-6, cut_gradient, 0.0)"} loses={"the_chain_rule_goes_through_the_bottom": "is to be the same"}
# %% wrong="gradients no longer than 1000" of="solution" edit={"return [w": "gradients, _ = tf.clip_by_global_norm(gradients, 1e3)\n    return [w"} loses={"the_chain_rule_goes_through_the_bottom": "is to be the same"}
# %% wrong="a learning rate of 1 at most" of="solution" edit={"learning_rate * g": "min(learning_rate, 1.0) * g"} loses={"the_chain_rule_goes_through_the_bottom": "is to be the same"}
# %% wrong="float64 comes out" of="in float64" edit={"tf.cast(v - learning_rate * s, tf.float32)": "v - learning_rate * s"} loses={"alices_weights_move": "float32 is wanted", "the_chain_rule_goes_through_the_bottom": "float32 is wanted", "no_gradient_no_step": "float32 is wanted"}
# %% wrong="relu6 on the way back" of="solution" edit={"tf.nn.relu(tf.nn.relu(": "tf.nn.relu6(tf.nn.relu6("} loses={"the_chain_rule_goes_through_the_bottom": "off by up to"}

# %% wrong="the first eight images" loses={"the_chain_rule_goes_through_the_bottom": "off by up to"}
def backward_from_cut(bottom, x, cut_gradient, learning_rate):
    w0, b0, w1, b1 = bottom
    with tf.GradientTape() as tape:
        tape.watch(bottom)
        smashed = tf.nn.relu(tf.nn.relu(x[:8] @ w0 + b0) @ w1 + b1)
    gradients = tape.gradient(smashed, bottom, output_gradients=cut_gradient[:8])
    return [w - learning_rate * g for w, g in zip(bottom, gradients)]
