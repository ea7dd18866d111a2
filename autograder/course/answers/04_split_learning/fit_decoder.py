# %% right="an explicit inverse"
def fit_decoder(smashed, images, ridge):
    return np.linalg.inv(smashed.T @ smashed + ridge * np.identity(smashed.shape[1])) @ smashed.T @ images

# %% right="scikit-learn's Ridge"
def fit_decoder(smashed, images, ridge):
    from sklearn.linear_model import Ridge

    return Ridge(alpha=ridge, fit_intercept=False, tol=1e-12).fit(smashed, images).coef_.T

# %% right="least squares with extra rows"
def fit_decoder(smashed, images, ridge):
    units = smashed.shape[1]
    tall = np.concatenate([smashed, np.sqrt(ridge) * np.eye(units)])
    wanted = np.concatenate([images, np.zeros((units, images.shape[1]))])
    return np.linalg.lstsq(tall, wanted, rcond=None)[0]

# %% right="singular values"
def fit_decoder(smashed, images, ridge):
    u, s, vt = np.linalg.svd(smashed, full_matrices=False)
    return vt.T @ ((s / (s**2 + ridge))[:, None] * (u.T @ images))

# %% right="TensorFlow"
def fit_decoder(smashed, images, ridge):
    s, x = tf.constant(smashed, tf.float64), tf.constant(images, tf.float64)
    return tf.linalg.lstsq(s, x, l2_regularizer=ridge)

# %% wrong="no ridge" loses={"the_decoder_is_the_best_linear_one": "ignores the ridge", "few_examples_are_enough": "raised"}
def fit_decoder(smashed, images, ridge):
    return np.linalg.solve(smashed.T @ smashed, smashed.T @ images)

# %% wrong="pseudo-inverse" loses={"the_decoder_is_the_best_linear_one": "ignores the ridge", "few_examples_are_enough": "should keep it small"}
def fit_decoder(smashed, images, ridge):
    return np.linalg.pinv(smashed) @ images

# %% wrong="the ridge on all entries" loses={"the_decoder_is_the_best_linear_one": "not to the diagonal alone", "few_examples_are_enough": "should have no say"}
def fit_decoder(smashed, images, ridge):
    return np.linalg.pinv(smashed.T @ smashed + ridge) @ smashed.T @ images

# %% wrong="from images to smashed data" loses={"the_decoder_is_the_best_linear_one": "is wanted", "few_examples_are_enough": "is wanted"}
def fit_decoder(smashed, images, ridge):
    gram = images.T @ images + ridge * np.eye(images.shape[1])
    return np.linalg.solve(gram, images.T @ smashed)

# %% wrong="transposed" of="solution" edit={"smashed.T @ images)": "smashed.T @ images).T"} loses={"the_decoder_is_the_best_linear_one": "is wanted", "few_examples_are_enough": "is wanted"}

# %% wrong="no inverse" loses={"the_decoder_is_the_best_linear_one": "slope of the penalised", "few_examples_are_enough": "should keep it small"}
def fit_decoder(smashed, images, ridge):
    return (smashed.T @ smashed + ridge * np.eye(smashed.shape[1])) @ smashed.T @ images

# %% wrong="returns the reconstructions" of="solution" edit={"return np": "return smashed @ np"} loses={"the_decoder_is_the_best_linear_one": "is wanted", "few_examples_are_enough": "is wanted"}

# %% wrong="a decoder of zeros" loses={"the_decoder_is_the_best_linear_one": "slope of the penalised", "few_examples_are_enough": "but not zero"}
def fit_decoder(smashed, images, ridge):
    return np.zeros((smashed.shape[1], images.shape[1]))

# %% wrong="the ridge squared" of="solution" edit={"ridge * np": "ridge**2 * np"} loses={"the_decoder_is_the_best_linear_one": "the ridge squared"}

# %% wrong="correlations for a regression" loses={"the_decoder_is_the_best_linear_one": "slope of the penalised", "few_examples_are_enough": "not the best one of its size"}
def fit_decoder(smashed, images, ridge):
    return 0.05 * smashed.T @ images

