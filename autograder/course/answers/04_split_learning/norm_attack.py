# %% right="sqrt of the sum of squares"
def norm_attack(cut_gradients):
    return np.sqrt(np.sum(np.square(cut_gradients), axis=1))

# %% right="squared norms, einsum"
def norm_attack(cut_gradients):
    return np.einsum("ij,ij->i", cut_gradients, cut_gradients)

# %% right="a list, one by one"
def norm_attack(cut_gradients):
    return [float(np.linalg.norm(g)) for g in cut_gradients]

# %% right="TensorFlow, float32"
def norm_attack(cut_gradients):
    return tf.norm(tf.constant(cut_gradients, tf.float32), axis=1)

# %% wrong="the norm of everything" loses={"the_rare_class_scores_higher": "is wanted", "only_the_length_counts": "is wanted"}
def norm_attack(cut_gradients):
    return np.linalg.norm(cut_gradients)

# %% wrong="one norm for each unit" loses={"the_rare_class_scores_higher": "is wanted", "only_the_length_counts": "is wanted"}
def norm_attack(cut_gradients):
    return np.linalg.norm(cut_gradients, axis=0)

# %% wrong="the wrong way round" loses={"the_rare_class_scores_higher": "wrong way round"}
def norm_attack(cut_gradients):
    return -np.linalg.norm(cut_gradients, axis=1)

# %% wrong="the sum of the absolute values" loses={"only_the_length_counts": "Euclidean"}
def norm_attack(cut_gradients):
    return np.abs(cut_gradients).sum(axis=1)

# %% wrong="the largest entry" loses={"only_the_length_counts": "Euclidean"}
def norm_attack(cut_gradients):
    return np.abs(cut_gradients).max(axis=1)

# %% wrong="divides by its own norm" loses={"the_rare_class_scores_higher": "of a positive is", "only_the_length_counts": "equal"}
def norm_attack(cut_gradients):
    norms = np.linalg.norm(cut_gradients, axis=1)
    return np.round(norms / norms, 9)

# %% wrong="the norm of everything, for each" loses={"the_rare_class_scores_higher": "EACH example", "only_the_length_counts": "EACH example"}
def norm_attack(cut_gradients):
    return np.full(len(cut_gradients), np.linalg.norm(cut_gradients))

# %% wrong="forgets return" loses={"the_rare_class_scores_higher": "Did you forget `return`", "only_the_length_counts": "Did you forget `return`"}
def norm_attack(cut_gradients):
    np.linalg.norm(cut_gradients, axis=1)

# %% wrong="where the largest entry is" loses={"the_rare_class_scores_higher": "of a positive is", "only_the_length_counts": "as long as before"}
def norm_attack(cut_gradients):
    return np.argmax(cut_gradients, axis=1)
