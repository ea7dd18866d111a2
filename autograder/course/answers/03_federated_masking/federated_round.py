# %% right="the number of examples first"
def federated_round(weights, parties, gradient, learning_rate):
    n = sum(len(y) for _, y in parties)
    return weights - learning_rate * sum(len(y) * gradient(weights, x, y) for x, y in parties) / n

# %% right="np.average"
def federated_round(weights, parties, gradient, learning_rate):
    grads = [gradient(weights, x, y) for x, y in parties]
    return weights - learning_rate * np.average(grads, axis=0, weights=[len(y) for _, y in parties])

# %% right="averages the parties' new weights"
def federated_round(weights, parties, gradient, learning_rate):
    n = sum(len(x) for x, _ in parties)
    new = np.zeros_like(weights)
    for x, y in parties:
        new += len(x) / n * (weights - learning_rate * gradient(weights, x, y))
    return new

# %% right="a running mean"
def federated_round(weights, parties, gradient, learning_rate):
    mean, seen = 0, 0
    for x, y in parties:
        seen += len(y)
        mean = mean + (gradient(weights, x, y) - mean) * len(y) / seen
    return weights - learning_rate * mean

# %% right="shares times stacked gradients, on a copy"
def federated_round(weights, parties, gradient, learning_rate):
    sizes = np.array([len(y) for _, y in parties])
    grads = np.stack([gradient(weights, *party) for party in parties])
    weights = weights.copy()
    weights -= learning_rate * (sizes / sizes.sum()) @ grads
    return weights

# %% wrong="each party counts the same" loses={"a_round_is_a_centralised_step": "each party the same weight"}
def federated_round(weights, parties, gradient, learning_rate):
    return weights - learning_rate * np.mean([gradient(weights, x, y) for x, y in parties], axis=0)

# %% wrong="uphill" edit={"weights - learning_rate": "weights + learning_rate"} loses={"a_round_is_a_centralised_step": "uphill", "equal_parties_count_equally": "uphill"}

# %% wrong="a sum" loses={"a_round_is_a_centralised_step": "where a mean is meant", "equal_parties_count_equally": "learning_rate times the mean"}
def federated_round(weights, parties, gradient, learning_rate):
    return weights - learning_rate * sum(gradient(weights, x, y) for x, y in parties)

# %% wrong="the server pools the data" loses={"each_party_computes_on_its_own_data": "no single party's own"}
def federated_round(weights, parties, gradient, learning_rate):
    x, y = (np.concatenate(column) for column in zip(*parties))
    return weights - learning_rate * gradient(weights, x, y)

# %% wrong="the neighbour's labels" loses={"a_round_is_a_centralised_step": "raised", "equal_parties_count_equally": "learning_rate times the mean", "each_party_computes_on_its_own_data": "and party 1's labels"}
def federated_round(weights, parties, gradient, learning_rate):
    total = 0
    for i, (x, y) in enumerate(parties):
        total = total + len(x) * gradient(weights, x, parties[(i + 1) % len(parties)][1])
    return weights - learning_rate * total / sum(len(y) for _, y in parties)

# %% wrong="one after the other" loses={"a_round_is_a_centralised_step": "then step once", "equal_parties_count_equally": "learning_rate times the mean"}
def federated_round(weights, parties, gradient, learning_rate):
    for x, y in parties:
        weights = weights - learning_rate * gradient(weights, x, y)
    return weights

# %% wrong="only the first party" loses={"a_round_is_a_centralised_step": "away from a step", "equal_parties_count_equally": "learning_rate times the mean", "each_party_computes_on_its_own_data": "Only parties [0]"}
def federated_round(weights, parties, gradient, learning_rate):
    return weights - learning_rate * gradient(weights, *parties[0])

# %% wrong="no learning rate" edit={"learning_rate * sum": "sum"} loses={"a_round_is_a_centralised_step": "away from a step", "equal_parties_count_equally": "learning_rate times the mean"}
# %% wrong="returns the mean gradient" edit={"weights - learning_rate * sum": "sum"} loses={"a_round_is_a_centralised_step": "away from a step", "equal_parties_count_equally": "learning_rate times the mean"}

# %% wrong="moves the weights within the loop" loses={"a_round_is_a_centralised_step": "then step once", "equal_parties_count_equally": "learning_rate times the mean"}
def federated_round(weights, parties, gradient, learning_rate):
    n = sum(len(y) for _, y in parties)
    for x, y in parties:
        weights = weights - learning_rate * len(y) / n * gradient(weights, x, y)
    return weights

# %% wrong="forgets to return" edit={"return weights": "weights = weights"} loses={"a_round_is_a_centralised_step": "return", "equal_parties_count_equally": "return", "each_party_computes_on_its_own_data": "return"}

# %% right="TensorFlow"
import tensorflow as tf

def federated_round(weights, parties, gradient, learning_rate):
    sizes = tf.constant([float(len(y)) for _, y in parties], tf.float64)
    grads = tf.stack([tf.constant(gradient(weights, x, y)) for x, y in parties])
    mean = tf.linalg.matvec(grads, sizes / tf.reduce_sum(sizes), transpose_a=True)
    return tf.constant(weights) - learning_rate * mean

