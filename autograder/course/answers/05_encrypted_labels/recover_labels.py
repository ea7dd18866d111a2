# %% wrong="unit by unit, without damping" loses={"labels_come_out_of_a_sum": "are those of the fit"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    signals = np.zeros(hidden.shape)
    for j in range(hidden.shape[1]):
        on = hidden[:, j] > 0
        signals[on, j] = np.linalg.lstsq(x[on].T, gradient[:, j], rcond=None)[0]
    errors = predictions[:, None] - np.eye(top.shape[1])
    expected = (errors @ top.T) * (hidden > 0)[:, None]
    return np.argmin(np.sum((signals[:, None] - expected) ** 2, axis=2), axis=1)

# %% right="solves for the residuals"
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = (hidden > 0).astype(float)
    residuals = encrypted.least_squares(
        lambda r: x.T @ (r @ top.T * on), lambda g: (x @ g * on) @ top, gradient, damping
    )
    return (predictions - residuals).argmax(axis=1)

# %% right="einsum"
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    relu = np.where(hidden > 0, 1.0, 0.0)
    forward = lambda y: np.einsum("bp,bj,jc,bc->pj", x, relu, top, y, optimize=True)
    adjoint = lambda g: np.einsum("bp,bj,jc,pj->bc", x, relu, top, g, optimize=True)
    target = forward(predictions) - gradient
    return [int(np.argmax(row)) for row in encrypted.least_squares(forward, adjoint, target, damping)]

# %% right="the matrix itself"
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    matrix = np.einsum("bp,bj,jc->pjbc", x, hidden > 0, top).reshape(gradient.size, -1)
    labels_part = matrix @ predictions.ravel() - gradient.ravel()
    rows = np.vstack([matrix, damping * np.eye(matrix.shape[1])])
    y = np.linalg.lstsq(rows, np.append(labels_part, np.zeros(matrix.shape[1])), rcond=None)[0]
    return y.reshape(predictions.shape).argmax(axis=1)

# %% right="of y less the predictions, the largest entry is the label, too"
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    y = encrypted.least_squares(lambda y: x.T @ ((y @ top.T) * on), lambda g: ((x @ g) * on) @ top, -gradient, damping)
    return y.argmax(axis=1)

# %% wrong="adds the predictions' part" loses={"predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    forward = lambda y: x.T @ ((y @ top.T) * on)
    y = encrypted.least_squares(forward, lambda g: ((x @ g) * on) @ top, -forward(predictions) - gradient, damping)
    return y.argmax(axis=1)

# %% wrong="the sign the wrong way round" loses={"labels_come_out_of_a_sum": "labels are", "predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    forward = lambda y: x.T @ ((y @ top.T) * on)
    y = encrypted.least_squares(forward, lambda g: ((x @ g) * on) @ top, gradient - forward(predictions), damping)
    return y.argmax(axis=1)

# %% wrong="the largest residual" loses={"labels_come_out_of_a_sum": "labels are", "predictions_do_not_mislead": "what is to be `target`"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    r = encrypted.least_squares(lambda r: x.T @ ((r @ top.T) * on), lambda g: ((x @ g) * on) @ top, gradient, damping)
    return r.argmax(axis=1)

# %% wrong="only the way back, nothing solved" loses={"labels_come_out_of_a_sum": "labels are", "predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    target = x.T @ ((predictions @ top.T) * on) - gradient
    return (((x @ target) * on) @ top).argmax(axis=1)

# %% wrong="forgets relu'" loses={"labels_come_out_of_a_sum": "labels are", "predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    forward = lambda y: x.T @ (y @ top.T)
    y = encrypted.least_squares(forward, lambda g: (x @ g) @ top, forward(predictions) - gradient, damping)
    return y.argmax(axis=1)

# %% wrong="h in place of relu'" loses={"labels_come_out_of_a_sum": "labels are", "predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    forward = lambda y: x.T @ ((y @ top.T) * hidden)
    y = encrypted.least_squares(forward, lambda g: ((x @ g) * hidden) @ top, forward(predictions) - gradient, damping)
    return y.argmax(axis=1)

# %% wrong="the network's own predictions" loses={"labels_come_out_of_a_sum": "network's predictions", "predictions_do_not_mislead": "network's predictions"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    return predictions.argmax(axis=1)

# %% wrong="how often each label occurs" loses={"labels_come_out_of_a_sum": "is wanted", "predictions_do_not_mislead": "is wanted"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    forward = lambda y: x.T @ ((y @ top.T) * on)
    y = encrypted.least_squares(forward, lambda g: ((x @ g) * on) @ top, forward(predictions) - gradient, damping)
    return y.sum(axis=0)

