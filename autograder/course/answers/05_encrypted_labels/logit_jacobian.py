# %% right="broadcasting"
def logit_jacobian(x, hidden, top):
    through = (hidden > 0)[:, None, :] * top.T[None]
    below = x[:, None, :, None] * through[:, :, None, :]
    above = hidden[:, None, :, None] * np.eye(top.shape[1])[None, :, None, :]
    return below, above

# %% right="loops, a list"
def logit_jacobian(x, hidden, top):
    batch, classes = len(x), top.shape[1]
    below = np.zeros((batch, classes, x.shape[1], len(top)))
    above = np.zeros((batch, classes, len(top), classes))
    for i in range(batch):
        for c in range(classes):
            below[i, c] = np.outer(x[i], np.where(hidden[i] > 0, top[:, c], 0))
            above[i, c, :, c] = hidden[i]
    return [below, above]

# %% right="TensorFlow, float32"
def logit_jacobian(x, hidden, top):
    x, hidden, top = (tf.cast(v, tf.float32) for v in (x, hidden, top))
    below = tf.einsum("bp,bj,jc->bcpj", x, tf.cast(hidden > 0, tf.float32), top)
    above = tf.einsum("bj,ck->bcjk", hidden, tf.eye(top.shape[1]))
    return below, above

# %% right="np.sign for relu'"
def logit_jacobian(x, hidden, top):
    signs = np.sign(hidden)
    below = np.einsum("bp,bcj->bcpj", x, signs[:, None] * top.T)
    above = np.stack([np.pad(hidden[:, :, None], ((0, 0), (0, 0), (c, top.shape[1] - 1 - c))) for c in range(top.shape[1])], axis=1)
    return below, above

# %% wrong="forgets relu'" of="solution" edit={'"bp,bj,jc->bcpj", x, hidden > 0, top': '"bp,jc->bcpj", x, top'} loses={"slopes_of_the_bottom_layer": "relu passes nothing on"}
# %% wrong="h in place of relu'" of="solution" edit={"hidden > 0": "hidden"} loses={"slopes_of_the_bottom_layer": "per unit of W₁"}
# %% wrong="every logit depends on every column of W₂" of="solution" edit={"np.eye(top.shape[1])": "np.ones((top.shape[1], top.shape[1]))"} loses={"slopes_of_the_top_layer": "does not depend on a weight that leads to logit"}
# %% wrong="relu' in the top layer" of="solution" edit={'"bj,ck->bcjk", hidden': '"bj,ck->bcjk", hidden > 0'} loses={"slopes_of_the_top_layer": "per unit of W₂"}
# %% wrong="the axes in another order" of="solution" edit={"->bcpj": "->bpjc", "->bcjk": "->bjkc"} loses={"slopes_of_the_bottom_layer": "is wanted", "slopes_of_the_top_layer": "is wanted"}

# %% wrong="only the bottom layer" loses={"slopes_of_the_bottom_layer": "has 1 entries", "slopes_of_the_top_layer": "has 1 entries"}
def logit_jacobian(x, hidden, top):
    return [np.einsum("bp,bj,jc->bcpj", x, hidden > 0, top)]

# %% wrong="summed over the batch" of="solution" edit={"->bcpj": "->cpj", "->bcjk": "->cjk"} loses={"slopes_of_the_bottom_layer": "is wanted", "slopes_of_the_top_layer": "is wanted"}
# %% wrong="forgets W₂" of="solution" edit={"hidden > 0, top": "hidden > 0, np.ones_like(top)"} loses={"slopes_of_the_bottom_layer": "per unit of W₁"}

# %% right="the tape's Jacobian"
def logit_jacobian(x, hidden, top):
    batch, classes = len(x), top.shape[1]
    on = tf.constant((hidden > 0).astype(float))
    below = tf.Variable(tf.zeros([x.shape[1], top.shape[0]], tf.float64))
    above = tf.Variable(top)
    with tf.GradientTape(persistent=True) as tape:
        # relu is linear here, with the slope that it has.
        logits = (tf.constant(hidden) + (tf.constant(x) @ below) * on) @ above
    return tape.jacobian(logits, below), tape.jacobian(logits, above)

# %% right="Kronecker products of one example at a time"
def logit_jacobian(x, hidden, top):
    eye = np.eye(top.shape[1])
    below = [[np.outer(image, column * (h > 0)) for column in top.T] for image, h in zip(x, hidden)]
    above = [[np.outer(h, row) for row in eye] for h in hidden]
    return np.array(below), np.array(above)

# %% right="heaviside, and tensordot"
def logit_jacobian(x, hidden, top):
    on = np.heaviside(hidden, 0)
    below = np.tensordot(on[:, :, None] * top, np.ones(1), axes=0)[..., 0].transpose(0, 2, 1)
    above = np.tensordot(hidden, np.eye(top.shape[1]), axes=0).transpose(0, 2, 1, 3)
    return below[:, :, None, :] * x[:, None, :, None], above

# %% wrong="relu' taken at x" of="solution" edit={"hidden > 0": "np.repeat((x > 0).mean(axis=1)[:, None], hidden.shape[1], axis=1)"} loses={"slopes_of_the_bottom_layer": "you say"}
# %% wrong="W₁'s and W₂'s parts swapped" of="solution" edit={"return below, above": "return above, below"} loses={"slopes_of_the_bottom_layer": "is wanted", "slopes_of_the_top_layer": "is wanted"}
# %% wrong="the mean over the batch" of="solution" edit={"return below, above": "return below.mean(axis=0) + 0 * below, above.mean(axis=0) + 0 * above"} loses={"slopes_of_the_bottom_layer": "per unit of W₁", "slopes_of_the_top_layer": "per unit of W₂"}
# %% wrong="the sign of a loss" of="solution" edit={"return below, above": "return -below, -above"} loses={"slopes_of_the_bottom_layer": "per unit of W₁", "slopes_of_the_top_layer": "per unit of W₂"}
# %% wrong="a leak behind relu" of="solution" edit={"hidden > 0,": "np.where(hidden > 0, 1, 0.01),"} loses={"slopes_of_the_bottom_layer": "relu passes nothing on"}