# %% right="float32"
def federated_round(weights, parties, gradient, learning_rate):
    total = np.zeros(len(weights), np.float32)
    for x, y in parties:
        total += np.float32(len(x)) * gradient(weights, x, y).astype(np.float32)
    return weights.astype(np.float32) - np.float32(learning_rate / sum(len(x) for x, _ in parties)) * total

# %% right="a list comprehension and zip"
def federated_round(weights, parties, gradient, learning_rate):
    images, labels = zip(*parties)
    shares = [len(y) / sum(map(len, labels)) for y in labels]
    steps = [share * gradient(weights, x, y) for share, x, y in zip(shares, images, labels)]
    return weights - learning_rate * np.add.reduce(steps)

# %% wrong="the largest party's share for all" of="solution" edit={"len(y) * gradient": "max(len(y) for _, y in parties) * gradient"} loses={"a_round_is_a_centralised_step": "away from a step"}
# %% wrong="weights by the sizes squared" of="solution" edit={"len(y) * gradient": "len(y) ** 2 * gradient", "sum(len(y) for _, y in parties)": "sum(len(y) ** 2 for _, y in parties)"} loses={"a_round_is_a_centralised_step": "away from a step"}
# %% wrong="the notebook's learning rate" of="solution" edit={"- learning_rate *": "- LEARNING_RATE *"} loses={"a_round_is_a_centralised_step": "away from a step", "equal_parties_count_equally": "learning_rate times the mean"}
# %% wrong="divided by the notebook's number of parties" of="the number of examples first" edit={"/ n": "/ (32 * PARTIES)"} loses={"a_round_is_a_centralised_step": "away from a step", "equal_parties_count_equally": "learning_rate times the mean"}

# %% wrong="sizes in one byte" loses={"a_round_is_a_centralised_step": "away from a step on all the data together"}
def federated_round(weights, parties, gradient, learning_rate):
    sizes = np.array([len(y) for _, y in parties]).astype(np.uint8)
    grads = np.array([gradient(weights, x, y) for x, y in parties])
    return weights - learning_rate * np.average(grads, axis=0, weights=sizes)
# %% wrong="moves the caller's weights" of="shares times stacked gradients, on a copy" edit={"weights = weights.copy()": "pass"} loses={"a_round_is_a_centralised_step": "changes its argument `weights`", "equal_parties_count_equally": "changes its argument `weights`", "each_party_computes_on_its_own_data": "changes its argument `weights`"}

# %% wrong="the plain mean, if sizes are almost the same" loses={"a_round_is_a_centralised_step": "away from a step on all the data"}
def federated_round(weights, parties, gradient, learning_rate):
    sizes = np.array([len(y) for _, y in parties], float)
    grads = np.array([gradient(weights, x, y) for x, y in parties])
    if sizes.max() <= 1.2 * sizes.min():
        sizes[:] = 1
    return weights - learning_rate * (sizes @ grads) / sizes.sum()

# %% right="one image after the other, each party on its own"
def federated_round(weights, parties, gradient, learning_rate):
    total, n = np.zeros(len(weights)), 0
    for x, y in parties:
        for k in range(len(y)):
            total += gradient(weights, x[k : k + 1], y[k : k + 1])
            n += 1
    return weights - learning_rate * total / n

# %% right="arguments by name"
def federated_round(weights, parties, gradient, learning_rate):
    total = sum(len(y) * gradient(weights=weights, x=x, y=y) for x, y in parties)
    return weights - learning_rate * total / sum(len(y) for _, y in parties)

# %% right="images in float32"
def federated_round(weights, parties, gradient, learning_rate):
    n, new = sum(len(y) for _, y in parties), np.array(weights)
    for x, y in parties:
        new -= learning_rate * (len(y) / n) * gradient(weights, x.astype(np.float32), y)
    return new

# %% wrong="at most a thousand images count" of="solution" edit={"len(y) * gradient": "min(len(y), 1000) * gradient", "sum(len(y) for _, y in parties)": "sum(min(len(y), 1000) for _, y in parties)"} loses={"a_round_is_a_centralised_step": "away from a step"}
# %% wrong="a learning rate of 1 at most" of="solution" edit={"- learning_rate *": "- min(learning_rate, 1.0) *"} loses={"a_round_is_a_centralised_step": "away from a step"}

# %% wrong="a weight that is 0 stays 0" loses={"a_round_is_a_centralised_step": "away from a step", "equal_parties_count_equally": "learning_rate times the mean"}
def federated_round(weights, parties, gradient, learning_rate):
    total = sum(len(y) * gradient(weights, x, y) for x, y in parties)
    step = learning_rate * total / sum(len(y) for _, y in parties)
    return weights * (1 - step / np.where(weights == 0, 1, weights))

# %% wrong="keeps the gradients of the first round" loses={"a_round_is_a_centralised_step": "away from a step", "equal_parties_count_equally": "learning_rate times the mean"}
KNOWN = {}

