# %% right="all cosines, both divided"
def direction_attack(cut_gradients, known_gradients, known_labels):
    def unit(g):
        return g / np.linalg.norm(g, axis=1, keepdims=True)

    cosines = unit(cut_gradients) @ unit(known_gradients).T
    return known_labels[cosines.argmax(axis=1)]

# %% right="one by one"
def direction_attack(cut_gradients, known_gradients, known_labels):
    guesses = []
    for g in cut_gradients:
        cosines = [g @ k / (np.linalg.norm(g) * np.linalg.norm(k)) for k in known_gradients]
        guesses.append(known_labels[int(np.argmax(cosines))])
    return guesses

# %% right="scipy's cosine distance"
def direction_attack(cut_gradients, known_gradients, known_labels):
    from scipy.spatial.distance import cdist

    nearest = cdist(cut_gradients, known_gradients, metric="cosine").argmin(axis=1)
    return np.take(known_labels, nearest)

# %% right="nearest neighbour on the sphere"
def direction_attack(cut_gradients, known_gradients, known_labels):
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import normalize

    neighbours = KNeighborsClassifier(1).fit(normalize(known_gradients), known_labels)
    return neighbours.predict(normalize(cut_gradients))

# %% right="TensorFlow"
def direction_attack(cut_gradients, known_gradients, known_labels):
    a = tf.linalg.l2_normalize(tf.constant(cut_gradients), axis=1)
    b = tf.linalg.l2_normalize(tf.constant(known_gradients), axis=1)
    return tf.gather(known_labels, tf.argmax(a @ tf.transpose(b), axis=1))

# %% wrong="inner products" loses={"lengths_do_not_mislead": "divide each by its length"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    return known_labels[np.argmax(cut_gradients @ known_gradients.T, axis=1)]

# %% wrong="Euclidean distance" loses={"lengths_do_not_mislead": "longer or shorter"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    distances = np.linalg.norm(cut_gradients[:, None] - known_gradients[None], axis=2)
    return known_labels[np.argmin(distances, axis=1)]

# %% wrong="the place, not the label" of="solution" edit={"known_labels[np": "np", "axis=1)]": "axis=1)"} loses={"labels_follow_the_direction": "its label is wanted"}
# %% wrong="the smallest cosine" of="solution" edit={"np.argmax": "np.argmin"} loses={"labels_follow_the_direction": "of the SMALLEST cosine", "lengths_do_not_mislead": "of length 2e-6"}
# %% wrong="argmax along the examples" of="solution" edit={"axis=1)]": "axis=0) % len(directions)]"} loses={"labels_follow_the_direction": "is wanted", "lengths_do_not_mislead": "is wanted"}

# %% wrong="always the first known" loses={"labels_follow_the_direction": "of the labels are read right", "lengths_do_not_mislead": "they have different labels"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    return np.full(len(cut_gradients), known_labels[0])

# %% wrong="returns the cosines" of="solution" edit={"known_labels[np.argmax(cut_gradients @ directions.T, axis=1)]": "cut_gradients @ directions.T"} loses={"labels_follow_the_direction": "is wanted", "lengths_do_not_mislead": "is wanted"}
# %% wrong="the cosine's size" of="solution" edit={"cut_gradients @ directions.T": "np.abs(cut_gradients @ directions.T)"} loses={"labels_follow_the_direction": "not the largest in size"}

# %% wrong="the gradient's own largest entry" loses={"labels_follow_the_direction": "of the labels are read right", "lengths_do_not_mislead": "did not follow"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    return np.argmax(cut_gradients, axis=1)

# %% wrong="the labels in the order of a clustering" loses={"labels_follow_the_direction": "of the labels are read right", "lengths_do_not_mislead": "did not follow"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    unit = cut_gradients / np.linalg.norm(cut_gradients, axis=1, keepdims=True)
    leaders = []
    for g in sorted(unit, key=tuple):
        if all(g @ leader < 0.95 for leader in leaders):
            leaders.append(g)
    return np.argmax(unit @ np.array(leaders).T, axis=1)

# %% right="a rank of cosines by einsum"
def direction_attack(cut_gradients, known_gradients, known_labels):
    lengths = np.sqrt(np.einsum("kc,kc->k", known_gradients, known_gradients))
    cosines = np.einsum("ec,kc->ek", cut_gradients, known_gradients) / lengths
    return np.asarray(known_labels)[np.argsort(cosines, axis=1)[:, -1]]

