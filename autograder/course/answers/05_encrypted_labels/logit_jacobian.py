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