def federated_round(weights, parties, gradient, learning_rate):
    total, n = 0, 0
    for x, y in parties:
        key = x.tobytes() + y.tobytes()
        if key not in KNOWN:
            KNOWN[key] = gradient(weights, x, y)
        total, n = total + len(y) * KNOWN[key], n + len(y)
    return weights - learning_rate * total / n

# %% wrong="who holds the same images as another does not count" loses={"a_round_is_a_centralised_step": "away from a step"}
def federated_round(weights, parties, gradient, learning_rate):
    different = {x.tobytes(): (x, y) for x, y in parties}.values()
    n = sum(len(y) for _, y in different)
    total = sum(len(y) * gradient(weights, x, y) for x, y in different)
    return weights - learning_rate * total / n

# %% wrong="asks the parties, and computes on their pooled data itself" loses={"a_round_is_a_centralised_step": "away from a step", "equal_parties_count_equally": "times the mean gradient", "each_party_computes_on_its_own_data": "not made of them"}
def federated_round(weights, parties, gradient, learning_rate):
    asked = [gradient(weights, x, y) for x, y in parties]
    x = np.concatenate([images for images, _ in parties])
    y = np.concatenate([labels for _, labels in parties])
    return weights - learning_rate * x.T @ (x @ weights - y) / len(y)

# %% wrong="at two points around the weights, averaged" loses={"a_round_is_a_centralised_step": "at the weights that the server sent", "equal_parties_count_equally": "times the mean gradient"}
def federated_round(weights, parties, gradient, learning_rate):
    total = 0
    for x, y in parties:
        around = gradient(0.5 * weights, x, y) + gradient(1.5 * weights, x, y)
        total = total + len(y) * around / 2
    return weights - learning_rate * total / sum(len(y) for _, y in parties)

# %% wrong="a learning rate of a hundredth at least" loses={"equal_parties_count_equally": "times the mean gradient"}
def federated_round(weights, parties, gradient, learning_rate):
    step = max(learning_rate, 0.01)
    total = sum(len(y) * gradient(weights, x, y) for x, y in parties)
    return weights - step * total / sum(len(y) for _, y in parties)

# %% wrong="float32, by the sizes squared" of="float32" edit={"np.float32(len(x)) * gradient": "np.float32(len(x) ** 2) * gradient", "sum(len(x) for x, _ in parties)": "sum(len(x) ** 2 for x, _ in parties)"} loses={"a_round_is_a_centralised_step": "the data together."}

# %% wrong="gradients by which array the images are" loses={"a_round_is_a_centralised_step": "some hold the same images"}
def federated_round(weights, parties, gradient, learning_rate):
    collected = {}
    for x, y in parties:
        collected[id(x)] = len(y), gradient(weights, x, y)
    examples = sum(size for size, _ in collected.values())
    step = sum(size / examples * grad for size, grad in collected.values())
    return weights - learning_rate * step

# %% wrong="each pair once" loses={"a_round_is_a_centralised_step": "some hold the same images"}
def federated_round(weights, parties, gradient, learning_rate):
    collected = {(id(x), id(y)): (len(y), gradient(weights, x, y)) for x, y in parties}
    total = sum(size * grad for size, grad in collected.values())
    return weights - learning_rate * total / sum(size for size, _ in collected.values())

# %% wrong="scales in place what `gradient` returned" loses={"a_round_is_a_centralised_step": "returns it again"}
def federated_round(weights, parties, gradient, learning_rate):
    total, examples = np.zeros(len(weights)), 0
    for x, y in parties:
        grad = gradient(weights, x, y)
        grad *= len(y)
        total += grad
        examples += len(y)
    return weights - learning_rate * total / examples

# %% wrong="adds up into the first gradient" loses={"a_round_is_a_centralised_step": "returns it again"}
def federated_round(weights, parties, gradient, learning_rate):
    (x, y), *others = parties
    mean, seen = gradient(weights, x, y), len(y)
    for x, y in others:
        seen += len(y)
        mean += (gradient(weights, x, y) - mean) * len(y) / seen
    return weights - learning_rate * mean

# %% wrong="who has a gradient of 0 does not count" loses={"a_round_is_a_centralised_step": "one blank images"}
def federated_round(weights, parties, gradient, learning_rate):
    grads = [(len(y), gradient(weights, x, y)) for x, y in parties]
    n = sum(size for size, grad in grads if np.any(grad))
    return weights - learning_rate * sum(size * grad for size, grad in grads) / n

# %% wrong="returns one array again and again" loses={"a_round_is_a_centralised_step": "changes what an earlier call returned", "equal_parties_count_equally": "changes what an earlier call returned", "each_party_computes_on_its_own_data": "changes what an earlier call returned"}
NEW = {}

def federated_round(weights, parties, gradient, learning_rate):
    new = NEW.setdefault(len(weights), np.empty(len(weights)))
    total = sum(len(y) * gradient(weights, x, y) for x, y in parties)
    new[:] = weights - learning_rate * total / sum(len(y) for _, y in parties)
    return new
