# ---
# title: "Lab 03: Federated learning with masks"
# minutes: 150
# ---

# %% [markdown]
# "Your data never leave your phone": in **federated learning** every party trains on its own data and
# sends only *gradients*. You build that, find two leaks in a published notebook, and then, as the server,
# turn one party's gradient back into its image. The defence is **secure aggregation**
# ([Bonawitz et al. 2017, IACR ePrint 2017/281](https://eprint.iacr.org/2017/281)): masks that hide every
# gradient and cancel in the sum. You make the masks exact to the bit, make them from keys, take them off
# with copied keys, mend that, survive parties that drop out, and add noise that no server is trusted with.
#
# You will be able to say, of any "federated, hence private" system: what its server sees, who would
# have to collude, and what it promises when somebody's battery dies.
#
# **How it works.** Each exercise is one function with a blank; the checks below it try it on fresh random
# inputs and say which property is missing. Your function must leave
# the arrays, lists and dictionaries that it gets, from functions that it calls too, unchanged: others use them. A check needs only the set-up cells and its own exercise, so
# you can skip one and come back; the cells that show results also use what you wrote before. After a
# restart of the kernel, run the set-up cells again. Stuck? Open the hint.

# %% [markdown]
# ## Set-up

# %% setup=true
import labkit  # first: it prepares TensorFlow, which part 10 needs

import secrets
import time

import numpy as np
from scipy import stats
from scipy.special import expit

from labkit import checks, plots, secagg
from labkit.budget import budget
from labkit.data import load_mnist
from labkit.pictures import federated_masking as pictures
from labkit.progress import tracked

# %% setup=true
(x_train, y_train), (x_test, y_test) = load_mnist()


def zeros_and_ones(x, y):
    """The images of 0s and 1s, one row of 784 pixels from 0 to 1 each, and their labels."""
    chosen = y < 2
    return x[chosen].reshape(-1, 784) / 255, y[chosen].astype(np.float64)


x_train, y_train = zeros_and_ones(x_train, y_train)
x_test, y_test = zeros_and_ones(x_test, y_test)

PARTIES = 10
LEARNING_RATE = 0.1


def predict(weights, x):
    """The perceptron's probability, for each image, that it is a 1: sigmoid(x · weights)."""
    return expit(x @ weights)


def accuracy(weights, x, y):
    """The fraction of images whose label the perceptron gets right."""
    return float(np.mean((predict(weights, x) > 0.5) == y))


def correlation(a, b):
    """Pearson's correlation of two images: 1 if equal, up to contrast; 0 if unrelated."""
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


# %% [markdown]
# ## Part 1 · Ten parties
#
# Ten parties (hospitals, phones) hold 32 images each and want to tell 0 from 1 together, without showing
# each other a single image. We play all ten, and deal the images out. (0 against 1 is easy: a party comes
# far on its own. What we are after is not accuracy, but who sees what.)

# %%
def split_among(x, y, parties, rng):
    """Deal the examples out at random: a list of one pair (images, labels) for each party."""
    pieces = np.array_split(rng.permutation(len(x)), parties)
    return [(x[piece], y[piece]) for piece in pieces]


rng = np.random.default_rng(1)
dealt = rng.choice(len(x_train), 32 * PARTIES, replace=False)
parties = split_among(x_train[dealt], y_train[dealt], PARTIES, rng)
print("images of each party:", [len(y) for _, y in parties])
print("of which 1s:         ", [int(y.sum()) for _, y in parties])

# %% [markdown]
# ## Part 2 · One party alone
#
# The model is a **perceptron**: 784 weights $w$, and $p = \mathrm{sigmoid}(w \cdot x)$, with
# $\mathrm{sigmoid}(z) = 1 / (1 + e^{-z})$, is its probability that image $x$ shows a 1. For a batch of
# $n$ images $x_i$ with labels $y_i$ it minimises the mean cross-entropy
#
# $$L(w) = -\frac1n \sum_i \bigl[\, y_i \log p_i + (1 - y_i) \log (1 - p_i) \,\bigr].$$
#
# Work the gradient out, and the sigmoid's derivative cancels. What is left is short:
#
# $$\nabla L(w) = \frac1n \sum_i (p_i - y_i)\, x_i .$$
#
# Keep an eye on that formula. It is all the attacker needs.
#
# ### Exercise 1 · `gradient` (easy, 6 minutes)
#
# Compute that mean over a batch.
#
# <details><summary>Hint</summary>
#
# `predict(weights, x)` gives all the $p_i$ at once. A sum over images of a number times an image is a
# matrix product.
#
# </details>

# %% exercise="gradient"
def gradient(weights, x, y):
    """Return the gradient of the mean cross-entropy of `predict` over a batch.

    Args:
        weights: [pixels], float64.
        x: [batch, pixels], the images.
        y: [batch], labels 0.0 or 1.0.

    Returns:
        [pixels], float64.
    """
    ### BEGIN SOLUTION
    return (predict(weights, x) - y) @ x / len(x)
    ### END SOLUTION


# %% check="gradient_is_the_slope_of_the_loss" points=6 trials=5
# %% check="gradient_of_a_batch_is_the_mean" points=4 trials=5

# %% [markdown]
# One party trains on its own 32 images, in batches of 16:

