# %% right="a loop over the pairs"
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    worst = np.zeros(batch)
    for c in range(classes):
        for other in range(c):
            first, second = ((j[:, c] - j[:, other]).reshape(batch, -1) for j in (below, above))
            worst = np.maximum(worst, np.sqrt((first**2).sum(1) + (second**2).sum(1)))
    return worst

# %% right="example by example, a list"
def label_sensitivity(below, above):
    norms = []
    for b, a in zip(below, above):
        slopes = np.hstack([b.reshape(len(b), -1), a.reshape(len(a), -1)])
        norms.append(max(np.linalg.norm(s - t) for s in slopes for t in slopes))
    return norms

# %% right="TensorFlow, float32"
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = tf.concat([tf.reshape(tf.cast(j, tf.float32), [batch, classes, -1]) for j in (below, above)], axis=2)
    return tf.reduce_max(tf.norm(slopes[:, :, None] - slopes[:, None], axis=3), axis=[1, 2])

# %% right="by Gram matrices"
def label_sensitivity(below, above):
    gram = np.einsum("bcpj,bdpj->bcd", below, below) + np.einsum("bcjk,bdjk->bcd", above, above)
    own = np.einsum("bcc->bc", gram)
    return np.sqrt((own[:, :, None] + own[:, None] - 2 * gram).max(axis=(1, 2)))

# %% wrong="the norm of one label's slopes" loses={"farthest_pair_of_labels": "not of a difference", "both_layers_count": "One norm"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return np.linalg.norm(slopes, axis=2).max(axis=1)

# %% wrong="twice the longest slopes" loses={"farthest_pair_of_labels": "you say", "both_layers_count": "One norm"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return 2 * np.linalg.norm(slopes, axis=2).max(axis=1)

# %% wrong="the nearest pair" loses={"farthest_pair_of_labels": "the smallest of them", "both_layers_count": "One norm"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return np.min([np.linalg.norm(slopes[:, c] - slopes[:, d], axis=1) for c in range(classes) for d in range(c)], axis=0)

# %% wrong="the mean over pairs" loses={"farthest_pair_of_labels": "the mean of them", "both_layers_count": "One norm"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return np.mean([np.linalg.norm(slopes[:, c] - slopes[:, d], axis=1) for c in range(classes) for d in range(c)], axis=0)

# %% wrong="only the bottom layer" loses={"farthest_pair_of_labels": "you say", "both_layers_count": "Where only W₂"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = below.reshape(batch, classes, -1)
    return np.max([np.linalg.norm(slopes - slopes[:, [c]], axis=2).max(axis=1) for c in range(classes)], axis=0)

# %% wrong="a norm for each layer, added" loses={"farthest_pair_of_labels": "you say"}
def label_sensitivity(below, above):
    def one(j):
        flat = j.reshape(*j.shape[:2], -1)
        return np.linalg.norm(flat[:, :, None] - flat[:, None], axis=3)
    return (one(below) + one(above)).max(axis=(1, 2))

# %% wrong="the squared norm" loses={"farthest_pair_of_labels": "the square", "both_layers_count": "One norm"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return ((slopes[:, :, None] - slopes[:, None]) ** 2).sum(axis=3).max(axis=(1, 2))

# %% wrong="against the first label only" loses={"farthest_pair_of_labels": "you say", "both_layers_count": "One norm"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return np.linalg.norm(slopes - slopes[:, :1], axis=2).max(axis=1)

# %% wrong="one norm for the batch" loses={"farthest_pair_of_labels": "is wanted", "both_layers_count": "is wanted"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return np.linalg.norm(slopes[:, :, None] - slopes[:, None], axis=3).max()

# %% right="scipy's distances"
def label_sensitivity(below, above):
    from scipy.spatial.distance import pdist

    batch, classes = below.shape[:2]
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return np.array([pdist(each).max() for each in slopes])

# %% right="itertools"
def label_sensitivity(below, above):
    from itertools import combinations

    squares = [
        ((below[:, c] - below[:, d]) ** 2).sum(axis=(1, 2)) + ((above[:, c] - above[:, d]) ** 2).sum(axis=(1, 2))
        for c, d in combinations(range(below.shape[1]), 2)
    ]
    return np.sqrt(np.max(squares, axis=0))

# %% right="a hypotenuse of the layers"
def label_sensitivity(below, above):
    def apart(j):
        flat = j.reshape(len(j), j.shape[1], -1)
        return np.linalg.norm(flat[:, :, None] - flat[:, None], axis=-1)

    return np.hypot(apart(below), apart(above)).max(axis=2).max(axis=1)

