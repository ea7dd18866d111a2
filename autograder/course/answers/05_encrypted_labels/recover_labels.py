# %% right="unit by unit"
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
    y = np.linalg.lstsq(matrix, labels_part, rcond=None)[0]
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

# %% wrong="the sign the wrong way round" loses={"labels_come_out_of_a_sum": "labels are right", "predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    forward = lambda y: x.T @ ((y @ top.T) * on)
    y = encrypted.least_squares(forward, lambda g: ((x @ g) * on) @ top, gradient - forward(predictions), damping)
    return y.argmax(axis=1)

# %% wrong="the largest residual" loses={"labels_come_out_of_a_sum": "labels are right", "predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    r = encrypted.least_squares(lambda r: x.T @ ((r @ top.T) * on), lambda g: ((x @ g) * on) @ top, gradient, damping)
    return r.argmax(axis=1)

# %% wrong="only the way back, nothing solved" loses={"labels_come_out_of_a_sum": "labels are right", "predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    on = hidden > 0
    target = x.T @ ((predictions @ top.T) * on) - gradient
    return (((x @ target) * on) @ top).argmax(axis=1)

# %% wrong="forgets relu'" loses={"labels_come_out_of_a_sum": "labels are right", "predictions_do_not_mislead": "labels are right"}
def recover_labels(gradient, x, hidden, predictions, top, damping=0.0):
    forward = lambda y: x.T @ (y @ top.T)
    y = encrypted.least_squares(forward, lambda g: (x @ g) @ top, forward(predictions) - gradient, damping)
    return y.argmax(axis=1)

# %% wrong="h in place of relu'" loses={"labels_come_out_of_a_sum": "labels are right", "predictions_do_not_mislead": "labels are right"}
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
