# %% right="the sign of the sum"
def invert_gradient(grad):
    image = grad * np.sign(grad.sum())
    return image / image.max()

# %% right="divided by the largest entry in size, with its sign"
def invert_gradient(grad):
    return grad / grad[np.argmax(np.abs(grad))]

# %% right="square root of squares, once they are scaled, float32"
def invert_gradient(grad):
    size = np.sqrt((grad / np.abs(grad).max()) ** 2).astype(np.float32)
    return np.clip(size / np.max(size), 0, 1)

# %% right="pixel by pixel, a list"
def invert_gradient(grad):
    top = max(abs(g) for g in grad)
    return [abs(g) / top for g in grad]

# %% right="two cases"
def invert_gradient(grad):
    return grad / grad.max() if grad.max() > 0 else grad / grad.min()

# %% wrong="the gradient itself" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "grad"} loses={"the_image_comes_back": "negative", "pixels_run_from_0_to_1": "scale them"}
# %% wrong="not scaled" of="solution" edit={"/ np.abs(grad).max()": ""} loses={"pixels_run_from_0_to_1": "scale them"}
# %% wrong="min-max scaling" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "(grad - grad.min()) / (grad.max() - grad.min())"} loses={"the_image_comes_back": "negative"}
# %% wrong="divided by its norm" of="solution" edit={"np.abs(grad).max()": "np.linalg.norm(grad)"} loses={"pixels_run_from_0_to_1": "scale them", "the_image_comes_back": "NaN or infinite."}
# %% wrong="clipped" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "np.clip(grad, 0, 1)"} loses={"the_image_comes_back": "same value", "pixels_run_from_0_to_1": "scale them"}
# %% wrong="black and white" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "(grad != 0).astype(float)"} loses={"the_image_comes_back": "correlation"}
# %% wrong="squared" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "(grad / np.abs(grad).max()) ** 2"} loses={"the_image_comes_back": "correlation"}
# %% wrong="through a sigmoid" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "expit(grad)"} loses={"the_image_comes_back": "correlation", "pixels_run_from_0_to_1": "scale them"}
# %% wrong="forgets to return" of="solution" edit={"return np": "np"} loses={"the_image_comes_back": "return", "pixels_run_from_0_to_1": "return"}
# %% wrong="divided by the largest, which may be 0" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "np.abs(grad / np.max(grad))"} loses={"the_image_comes_back": "so the largest is 0", "pixels_run_from_0_to_1": "What did you divide by"}

# %% right="the sign of the entry that is largest in size, clipped"
def invert_gradient(grad):
    grad = np.asarray(grad) / np.abs(grad).max()
    return np.clip(grad if grad.max() == 1 else -grad, 0, 1)

# %% right="TensorFlow"
import tensorflow as tf

def invert_gradient(grad):
    size = tf.abs(tf.constant(grad))
    return size / tf.reduce_max(size)

# %% right="the infinity norm"
def invert_gradient(grad):
    return np.absolute(grad) / np.linalg.norm(grad, np.inf)

# %% wrong="the square root" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "np.sqrt(np.abs(grad) / np.abs(grad).max())"} loses={"the_image_comes_back": "correlation"}
# %% wrong="faint pixels dropped" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "np.where(np.abs(grad) < 0.3 * np.abs(grad).max(), 0, np.abs(grad) / np.abs(grad).max())"} loses={"the_image_comes_back": "correlation"}
# %% wrong="rounded to eighths" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "np.round(8 * np.abs(grad) / np.abs(grad).max()) / 8"} loses={"the_image_comes_back": "correlation"}
# %% wrong="white and black swapped" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "1 - np.abs(grad) / np.abs(grad).max()"} loses={"the_image_comes_back": "label is above 0"}
# %% wrong="the darkest pixel is 255" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "255 * np.abs(grad) / np.abs(grad).max()"} loses={"pixels_run_from_0_to_1": "scale them"}
# %% wrong="divided by the mean" of="solution" edit={"np.abs(grad).max()": "np.abs(grad).mean()"} loses={"pixels_run_from_0_to_1": "scale them"}
# %% wrong="almost the darkest is 1" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "np.abs(grad) / np.quantile(np.abs(grad), 0.999)"} loses={"pixels_run_from_0_to_1": "pixels"}

# %% wrong="1e-8 in the denominator" of="solution" edit={"/ np.abs(grad).max()": "/ (np.abs(grad).max() + 1e-8)"} loses={"pixels_run_from_0_to_1": "whose gradient's largest entry is"}

# %% wrong="1e-11 at least in the denominator" of="solution" edit={"/ np.abs(grad).max()": "/ max(np.abs(grad).max(), 1e-11)"} loses={"pixels_run_from_0_to_1": "whose gradient's largest entry is"}

# %% right="from the least to the largest, once the sign is out"
def invert_gradient(grad):
    image = np.copysign(1.0, np.mean(grad)) * grad
    return (image - image.min()) / np.ptp(image)

# %% wrong="1e-20 in the denominator" of="solution" edit={"/ np.abs(grad).max()": "/ (np.abs(grad).max() + 1e-20)"} loses={"pixels_run_from_0_to_1": "whose gradient's largest entry is"}

# %% wrong="entries below 1e-18 are nothing" loses={"the_image_comes_back": "For an image with label", "pixels_run_from_0_to_1": "For an image with label"}
def invert_gradient(grad):
    size = np.where(np.abs(grad) < 1e-18, 0, np.abs(grad))
    return size / size.max()

# %% wrong="squares, which underflow" loses={"the_image_comes_back": "For an image with label 0", "pixels_run_from_0_to_1": "For an image with label 0"}
def invert_gradient(grad):
    energy = grad**2
    return np.sqrt(energy / energy.max())

# %% wrong="float32 from the beginning" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "np.abs(np.float32(grad)) / np.abs(np.float32(grad)).max()"} loses={"the_image_comes_back": "For an image with label 0", "pixels_run_from_0_to_1": "For an image with label 0"}
# %% wrong="the square root of the gradient" of="solution" edit={"np.abs(grad) / np.abs(grad).max()": "np.sqrt(grad / np.abs(grad).max()) ** 2"} loses={"the_image_comes_back": "of your 784 pixels are NaN or infinite.", "pixels_run_from_0_to_1": "NaN or infinite."}

# %% wrong="returns one array again and again" loses={"the_image_comes_back": "changes what an earlier call returned", "pixels_run_from_0_to_1": "changes what an earlier call returned"}
IMAGE = np.empty(784)

def invert_gradient(grad):
    np.abs(grad, out=IMAGE)
    np.divide(IMAGE, IMAGE.max(), out=IMAGE)
    return IMAGE

# %% wrong="remembers by which array it was called with" loses={"the_image_comes_back": "correlation with it is"}
KNOWN = {}

def invert_gradient(grad):
    if id(grad) not in KNOWN:
        KNOWN[id(grad)] = grad, np.abs(grad) / np.abs(grad).max()
    return KNOWN[id(grad)][1]