# %% right="scipy's LSQR"
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    from scipy.sparse.linalg import LinearOperator, lsqr

    on, shape = hidden > 0, predictions.shape
    operator = LinearOperator(
        (gradient.size, predictions.size),
        matvec=lambda y: (x.T @ ((y.reshape(shape) @ top.T) * on)).ravel(),
        rmatvec=lambda g: (((x @ g.reshape(gradient.shape)) * on) @ top).ravel(),
        dtype=float,
    )
    target = operator.matvec(predictions.ravel()) - gradient.ravel()
    y = lsqr(operator, target, damp=damping, atol=1e-13, btol=1e-13, iter_lim=5000)[0]
    return y.reshape(shape).argmax(axis=1)

# %% right="the nearest one-hot row"
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    forward = lambda y: x.T @ ((y @ top.T) * on)
    adjoint = lambda g: ((x @ g) * on) @ top
    y = encrypted.least_squares(forward, adjoint, forward(predictions) - gradient, damping)
    distances = ((y[:, None] - np.eye(top.shape[1])) ** 2).sum(axis=2)
    return distances.argmin(axis=1).tolist()

# %% right="TensorFlow's least squares"
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    matrix = tf.einsum("bp,bj,jc->pjbc", x, tf.cast(hidden > 0, tf.float64), top)
    matrix = tf.reshape(matrix, [gradient.size, -1])
    target = tf.linalg.matvec(matrix, predictions.ravel()) - gradient.ravel()
    y = tf.linalg.lstsq(matrix, target[:, None], l2_regularizer=damping**2)
    return tf.argmax(tf.reshape(y, predictions.shape), axis=1)

# %% wrong="counts from 1" of="solution" edit={"y.argmax(axis=1)": "y.argmax(axis=1) + 1"} loses={"labels_come_out_of_a_sum": "labels are", "predictions_do_not_mislead": "labels are right"}
# %% wrong="one-hot rows" of="solution" edit={"return y.argmax(axis=1)": "return np.eye(top.shape[1])[y.argmax(axis=1)]"} loses={"labels_come_out_of_a_sum": "is wanted", "predictions_do_not_mislead": "is wanted"}
# %% wrong="the least likely label" of="solution" edit={"y.argmax(axis=1)": "y.argmin(axis=1)"} loses={"labels_come_out_of_a_sum": "labels are", "predictions_do_not_mislead": "the smallest entry"}
# %% wrong="damping dropped" of="solution" edit={", damping)": ")"} loses={"labels_come_out_of_a_sum": "are those of the fit"}

# %% wrong="the largest in size of what fits" loses={"labels_come_out_of_a_sum": "are those of the fit that is best with this damping"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0

    def forward(y):
        return x.T @ ((y @ top.T) * on)

    def adjoint(g):
        return ((x @ g) * on) @ top

    y = encrypted.least_squares(forward, adjoint, forward(predictions) - gradient, damping)
    return np.argmax(np.abs(y), axis=1)

# %% wrong="damping squared" of="solution" edit={", damping)": ", damping**2)"} loses={"labels_come_out_of_a_sum": "are those of the fit"}
# %% wrong="the root of damping" of="solution" edit={", damping)": ", damping**0.5)"} loses={"labels_come_out_of_a_sum": "are those of the fit"}
# %% wrong="twice the damping" of="solution" edit={", damping)": ", 2 * damping)"} loses={"labels_come_out_of_a_sum": "are those of the fit"}
# %% wrong="half of the damping" of="solution" edit={", damping)": ", damping / 2)"} loses={"labels_come_out_of_a_sum": "are those of the fit"}
# %% wrong="the transpose over the batch" of="solution" edit={"((x @ g) * on) @ top": "((x @ g) * on) @ top / len(x)"} loses={"labels_come_out_of_a_sum": "are those of the fit"}

# %% wrong="takes the images off first, which needs more pixels than images" loses={"predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    if damping:
        forward = lambda y: x.T @ ((y @ top.T) * on)
        adjoint = lambda g: ((x @ g) * on) @ top
        y = encrypted.least_squares(forward, adjoint, forward(predictions) - gradient, damping)
        return y.argmax(axis=1)
    signals = np.linalg.lstsq(x.T, gradient, rcond=None)[0]  # one row for each example
    labels = []
    for signal, active, prediction in zip(signals, on, predictions):
        residual = np.linalg.lstsq(top[active], signal[active], rcond=None)[0]
        labels.append(int(np.argmax(prediction - residual)))
    return labels

# %% wrong="relu' of an earlier batch of the same shape" of="solution" edit={"def recover_labels": "ON = {}\n\n\ndef recover_labels", "on = hidden > 0": "on = ON.setdefault(hidden.shape, hidden > 0)"} loses={"labels_come_out_of_a_sum": "with noise"}

# %% wrong="one array, written over" of="solution" edit={"def recover_labels": "OUT = {}\n\ndef recover_labels", "return y.argmax(axis=1)": "return y.argmax(axis=1, out=OUT.setdefault(len(y), np.zeros(len(y), np.intp)))"} loses={"labels_come_out_of_a_sum": "what an earlier call returned"}
