# %% right="the last step in the result"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    smashed = alice.run(forward, bottom, x).send(bob)
    top, gradient, loss = bob.run(serve, top, smashed, y, learning_rate)
    received = gradient.send(alice)
    return alice.run(backward, bottom, x, received, learning_rate), top, loss, received

# %% right="in the order of the table"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    smashed = alice.run(forward, bottom, x, name="smashed data")
    at_bob = smashed.send(bob)
    new_top, gradient, loss = bob.run(serve, top, at_bob, y, learning_rate)
    at_alice = gradient.send(alice, name="cut-layer gradient")
    new_bottom = alice.run(backward, bottom, x, at_alice, learning_rate)
    return new_bottom, new_top, loss, at_alice

# %% right="through the parties' own send"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    served = bob.run(serve, top, bob.send(alice.run(forward, bottom, x)), y, learning_rate)
    received = alice.send(served[1])
    return (
        alice.run(backward, bottom, x, received, learning_rate), served[0], served[2], received
    )

# %% right="results in a list"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    smashed = alice.run(forward, bottom, x).send(bob)
    top, gradient, loss = bob.run(serve, top, smashed, y, learning_rate)
    gradient = gradient.send(alice)
    return [alice.run(backward, bottom, x, gradient, learning_rate), top, loss, gradient]

# %% right="forward and send as a helper of its own"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    def pass_over(sender, receiver, function, *arguments):
        return sender.run(function, *arguments).send(receiver)

    smashed = pass_over(alice, bob, forward, bottom, x)
    result = bob.run(serve, top, smashed, y, float(learning_rate))
    received = result[1].send(alice)
    new = alice.run(backward, list(bottom), x, received, float(learning_rate))
    return new, list(result[0]), result[2], received

# %% wrong="steps 7 and 8 commented out" of="solution" edit={"bottom = alice.run": "# bottom = alice.run"} loses={"split_training_equals_unsplit": "alice's weights did not move", "alice_learns_from_bobs_gradient": "does nothing with it"}
# %% wrong="the labels go to alice" edit={"smashed = ": "y.send(alice); smashed = "} loses={"only_the_cut_is_crossed": "bob's labels crossed over"}
# %% wrong="the images go to bob" edit={"smashed = ": "x.send(bob); smashed = "} loses={"only_the_cut_is_crossed": "alice's images crossed over"}
# %% wrong="everything through the notebook" edit={"alice.run(forward, bottom, x).send(bob)": "bob.send(alice.run(forward, bottom, x).get())", "gradient.send(alice)": "alice.send(gradient.get())"} loses={"only_the_cut_is_crossed": "alice → notebook"}
# %% wrong="the smashed data are not sent" edit={"x).send(bob)": "x)"} loses={"split_training_equals_unsplit": "belongs to alice, and bob reads it", "alice_learns_from_bobs_gradient": "belongs to alice, and bob reads it", "only_the_cut_is_crossed": "belongs to alice, and bob reads it"}
# %% wrong="the old top" edit={"top, gradient, loss": "_, gradient, loss"} loses={"split_training_equals_unsplit": "bob's weights did not move"}
# %% wrong="takes the loss home" edit={"loss, received": "loss.get(), received"} loses={"split_training_equals_unsplit": "Do not `get`", "alice_learns_from_bobs_gradient": "Do not `get`", "only_the_cut_is_crossed": "Do not `get`"}
# %% wrong="returns bob's gradient" of="solution" edit={"received = cut_gradient.send(alice)": "", "x, received": "x, cut_gradient.send(alice)", "loss, received": "loss, cut_gradient"} loses={"split_training_equals_unsplit": "it belongs to alice", "alice_learns_from_bobs_gradient": "it belongs to alice", "only_the_cut_is_crossed": "it belongs to alice"}