# %% right="ordered pairs by permutations, in place"
def label_sensitivity(below, above):
    largest = np.full(below.shape[0], -np.inf)
    for c in range(below.shape[1]):
        for other in range(below.shape[1]):
            move = [np.linalg.norm((j[:, c] - j[:, other]).reshape(len(j), -1), axis=1) for j in (below, above)]
            np.maximum(largest, np.sqrt(move[0] ** 2 + move[1] ** 2), out=largest)
    return largest

# %% wrong="neighbouring labels" of="a loop over the pairs" edit={"range(c)": "range(max(c - 1, 0), c)"} loses={"farthest_pair_of_labels": "you say", "both_layers_count": "One norm"}
# %% wrong="the 1-norm" of="a loop over the pairs" edit={"np.sqrt((first**2).sum(1) + (second**2).sum(1))": "np.abs(first).sum(1) + np.abs(second).sum(1)"} loses={"farthest_pair_of_labels": "you say", "both_layers_count": "One norm"}
# %% wrong="the larger of the layers" of="a loop over the pairs" edit={"np.sqrt((first**2).sum(1) + (second**2).sum(1))": "np.sqrt(np.maximum((first**2).sum(1), (second**2).sum(1)))"} loses={"farthest_pair_of_labels": "you say"}
# %% wrong="sums in place of differences" of="a loop over the pairs" edit={"(j[:, c] - j[:, other])": "(j[:, c] + j[:, other])"} loses={"farthest_pair_of_labels": "you say", "both_layers_count": "One norm"}

# %% wrong="layers maximised apart" loses={"farthest_pair_of_labels": "labels to another the gradient moves by"}
def label_sensitivity(below, above):
    def largest(jacobian):
        flat = np.asarray(jacobian, dtype=float).reshape(*jacobian.shape[:2], -1)
        classes = flat.shape[1]
        return np.max(
            [np.linalg.norm(flat[:, a] - flat[:, b], axis=1) for a in range(classes) for b in range(classes)],
            axis=0,
        )

    return np.hypot(largest(below), largest(above))

# %% wrong="longest against shortest" loses={"farthest_pair_of_labels": "labels to another the gradient moves by", "both_layers_count": "Where only W₁ has a gradient, a label moves"}
def label_sensitivity(below, above):
    flat = np.concatenate([j.reshape(*j.shape[:2], -1) for j in (below, above)], axis=2)
    norms = np.linalg.norm(flat, axis=2)
    rows = np.arange(len(flat))
    longest, shortest = flat[rows, norms.argmax(axis=1)], flat[rows, norms.argmin(axis=1)]
    return np.linalg.norm(longest - shortest, axis=1)

# %% wrong="the law of cosines, an angle with nothing" loses={"farthest_pair_of_labels": "NaN", "both_layers_count": "NaN"}
def label_sensitivity(below, above):
    flat = np.concatenate([j.reshape(*j.shape[:2], -1) for j in (below, above)], axis=2)
    norms = np.linalg.norm(flat, axis=2)
    with np.errstate(invalid="ignore"):
        units = flat / norms[:, :, None]
    both = norms[:, :, None] * norms[:, None]
    squares = norms[:, :, None] ** 2 + norms[:, None] ** 2 - 2 * both * np.einsum("bcw,bdw->bcd", units, units)
    return np.sqrt(squares.clip(0).max(axis=(1, 2)))

# %% wrong="a batch's axis dropped" loses={"both_layers_count": "is wanted"}
def label_sensitivity(below, above):
    flat = np.concatenate([j.reshape(*j.shape[:2], -1) for j in (below, above)], axis=2)
    return np.squeeze([np.linalg.norm(s[:, None] - s, axis=2).max() for s in flat])

# %% wrong="against the first four labels only" loses={"farthest_pair_of_labels": "one of its 10 labels"}
def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    slopes = np.concatenate(
        [below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2
    )
    moves = [np.linalg.norm(slopes - slopes[:, [c]], axis=2) for c in range(min(classes, 4))]
    return np.max(moves, axis=(0, 2))

# %% wrong="one array, written over" loses={"farthest_pair_of_labels": "what an earlier call returned", "both_layers_count": "what an earlier call returned"}
OUT = {}


def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    out = OUT.setdefault(batch, np.zeros(batch))
    flat = np.concatenate([j.reshape(batch, classes, -1) for j in (below, above)], axis=2)
    moves = np.linalg.norm(flat[:, :, None] - flat[:, None], axis=3)
    return np.max(moves, axis=(1, 2), out=out)

# %% wrong="W₂'s part by its shape" loses={"farthest_pair_of_labels": "you say", "both_layers_count": "One norm"}
ABOVE = {}


def label_sensitivity(below, above):
    batch, classes = below.shape[:2]
    above = ABOVE.setdefault(above.shape, above)
    flat = np.concatenate([j.reshape(batch, classes, -1) for j in (below, above)], axis=2)
    return np.linalg.norm(flat[:, :, None] - flat[:, None], axis=3).max(axis=(1, 2))
