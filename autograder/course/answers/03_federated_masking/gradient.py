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