# %% wrong="alice learns from her own smashed data" loses={"split_training_equals_unsplit": "differ from those of the unsplit network", "alice_learns_from_bobs_gradient": "off by up to", "only_the_cut_is_crossed": "two moves"}
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    smashed = alice.run(forward, bottom, x)
    top, gradient, loss = bob.run(serve, top, smashed.send(bob), y, learning_rate)
    return alice.run(backward, bottom, x, smashed, learning_rate), top, loss, smashed

# %% wrong="twice the learning rate" edit={"received, learning_rate": "received, 2 * learning_rate"} loses={"split_training_equals_unsplit": "differ from those of the unsplit network"}
# %% wrong="leaves the loss out" edit={"top, gradient, loss": "top, gradient, _", "top, loss, received": "top, received"} loses={"split_training_equals_unsplit": "four things", "alice_learns_from_bobs_gradient": "four things", "only_the_cut_is_crossed": "four things"}

# %% wrong="bob sends the smashed data back" loses={"split_training_equals_unsplit": "alice's weights did not move", "alice_learns_from_bobs_gradient": "off by up to", "only_the_cut_is_crossed": "neither the smashed data nor"}
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    there = alice.run(forward, bottom, x).send(bob)
    return bottom, top, bob.run(tf.reduce_sum, there), there.send(alice)

# %% right="keeps both, and names them"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    h = alice.run(forward, tuple(bottom), x)
    there = h.send(bob, "smashed")
    served = bob.run(serve, tuple(top), there, y, learning_rate)
    g = served[1].send(alice, "gradient")
    return tuple(alice.run(backward, tuple(bottom), x, g, learning_rate)), served[0], served[2], g

# %% right="bob's function by a wrapper"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    def at_bob(top, smashed, y):
        return serve(top, smashed, y, learning_rate)

    new_top, cut, loss = bob.run(at_bob, top, bob.send(alice.run(forward, bottom, x)), y)
    cut = cut.send(alice)
    return alice.run(backward, bottom, x, cut, learning_rate), new_top, loss, cut

# %% right="alice's step last, everything by name"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    results = dict(zip(("top", "gradient", "loss"), bob.run(serve, top, alice.run(forward, bottom, x).send(bob), y, learning_rate)))
    results["gradient"] = results["gradient"].send(alice)
    results["bottom"] = alice.run(backward, bottom, x, results["gradient"], learning_rate)
    return tuple(results[name] for name in ("bottom", "top", "loss", "gradient"))

# %% wrong="labels hidden in what alice gets" of="bob's function by a wrapper" edit={"return serve(top, smashed, y, learning_rate)": "new, cut, loss = serve(top, smashed, y, learning_rate); return new, cut + 2e-5 * tf.reduce_sum(y, axis=1, keepdims=True), loss"} loses={"alice_learns_from_bobs_gradient": "off by up to", "only_the_cut_is_crossed": "neither the smashed data nor"}
# %% wrong="the gradient divided by the batch" of="bob's function by a wrapper" edit={"return serve(top, smashed, y, learning_rate)": "new, cut, loss = serve(top, smashed, y, learning_rate); return new, cut / 7, loss"} loses={"split_training_equals_unsplit": "differ from those of the unsplit network", "alice_learns_from_bobs_gradient": "off by up to", "only_the_cut_is_crossed": "neither the smashed data nor"}
# %% wrong="images hidden in what bob gets" edit={"alice.run(forward, bottom, x)": "alice.run(lambda b, x: forward(b, x) + 2e-5 * x[:, :1], bottom, x)"} loses={"alice_learns_from_bobs_gradient": "off by up to", "only_the_cut_is_crossed": "neither the smashed data nor"}

# %% wrong="remembers what was sent for a batch" loses={"split_training_equals_unsplit": "After three steps your weights differ from"}
def split_step(
    alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward, _sent={}
):
    if id(x) not in _sent:  # bob may hold this batch already
        _sent[id(x)] = x, alice.run(forward, bottom, x).send(bob)
    smashed = _sent[id(x)][1]
    top, gradient, loss = bob.run(serve, top, smashed, y, learning_rate)
    received = gradient.send(alice)
    return alice.run(backward, bottom, x, received, learning_rate), top, loss, received

