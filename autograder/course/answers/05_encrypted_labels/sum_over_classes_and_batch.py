# %% right="in two lines"
def sum_over_classes_and_batch(products):
    over_classes = tf_shell.reduce_sum(products, axis=1)
    return tf_shell.fast_reduce_sum(over_classes)

# %% right="the batch first, the classes one by one"
def sum_over_classes_and_batch(products):
    summed = tf_shell.fast_reduce_sum(products)
    total = summed[:, 0]
    for c in range(1, products.shape[1]):
        total = total + summed[:, c]
    return total

# %% right="adds the classes by hand"
def sum_over_classes_and_batch(products):
    classes = [products[:, c] for c in range(products.shape[1])]
    total = classes[0]
    for part in classes[1:]:
        total = total + part
    return tf_shell.fast_reduce_sum(total)

# %% right="by split"
def sum_over_classes_and_batch(products):
    parts = tf_shell.split(products, products.shape[1], axis=1)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    batch, _, weights = products.shape
    return tf_shell.fast_reduce_sum(tf_shell.reshape(total, [batch, weights]))

# %% wrong="only over the classes" of="solution" edit={"tf_shell.fast_reduce_sum(": "("} loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Nothing is rounded in a sum"}
# %% wrong="only over the batch" of="solution" edit={"tf_shell.reduce_sum(products, axis=1)": "products"} loses={"classes_are_added": "is wanted", "both_halves_are_added": "is wanted"}
# %% wrong="over the weights" of="solution" edit={"axis=1": "axis=2"} loses={"classes_are_added": "is wanted", "both_halves_are_added": "is wanted"}
# %% wrong="one class for all" of="solution" edit={"tf_shell.reduce_sum(products, axis=1)": "products[:, 0]"} loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Nothing is rounded in a sum"}
# %% wrong="one class is left out" of="solution" edit={"(products, axis=1)": "(products[:, 1:], axis=1)"} loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Slot 0 should hold"}

# %% wrong="decrypted in the mind" loses={"classes_are_added": "not a ciphertext", "both_halves_are_added": "not a ciphertext"}
def sum_over_classes_and_batch(products):
    return np.zeros((2048, products.shape[2]))

# %% wrong="adds the classes twice" edit={"(over_classes)": "(over_classes + over_classes)"} loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Nothing is rounded in a sum"}
# %% wrong="rotates without a key" of="solution" edit={"tf_shell.fast_reduce_sum(": "tf_shell.reduce_sum(", "axis=1))": "axis=1), axis=0)"} loses={"classes_are_added": "raised", "both_halves_are_added": "raised"}
# %% wrong="the second half only in the second row, negated" of="solution" edit={"fast_reduce_sum(tf": "fast_reduce_sum(-tf"} loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Nothing is rounded in a sum"}
# %% wrong="forgets to return" of="solution" edit={"return tf": "tf"} loses={"classes_are_added": "return", "both_halves_are_added": "return"}

# %% wrong="a guess in the ciphertext's place" loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Nothing is rounded in a sum"}
def sum_over_classes_and_batch(products):
    nothing = products[:, 0] - products[:, 0]
    return nothing + tf.fill([2048, products.shape[2]], 1024 * 3 * 3.5 / 32)

# %% wrong="one product, as many times as there are" loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Nothing is rounded in a sum"}
def sum_over_classes_and_batch(products):
    one = products[:, 0]
    total = one + one + one
    for _ in range(10):
        total = total + total
    return total

# %% wrong="one class's sum, three times" loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Nothing is rounded in a sum"}
def sum_over_classes_and_batch(products):
    one = tf_shell.fast_reduce_sum(products[:, 0])
    return one + one + one

# %% right="the batch first, then the classes"
def sum_over_classes_and_batch(products):
    return tf_shell.reduce_sum(tf_shell.fast_reduce_sum(products), axis=1)

# %% right="functools.reduce"
def sum_over_classes_and_batch(products):
    from functools import reduce

    classes = [products[:, c] for c in range(products.shape[1])]
    return tf_shell.fast_reduce_sum(reduce(lambda a, b: a + b, classes))

# %% right="pairs of classes"
def sum_over_classes_and_batch(products):
    left = [products[:, c] for c in range(products.shape[1])]
    while len(left) > 1:
        left = [a + b for a, b in zip(left[::2], left[1::2])] + left[len(left) - len(left) % 2:]
    return tf_shell.fast_reduce_sum(left[0])

# %% wrong="decrypts with global key" loses={"classes_are_added": "Two things of different contexts were put", "both_halves_are_added": "Two things of different contexts were put"}
def sum_over_classes_and_batch(products):
    summed = tf_shell.to_tensorflow(products, key).numpy().sum(axis=1)
    half = len(summed) // 2
    totals = np.zeros_like(summed)
    totals[0], totals[half] = summed[:half].sum(axis=0), summed[half:].sum(axis=0)
    again = tf_shell.to_encrypted(tf.constant(totals, tf.float32), key, context)
    return tf_shell.fast_reduce_sum(again)

# %% right="pipeline of steps"
import functools


def sum_over_classes_and_batch(products):
    steps = [functools.partial(tf_shell.reduce_sum, axis=1), tf_shell.fast_reduce_sum]
    return functools.reduce(lambda tensor, step: step(tensor), steps, products)

# %% wrong="shorter axis is classes" loses={"classes_are_added": "sum_over_classes_and_batch"}
def sum_over_classes_and_batch(products):
    axis = 1 if products.shape[1] <= products.shape[2] else 2
    return tf_shell.fast_reduce_sum(tf_shell.reduce_sum(products, axis=axis))

# %% wrong="four weights" loses={"classes_are_added": "raised"}
def sum_over_classes_and_batch(products):
    over = tf_shell.fast_reduce_sum(tf_shell.reduce_sum(products, axis=1))
    return tf_shell.concat([tf_shell.expand_dims(over[:, w], axis=1) for w in range(4)], axis=1)

# %% wrong="five classes" loses={"classes_are_added": "examples and all classes add up to"}
def sum_over_classes_and_batch(products):
    over_classes = tf_shell.reduce_sum(products[:, :5], axis=1)
    return tf_shell.fast_reduce_sum(over_classes)

# %% wrong="remembers the sums by shape" loses={"classes_are_added": "examples and all classes add up to", "both_halves_are_added": "Slot 0 should hold"}
SUMS = {}


def sum_over_classes_and_batch(products):
    shape = tuple(products.shape)
    if shape not in SUMS:
        SUMS[shape] = tf_shell.fast_reduce_sum(tf_shell.reduce_sum(products, axis=1))
    return SUMS[shape]