# %% right="Cholesky"
def fit_decoder(smashed, images, ridge):
    from scipy.linalg import cho_factor, cho_solve

    gram = smashed.T @ smashed
    gram[np.diag_indices_from(gram)] += ridge
    return cho_solve(cho_factor(gram), smashed.T @ images)

# %% right="by the examples' Gram matrix"
def fit_decoder(smashed, images, ridge):
    n = len(smashed)
    return smashed.T @ np.linalg.solve(smashed @ smashed.T + ridge * np.eye(n), images)

# %% right="pixel by pixel"
def fit_decoder(smashed, images, ridge):
    gram = smashed.T @ smashed + np.diag(np.full(smashed.shape[1], ridge))
    return np.stack([np.linalg.solve(gram, smashed.T @ pixel) for pixel in images.T], axis=1)

# %% wrong="the ridge times the examples" of="solution" edit={"ridge * np": "len(smashed) * ridge * np"} loses={"the_decoder_is_the_best_linear_one": "times the number of examples"}
# %% wrong="a ridge of 1" of="solution" edit={"ridge * np": "1.0 * np"} loses={"the_decoder_is_the_best_linear_one": "slope of the penalised"}
# %% wrong="centred data" of="solution" edit={"gram =": "smashed = smashed - smashed.mean(axis=0); gram ="} loses={"the_decoder_is_the_best_linear_one": "slope of the penalised", "few_examples_are_enough": "not the best one of its size"}
# %% wrong="the root of the ridge" of="solution" edit={"ridge * np": "ridge**0.5 * np"} loses={"the_decoder_is_the_best_linear_one": "slope of the penalised"}
# %% wrong="decoded pixels kept from 0 to 1" of="solution" edit={"return np.linalg.solve(gram, smashed.T @ images)": "return np.clip(np.linalg.solve(gram, smashed.T @ images), 0, 1)"} loses={"the_decoder_is_the_best_linear_one": "slope of the penalised", "few_examples_are_enough": "not the best one of its size"}

# %% wrong="weak directions dropped" loses={"the_decoder_is_the_best_linear_one": "every direction counts"}
def fit_decoder(smashed, images, ridge):
    u, s, vt = np.linalg.svd(smashed, full_matrices=False)
    gain = np.where(s > 0.05 * s.max(), s / (s**2 + ridge), 0.0)
    return vt.T @ (gain[:, None] * (u.T @ images))

# %% right="lsqr with damping"
def fit_decoder(smashed, images, ridge):
    from scipy.sparse.linalg import lsqr

    tight = dict(damp=ridge**0.5, atol=1e-14, btol=1e-14, conlim=0, iter_lim=10_000)
    return np.stack([lsqr(smashed, pixel, **tight)[0] for pixel in images.T], axis=1)

# %% wrong="a ridge of 1 where examples are few" loses={"the_decoder_is_the_best_linear_one": "slope of the penalised"}
def fit_decoder(smashed, images, ridge):
    n, units = smashed.shape
    if n < units:
        return smashed.T @ np.linalg.solve(smashed @ smashed.T + np.eye(n), images)
    return np.linalg.solve(smashed.T @ smashed + ridge * np.eye(units), smashed.T @ images)

# %% wrong="a ridge of 10 at most" of="solution" edit={"ridge * np": "min(ridge, 10.0) * np"} loses={"the_decoder_is_the_best_linear_one": "slope of the penalised"}

# %% wrong="fifty steps of conjugate gradients" loses={"the_decoder_is_the_best_linear_one": "every direction counts"}
def fit_decoder(smashed, images, ridge):
    residual = (smashed.T @ images).astype(float)
    decoder, direction = np.zeros_like(residual), residual
    length = np.sum(residual**2, axis=0)
    for _ in range(50):
        curved = smashed.T @ (smashed @ direction) + ridge * direction
        step = length / np.maximum(np.sum(direction * curved, axis=0), 1e-300)
        decoder, residual = decoder + step * direction, residual - step * curved
        length, before = np.sum(residual**2, axis=0), length
        direction = residual + length / np.maximum(before, 1e-300) * direction
    return decoder