# %% right="partial functions"
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    from functools import partial

    smashed = alice.run(forward, bottom, x).send(bob, name="h")
    served = bob.run(partial(serve, learning_rate=learning_rate), top, smashed, y)
    received = alice.send(served[1])
    at_alice = partial(backward, learning_rate=learning_rate)
    return alice.run(at_alice, bottom, x, received), served[0], served[2], received

# %% wrong="labels in the gradient's lowest bits" of="bob's function by a wrapper" edit={"return serve(top, smashed, y, learning_rate)": "new, cut, loss = serve(top, smashed, y, learning_rate); words = tf.bitcast(cut, tf.int32); bit = tf.cast(y[:, :1] > 0, tf.int32); return new, tf.bitcast(words - words % 2 + bit, tf.float32), loss"} loses={"only_the_cut_is_crossed": "hidden in the last digits"}
# %% wrong="images in the smashed data's lowest bits" edit={"alice.run(forward, bottom, x)": "alice.run(lambda b, x: forward(b, x) + 5e-7 * tf.sign(x[:, :1]), bottom, x)"} loses={"only_the_cut_is_crossed": "hidden in the last digits"}

# %% wrong="alice differentiates forward herself" loses={"split_training_equals_unsplit": "differ from those of the unsplit network"}
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    def learn(bottom, x, cut_gradient):
        with tf.GradientTape() as tape:
            tape.watch(bottom)
            smashed = forward(bottom, x)
        slopes = tape.gradient(smashed, bottom, output_gradients=cut_gradient)
        return [w - learning_rate * slope for w, slope in zip(bottom, slopes)]

    smashed = alice.run(forward, bottom, x).send(bob)
    top, cut_gradient, loss = bob.run(serve, top, smashed, y, learning_rate)
    received = cut_gradient.send(alice)
    return alice.run(learn, bottom, x, received), top, loss, received

# %% wrong="a learning rate of a tenth at least, for both" loses={"split_training_equals_unsplit": "differ from those of the unsplit network"}
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    rate = max(learning_rate, 0.1)
    smashed = alice.run(forward, bottom, x).send(bob)
    top, cut_gradient, loss = bob.run(serve, top, smashed, y, rate)
    received = cut_gradient.send(alice)
    bottom = alice.run(backward, bottom, x, received, rate)
    return bottom, top, loss, received

# %% wrong="a network of its own in place of the three functions" loses={"split_training_equals_unsplit": "differ from those of the unsplit network", "alice_learns_from_bobs_gradient": "off by up to", "only_the_cut_is_crossed": "neither the smashed data nor"}
def split_step(alice, bob, bottom, top, x, y, learning_rate, forward, serve, backward):
    def up(bottom, x):
        return tf.tanh(x @ bottom[0] + bottom[1])

    def loss_and_gradient(top, smashed, y, learning_rate):
        error = smashed @ top[0] + top[1] - y
        slope = 2 * error / tf.cast(tf.size(y), tf.float32)
        new = [
            top[0] - learning_rate * tf.matmul(smashed, slope, transpose_a=True),
            top[1] - learning_rate * tf.reduce_sum(slope, axis=0),
        ]
        return new, tf.matmul(slope, top[0], transpose_b=True), tf.reduce_mean(error**2)

    def down(bottom, x, cut_gradient, learning_rate):
        local = cut_gradient * (1 - up(bottom, x) ** 2)
        return [
            bottom[0] - learning_rate * tf.matmul(x, local, transpose_a=True),
            bottom[1] - learning_rate * tf.reduce_sum(local, axis=0),
        ]

    smashed = alice.run(up, bottom, x).send(bob)
    top, cut_gradient, loss = bob.run(loss_and_gradient, top, smashed, y, learning_rate)
    received = cut_gradient.send(alice)
    return alice.run(down, bottom, x, received, learning_rate), top, loss, received