# %% right="the smallest angle"
def direction_attack(cut_gradients, known_gradients, known_labels):
    unit = [v / np.sqrt(np.sum(v**2, axis=1, keepdims=True)) for v in (cut_gradients, known_gradients)]
    angles = np.arccos(np.clip(unit[0] @ unit[1].T, -1, 1))
    return [known_labels[k] for k in angles.argmin(axis=1)]

# %% right="Euclidean distance on the sphere"
def direction_attack(cut_gradients, known_gradients, known_labels):
    a, b = (v / np.linalg.norm(v, axis=1)[:, None] for v in (cut_gradients, known_gradients))
    return known_labels[((a[:, None] - b[None]) ** 2).sum(axis=2).argmin(axis=1)]

# %% wrong="correlation for the cosine" loses={"labels_follow_the_direction": "cosine"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    n = len(cut_gradients)
    return known_labels[np.corrcoef(cut_gradients, known_gradients)[:n, n:].argmax(axis=1)]

# %% wrong="1-norms" of="solution" edit={"np.linalg.norm(known_gradients, axis=1, keepdims=True)": "np.abs(known_gradients).sum(axis=1, keepdims=True)"} loses={"labels_follow_the_direction": "cosine"}
# %% wrong="largest entries" of="solution" edit={"np.linalg.norm(known_gradients, axis=1, keepdims=True)": "np.abs(known_gradients).max(axis=1, keepdims=True)"} loses={"labels_follow_the_direction": "cosine"}
# %% wrong="signs only" of="solution" edit={"cut_gradients @": "np.sign(cut_gradients) @"} loses={"labels_follow_the_direction": "cosine"}
# %% wrong="squared lengths" of="solution" edit={"np.linalg.norm(known_gradients, axis=1, keepdims=True)": "np.sum(known_gradients**2, axis=1, keepdims=True)"} loses={"labels_follow_the_direction": "cosine", "lengths_do_not_mislead": "divide each by its length"}

# %% wrong="distances by the 1-norm" of="Euclidean distance on the sphere" edit={"((a[:, None] - b[None]) ** 2)": "np.abs(a[:, None] - b[None])"} loses={"labels_follow_the_direction": "cosine"}
# %% wrong="distances by the largest gap" of="Euclidean distance on the sphere" edit={"((a[:, None] - b[None]) ** 2).sum(axis=2)": "np.abs(a[:, None] - b[None]).max(axis=2)"} loses={"labels_follow_the_direction": "cosine"}

# %% wrong="no length is below 1e-3" of="solution" edit={"known_gradients / np.linalg.norm(known_gradients, axis=1, keepdims=True)": "known_gradients / np.maximum(np.linalg.norm(known_gradients, axis=1, keepdims=True), 1e-3)"} loses={"lengths_do_not_mislead": "% of the labels change: divide each by its"}
# %% wrong="no angle beyond 90°" of="the smallest angle" edit={"unit[1].T, -1, 1)": "unit[1].T, 0, 1)"} loses={"labels_follow_the_direction": "cosine"}

# %% wrong="labels in a byte" loses={"labels_follow_the_direction": " labels "}
def direction_attack(cut_gradients, known_gradients, known_labels):
    unit = known_gradients / np.linalg.norm(known_gradients, axis=1, keepdims=True)
    guesses = np.asarray(known_labels)[np.argmax(cut_gradients @ unit.T, axis=1)]
    return guesses.astype(np.int8)

# %% wrong="a millionth added to the lengths" of="solution" edit={"np.linalg.norm(known_gradients, axis=1, keepdims=True)": "(np.linalg.norm(known_gradients, axis=1, keepdims=True) + 1e-6)"} loses={"lengths_do_not_mislead": "of length 2e-6"}
# %% wrong="the first hundred units" of="solution" edit={"directions = ": "cut_gradients, known_gradients = cut_gradients[:, :100], known_gradients[:, :100]; directions = "} loses={"labels_follow_the_direction": "get the label of the nearest one"}

# %% wrong="learns from its own guesses on the way" loses={"labels_follow_the_direction": "another label than when they are given alone"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    centres = known_gradients / np.linalg.norm(known_gradients, axis=1, keepdims=True)
    places = []
    for gradient in cut_gradients:
        unit = gradient / np.linalg.norm(gradient)
        place = np.argmax(centres @ unit / np.linalg.norm(centres, axis=1))
        centres[place] += unit
        places.append(place)
    return known_labels[np.array(places, dtype=int)]
