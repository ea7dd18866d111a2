# ---
# title: "TITLE"
# minutes: 30
# ---

# %% [markdown]
# **The threat, in a sentence.** A mean of 40 salaries tells whoever knows 39 of them the last one.
#
# **The defence.** Clip each value to a range that is public, then add noise that hides any one of them. Two data
# sets are *neighbours* if one value is replaced by another; how many there are, $n$, is public.
#
# **How it works.** Each exercise is one function with a blank. Below it stand checks. Run the exercise's cell, then
# the checks: they try your function on fresh random inputs and tell you which property is missing. Your function must leave
# the arrays, lists and dictionaries that it gets unchanged: other cells use them. Stuck? Open the hint.

# %% [markdown]
# ## Set-up

# %% setup=true
import numpy as np

from labkit import checks, plots

# %% setup=true
salaries = np.random.default_rng(6).lognormal(3.6, 0.5, 40)  # in thousands

# %% [markdown]
# ## Part 1 · The attack, and a bound on what one value can do

# %%
others, mean = salaries[1:], salaries.mean()
print(f"the first salary, from the mean and the others: {40 * mean - others.sum():.1f}; it is {salaries[0]:.1f}")

# %% [markdown]
# ### Exercise 1 · `clipped_mean` (easy, 5 minutes)
#
# Return the mean of the values, each of them clipped to the range from `low` to `high` first.
#
# <details><summary>Hint</summary>
#
# What is below the range counts as `low`, what is above it as `high`. None is left out.
#
# </details>


# %% exercise="clipped_mean"
def clipped_mean(values, low, high):
    """Return the mean of the clipped values.

    Args:
        values: [n], float array.
        low, high: floats, the range.

    Returns:
        A float.
    """
    ### BEGIN SOLUTION
    return float(np.mean(np.clip(values, low, high)))
    ### END SOLUTION


# %% check="values_are_clipped" points=50 trials=5

# %% [markdown]
# ## Part 2 · Noise
#
# The Laplace mechanism ([Dwork, McSherry, Nissim and Smith 2006](https://doi.org/10.1007/11681878_14)) adds noise of
# scale $\Delta / \varepsilon$, where the sensitivity $\Delta$ is how far the result moves at most from one neighbour
# to the other.
#
# ### Exercise 2 · `noise_scale` (easy, 5 minutes)
#
# Return the scale of the noise that makes the clipped mean of `n` values ε-differentially private.
#
# <details><summary>Hint</summary>
#
# One value moves from one end of the range to the other. By how much does the sum move, and the mean?
#
# </details>


# %% exercise="noise_scale"
def noise_scale(n, low, high, epsilon):
    """Return the scale of the Laplace noise for a clipped mean.

    Args:
        n: int, how many values there are.
        low, high: floats, the range.
        epsilon: float, above 0.

    Returns:
        A float.
    """
    ### BEGIN SOLUTION
    sensitivity = (high - low) / n
    return sensitivity / epsilon
    ### END SOLUTION


# %% check="scale_hides_one_value" points=50 trials=5

# %% [markdown]
# ## Part 3 · The attack again

# %%
rng = np.random.default_rng(7)
epsilons, errors = [0.1, 0.3, 1, 3, 10], []
for epsilon in epsilons:
    noise = rng.laplace(0, noise_scale(40, 10, 100, epsilon), 1000)
    private = clipped_mean(salaries, 10, 100) + noise
    found = 40 * private - np.clip(others, 10, 100).sum()
    errors.append(float(np.median(np.abs(found - salaries[0]))))
plots.lines(
    {"median of 1000 attacks": (epsilons, errors)}, "ε", "error of the first salary (thousands)",
    "What the attacker learns", logx=True, logy=True,
    alt="The attacker's median error falls as ε grows: below ε = 1 it is larger than the salary itself.",
)

# %% [markdown]
# **What remains unproven:** the noise is drawn in floating point, whose gaps can give values away
# ([Mironov 2012](https://doi.org/10.1145/2382196.2382264)), and a range that was chosen from the data is not public.