# %%
def train(weights, x, y, epochs, batch_size, rng):
    """Plain SGD on one party's data; returns the new weights."""
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for batch in np.array_split(order, len(x) // batch_size):
            weights = weights - LEARNING_RATE * gradient(weights, x[batch], y[batch])
    return weights


alone = [train(np.zeros(784), x, y, 10, 16, np.random.default_rng(2)) for x, y in parties]
alone_accuracies = [accuracy(weights, x_test, y_test) for weights in alone]
print(
    f"test accuracy of the parties on their own: {min(alone_accuracies):.4f} to "
    f"{max(alone_accuracies):.4f}"
)

# %% [markdown]
# ## Part 3 · A federated round
#
# Now together. In a **round** the server sends the weights, each party computes the gradient **on its own
# data**, and the server steps along their mean. Parties differ in size, so it is a *weighted* mean: then
# the step is exactly the one that a single machine with all the data would make
# (FedSGD of [McMahan et al. 2016, arXiv:1602.05629](https://arxiv.org/abs/1602.05629)):
#
# $$w \leftarrow w - \eta \sum_k \frac{n_k}{n} \nabla L_k(w),$$
#
# where party $k$ has $n_k$ of the $n$ images and the mean loss $L_k$ on them, and $\eta$ is the learning
# rate.

# %%
pictures.federated_round()

# %% [markdown]
# ### Exercise 2 · `federated_round` (medium, 8 minutes)
#
# Play the server: collect each party's gradient, and make the step.
#
# <details><summary>Hint</summary>
#
# A loop over the pairs `(x, y)` in `parties`: add up `len(y) * gradient(weights, x, y)`, and divide by
# the number of all examples once at the end. The weights stay as they are until then.
#
# </details>

# %% exercise="federated_round"
def federated_round(weights, parties, gradient, learning_rate):
    """Return the weights after one round.

    Args:
        weights: [pixels].
        parties: a list of pairs (images, labels), one for each party, of any sizes from 1 on.
        gradient: gradient(weights, x, y) → [pixels], the MEAN gradient over the examples given.
        learning_rate: η, from 0 on.

    Returns:
        [pixels], the new weights.
    """
    ### BEGIN SOLUTION
    total = sum(len(y) * gradient(weights, x, y) for x, y in parties)
    return weights - learning_rate * total / sum(len(y) for _, y in parties)
    ### END SOLUTION


# %% check="a_round_is_a_centralised_step" points=5 trials=5
# %% check="equal_parties_count_equally" points=2 trials=5
# %% check="each_party_computes_on_its_own_data" points=3 trials=1

# %%
ROUNDS = 20
weights, together = np.zeros(784), []
for _ in range(ROUNDS):
    weights = federated_round(weights, parties, gradient, LEARNING_RATE)
    together.append(accuracy(weights, x_test, y_test))
plain_weights = weights
print(
    f"together, after {ROUNDS} rounds: test accuracy {together[-1]:.4f}; "
    f"alone: {min(alone_accuracies):.4f} to {max(alone_accuracies):.4f}"
)

# %% [markdown]
# ### Spot the leak
#
# A widely copied notebook does just this, with a class for the party. Two of its lines, in our words:

# %%
def published_gradient(weights, party, data):
    """What the published `get_gradient` of a party computes."""
    x = data["everyone: images"][:32]
    y = data["everyone: labels"][:32]
    return gradient(weights, x, y)


def published_call(weights, data):
    """How the published notebook trains its first party."""
    return gradient(weights, data["party 0: images"], data["party 1: labels"])


# %% [markdown]
# The notebook *ran*, and its accuracy was good: that makes such bugs dangerous. What a computation depends
# on can be found from outside: **change one input, and see whether the output changes**. (If it does, that is proof. If it
# does not, it shows only that *this* change made no difference: then try others.)
#
# ### Exercise 3 · `reads` (medium, 10 minutes)
#
# Find out on which arrays a computation depends.
#
# <details><summary>Hint</summary>
#
# For each name, make a new dictionary, `data | {name: something_else}`, and compare the results with
# `np.array_equal`. What is "something else" for an array that may hold only zeros, or only ones?
# `1 - data[name]` changes every value in either case (unless it is ½).
#
# </details>

# %% exercise="reads"
def reads(compute, data):
    """Return the names of the arrays that compute(data) depends on.

    Args:
        compute: a deterministic function of a dictionary like `data`, with the same names in the
            same order, which returns an array.
        data: a dictionary, name → array with values from 0 to 1: images, or labels 0 and 1. One
            array may have several names, or be a part of another's, and some are read-only: write
            into none. When you return, the dictionary is as it was.

    Returns:
        A set of names: those for which some other values would change the result.
    """
    ### BEGIN SOLUTION
    before = compute(data)
    return {
        name
        for name in data
        if not np.array_equal(before, compute(data | {name: 1 - data[name]}))
    }
    ### END SOLUTION


# %% check="whatever_is_read_is_found" points=6 trials=3
# %% check="nobody_is_accused_wrongly" points=4 trials=3
# %% check="the_data_stay_as_they_were" points=2 trials=3

# %% [markdown]
# Now put the published lines on trial, beside a party's gradient as it should be.

# %%
data = {"everyone: images": x_train[dealt], "everyone: labels": y_train[dealt]}
for number, (x, y) in enumerate(parties):
    data |= {f"party {number}: images": x, f"party {number}: labels": y}


def own_gradient(weights, party, data):
    """A party's gradient, on its own images and labels."""
    return gradient(weights, data[f"party {party}: images"], data[f"party {party}: labels"])


somewhere = np.random.default_rng(3).normal(0, 0.1, 784)
for name, compute in {
    "published get_gradient, party 0": lambda data: published_gradient(somewhere, 0, data),
    "published call, party 0": lambda data: published_call(somewhere, data),
    "ours, party 0": lambda data: own_gradient(somewhere, 0, data),
}.items():
    print(f"{name} reads: {', '.join(sorted(reads(compute, data)))}")

# Training with each bug.
same_batch = np.zeros(784)
for _ in range(ROUNDS):
    alike = [published_gradient(same_batch, party, data) for party in range(PARTIES)]
    same_batch = same_batch - LEARNING_RATE * np.mean(alike, axis=0)
wrong_pairs = np.zeros(784)
for _ in range(ROUNDS):
    wrong_pairs = wrong_pairs - LEARNING_RATE * published_call(wrong_pairs, data)
print(
    "test accuracy when all compute on the same 32 images: "
    f"{accuracy(same_batch, x_test, y_test):.4f}; "
    f"ours: {together[-1]:.4f}"
)
print(
    "test accuracy with party 0's images and party 1's labels: "
    f"{accuracy(wrong_pairs, x_test, y_test):.4f}"
)

# %% [markdown]
# The first bug is a privacy breach that *the accuracy hardly shows*: every "party" computes on the same 32
# images, most of them other parties'. The mean of ten equal gradients is one of them: nine tenths of the
# data are never used, and nothing is federated. The second hands one party's labels to another, and pairs
# them with images that they do not belong to: who trains so learns nothing.
#
# **Rule.** In a simulation nothing separates the parties but your care, or a test like yours.

# %% [markdown]
# ## Part 4 · The attack: a gradient is a picture
#
# **Threat.** The server is *curious*: it follows the protocol, but looks closely at what it gets. For one image,
# $\nabla L = (p - y)\,x$: **a multiple of the image itself**. (For deep networks it takes an
# optimiser, and works too: [Zhu et al. 2019, arXiv:1906.08935](https://arxiv.org/abs/1906.08935);
# [Geiping et al. 2020, arXiv:2003.14053](https://arxiv.org/abs/2003.14053).)
#
# ### Exercise 4 · `invert_gradient` (easy, 6 minutes)
#
# Give back the image. You know neither $p$ nor $y$, but you know that pixels are never negative and
# that the darkest ink is 1.
#
# <details><summary>Hint</summary>
#
# The factor $p - y$ is positive for a 0 and negative for a 1. Which operation removes a sign?
#
# </details>

# %% exercise="invert_gradient"
def invert_gradient(grad):
    """Reconstruct the image from the gradient of a batch of one.

    Args:
        grad: [784], (p − y) times an image whose pixels run from 0 to 1; p and y are unknown, and
            p − y may be as small as 1e-300 in size.

    Returns:
        [784], the image, its pixels from 0 to 1.
    """
    ### BEGIN SOLUTION
    return np.abs(grad) / np.abs(grad).max()
    ### END SOLUTION


# %% check="the_image_comes_back" points=6 trials=2
# %% check="pixels_run_from_0_to_1" points=4 trials=2

# %%
victims = [x[:1] for x, _ in parties[:6]]
victim_gradients = [gradient(np.zeros(784), x[:1], y[:1]) for x, y in parties[:6]]
stolen = [invert_gradient(grad) for grad in victim_gradients]
bare_correlations = [correlation(image, v) for image, v in zip(stolen, victims)]
print(f"correlation with the true images, at least {min(bare_correlations):.4f}")

plots.images(
    {
        "true": np.reshape(victims, (-1, 28, 28)),
        "stolen": np.reshape(stolen, (-1, 28, 28)),
    },
    title="The server looks at six gradients",
    alt="Two rows of six handwritten digits, zeros and ones. The reconstructions in the second row "
    "cannot be told from the true images in the first.",
)

# %% [markdown]
# "But nobody sends the gradient of a single image!" A batch only mixes images. In the gradients of six
# parties' batches of 32, each party's average 0 and average 1 are in plain sight.

# %% [markdown]
# **Predict first.** What will the gradient of a batch of 32 look like: noise, one of the images, or something else?
#
# <details><summary>Answer</summary>
#
# Something else: the mean 1 minus the mean 0, each weighted. The images differ in their details, which average
# out; what they share stays.
#
# </details>

# %%
batch_gradients = np.array([gradient(np.zeros(784), x, y) for x, y in parties[:6]])
batch_gradients /= np.abs(batch_gradients).max(axis=1, keepdims=True)
plots.images(
    {
        "positive": np.reshape(np.maximum(batch_gradients, 0), (-1, 28, 28)),
        "negative": np.reshape(np.maximum(-batch_gradients, 0), (-1, 28, 28)),
    },
    title="The gradients of six batches",
    alt=pictures.ALT["batches"],
)

# %% [markdown]
# ## Part 5 · Masks that cancel
#
# **Defence.** Parties 0 and 5 agree on a random vector $m_{0,5}$, a **mask**. Party 0 adds it to its
# gradient, party 5 subtracts it. What each of them sends is noise; in the sum the mask cancels. With a
# mask $m_{i,j}$ for each pair of parties $i < j$, party $i$ sends $\tilde g_i$ in place of its gradient
# $g_i$:
#
# $$\tilde g_i = g_i + \sum_{j > i} m_{i,j} - \sum_{j < i} m_{j,i},
# \qquad \sum_i \tilde g_i = \sum_i g_i .$$
#
# **The smaller id adds, the larger one subtracts.**

# %%
pictures.masks_cancel()

# %% [markdown]
# ### Exercise 5 · `mask_gradient` (medium, 10 minutes)
#
# `masks` holds the masks of all pairs; a party uses those of its own pairs. Write it so that it works
# for floats *and* for unsigned integers, which wrap around: in NumPy `uint32` sums are sums modulo
# $2^{32}$ all by themselves, as long as everything stays `uint32`.
#
# <details><summary>Hint</summary>
#
# Start from a copy of `grad`, and go over `masks.items()`; a key is a pair `(i, j)` with `i < j`. Use
# `+ mask` and `- mask`; do not multiply by −1, which no unsigned integer can be.
#
# </details>

# %% exercise="mask_gradient"
def mask_gradient(grad, party, masks):
    """Return what this party sends: its gradient with all of its masks on it.

    Args:
        grad: [length], floats, or uint32 modulo 2^32. It is not changed: the party still needs it.
        party: this party's id; ids are from 0 to 2^32 − 1.
        masks: a dictionary, (i, j) with i < j → the mask of that pair, of grad's shape and dtype.

    Returns:
        [length], of grad's dtype.
    """
    ### BEGIN SOLUTION
    masked = grad
    for (smaller, larger), mask in masks.items():
        if party == smaller:
            masked = masked + mask
        elif party == larger:
            masked = masked - mask
    return masked
    ### END SOLUTION


# %% check="masks_cancel_in_the_sum" points=4 trials=3
# %% check="the_smaller_id_adds" points=3 trials=5
# %% check="exact_modulo_2_to_the_32" points=5 trials=5

# %% [markdown]
# **Attack it.** As in the published notebook, the pairs are (0, 5), (1, 6), …, and the masks are
# floats. How large must they be? Too small, and the image shines through. Too large, and the floats'
# rounding eats the gradient: $(g + m) - m$ is not $g$.

# %% [markdown]
# **Predict first.** Make the float masks larger and larger. Which breaks first: the attack on the masked gradient, or the
# sum?
#
# <details><summary>Answer</summary>
#
# The attack, at masks of about the gradients' size. But the sum gets worse from the very beginning, in proportion
# to the masks: there is no size at which nothing shows and nothing is lost.
#
# </details>

# %%
pairs = [(i, i + 5) for i in range(5)]
grads = np.array([gradient(np.zeros(784), x, y) for x, y in parties])
scales = 10.0 ** np.arange(-2, 9)
errors, seen = {np.float32: [], np.float64: []}, []
mask_rng = np.random.default_rng(4)
for scale in scales:
    masks = {pair: mask_rng.normal(0, scale, 784) for pair in pairs}
    for dtype in errors:
        as_sent = {pair: mask.astype(dtype) for pair, mask in masks.items()}
        sent = [mask_gradient(grads[p].astype(dtype), p, as_sent) for p in range(PARTIES)]
        errors[dtype].append(np.abs(sum(sent) - grads.sum(axis=0)).max())
    seen.append(abs(correlation(mask_gradient(victim_gradients[0], 0, masks), victims[0])))
print("size of the masks  image's correlation  error of the sum: float32   float64")
for scale, e32, e64, c in zip(scales, *errors.values(), seen):
    print(f"{scale:17g} {c:20.3f} {e32:26.1e} {e64:9.1e}")
plots.lines(
    {
        "float32": (scales, errors[np.float32]),
        "float64": (scales, errors[np.float64]),
        "the largest entry of the sum": (scales, np.full(len(scales), np.abs(grads.sum(0)).max())),
    },
    xlabel="standard deviation of the masks",
    ylabel="largest error of the sum of ten gradients",
    title="Ten gradients under float masks",
    alt=pictures.ALT["float masks"],
    logx=True,
    logy=True,
)

# %% [markdown]
# And no size is right: whatever the scale, a masked *float* is still centred on the gradient, so that
# it is a little likelier to be large where the gradient is. There is no uniform distribution on all
# real numbers. **On the integers modulo $2^{32}$ there is**: gradient plus uniform mask is again uniform,
# *exactly*, whatever the gradient. That is the one-time pad, with addition in place of XOR.
#
# So gradients become **fixed-point** numbers: rounded to multiples of $2^{-20}$, and counted in those, as
# integers modulo $2^{32}$. What is negative wraps around: $-2^{-20}$ becomes $2^{32} - 1$. `FixedPoint`
# refuses values so large that the sum of ten could wrap around.

# %%
fixed = secagg.FixedPoint(bits=32, fraction_bits=20)
encoded = np.array([fixed.encode(grad, PARTIES) for grad in grads])
masks = {pair: mask_rng.integers(0, 2**32, 784, dtype=np.uint32) for pair in pairs}
sent = np.array([mask_gradient(encoded[p], p, masks) for p in range(PARTIES)])
total, wanted = sent.sum(axis=0, dtype=np.uint32), encoded.sum(axis=0, dtype=np.uint32)
print(
    "places in which the sum of the masked differs from that of the bare: "
    f"{np.sum(total != wanted)}"
)
print(f"rounding: {np.abs(fixed.decode(total) - grads.sum(axis=0)).max():.1e}, from encoding alone")

blind = []
for number, grad in enumerate(victim_gradients):
    masked = mask_gradient(fixed.encode(grad, PARTIES), number, masks)
    blind.append(invert_gradient(fixed.decode(masked)))
blind_correlations = [correlation(image, v) for image, v in zip(blind, victims)]
print(
    f"the server's pictures: correlation at least {min(bare_correlations):.4f} without masks,\n"
    f"at most {max(np.abs(blind_correlations)):.3f} in size with them"
)
plots.images(
    {
        "true": np.reshape(victims, (-1, 28, 28)),
        "no masks": np.reshape(stolen, (-1, 28, 28)),
        "masked": np.reshape(blind, (-1, 28, 28)),
    },
    title="The same attack, with masks",
    alt="Three rows of six images: the true digits, reconstructions without masks that equal them, "
    "and reconstructions with masks that are nothing but grey noise.",
)

# %% [markdown]
# ## Part 6 · Masks from keys
#
# **Threat.** Who hands the masks out? If the server does, it can take them off. And with one partner
# each, that partner alone can unmask you. So (1) every pair makes its mask out of a secret that only the
# two know, and (2) *all* pairs have one: now all the others must collude against you.
#
# * Each party $i$ has a private key and publishes a public one. `private_key.agree(public_key, context)`
#   gives 32 bytes that the two parties, and nobody else, can compute: Diffie and Hellman's **key
#   agreement** on the curve X25519 (RFC 7748), and HKDF (RFC 5869), which makes independent secrets out
#   of one for different *contexts*.
# * `secagg.expand(seed, length)` stretches such a **seed** into `length` numbers of type `uint32`: a
#   **pseudorandom generator** (AES in counter mode), which without the seed nobody is known to tell from uniform.
#
# So a party's masks could be computed like this:

# %%
def first_attempt(party, private_key, public_keys, round_number, length):
    """Return the sum of a party's masks, with their signs; the context is the round's number."""
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        seed = private_key.agree(public_keys[other], context=b"round %d" % round_number)
        mask = secagg.expand(seed, length)
        total = total + mask if party < other else total - mask
    return total


def fresh_keys(parties):
    """Return new private keys and their public ones, party → key."""
    private_keys = {party: secagg.PrivateKey() for party in parties}
    return private_keys, {party: key.public for party, key in private_keys.items()}


private_keys, public_keys = fresh_keys(range(PARTIES))
print(
    "sum of all masks:",
    sum(first_attempt(p, private_keys[p], public_keys, 0, 3) for p in range(PARTIES)),
)

# %% [markdown]
# **Attack it.** Public keys are public, and nobody has to prove that the key it announces is its own. A
# colluder announces honest party $w$'s key. Then the victim agrees with the two of them on *one and the
# same* secret, hence on the same mask. If one id is smaller than the victim's and the other larger, it
# adds that mask and subtracts it: gone, though no colluder ever knew it.
#
# ### Exercise 6 · `copied_keys` (medium, 8 minutes)
#
# Be the colluders: choose the key that each announces, so that `first_attempt` leaves the victim's vector
# bare. Every honest party's mask with the victim must meet its copy on the victim's other side.
#
# <details><summary>Hint</summary>
#
# Colluders whose ids are smaller than the victim's copy honest parties whose ids are larger, one each, and
# the other way round. `zip` pairs two lists, and `sorted` puts the smaller ids first.
#
# </details>

# %% exercise="copied_keys"
def copied_keys(victim, public_keys, colluders):
    """Return the keys that colluders announce so that the victim's masks cancel.

    Args:
        victim: its id; ids are from 0 to 2^32 − 1.
        public_keys: a dictionary, id → public key (bytes), of the honest parties, the victim among
            them.
        colluders: a list of ids: as many below the victim's as there are honest ids above it, and
            as many above it as there are honest ids below it.

    Returns:
        A dictionary, colluder → the public key that it announces.
    """
    ### BEGIN SOLUTION
    others = public_keys.keys() - {victim}
    larger_first = sorted(others, key=lambda other: (other < victim, other))
    return {c: public_keys[o] for c, o in zip(sorted(colluders), larger_first)}
    ### END SOLUTION


# %% check="one_copy_bares_one_of_three" points=3 trials=5
# %% check="a_victim_among_many_is_bare" points=5 trials=5

# %% [markdown]
# **Defence.** The two of a pair put into the context *who they are*: both ids, and both public keys. Then
# no two pairs share a secret, whatever keys are announced; and two parties that were told different keys
# share none at all. (To refuse equal keys is good, and not enough: on X25519 every key has twins, other
# bytes that agree on the same secrets.)
#
# ### Exercise 7 · `pairwise_mask` (medium, 10 minutes)
#
# Mend `first_attempt`: the round's number, both ids and both public keys belong into the context.
#
# <details><summary>Hint</summary>
#
# Both parties of a pair must use the same context: smaller id first. `b" %d " % i + public_keys[i]` says
# who $i$ is, as bytes. `sorted((party, other))` is the pair in order.
#
# </details>

# %% exercise="pairwise_mask"
def pairwise_mask(party, private_key, public_keys, round_number, length):
    """Return the sum of all of this party's masks, with their signs, modulo 2^32.

    Args:
        party: this party's id; ids are from 0 to 2^32 − 1.
        private_key: its secagg.PrivateKey, whose `agree` (not that of a copy) makes the seeds.
        public_keys: a dictionary, id → public key (bytes), of all parties, this one among them.
        round_number: from 0 to 2^32 − 1; masks of different rounds are independent.
        length: how many entries.

    Returns:
        [length], uint32. Over all parties these add up to 0 modulo 2^32.
    """
    ### BEGIN SOLUTION
    total = np.zeros(length, np.uint32)
    for other in public_keys.keys() - {party}:
        ends = b"".join(b" %d " % end + public_keys[end] for end in sorted((party, other)))
        seed = private_key.agree(public_keys[other], b"round %d" % round_number + ends)
        mask = secagg.expand(seed, length)
        total = total + mask if party < other else total - mask
    return total
    ### END SOLUTION


# %% check="all_pair_masks_cancel" points=4 trials=5
# %% check="every_other_party_counts" points=2 trials=3
# %% check="every_round_has_fresh_masks" points=2 trials=1
# %% check="a_mask_needs_a_private_key" points=2 trials=1
# %% check="no_two_pairs_share_a_mask" points=4 trials=1

# %% [markdown]
# Your attack, on both: party 4 is the victim, 0 to 3 are honest, and 5 to 8 collude.

# %%
honest = {party: public_keys[party] for party in range(5)}
announced = honest | copied_keys(4, honest, [5, 6, 7, 8])
seen_by_server = {"first attempt": [], "mended": []}
for number, grad in enumerate(victim_gradients):
    for name, masks_of in (("first attempt", first_attempt), ("mended", pairwise_mask)):
        sent = fixed.encode(grad, PARTIES) + masks_of(4, private_keys[4], announced, number, 784)
        seen_by_server[name].append(invert_gradient(fixed.decode(sent)))
first, mended = ([*map(correlation, s, victims)] for s in seen_by_server.values())
print(f"party 4 among copied keys: correlation at least {min(first):.4f} at the first attempt,")
print(f"at most {max(np.abs(mended)):.3f} in size with both ends in the context")

# %% [markdown]
# Train again. This time the server sees masked vectors only. The keys are new in every round; part 7 shows
# why.

# %%
weights, masked_accuracies = np.zeros(784), []
for round_number in range(ROUNDS):
    private_keys, public_keys = fresh_keys(range(PARTIES))
    total = np.zeros(784, np.uint32)  # all that the server keeps
    for party, (x, y) in enumerate(parties):
        vector = fixed.encode(gradient(weights, x, y), PARTIES)
        total += vector + pairwise_mask(party, private_keys[party], public_keys, round_number, 784)
    weights = weights - LEARNING_RATE * fixed.decode(total) / PARTIES
    masked_accuracies.append(accuracy(weights, x_test, y_test))
print(
    f"test accuracy {masked_accuracies[-1]:.4f} with masks, {together[-1]:.4f} without;\n"
    f"the weights differ by up to {np.abs(weights - plain_weights).max():.1e}, the rounding of "
    "fixed point"
)
plots.lines(
    {
        "bare gradients": (range(1, ROUNDS + 1), together),
        "masked gradients": (range(1, ROUNDS + 1), masked_accuracies),
    },
    xlabel="round",
    ylabel="test accuracy",
    title="Masks cost no accuracy",
    alt="Test accuracy by round for bare and for masked gradients: the two curves lie on each "
    "other.",
)

# %% [markdown]
# ## Part 7 · Somebody's battery dies
#
# **Threat.** Party 3 has agreed on masks with everybody, and then falls silent. The others' masks with
# it stay in the sum:

# %% [markdown]
# **Predict first.** One of ten parties falls silent after the masks were agreed on. By how much is the sum of the other nine
# wrong?
#
# <details><summary>Answer</summary>
#
# Entirely: nine masks that do not cancel are uniform numbers modulo $2^{32}$, in each entry. Not one digit of the
# sum is left.
#
# </details>

# %%
vectors = np.array([fixed.encode(grad, PARTIES) for grad in grads])
sent = {
    party: vectors[party] + pairwise_mask(party, private_keys[party], public_keys, 100, 784)
    for party in range(PARTIES)
}
without_3 = sum(sent[party] for party in range(PARTIES) if party != 3)
truth = np.delete(grads, 3, axis=0).sum(axis=0)
print(
    f"the sum without party 3 is off by up to {np.abs(fixed.decode(without_3) - truth).max():.0f}, "
    f"and its largest entry should be {np.abs(truth).max():.2f}"
)

# %% [markdown]
# **Defence.** Each party cuts its private key into **Shamir shares**, one for each party
# ([Shamir 1979](https://doi.org/10.1145/359168.359176)): any $t$ of them give the key back, $t - 1$ of
# them say nothing at all. If party 3 falls silent, $t$ of the others hand the server their shares of
# its key, and the server computes its masks and takes them out.

# %%
t = 7
shares = secagg.share([bytes(private_keys[3])], threshold=t, holders=range(PARTIES))
helpers = [0, 1, 2, 4, 5, 6, 7]
(recovered,) = secagg.recover(shares[helpers], helpers, t)
print("seven shares give the key back:", recovered == bytes(private_keys[3]))
try:
    secagg.recover(shares[helpers[:5]], helpers[:5], t)
except secagg.TooFewShares as error:
    print("five do not:", error)

# %% [markdown]
# **Attack the defence**, twice. The key takes off *whatever* party 3 masked with it. (1) Had it used that
# key before, each of its earlier rounds would be open now: hence fresh keys in every round. (2) Party 3 was
# not dead, only slow: its vector arrives *after* the server got the shares of its key. Or the server
# merely *says* that it never came.

# %%
key_3 = secagg.PrivateKey(recovered)
taken = {"same key": [], "fresh key": [], "+ self mask": []}
for round_number, grad in enumerate(victim_gradients):  # six rounds, with six images
    vector, others_keys = fixed.encode(grad, PARTIES), fresh_keys(range(PARTIES))
    for name, (private, public) in {
        "same key": (private_keys, public_keys),
        "fresh key": others_keys,
        "+ self mask": (private_keys, public_keys),
    }.items():
        sent = vector + pairwise_mask(3, private[3], public, round_number, 784)
        if name == "+ self mask":
            sent = sent + secagg.expand(secrets.token_bytes(32), 784)
        bare = sent - pairwise_mask(3, key_3, public, round_number, 784)  # the server's own work
        taken[name].append(invert_gradient(fixed.decode(bare)))
same, fresh, doubly = ([*map(correlation, images, victims)] for images in taken.values())
print(
    "correlation with party 3's image after the server took the pair masks off:\nat least "
    f"{min(same):.4f} with pair masks only, at most {max(np.abs(doubly)):.3f} with a self mask as "
    "well;\n"
    f"in rounds with a key of their own at most {max(np.abs(fresh)):.3f}"
)
plots.images(
    {"true": np.reshape(victims, (-1, 28, 28))}
    | {name: np.reshape(images, (-1, 28, 28)) for name, images in taken.items()},
    title="Party 3's key was revealed",
    alt="Four rows of six images: the true digits; the same digits, reconstructed by the server "
    "from "
    "what the revealed key masked; grey noise for rounds with another key; and grey noise where a "
    "self "
    "mask was on the vector as well.",
)

# %% [markdown]
# So each party puts a second, **self mask** on its vector, from a seed $b_i$ of its own, and shares $b_i$
# too: **double masking** (Bonawitz et al. 2017). For every party the server may learn *one* of the two:
#
# * $b_i$, if the vector arrived, to take the self mask off the sum; or
# * the private key, if it did not, to take the left-over pair masks off.
#
# An honest party answers one of the two questions about a party, and never both. So the sum of the
# masked vectors of the survivors $S$, with dropouts $D$, is
#
# $$\sum_{i \in S} g_i \;+\; \sum_{i \in S} \mathrm{PRG}(b_i)
# \;+\; \sum_{i \in S,\, j \in D} \pm\, \mathrm{PRG}(s_{ij}),$$
#
# where $s_{ij}$ is the seed that $i$ and $j$ agreed on, $\mathrm{PRG}$ is `secagg.expand`, and the sign is
# $+$ where the survivor's id is the smaller one, and $-$ where it is the larger one.

# %%
pictures.double_masking()

# %% [markdown]
# ### Exercise 8 · `unmask` (harder, 12 minutes)
#
# The seeds have been recovered. Take the masks off.
#
# <details><summary>Hint</summary>
#
# Subtract `secagg.expand(seed, len(masked_sum))` for each survivor's self seed. Then go over
# `pair_seeds`: in each pair `(smaller, larger)` one survived. Was it the one that had *added* the mask,
# or the one that had subtracted it?
#
# </details>
#
# <details><summary>Second hint</summary>
#
# If the smaller id survived, the sum still holds $+$ that mask: subtract it. If the larger id survived, the sum
# holds $-$ that mask: add it. Stay in `uint32`: `total - mask` and `total + mask` wrap around as they should. The
# keys of `self_seeds` are not needed.
#
# </details>

# %% exercise="unmask"
def unmask(masked_sum, survivors, dropped, self_seeds, pair_seeds):
    """Return the sum of the survivors' vectors.

    Args:
        masked_sum: [length], uint32, the sum modulo 2^32 of what the survivors sent.
        survivors: a list of ids, which are from 0 to 2^32 − 1.
        dropped: a list of ids.
        self_seeds: a dictionary, survivor → the seed of its self mask.
        pair_seeds: a dictionary, (smaller id, larger id) → seed, of the pairs of which one survived
            and the other dropped out.

    Returns:
        [length], uint32, exact modulo 2^32.
    """
    ### BEGIN SOLUTION
    total = masked_sum
    for seed in self_seeds.values():
        total = total - secagg.expand(seed, len(total))
    for (smaller, _), seed in pair_seeds.items():
        mask = secagg.expand(seed, len(total))
        total = total - mask if smaller in survivors else total + mask
    return total
    ### END SOLUTION


# %% check="self_masks_come_off" points=5 trials=5
# %% check="dropouts_masks_come_off" points=7 trials=5

# %% [markdown]
# Parties 3 and 8 drop out of a round of yours. Below it the same with `secagg.secure_sum`, the whole
# protocol, in which a party 6 ("client" 6 there) hands in shares that it has tampered with. They do not fit
# the hashes that their owners published: party 6 is named, and six others suffice.

# %%
private_keys, public_keys = fresh_keys(range(PARTIES))
dropped = [3, 8]
survivors = [party for party in range(PARTIES) if party not in dropped]
self_seeds = {party: secrets.token_bytes(32) for party in survivors}
pair_seeds = {
    (i, j): private_keys[i].agree(
        public_keys[j], b"%d %d " % (i, j) + public_keys[i] + public_keys[j]
    )
    for i in range(PARTIES)
    for j in range(i + 1, PARTIES)
}
masks = {pair: secagg.expand(seed, 784) for pair, seed in pair_seeds.items()}
masked_sum = sum(
    mask_gradient(vectors[party], party, masks) + secagg.expand(self_seeds[party], 784)
    for party in survivors
)
left_over = {
    (i, j): seed for (i, j), seed in pair_seeds.items() if (i in dropped) != (j in dropped)
}
total = unmask(masked_sum, survivors, dropped, self_seeds, left_over)
wanted = vectors[survivors].sum(axis=0, dtype=np.uint32)
print("yours: places that differ from the bare sum:", int(np.sum(total != wanted)))


def tampering(stage, party, message):
    if stage == "reveal" and party == 6:
        return {owner: share[::-1] for owner, share in message.items()}
    return message


result = secagg.secure_sum(
    vectors, threshold=6, dropouts={3: "masked", 8: "masked"}, tamper=tampering, keep_masked=True
)
print("the protocol: places that differ:", int(np.sum(result.total != wanted)))
print("excluded:", result.excluded)
uniform = stats.kstest(result.masked[0] / 2**32, "uniform").pvalue
print(f"is what the server saw of party 0 uniform? p = {uniform:.2f} (below 1e-6 would mean no)")
try:
    secagg.secure_sum(vectors, threshold=6, dropouts=dict.fromkeys(range(6), "masked"))
except secagg.TooFewShares as error:
    print(f"six dropouts:\n{error}")

# %% [markdown]
# ### What a threshold is worth
#
# The **threshold** $t$ is how many shares it takes. A high one protects against parties that *collude*
# (share with the server what they know), a low one against dropouts. Three questions about
# $n$ parties, each of which holds a share of everybody's two secrets, and $c$ of which collude. **Safe**
# means: the server learns sums only, each of *at least two* honest vectors. (Of the sum of one honest
# vector and their own, colluders subtract their own. No mask helps against that.)
#
# 1. **Does the sum come out** if $d$ of them drop out?
# 2. **Is it safe if the server is curious**, and nobody drops out? It follows the protocol; the colluders
#    pool their shares of a victim's private key. The self mask the server may take off anyway.
# 3. **Is it safe if the server lies**, telling some honest parties that the victim dropped out and others
#    that it did not? Each honest party, the victim among them, answers one question; colluders answer
#    both. The server needs $t$ answers to each. If it can't have both, it can still have all other honest
#    parties "drop out" until $t$ are left.
#
# Against copied keys the contexts of exercise 7 stand, in both cases. Against a server that hands out keys
# of its own, and against one that tells each party another story, the library's parties sign their keys
# (Ed25519) and confirm to each other who survived before they answer (Bonawitz et al. 2017).
#
# ### Exercise 9 · `what_happens` (medium, 8 minutes)
#
# Fill in the table: answer all three, for any numbers.
#
# <details><summary>Hint</summary>
#
# For the third: the $c$ colluders count twice, the $n - c$ others once. How many answers does the server
# get in all, and how many does it need? And how many honest vectors are in a sum of all $n$?
#
# </details>

# %% exercise="what_happens"
def what_happens(parties, threshold, dropouts, colluders):
    """Answer the three questions of the trust table.

    Args:
        parties: n; each holds one share of each secret.
        threshold: t, how many shares give a secret.
        dropouts: d, how many fall silent, counting for the first question only.
        colluders: c < n, how many side with the server, for the second and the third.

    Returns:
        Three bools: the sum comes out; safe if the server is curious; safe if the server lies.
    """
    ### BEGIN SOLUTION
    comes_out = parties - dropouts >= threshold
    in_company = parties - colluders >= 2
    safe_if_curious = in_company and colluders < threshold
    safe_if_lying = in_company and parties + colluders < 2 * threshold
    return comes_out, safe_if_curious, safe_if_lying
    ### END SOLUTION


# %% check="the_sum_comes_out" points=2 trials=3
# %% check="a_curious_server" points=2 trials=3
# %% check="a_lying_server" points=2 trials=3

# %%
print("100 parties, a third of which may drop out, and some of which may collude:\n")
print("threshold  dropouts  colluders    sum comes out  safe: curious  safe: lying")
for threshold, dropouts, colluders in [
    (34, 33, 33), (51, 33, 0), (51, 33, 33), (67, 33, 33), (68, 33, 33), (67, 34, 66), (100, 0, 99),
]:
    answers = what_happens(100, threshold, dropouts, colluders)
    columns = "".join(f"{'yes' if answer else 'NO':>15}" for answer in answers)
    print(f"{threshold:9} {dropouts:9} {colluders:10} {columns}")

# %% [markdown]
# With a third gone and a third bad, $t = 67$ is the largest threshold that lets the sum come out, and
# against a liar it is the smallest that is safe. One dropout or one colluder more, and no threshold does it
# all. And among 99 colluders nothing hides the hundredth. (Dropouts can leave it alone with them, too: a
# curious server's sum is of $n - d - c$ honest vectors.)

# %% [markdown]
# ## Part 8 · What it costs
#
# With all pairs, $n$ parties send $n(n-1)$ letters: 500 phones a quarter of a million.
# [Bell et al. 2020](https://eprint.iacr.org/2020/704) let each pair up with only $k$ random **neighbours**,
# who hold its shares as it does itself: $n \cdot k$. The price is luck: if $t$ of your neighbours collude, a
# curious server has your key. A lying one needs both kinds of answers from $k + 1$ holders, as in part 7:
# $2t - k - 1$ colluders do. And if more than $k - t$ of them drop out, the sum is lost, or worse: where all the
# others collude, your vector is left alone with theirs.
#
# ### Exercise 10 · `privacy_risk` (medium, 8 minutes)
#
# A party's neighbours are $k$ of the *other* $n - 1$ parties, drawn without replacement, so the number of
# colluders among them follows the hypergeometric distribution. Bound the risk that *any* honest party is
# unlucky by adding up theirs (the union bound). A probability is at most 1.
#
# <details><summary>Hint</summary>
#
# `stats.hypergeom.sf(a, population, bad, drawn)` is the chance of **more than** `a` bad ones among those
# drawn. There are $n - c$ honest parties.
#
# </details>

# %% exercise="privacy_risk"
def privacy_risk(parties, neighbours, threshold, colluders):
    """Bound the probability that some honest party has too many colluders around it.

    Args:
        parties: n.
        neighbours: k, each party's random neighbours.
        threshold: this many colluders among the k can take a party's masks off.
        colluders: c of the n parties side with the server.

    Returns:
        The sum over honest parties of P[so many or more of its k neighbours collude], at most 1.
    """
    ### BEGIN SOLUTION
    one = stats.hypergeom.sf(threshold - 1, parties - 1, colluders, neighbours)
    return min(1.0, (parties - colluders) * one)
    ### END SOLUTION


# %% check="the_tail_is_exact" points=4 trials=3
# %% check="risk_at_the_edges" points=2 trials=3

# %% [markdown]
# Move $k$ and see *your* risk for 40 parties, a fifth of which collude, with $t = 2k/3$. (1e-6 stands for whatever
# is smaller, too.)

# %%
pictures.neighbours_slider(privacy_risk)

# %%
def neighbours(n, lying):
    """Return the smallest k, and a t: a fifth collude, a twentieth drop out, both risks < 1e-6."""
    for k in range(4, n, 2):
        for t in range(k // 2 + 1, k + 1):
            enough = 2 * t - k - 1 if lying else t
            if privacy_risk(n, k, enough, n // 5) < 1e-6:  # the smallest such t loses fewest sums
                lost = n * stats.hypergeom.sf(k - t, n - 1, n // 20, k)
                if lost < 1e-6:
                    return k, t
                break
    return n - 1, 2 * n // 3 + 1


crowds = (100, 200, 500, 5000, 50000, 10**6)
needed = {
    name: [neighbours(n, name == "lying") for n in tracked(crowds, f"{name} servers")]
    for name in ("curious", "lying")
}
for n, *both in zip(crowds, *needed.values()):
    print(f"{n:8} parties:", *(f"{name} k = {k}, t = {t};" for name, (k, t) in zip(needed, both)))
print(
    f"500 parties, k = 20, t = 2k/3: {privacy_risk(500, 20, 13, 100):.0e} against a curious server,"
)
print(f"{privacy_risk(500, 20, 2 * 13 - 21, 100):.0f} against one that lies")
plots.lines(
    {f"a {name} server": (crowds, [k for k, _ in pairs]) for name, pairs in needed.items()},
    xlabel="parties",
    ylabel="neighbours of each party",
    title="A fifth collude, a twentieth drop out; either risk below 1e-6",
    alt="Neighbours that are needed against the number of parties on a logarithmic axis: two "
    "nearly "
    "straight lines, that of the lying server about twice as high as that of the curious one.",
    logx=True,
)

# %% [markdown]
# $k$ grows with the *logarithm* of $n$: in a crowd of a million, 54 neighbours against a curious server and
# at least 114 against one that lies, with the thresholds printed above (with $t = 2k/3$, over 500 even if nobody
# dropped out). And *who draws the graph?* The bound holds if it is drawn after the colluders were chosen,
# from randomness that nobody controls. A server that draws it seats its friends around you.
#
# Now measure a round of `secagg.secure_sum`, 784 weights, a twentieth of the parties dropping out: all bytes
# on the wire (but the model's), and processor time of all parties and the server.

# %%
LENGTH = 784
cost_rng = np.random.default_rng(7)


def cost(n, k, t):
    """Run a round of n parties with k neighbours each (n − 1: all); return bytes and seconds."""
    inputs = cost_rng.integers(0, 2**32, (n, LENGTH), dtype=np.uint32)
    silent = {int(p): "masked" for p in cost_rng.choice(n, n // 20, replace=False)}
    graph = None if k == n - 1 else secagg.regular(n, k, cost_rng)
    began = time.process_time()
    result = secagg.secure_sum(inputs, t, graph=graph, dropouts=silent)
    seconds = time.process_time() - began
    there = [p for p in range(n) if p not in silent]
    assert np.array_equal(result.total, inputs[there].sum(axis=0, dtype=np.uint32))
    return sum(result.bytes_sent.values()) + sum(result.bytes_received.values()), seconds


# %%
rounds = {
    "all pairs": [
        (n, n - 1, 2 * n // 3) for n in budget(full=[10, 25, 50, 100], quick=[10, 20, 40])
    ],
    "few neighbours": [
        (n, *neighbours(n, lying=False)) for n in budget(full=[100, 200, 300], quick=[60, 80])
    ],
}
cost(10, 9, 6)  # not counted: the first round also sets up what the later ones find
costs = {
    name: np.array([cost(*each) for each in tracked(sizes, f"rounds with {name}")])
    for name, sizes in rounds.items()
}
for (name, sizes), symbol in zip(rounds.items(), ("n²", "n·k")):
    counts, degrees, _ = np.transpose(sizes)
    terms = counts**2 if symbol == "n²" else counts * degrees
    # Relative errors are minimised, so that small rounds count as much as large ones.
    for column, unit, digits in ((0, "bytes", 0), (1, "ms", 3)):
        y = costs[name][:, column] * (1000 if unit == "ms" else 1)
        (a, b), *_ = np.linalg.lstsq(
            np.stack([terms / y, counts / y], 1), np.ones(len(y)), rcond=None
        )
        off = np.abs((a * terms + b * counts) / y - 1).max()
        print(
            f"{name:14}: {a:8.{digits}f} · {symbol} {b:+9.{digits}f} · n {unit} (within {off:.0%})"
        )
    print(
        f"{name:14}: {counts[-1]} parties: {costs[name][-1, 0] / 1e6:.2f} MB, "
        f"{costs[name][-1, 1]:.2f} s"
    )
plots.lines(
    {
        name: ([n for n, *_ in sizes], [b / n / 1e3 for (n, *_), (b, _) in zip(sizes, costs[name])])
        for name, sizes in rounds.items()
    }
    | {"the masked vectors alone": ([10, 300], [4 * LENGTH / 1e3] * 2)},
    xlabel="parties",
    ylabel="kilobytes per party and round",
    title="Traffic",
    alt="Kilobytes per party against the number of parties, both axes logarithmic. All pairs: a "
    "straight climb. Few neighbours: nearly flat.",
    logx=True,
    logy=True,
)

# %% [markdown]
# ## Part 9 · What the sum gives away
#
# **Threat.** Masks hide a vector *inside* the sum, and the sum is bare. Two sums of the same vectors, one
# without party 0 (its battery, or a server that says so), differ by party 0's vector.
#
# **Defence.** **Differential privacy**, without a server that must be trusted: each party clips its vector
# to norm $C$ and adds discrete Gaussian noise, on the integers, *under its masks*
# ([Kairouz, Liu and Steinke 2021, arXiv:2102.06387](https://arxiv.org/abs/2102.06387)). Colluders know
# their own noise, and dropouts bring none: count on that of the $t - c$ honest parties which part 7
# leaves in every sum. Then with or without any one party's vectors, no outcome is more than
# $e^\varepsilon$ times as likely, but for a probability of δ (lab 01). **Attack it** again, and train.

# %%
many, t, colluders = 40, 30, 10  # safe against a lying server: 2 · 30 > 40 + 10
noise_rng = np.random.default_rng(8)
crowd = split_among(x_train, y_train, many, noise_rng)
noisy = secagg.NoisyEncoding(clip=1.0, noise_multiplier=4.0, honest=t - colluders)

others = sum(fixed.encode(gradient(np.zeros(784), x, y), many) for x, y in crowd[1:])
noisy_others = [noisy.encode(gradient(np.zeros(784), x, y), noise_rng) for x, y in crowd[1:]]
differences = {"bare": [], "noisy": []}
for grad in victim_gradients:  # party 0's
    with_0 = others + fixed.encode(grad, many)
    differences["bare"].append(fixed.decode(with_0 - others))
    # In each of two rounds every party draws new noise.
    again = sum(noisy.encode(gradient(np.zeros(784), x, y), noise_rng) for x, y in crowd[1:])
    with_0 = sum(noisy_others) + noisy.encode(grad, noise_rng)
    differences["noisy"].append(noisy.fixed.decode(with_0 - again))
bare, hidden = (
    [correlation(invert_gradient(d), v) for d, v in zip(found, victims)]
    for found in differences.values()
)
print(f"party 0's image, from two sums: correlation at least {min(bare):.4f} without noise,")
print(f"at most {max(np.abs(hidden)):.3f} in size with noise")

weights, noisy_rounds = np.zeros(784), budget(full=10, quick=2)
for round_number in range(noisy_rounds):
    inputs = [noisy.encode(gradient(weights, x, y), noise_rng) for x, y in crowd]
    total = secagg.secure_sum(np.array(inputs), t, round_number=round_number).total
    weights = weights - 0.3 * noisy.fixed.decode(total) / many
print(f"test accuracy {accuracy(weights, x_test, y_test):.3f} after {noisy_rounds} rounds")
print(f"10 rounds: ε = {noisy.epsilon(10, 1e-5):.2f} per party at δ = 1e-5")

# %% [markdown]
# An ε of 3.6 for all that a party sends in ten rounds, as long as the masks hold and $t - c$ honest parties add their
# noise in each sum. **Secure aggregation** hides each vector inside the sum; **differential privacy** bounds what the sum
# gives away. What neither hides: who took part.
#
# ## Part 10 · The same with TensorFlow Federated
#
# Three clients share all the 0s and 1s of MNIST; each trains an epoch in batches of 32 on a network of 64 and
# 2 units, and the server averages the *weights* (FedAvg, McMahan et al. 2016): in the clear, then with TFF's
# **secure aggregator** (fixed-point sums modulo a power of two, as yours).
#
# Know what you run: TFF's *test* context, the one that takes this aggregator here, replaces every secure sum
# by a plain one. It shows what secure aggregation costs in accuracy, and protects nothing. And
# `tff.aggregators.DifferentiallyPrivateFactory` adds its noise *on the server*, to a sum that the server has
# seen; `tff.learning.ddp_secure_aggregator` has the clients add it, as in part 9.

# %%
import tensorflow as tf
import tensorflow_federated as tff

tff.backends.test.set_sync_test_cpp_execution_context()  # secure sums become plain ones

clients = [
    tf.data.Dataset.from_tensor_slices((x.astype(np.float32), y.astype(np.int32))).batch(32)
    for x, y in split_among(x_train, y_train, 3, np.random.default_rng(9))
]


def model_fn():
    """The network, as TFF wants it: a new one each time."""
    network = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(64, activation="relu", input_shape=(784,)),
            tf.keras.layers.Dense(2, activation="softmax"),
        ]
    )
    return tff.learning.models.from_keras_model(
        network,
        loss=tf.keras.losses.SparseCategoricalCrossentropy(),
        input_spec=clients[0].element_spec,
    )


def fed_avg(aggregator):
    """Train with this aggregator and return the test accuracy after each round."""
    process = tff.learning.algorithms.build_weighted_fed_avg(
        model_fn,
        client_optimizer_fn=tff.learning.optimizers.build_sgdm(0.02),
        server_optimizer_fn=tff.learning.optimizers.build_sgdm(1.0),
        model_aggregator=aggregator,
    )
    state, accuracies = process.initialize(), []
    for _ in tracked(range(budget(full=10, quick=2)), "federated averaging"):
        state = process.next(state, clients).state
        w1, b1, w2, b2 = process.get_model_weights(state).trainable
        scores = np.maximum(x_test @ w1 + b1, 0) @ w2 + b2
        accuracies.append(float(np.mean(scores.argmax(axis=1) == y_test)))
    return accuracies


tff_accuracies = {
    "in the clear": fed_avg(None),
    "secure aggregation": fed_avg(tff.learning.secure_aggregator()),
}
for name, accuracies in tff_accuracies.items():
    print(f"{name:26} {accuracies[-1]:.4f} after {len(accuracies)} rounds")

# %% [markdown]
# The encoding costs no accuracy to speak of: one test image more or less.
#
# ## What you proved, and what you did not
#
# * You proved: the sum is exact, bit for bit, whoever drops out, down to the threshold; and one masked
#   vector is uniform to everybody who lacks one of its seeds, as long as the generator is as good as
#   cryptographers believe AES to be.
# * You did not prove that the whole protocol is safe from a server that lies: part 7 shows which attacks
#   fail and where the edge is, Bonawitz et al. the proof, for all pairs. With few neighbours a liar may tell
#   neighbourhoods different stories; Bell et al. have more machinery against that.
# * Signed keys need identities that the server did not invent: else $n - 2$ of your "parties" may be the
#   server. And nobody checked that the *model* it sends is the same for all: see the last section.
# * You did not prove that the parties are honest. One may add any vector it likes (*poisoning*), and masks
#   hide that too.
# * Our clients share a process. Times and bytes are real; the walls between the parties are not.
#
# ## Further reading
#
# * The protocol in full: [IACR ePrint 2017/281](https://eprint.iacr.org/2017/281); at scale,
#   [arXiv:1902.01046](https://arxiv.org/abs/1902.01046); the field, Kairouz et al. 2019,
#   [arXiv:1912.04977](https://arxiv.org/abs/1912.04977).
#
# ## Break it yourself
#
# 1. Use the same masks in two rounds. What does a server learn from the difference of what you sent?
# 2. Give the lying server of the section below two colluders, who confirm and reveal whatever it likes. Up to
#    which $t$ does it have party 3's vector now?
# 3. Make a party that adds a poisoned vector under its masks. Can the server tell? Could it, if vectors
#    had to have a small norm?
# 4. Invert the gradient of a batch of two images. Of four. Where does it end, and why?

# %% [markdown]
# ## Beyond this lab (not scored): a server that lies (15 minutes)
#
# **Two stories.** Part 7's question 3, played: the server tells half of the honest parties that victim 3 survived, and
# the others that it dropped out. The first half hands over shares of its self mask's seed, the second shares of its
# key. The library's parties `confirm` first: each sends its neighbours a code over the survivors that *it* was told, and
# `reveal` wants $t$ parties that were told the same.

# %%
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from labkit.secagg.client import pair_seed


def seated(n, t, round_numbers):
    """Return n parties that hold each other's shares, and the keys that they announced."""
    identities = [Ed25519PrivateKey.generate() for _ in range(n)]
    roster = {u: key.public_key().public_bytes_raw() for u, key in enumerate(identities)}
    seats = [
        secagg.Client(u, set(range(n)) - {u}, t, round_numbers[u], identities[u], roster)
        for u in range(n)
    ]
    keys = {u: seat.advertise() for u, seat in enumerate(seats)}
    letters = {u: seat.share(keys) for u, seat in enumerate(seats)}
    for v, seat in enumerate(seats):
        seat.open({u: letters[u][v] for u in range(n) if u != v})
    return seats, keys


def two_stories(n, t, victim, inputs):
    """Tell half of n honest parties that the victim dropped out; return its bare vector."""
    seats, keys = seated(n, t, [0] * n)
    everybody = set(range(n))
    believers = {victim, *sorted(everybody - {victim})[: n // 2 - 1]}
    told = {u: everybody if u in believers else everybody - {victim} for u in everybody}
    masked = [seat.mask(inputs[u], everybody) for u, seat in enumerate(seats)]
    codes = {u: seat.confirm(told[u]) for u, seat in enumerate(seats)}
    shares = {}
    for u, seat in enumerate(seats):
        shares[u] = seat.reveal({v: own[u] for v, own in codes.items() if u in own})[victim]

    def secret(holders):
        few = sorted(holders)[:t]
        return secagg.recover(np.array([shares[u] for u in few])[:, None], few, t)[0]

    key = secagg.PrivateKey(secret(everybody - believers))
    bare = masked[victim] - secagg.expand(secret(believers), len(masked[victim]))
    for v in everybody - {victim}:
        mask = secagg.expand(pair_seed(key, victim, v, keys[v], 0), len(bare))
        bare = bare - mask if victim < v else bare + mask
    return bare


for t in (5, 6):
    try:
        bare = two_stories(PARTIES, t, 3, vectors)
        print(f"t = {t}: party 3's vector is bare: {np.array_equal(bare, vectors[3])}")
    except secagg.TooFewShares as error:
        print(f"t = {t}: {error}")

# %% [markdown]
# With ten honest parties $2t > n$ is the edge: at $t = 5$ both halves find five who agree with them, at $t = 6$ neither
# finds six. *Who notices: the parties, at `confirm`, if $t$ is high enough.*
#
# **Two models.** Now the masks are perfect, and the server lies about the *weights*
# ([Pasquini, Francati and Ateniese 2021, arXiv:2111.07380](https://arxiv.org/abs/2111.07380)). It sends everybody but the
# victim a network whose relus are all off: their gradients are zero, and the sum *is* the victim's. That one gets a
# network in which each of 64 hidden units fires for about one image in 32 (the server tries on images of its own). Where a unit
# fired for one image only, its weights' gradient over its bias's gradient is that image.

# %%
UNITS = 64
model_rng = np.random.default_rng(10)
below, top = model_rng.normal(0, 1, (784, UNITS)), model_rng.normal(0, 0.3, UNITS)


def firing(share):
    """A hidden layer in which each unit fires for about this share of images: [785, units]."""
    return np.vstack([below, -np.quantile(x_test @ below, 1 - share, axis=0)])


def hidden_gradient(layer, x, y):
    """The gradient of the hidden layer's weights and biases on a party's images, flattened."""
    x = np.hstack([x, np.ones((len(x), 1))])
    before = x @ layer
    error = expit(np.maximum(before, 0) @ top) - y
    return (x.T @ (error[:, None] * top * (before > 0)) / len(x)).ravel()


def images_in(total, owners):
    """The images that the sum gives away: those of the owners that a column shows."""
    columns = fixed.decode(total).reshape(785, UNITS)
    columns = columns[:, columns[-1] != 0]
    seen = np.abs(
        np.corrcoef((columns[:-1] / columns[-1]).T, owners)[: columns.shape[1], columns.shape[1] :]
    )
    return columns[:-1] / columns[-1], seen.max(axis=1), seen.argmax(axis=1)


off = np.vstack([below, np.full(UNITS, -1e6)])
sent_models = [firing(1 / 32) if party == 3 else off for party in range(PARTIES)]
encoded = [
    fixed.encode(hidden_gradient(layer, x, y), PARTIES)
    for layer, (x, y) in zip(sent_models, parties)
]
result = secagg.secure_sum(np.array(encoded), threshold=7)
columns, likeness, whose = images_in(result.total, parties[3][0])
found = {int(w): c for c, w, l in zip(columns.T, whose, likeness) if l > 0.999}
print(f"secure_sum: {len(result.arrived)} arrived, excluded: {result.excluded}")
print(
    f"images of party 3 in the sum, correlation above 0.999: {len(found)} of {len(parties[3][1])}"
)
shown = list(found)[:8]
plots.images(
    {
        "party 3's": parties[3][0][shown].reshape(-1, 28, 28),
        "in the sum": np.clip([found[w] for w in shown], 0, 1).reshape(-1, 28, 28),
    },
    title="What the secure sum of ten parties shows",
    alt="Two rows of handwritten zeros and ones. The images that the server reads off the sum "
    "equal party 3's.",
)

# %% [markdown]
# *Who notices: nobody.* Nothing in the protocol looks at the model. **Defence:** bind the model into the round. Let a
# party's round number be a hash of a counter and of the weights that it got: it signs its keys for that round, and refuses keys
# that were signed for another. (The counter is for a model that comes twice: keys of an old round must not fit a new one.)

# %%
import hashlib


def bound_to(counter, layer):
    """A round number that stands for this round, the counter's, and these weights."""
    return int.from_bytes(hashlib.sha256(b"%d " % counter + layer.tobytes()).digest(), "big")


try:
    seated(PARTIES, 7, [bound_to(1, layer) for layer in sent_models])
except secagg.Refused as error:
    print(error)

same = firing(1 / (32 * PARTIES))  # one network for all
seated(PARTIES, 7, [bound_to(2, same)] * PARTIES)
encoded = [fixed.encode(hidden_gradient(same, x, y), PARTIES) for x, y in parties]
_, likeness, whose = images_in(
    secagg.secure_sum(np.array(encoded), threshold=7).total, np.vstack([x for x, _ in parties])
)
print(
    f"one model for all: {len(set(whose[likeness > 0.999]))} single images in the sum, of some "
    "party or other"
)

# %% [markdown]
# Now the inconsistent models are refused. But the last line is what remains: a server that sends the *same* crafted network to
# all gets single images all the same, without knowing whose
# ([Fowl et al. 2021, arXiv:2110.13057](https://arxiv.org/abs/2110.13057)). Consistency is no proof of honesty. Part 9's noise
# bounds what the sum says of anyone, whatever the model.
#
# **Question.** Why is a hash of 256 bits bound in, and not its last 32 bits?
#
# <details><summary>Answer</summary>
#
# The server looks for two models with the same value: one that silences, one that does not. It may vary irrelevant digits
# of both at will, so that $2^{16}$ tries of each do for 32 bits (birthdays), and $2^{128}$ for 256.
#
# </details>
