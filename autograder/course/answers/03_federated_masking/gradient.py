# %% right="one image after the other"
def gradient(weights, x, y):
    total = np.zeros(len(weights))
    for image, label in zip(x, y):
        total += (predict(weights, image) - label) * image
    return total / len(y)

# %% right="transposed"
def gradient(weights, x, y):
    return x.T @ (predict(weights, x) - y) / x.shape[0]

# %% right="mean of rows"
def gradient(weights, x, y):
    return np.mean((predict(weights, x) - y)[:, None] * x, axis=0)

# %% right="by hand, with einsum and float32"
def gradient(weights, x, y):
    p = 1 / (1 + np.exp(-np.dot(x, weights)))
    return (np.einsum("b,bp->p", p - y, x) / len(x)).astype(np.float32)

# %% right="TensorFlow's tape"
import tensorflow as tf

def gradient(weights, x, y):
    w = tf.Variable(weights)
    with tf.GradientTape() as tape:
        scores = tf.linalg.matvec(tf.constant(x), w)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.constant(y), scores))
    return tape.gradient(loss, w)

# %% wrong="label minus prediction" of="solution" edit={"predict(weights, x) - y": "y - predict(weights, x)"} loses={"gradient_is_the_slope_of_the_loss": "wrong way round"}
# %% wrong="a sum" of="solution" edit={"/ len(x)": ""} loses={"gradient_of_a_batch_is_the_mean": "Yours is their sum"}
# %% wrong="no sigmoid" of="solution" edit={"predict(weights, x)": "x @ weights"} loses={"gradient_is_the_slope_of_the_loss": "per unit of weight"}

# %% wrong="squared loss" loses={"gradient_is_the_slope_of_the_loss": "per unit of weight"}
def gradient(weights, x, y):
    p = predict(weights, x)
    return (2 * (p - y) * p * (1 - p)) @ x / len(x)

# %% wrong="rounded predictions" of="solution" edit={"predict(weights, x)": "(predict(weights, x) > 0.5)"} loses={"gradient_is_the_slope_of_the_loss": "per unit of weight"}
# %% wrong="a row for each image" of="solution" edit={"@ x / len(x)": "[:, None] * x"} loses={"gradient_is_the_slope_of_the_loss": "has shape", "gradient_of_a_batch_is_the_mean": "has shape"}
# %% wrong="mean error times mean image" of="solution" edit={"(predict(weights, x) - y) @ x / len(x)": "np.mean(predict(weights, x) - y) * np.mean(x, axis=0)"} loses={"gradient_of_a_batch_is_the_mean": "is not the mean"}
# %% wrong="divided by the pixels" of="mean of rows" edit={"axis=0)": "axis=0) / len(weights)"} loses={"gradient_is_the_slope_of_the_loss": "the number of pixels"}
# %% wrong="forgets to return" of="solution" edit={"return (": "("} loses={"gradient_is_the_slope_of_the_loss": "return", "gradient_of_a_batch_is_the_mean": "return"}

# %% right="float32 matrix products"
def gradient(weights, x, y):
    w, x, y = (np.asarray(a, np.float32) for a in (weights, x, y))
    error = 1 / (1 + np.exp(-(x @ w))) - y
    return np.tensordot(error, x, axes=1) / np.float32(len(y))

# %% right="an average with weights, by tanh"
def gradient(weights, x, y):
    p = 0.5 * (1 + np.tanh((x @ weights) / 2))
    return ((p - y).reshape(-1, 1) * x).sum(axis=0) / y.size

# %% right="a list of columns"
def gradient(weights, x, y):
    errors = predict(weights, x) - y
    return [float(np.mean(errors * x[:, k])) for k in range(x.shape[1])]

