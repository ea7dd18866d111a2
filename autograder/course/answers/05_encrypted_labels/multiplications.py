# %% right="no names"
def multiplications(features, units, classes):
    return classes * (features * units + units * classes), units * classes + features * units + units * classes

# %% right="factored"
def multiplications(features, units, classes):
    return classes * units * (features + classes), units * (features + 2 * classes)

# %% right="layer by layer, a list"
def multiplications(features, units, classes):
    bottom, top = features * units, units * classes
    return [classes * bottom + classes * top, bottom + top + top]

# %% right="by looping over shapes"
def multiplications(features, units, classes):
    published = reordered = 0
    for rows, columns in ((features, units), (units, classes)):
        published += classes * rows * columns
        reordered += rows * columns
    return published, reordered + units * classes

# %% right="NumPy"
def multiplications(features, units, classes):
    weights = np.array([features * units, units * classes])
    return np.array([classes * weights.sum(), weights.sum() + weights[1]])

# %% wrong="forgets the classes" edit={"classes * (features": "(features"} loses={"the_published_count": "every entry of its Jacobian"}
# %% wrong="leaves out the top layer" edit={"(features * units + units * classes)": "features * units"} loses={"the_published_count": "you say"}
# %% wrong="forgets the signals" edit={"units * classes + features": "features"} loses={"the_reordered_count": "relu'·W₂"}
# %% wrong="multiplies the batch in" of="solution" edit={"return published, reordered": "return 2048 * published, 2048 * reordered"} loses={"the_published_count": "the batch does not count", "the_reordered_count": "you say"}
# %% wrong="the other way round" of="solution" edit={"return published, reordered": "return reordered, published"} loses={"the_published_count": "you say", "the_reordered_count": "you say"}
# %% wrong="leaves the Jacobian's zeros out" of="solution" edit={"(features * units + units * classes)": "features * units + units * classes"} loses={"the_published_count": "every entry of its Jacobian"}
# %% wrong="only one number" edit={", units * classes + features * units + units * classes": ""} loses={"the_published_count": "is wanted", "the_reordered_count": "is wanted"}

# %% wrong="pixels times classes" loses={"the_reordered_count": "you say"}
def multiplications(features, units, classes):
    published = classes * (features * units + units * classes)
    return published, units * classes + features * units * classes + units * classes

# %% right="counting in loops"
def multiplications(features, units, classes):
    published = sum(features * units + units * classes for _ in range(classes))
    signals = sum(classes for _ in range(units))
    return published, signals + sum(features for _ in range(units)) + signals

# %% right="shapes of arrays"
def multiplications(features, units, classes):
    below, above = np.zeros((features, units)), np.zeros((units, classes))
    return classes * (below.size + above.size), above.size + below.size + above.size

# %% wrong="the signals for each pixel" of="factored" edit={"(features + 2 * classes)": "(features * classes + 2 * classes)"} loses={"the_reordered_count": "you say"}
# %% wrong="the reordered layer's zeros, too" of="factored" edit={"(features + 2 * classes)": "(features + classes + classes * classes)"} loses={"the_reordered_count": "you say"}
# %% wrong="the network of the lab" of="factored" edit={"return classes * units * (features + classes), units * (features + 2 * classes)": "return 508160, 51456"} loses={"the_published_count": "you say", "the_reordered_count": "you say"}

# %% wrong="published without zeros" loses={"the_published_count": "the published program multiplies a class's"}
def multiplications(features, units, classes):
    published = classes * features * units + classes * units
    reordered = units * classes + features * units + units * classes
    return published, reordered

# %% wrong="in 32 bits" loses={"the_published_count": "the published program multiplies a class's"}
def multiplications(features, units, classes):
    sizes = np.array([features * units, units * classes], dtype=np.int32)
    published = np.int32(classes) * sizes.sum(dtype=np.int32)
    reordered = sizes[0] + 2 * sizes[1]
    return int(published), int(reordered)

# %% right="units taken out"
def multiplications(features, units, classes):
    return units * classes * (features + classes), units * (features + 2 * classes)
