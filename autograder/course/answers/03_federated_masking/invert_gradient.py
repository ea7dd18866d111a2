# %% right="the sign of the sum"
def invert_gradient(grad):
    image = grad * np.sign(grad.sum())
    return image / image.max()

# %% right="divided by the largest entry in size, with its sign"
def invert_gradient(grad):
    return grad / grad[np.argmax(np.abs(grad))]

# %% right="square root of squares, float32"
def invert_gradient(grad):
    size = np.sqrt(grad**2).astype(np.float32)
    return np.clip(size / np.max(size), 0, 1)

# %% right="pixel by pixel, a list"
def invert_gradient(grad):
    top = max(abs(g) for g in grad)
    return [abs(g) / top for g in grad]

# %% right="two cases"
def invert_gradient(grad):
    return grad / grad.max() if grad.max() > 0 else grad / grad.min()

# %% wrong="the gradient itself" loses={"the_image_comes_back": "negative", "pixels_run_from_0_to_1": "scale them"}
def invert_gradient(grad):
    return grad

# %% wrong="not scaled" loses={"pixels_run_from_0_to_1": "scale them"}
def invert_gradient(grad):
    return np.abs(grad)

# %% wrong="min-max scaling" loses={"the_image_comes_back": "negative"}
def invert_gradient(grad):
    return (grad - grad.min()) / (grad.max() - grad.min())

# %% wrong="divided by its norm" loses={"pixels_run_from_0_to_1": "scale them"}
def invert_gradient(grad):
    return np.abs(grad) / np.linalg.norm(grad)

# %% wrong="clipped" loses={"the_image_comes_back": "same value", "pixels_run_from_0_to_1": "scale them"}
def invert_gradient(grad):
    return np.clip(grad, 0, 1)

# %% wrong="black and white" loses={"the_image_comes_back": "correlation"}
def invert_gradient(grad):
    return (grad != 0).astype(float)

# %% wrong="squared" loses={"the_image_comes_back": "correlation"}
def invert_gradient(grad):
    return (grad / np.abs(grad).max()) ** 2

# %% wrong="through a sigmoid" loses={"the_image_comes_back": "negative", "pixels_run_from_0_to_1": "scale them"}
def invert_gradient(grad):
    return expit(grad)

# %% wrong="forgets to return" loses={"the_image_comes_back": "return", "pixels_run_from_0_to_1": "return"}
def invert_gradient(grad):
    np.abs(grad) / np.abs(grad).max()

# %% wrong="divided by the largest, which may be 0" loses={"the_image_comes_back": "so the largest is 0", "pixels_run_from_0_to_1": "What did you divide by"}
def invert_gradient(grad):
    return np.abs(grad / np.max(grad))
