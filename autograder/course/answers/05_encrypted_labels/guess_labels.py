# %% right="where it is negative"
def guess_labels(residuals):
    return np.nonzero(residuals < 0)[1]

# %% right="a loop"
def guess_labels(residuals):
    return [min(range(len(row)), key=lambda c: row[c]) for row in residuals]

# %% right="TensorFlow"
def guess_labels(residuals):
    return tf.argmax(-tf.constant(residuals), axis=1)

# %% right="sorts"
def guess_labels(residuals):
    return np.argsort(residuals, axis=1)[:, 0]

# %% wrong="the largest" loses={"labels_are_guessed": "You took the largest one"}
def guess_labels(residuals):
    return residuals.argmax(axis=1)

# %% wrong="the largest in size" loses={"labels_are_guessed": "do to its sign"}
def guess_labels(residuals):
    return np.abs(residuals).argmax(axis=1)

# %% wrong="the smallest in size" loses={"labels_are_guessed": "do to its sign"}
def guess_labels(residuals):
    return np.abs(residuals).argmin(axis=1)

# %% wrong="along the batch" loses={"labels_are_guessed": "is wanted"}
def guess_labels(residuals):
    return residuals.argmin(axis=0)

# %% wrong="one-hot" loses={"labels_are_guessed": "is wanted"}
def guess_labels(residuals):
    return (residuals < 0).astype(int)

# %% wrong="one label for all" loses={"labels_are_guessed": "of 200 labels are right"}
def guess_labels(residuals):
    return np.full(len(residuals), residuals.sum(axis=0).argmin())

# %% wrong="counts from 1" loses={"labels_are_guessed": "0 of 200 labels"}
def guess_labels(residuals):
    return residuals.argmin(axis=1) + 1