# %% wrong="twice as long" of="solution" edit={"/ len(x)": "* 2 / len(x)"} loses={"gradient_is_the_slope_of_the_loss": "per unit of weight"}
# %% wrong="one image too few" of="solution" edit={"/ len(x)": "/ max(len(x) - 1, 1)"} loses={"gradient_of_a_batch_is_the_mean": "is not the mean"}
# %% wrong="divided by 32" of="solution" edit={"/ len(x)": "/ 32"} loses={"gradient_is_the_slope_of_the_loss": "per unit of weight", "gradient_of_a_batch_is_the_mean": "is not the mean"}
# %% wrong="probabilities kept from 0.05 to 0.95" of="solution" edit={"predict(weights, x)": "np.clip(predict(weights, x), 0.05, 0.95)"} loses={"gradient_is_the_slope_of_the_loss": "per unit of weight"}
# %% wrong="weight decay" of="solution" edit={"/ len(x)": "/ len(x) + 0.01 * weights"} loses={"gradient_is_the_slope_of_the_loss": "per unit of weight", "gradient_of_a_batch_is_the_mean": "multiples of the images"}
# %% wrong="only the images whose label it got wrong" of="solution" edit={"(predict(weights, x) - y)": "((predict(weights, x) - y) * ((predict(weights, x) > 0.5) != y))"} loses={"gradient_is_the_slope_of_the_loss": "per unit of weight"}

# %% wrong="a sigmoid that overflows" loses={"gradient_is_the_slope_of_the_loss": "NaN or infinite values. Is something"}
def gradient(weights, x, y):
    e = np.exp(x @ weights)
    p = e / (1 + e)
    return x.T @ (p - y) / len(x)

# %% wrong="the first thousand images" loses={"gradient_of_a_batch_is_the_mean": "is not the mean"}
def gradient(weights, x, y):
    x, y = x[:1000], y[:1000]
    return x.T @ (predict(weights, x) - y) / len(y)

# %% wrong="an image that comes again counts once" loses={"gradient_of_a_batch_is_the_mean": "as often as it comes"}
def gradient(weights, x, y):
    rows = np.unique(np.column_stack([x, y]), axis=0)
    x, y = rows[:, :-1], rows[:, -1]
    return x.T @ (predict(weights, x) - y) / len(y)

# %% wrong="blank images do not count" loses={"gradient_of_a_batch_is_the_mean": "is not the mean"}
def gradient(weights, x, y):
    inked = x.any(axis=1)
    return (predict(weights, x) - y) @ x / max(1, np.sum(inked))

# %% right="the logarithm of the sigmoid, and a column"
def gradient(weights, x, y):
    p = np.exp(-np.logaddexp(0.0, -(x @ weights)))
    return np.matmul(np.transpose(x), (p - y).reshape(-1, 1))[:, 0] / float(np.shape(x)[0])

# %% wrong="keeps the gradient of images that it has seen" loses={"gradient_is_the_slope_of_the_loss": "per unit of weight"}
SEEN = {}

def gradient(weights, x, y):
    key = x.tobytes() + y.tobytes()
    if key not in SEEN:
        SEEN[key] = x.T @ (predict(weights, x) - y) / len(y)
    return SEEN[key]

# %% wrong="28 pixels" loses={"gradient_of_a_batch_is_the_mean": "a sum of multiples of the images"}
def gradient(weights, x, y):
    errors = predict(weights, x) - y
    slopes = np.zeros(len(weights))
    for pixel in range(min(28, len(weights))):
        slopes[pixel] = np.mean(errors * x[:, pixel])
    return slopes

# %% wrong="divides by the number of errors that are not 0" of="solution" edit={"return (predict(weights, x) - y) @ x / len(x)": "error = predict(weights, x) - y\n    return error @ x / max(np.count_nonzero(error), 1)"} loses={"gradient_of_a_batch_is_the_mean": "is not the mean"}

# %% wrong="returns one array again and again" loses={"gradient_is_the_slope_of_the_loss": "changes what an earlier call returned", "gradient_of_a_batch_is_the_mean": "changes what an earlier call returned"}
BUFFERS = {}

def gradient(weights, x, y):
    out = BUFFERS.setdefault(x.shape[1], np.empty(x.shape[1]))
    np.matmul(predict(weights, x) - y, x, out=out)
    out /= len(x)
    return out

# %% wrong="remembers by which arrays it was called with" loses={"gradient_of_a_batch_is_the_mean": "labels changed it is another one"}
KNOWN = {}

def gradient(weights, x, y):
    arrays = id(weights), id(x), id(y)
    if arrays not in KNOWN:
        KNOWN[arrays] = weights, x, y, (predict(weights, x) - y) @ x / len(x)
    return KNOWN[arrays][-1]
