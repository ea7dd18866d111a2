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

# %% wrong="the norm of everything" of="solution" edit={", axis=1": ""} loses={"the_rare_class_scores_higher": "is wanted", "only_the_length_counts": "is wanted"}
# %% wrong="one norm for each unit" of="solution" edit={"axis=1": "axis=0"} loses={"the_rare_class_scores_higher": "is wanted", "only_the_length_counts": "is wanted"}
# %% wrong="the wrong way round" of="solution" edit={"return np": "return -np"} loses={"the_rare_class_scores_higher": "wrong way round", "only_the_length_counts": "a longer gradient is to have a higher score"}
# %% wrong="the sum of the absolute values" of="solution" edit={"np.linalg.norm(cut_gradients,": "np.abs(cut_gradients).sum("} loses={"only_the_length_counts": "Euclidean"}
# %% wrong="the largest entry" of="solution" edit={"np.linalg.norm(cut_gradients,": "np.abs(cut_gradients).max("} loses={"only_the_length_counts": "Euclidean"}

# %% wrong="divides by its own norm" loses={"the_rare_class_scores_higher": "of a positive is", "only_the_length_counts": "equal"}
def norm_attack(cut_gradients):
    norms = np.linalg.norm(cut_gradients, axis=1)
    return np.round(norms / norms, 9)

# %% wrong="the norm of everything, for each" of="solution" edit={"np.linalg.norm(cut_gradients, axis=1)": "np.full(len(cut_gradients), np.linalg.norm(cut_gradients))"} loses={"the_rare_class_scores_higher": "EACH example", "only_the_length_counts": "EACH example"}
# %% wrong="forgets return" of="solution" edit={"return np": "np"} loses={"the_rare_class_scores_higher": "Did you forget `return`", "only_the_length_counts": "Did you forget `return`"}
# %% wrong="where the largest entry is" of="solution" edit={"np.linalg.norm": "np.argmax"} loses={"the_rare_class_scores_higher": "of a positive is", "only_the_length_counts": "as long as before"}

# %% right="ranks"
def norm_attack(cut_gradients):
    return np.argsort(np.argsort(np.linalg.norm(cut_gradients, axis=1)))

# %% right="logarithms of the lengths"
def norm_attack(cut_gradients):
    return np.log(np.sqrt((cut_gradients**2).sum(axis=-1)))

# %% right="scipy's, divided by the longest"
def norm_attack(cut_gradients):
    from scipy.linalg import norm

    lengths = norm(cut_gradients, axis=1)
    return lengths / lengths.max()

# %% right="the diagonal of a Gram matrix"
def norm_attack(cut_gradients):
    return np.diag(cut_gradients @ cut_gradients.T) ** 0.5

# %% wrong="how far it is from the mean" of="solution" edit={"(cut_gradients,": "(cut_gradients - cut_gradients.mean(axis=0),"} loses={"only_the_length_counts": "a longer gradient is to have a higher score"}
# %% wrong="along the main direction" loses={"only_the_length_counts": "scores"}
def norm_attack(cut_gradients):
    return np.abs(cut_gradients @ np.linalg.svd(cut_gradients)[2][0])

# %% wrong="cosine with the mean" loses={"the_rare_class_scores_higher": "of a positive is", "only_the_length_counts": "a longer gradient is to have a higher score"}
def norm_attack(cut_gradients):
    mean = cut_gradients.mean(axis=0)
    return np.abs(cut_gradients @ mean) / np.linalg.norm(cut_gradients, axis=1) / np.linalg.norm(mean)

# %% wrong="the sum of the entries" of="solution" edit={"np.linalg.norm(cut_gradients, axis=1)": "cut_gradients.sum(axis=1)"} loses={"the_rare_class_scores_higher": "of a positive is", "only_the_length_counts": "as long as before"}
# %% wrong="above the median or not" of="solution" edit={"return np.linalg.norm(cut_gradients, axis=1)": "n = np.linalg.norm(cut_gradients, axis=1); return (n > np.quantile(n, 0.95)) * 1.0"} loses={"only_the_length_counts": "a longer gradient is to have a higher score"}

# %% wrong="decades with a floor" loses={"only_the_length_counts": "a longer gradient is to have a higher"}
def norm_attack(cut_gradients):
    lengths = np.linalg.norm(cut_gradients, axis=1)
    return np.log10(np.maximum(lengths, 1e-8))

# %% right="exp of the length, less 1"
def norm_attack(cut_gradients):
    return np.expm1(np.linalg.norm(cut_gradients, axis=1))

# %% wrong="scores up to 10" of="solution" edit={"return np": "return np.minimum(10, np", "axis=1)": "axis=1))"} loses={"only_the_length_counts": "a longer gradient is to have a higher"}
# %% wrong="a hyperbolic tangent" of="solution" edit={"return np": "return np.tanh(np", "axis=1)": "axis=1))"} loses={"only_the_length_counts": "a longer gradient is to have a higher"}
# %% wrong="the first hundred units" of="solution" edit={"(cut_gradients,": "(cut_gradients[:, :100],"} loses={"only_the_length_counts": "a longer gradient is to have a higher"}

# %% wrong="the logarithm of the length to two decimals" loses={"only_the_length_counts": "a longer gradient is to have a higher score"}
def norm_attack(cut_gradients):
    lengths = np.linalg.norm(cut_gradients, axis=1)
    return np.round(np.log(lengths + 1e-300), 2)
