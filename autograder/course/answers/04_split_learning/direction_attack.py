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

# %% wrong="the place, not the label" loses={"labels_follow_the_direction": "its label is wanted"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    known = known_gradients / np.linalg.norm(known_gradients, axis=1, keepdims=True)
    return np.argmax(cut_gradients @ known.T, axis=1)

# %% wrong="the smallest cosine" loses={"labels_follow_the_direction": "smallest cosine"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    known = known_gradients / np.linalg.norm(known_gradients, axis=1, keepdims=True)
    return known_labels[np.argmin(cut_gradients @ known.T, axis=1)]

# %% wrong="argmax along the examples" loses={"labels_follow_the_direction": "is wanted", "lengths_do_not_mislead": "is wanted"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    known = known_gradients / np.linalg.norm(known_gradients, axis=1, keepdims=True)
    return known_labels[np.argmax(cut_gradients @ known.T, axis=0) % len(known)]

# %% wrong="always the first known" loses={"labels_follow_the_direction": "of the labels are read right", "lengths_do_not_mislead": "they have different labels"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    return np.full(len(cut_gradients), known_labels[0])

# %% wrong="returns the cosines" loses={"labels_follow_the_direction": "is wanted", "lengths_do_not_mislead": "is wanted"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    known = known_gradients / np.linalg.norm(known_gradients, axis=1, keepdims=True)
    return cut_gradients @ known.T

# %% wrong="the cosine's size" loses={"labels_follow_the_direction": "not the largest in size"}
def direction_attack(cut_gradients, known_gradients, known_labels):
    unit = known_gradients / np.linalg.norm(known_gradients, axis=1, keepdims=True)
    return known_labels[np.argmax(np.abs(cut_gradients @ unit.T), axis=1)]

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
