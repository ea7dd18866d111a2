# %% right="all labels at once"
def worst_label_norms(below, above, predictions):
    batch, classes = predictions.shape
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    return np.linalg.norm((predictions[:, None] - np.eye(classes)) @ slopes, axis=2).max(axis=1)

# %% right="a loop over the labels"
def worst_label_norms(below, above, predictions):
    batch, classes = predictions.shape
    worst = np.zeros(batch)
    for label in range(classes):
        error = predictions - np.eye(classes)[label]
        first = np.einsum("bc,bcpj->bpj", error, below).reshape(batch, -1)
        second = np.einsum("bc,bcjk->bjk", error, above).reshape(batch, -1)
        worst = np.maximum(worst, np.sqrt((first**2).sum(1) + (second**2).sum(1)))
    return worst

# %% right="example by example, a list"
def worst_label_norms(below, above, predictions):
    norms = []
    for b, a, p in zip(below, above, predictions):
        slopes = np.hstack([b.reshape(len(p), -1), a.reshape(len(p), -1)])
        norms.append(max(np.linalg.norm((p - unit) @ slopes) for unit in np.eye(len(p))))
    return norms

# %% right="TensorFlow, float32"
def worst_label_norms(below, above, predictions):
    batch, classes = predictions.shape
    slopes = tf.concat([tf.reshape(tf.cast(j, tf.float32), [batch, classes, -1]) for j in (below, above)], axis=2)
    errors = tf.cast(predictions, tf.float32)[:, None, :] - tf.eye(classes)
    return tf.reduce_max(tf.norm(errors @ slopes, axis=2), axis=1)

# %% right="by Gram matrices"
def worst_label_norms(below, above, predictions):
    gram = np.einsum("bcpj,bdpj->bcd", below, below) + np.einsum("bcjk,bdjk->bcd", above, above)
    errors = predictions[:, None] - np.eye(predictions.shape[1])
    return np.sqrt(np.einsum("blc,bcd,bld->bl", errors, gram, errors).max(axis=1))

# %% wrong="the likeliest label" loses={"worst_of_all_labels": "under the labels 0, 1, 2", "both_layers_count": "has a gradient"}
def worst_label_norms(below, above, predictions):
    batch, classes = predictions.shape
    slopes = np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)
    error = predictions - np.eye(classes)[predictions.argmax(axis=1)]
    return np.linalg.norm(np.einsum("bc,bcw->bw", error, slopes), axis=1)

# %% wrong="the best label" edit={".max(axis=1)": ".min(axis=1)"} loses={"worst_of_all_labels": "the smallest of them", "both_layers_count": "One norm"}
# %% wrong="the mean over labels" edit={".max(axis=1)": ".mean(axis=1)"} loses={"worst_of_all_labels": "the mean of them", "both_layers_count": "One norm"}
# %% wrong="only the bottom layer" edit={"np.concatenate([below.reshape(batch, classes, -1), above.reshape(batch, classes, -1)], axis=2)": "below.reshape(batch, classes, -1)"} loses={"worst_of_all_labels": "you say", "both_layers_count": "Where only W₂"}

# %% wrong="a norm for each layer, added" loses={"worst_of_all_labels": "you say"}
def worst_label_norms(below, above, predictions):
    batch, classes = predictions.shape
    errors = predictions[:, None] - np.eye(classes)
    parts = [np.linalg.norm(errors @ j.reshape(batch, classes, -1), axis=2) for j in (below, above)]
    return (parts[0] + parts[1]).max(axis=1)

# %% wrong="the squared norm" edit={"np.linalg.norm((": "(((", "slopes, axis=2)": "slopes) ** 2).sum(axis=2)"} loses={"worst_of_all_labels": "its square", "both_layers_count": "One norm"}
# %% wrong="forgets the prediction" edit={"(predictions[:, None] - np.eye(classes)) @ slopes": "slopes"} loses={"worst_of_all_labels": "you say", "both_layers_count": "One norm"}
# %% wrong="one norm for the batch" edit={".max(axis=1)": ".max()"} loses={"worst_of_all_labels": "is wanted", "both_layers_count": "is wanted"}
