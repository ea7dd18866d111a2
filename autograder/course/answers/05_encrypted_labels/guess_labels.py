# %% wrong="where it is negative" loses={"labels_are_guessed": "is wanted"}
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

# %% wrong="the largest" of="solution" edit={"argmin": "argmax"} loses={"labels_are_guessed": "You took the largest one"}
# %% wrong="the largest in size" of="solution" edit={"residuals.argmin": "np.abs(residuals).argmax"} loses={"labels_are_guessed": "do to its sign"}
# %% wrong="the smallest in size" of="solution" edit={"residuals.argmin": "np.abs(residuals).argmin"} loses={"labels_are_guessed": "do to its sign"}
# %% wrong="along the batch" of="solution" edit={"axis=1": "axis=0"} loses={"labels_are_guessed": "is wanted"}
# %% wrong="one-hot" of="solution" edit={"residuals.argmin(axis=1)": "(residuals < 0).astype(int)"} loses={"labels_are_guessed": "is wanted"}
# %% wrong="one label for all" of="solution" edit={"residuals.argmin(axis=1)": "np.full(len(residuals), residuals.sum(axis=0).argmin())"} loses={"labels_are_guessed": "labels are right"}
# %% wrong="counts from 1" of="solution" edit={"argmin(axis=1)": "argmin(axis=1) + 1"} loses={"labels_are_guessed": "0 of "}

# %% wrong="rounded to three digits" of="solution" edit={"residuals.argmin": "residuals.round(3).argmin"} loses={"labels_are_guessed": "labels are right. A prediction lies between"}

# %% right="smallest by python min"
def guess_labels(residuals):
    return np.array(
        [min(range(len(row)), key=row.__getitem__) for row in np.asarray(residuals).tolist()], dtype=np.int64
    )

# %% right="stable sort"
def guess_labels(residuals):
    return np.argsort(np.asarray(residuals), axis=1, kind="stable")[:, 0]

# %% wrong="the first that is negative" loses={"labels_are_guessed": "labels are right. A prediction lies"}
def guess_labels(residuals):
    return np.argmax(np.asarray(residuals) < 0, axis=1)

# %% wrong="the first that is not positive" loses={"labels_are_guessed": "labels are right. A prediction lies"}
def guess_labels(residuals):
    return np.argmax(residuals <= 0, axis=1)

# %% wrong="a batch of 200" loses={"labels_are_guessed": "guess_labels"}
def guess_labels(residuals):
    return np.array([residuals[i].argmin() for i in range(200)])

# %% wrong="one array, written over" loses={"labels_are_guessed": "what an earlier call returned"}
OUT = {}


def guess_labels(residuals):
    out = OUT.setdefault(len(residuals), np.zeros(len(residuals), np.intp))
    return np.argmin(residuals, axis=1, out=out)