# %% right="loop of outer products"
def logit_jacobian(x, hidden, top):
    x, hidden, top = (np.asarray(v, dtype=np.float64) for v in (x, hidden, top))
    batch, (units, classes) = len(x), top.shape
    below = np.empty((batch, classes, x.shape[1], units))
    above = np.zeros((batch, classes, units, classes))
    for b in range(batch):
        on = np.where(hidden[b] > 0, 1.0, 0.0)
        for c in range(classes):
            below[b, c] = np.outer(x[b], on * top[:, c])
            above[b, c, :, c] = hidden[b]
    return below, above

# %% wrong="on above 1e-3" of="solution" edit={"hidden > 0": "hidden > 1e-3"} loses={"slopes_of_the_bottom_layer": "per unit of W₁"}

# %% wrong="the ceiling of h as relu'" loses={"slopes_of_the_bottom_layer": "you say"}
def logit_jacobian(x, hidden, top):
    below = np.einsum("bp,bj,jc->bcpj", x, np.ceil(hidden), top)
    above = np.einsum("bj,ck->bcjk", hidden, np.eye(top.shape[1]))
    return below, above

# %% wrong="no slope where a weight is 0" loses={"slopes_of_the_top_layer": "you say"}
def logit_jacobian(x, hidden, top):
    below = np.einsum("bp,bj,jc->bcpj", x, np.sign(hidden), top)
    above = np.einsum("bj,ck,jk->bcjk", hidden, np.eye(top.shape[1]), (np.asarray(top) != 0).astype(float))
    return below, above

# %% wrong="on above a millionth" of="solution" edit={"hidden > 0": "hidden > 1e-6"} loses={"slopes_of_the_bottom_layer": "is on for this example, if only by"}

# %% wrong="axes of one example dropped" of="solution" edit={"return below, above": "return np.squeeze(below), np.squeeze(above)"} loses={"slopes_of_the_bottom_layer": "is wanted", "slopes_of_the_top_layer": "is wanted"}

# %% wrong="relu' of an earlier batch of the same shape" loses={"slopes_of_the_bottom_layer": "you say"}
_on = {}


def logit_jacobian(x, hidden, top):
    on = _on.setdefault(hidden.shape, hidden > 0)
    below = np.einsum("bp,bj,jc->bcpj", x, on, top)
    above = np.einsum("bj,ck->bcjk", hidden, np.eye(top.shape[1]))
    return below, above

# %% right="h over itself, float32"
def logit_jacobian(x, hidden, top):
    x, hidden, top = (np.asarray(v, np.float32) for v in (x, hidden, top))
    on = np.divide(hidden, hidden, out=np.zeros_like(hidden), where=hidden > 0)
    below = x[:, None, :, None] * (on[:, None, :] * top.T)[:, :, None, :]
    above = np.zeros((len(x), top.shape[1], *top.shape), np.float32)
    for c in range(top.shape[1]):
        above[:, c, :, c] = hidden
    return below, above

# %% wrong="two arrays, written over" loses={"slopes_of_the_bottom_layer": "what an earlier call returned", "slopes_of_the_top_layer": "what an earlier call returned"}
OUT = {}


def logit_jacobian(x, hidden, top):
    batch, features = x.shape
    units, classes = top.shape
    shape = batch, features, units, classes
    if shape not in OUT:  # large arrays: allocate them once
        OUT[shape] = (
            np.zeros((batch, classes, features, units)),
            np.zeros((batch, classes, units, classes)),
        )
    below, above = OUT[shape]
    for c in range(classes):
        below[:, c] = x[:, :, None] * ((hidden > 0) * top[:, c])[:, None, :]
        above[:, c, :, c] = hidden
    return below, above

# %% wrong="no negative features" of="solution" edit={'"bp,bj,jc->bcpj", x': '"bp,bj,jc->bcpj", np.maximum(x, 0)'} loses={"slopes_of_the_bottom_layer": "you say"}
# %% wrong="features of 1 at most" of="solution" edit={'"bp,bj,jc->bcpj", x': '"bp,bj,jc->bcpj", np.clip(x, -1, 1)'} loses={"slopes_of_the_bottom_layer": "you say"}

# %% wrong="remembered by W₂" loses={"slopes_of_the_bottom_layer": "you say"}
ON = {}


def logit_jacobian(x, hidden, top):
    key = top.tobytes()
    if key not in ON:
        ON[key] = np.einsum("bj,jc->bcj", hidden > 0, top)
    above = np.einsum("bj,ck->bcjk", hidden, np.eye(top.shape[1]))
    return x[:, None, :, None] * ON[key][:, :, None, :], above

# %% wrong="two tf.Variables, assigned anew" of="solution" edit={"def logit_jacobian": "HELD = {}\n\n\ndef logit_jacobian", "return below, above": "both = below, above\n    held = [HELD.setdefault((i, each.shape), tf.Variable(each)) for i, each in enumerate(both)]\n    for variable, each in zip(held, both):\n        variable.assign(each)\n    return held"} loses={"slopes_of_the_bottom_layer": "what an earlier call returned", "slopes_of_the_top_layer": "what an earlier call returned"}
