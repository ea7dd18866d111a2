# ---
# title: "Lab 00: arrays"
# minutes: 5
# ---

# %% [markdown]
# A lab on NumPy arrays, for the tests of the grader: its checks draw fresh inputs, and one hands an
# object over.

# %% setup=true
import numpy as np

from labkit import checks


# %% setup=true
class Scale:
    """A model with one weight."""

    def __init__(self):
        self.weight = 1.0


@checks.check
def has_mean_zero(centred, rng):
    """the mean is gone."""
    x = rng.normal(3, 1, 50)
    got = checks.as_array(centred(x), "the result", x.shape)
    checks.require(abs(got.mean()) < 1e-6, f"the mean is {got.mean():.3f}, not 0")


@checks.check
def keeps_differences(centred, rng):
    """differences stay."""
    x = rng.normal(3, 1, 50)
    got = checks.as_array(centred(x), "the result", x.shape)
    checks.require(np.allclose(np.diff(got), np.diff(x), atol=1e-5), "differences have changed")


@checks.check
def noise_has_the_right_scale(noisy, rng):
    """the noise's standard deviation is as asked for."""
    scale = rng.uniform(1, 3)
    got = checks.as_array(noisy(np.zeros(20000), scale, rng), "the result", (20000,))
    # The deviation of 20000 normals is within 5 % of σ but with probability 1e-23.
    checks.require(abs(got.std() / scale - 1) < 0.05, f"the noise is {got.std() / scale:.2f} × σ")


@checks.check
def noise_comes_from_rng(noisy, rng):
    """it can be repeated, and two calls differ."""
    first, second = (noisy(np.zeros(9), 1.0, rng) for _ in range(2))
    checks.require(not np.allclose(first, second), "two calls give the same noise")
    one, two = (noisy(np.zeros(9), 1.0, np.random.default_rng(5)) for _ in range(2))
    checks.require(np.allclose(one, two), "the same rng gives other noise")


def fitted(fit, x):
    model = Scale()
    fit(model, x)
    return model.weight


@checks.check
def the_weight_is_the_mean(fit, rng):
    """the model that is passed in is trained."""
    x = rng.normal(3, 1, 50)
    weight = checks.as_number(checks.at_home(fit, fitted, x), "the weight")
    checks.require(abs(weight - x.mean()) < 1e-5, f"the weight is {weight:.3f}")


# %% exercise="centred"
def centred(x):
    """Return `x` less its mean."""
    ### BEGIN SOLUTION
    return x - x.mean()
    ### END SOLUTION


# %% check="mean" points=3
has_mean_zero(centred, checks.fresh_rng())
### BEGIN HIDDEN TESTS
has_mean_zero(centred, checks.fresh_rng(), trials=5)
### END HIDDEN TESTS

# %% check="differences" points=2
keeps_differences(centred, checks.fresh_rng())


# %% exercise="noisy"
def noisy(x, scale, rng):
    """Return `x` with Gaussian noise of standard deviation `scale`, drawn from `rng`."""
    ### BEGIN SOLUTION
    return x + rng.normal(0, scale, x.shape)
    ### END SOLUTION


# %% check="scale" points=3
noise_has_the_right_scale(noisy, checks.fresh_rng())

# %% check="rng" points=2
noise_comes_from_rng(noisy, checks.fresh_rng())


# %% exercise="fit"
def fit(model, x):
    """Set `model.weight` to the mean of `x`."""
    ### BEGIN SOLUTION
    model.weight = x.mean()
    ### END SOLUTION


# %% check="weight" points=5
the_weight_is_the_mean(fit, checks.fresh_rng())
