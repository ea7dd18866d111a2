"""The statistical tests catch noise that is none, masks that are none, and nothing else."""

from hashlib import sha256, shake_256

import numpy as np
import pytest
from scipy import stats

from labkit.checks import CheckFailed, randomness

N = 2**14


def _noise(z: np.ndarray) -> None:
    randomness.require_gaussian(z, "the noise")
    randomness.require_fresh(z, "the noise")
    randomness.require_independent(z, "the noise")


def _normal(seed: int, n: int | tuple[int, ...] = N) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_noise_passes(seed, dtype):
    z = np.random.default_rng(seed).standard_normal(2 * N, dtype)
    _noise(z[:N])
    randomness.require_unrelated(z[:N], z[N:], "two calls' noises")


NO_NOISE = {
    "antithetic halves": lambda z, rng: np.concatenate([z[: N // 2], -z[: N // 2]]),
    "a mirror's image": lambda z, rng: np.concatenate([z[: N // 2], -z[: N // 2][::-1]]),
    "one draw for two coordinates": lambda z, rng: np.repeat(z[: N // 2], 2),
    "repeats after 4096": lambda z, rng: np.tile(z[:4096], N // 4096),
    "a pool of 1000": lambda z, rng: rng.choice(z[:1000], N),
    "a pool of 10 000": lambda z, rng: rng.choice(z[:10_000], N),
    "no tails": lambda z, rng: z[np.abs(z) < 3],
    "clipped": lambda z, rng: np.clip(z, -3, 3),
    "one tail": lambda z, rng: np.minimum(rng.standard_normal(2 * N), 3),
    "uniform": lambda z, rng: rng.uniform(-(3**0.5), 3**0.5, N),
    "signs": lambda z, rng: rng.choice([-1.0, 1.0], N),
    "Laplace": lambda z, rng: rng.laplace(size=N) / 2**0.5,
    "half of the coordinates": lambda z, rng: np.where(rng.random(N) < 0.5, 0, z * 2**0.5),
    "sums of neighbours": lambda z, rng: (z + np.roll(z, 1)) / 2**0.5,
    "rounded": lambda z, rng: np.round(z, 2),
    "too wide": lambda z, rng: 1.06 * z,
    "too narrow": lambda z, rng: z / 1.06,
    "off centre": lambda z, rng: z + 0.06,
    "NaN": lambda z, rng: np.where(np.arange(N) == 5, np.nan, z),
    "empty": lambda z, rng: z[:0],
}


@pytest.mark.parametrize("kind", NO_NOISE)
def test_what_is_no_noise_fails(kind):
    rng = np.random.default_rng(7)
    with pytest.raises(CheckFailed), np.errstate(all="ignore"):
        _noise(NO_NOISE[kind](_normal(6), rng))


@pytest.mark.parametrize(
    "copy",
    [
        lambda z: z,
        lambda z: -z,
        lambda z: np.roll(z, 100),
        lambda z: 0.1 * z + 0.995 * _normal(8),
        lambda z: np.where(_normal(9) > 0, z, -z),
    ],
)
def test_related_noises_are_told(copy):
    z = _normal(5)
    with pytest.raises(CheckFailed, match="belong together"):
        randomness.require_unrelated(z, copy(z), "two calls' noises")


def _words(seed: int, n: int = 4096, bits: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(2**bits, size=n, dtype=np.uint64)


@pytest.mark.parametrize("bits", [16, 31, 32, 64])
@pytest.mark.parametrize("seed", range(20))
def test_uniform_words_pass(seed, bits):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(2**bits - 1, size=(2, 4096), dtype=np.uint64, endpoint=True)
    randomness.require_uniform_words(a, "the mask", bits)
    randomness.require_unrelated_words(a, b, "two masks", bits)


@pytest.mark.parametrize(
    "narrowed",
    [
        lambda u: u % 256,
        lambda u: u % 65536,
        lambda u: u >> np.uint64(1),
        lambda u: u & ~np.uint64(1),
        lambda u: u | np.uint64(2**31),
        lambda u: u[np.arange(len(u)) % 32],
        lambda u: u[np.arange(len(u)) % 2048],
        lambda u: (_normal(4, len(u)) * 2**29).astype(np.int64).astype(np.uint32),
        lambda u: (np.random.default_rng(3).random(len(u), np.float32) * 2**32).astype(np.uint64),
        lambda u: u ^ (u >> np.uint64(31)) ^ ((u & np.uint64(1)) << np.uint64(1)) & u,
        lambda u: u << np.uint64(1),
    ],
)
def test_words_that_are_not_uniform_fail(narrowed):
    with pytest.raises(CheckFailed):
        randomness.require_uniform_words(narrowed(_words(2)), "the mask")


@pytest.mark.parametrize(
    "copy",
    [
        lambda u: u,
        lambda u: np.roll(u, 5),
        lambda u: u[::-1],
        lambda u: u * np.uint64(3),
        lambda u: u * np.uint64(12345677),
        lambda u: u * np.uint64(6),
        lambda u: u + np.uint64(7),
        lambda u: np.uint64(0) - u,
        lambda u: u ^ np.uint64(0xDEAD),
        lambda u: np.where(np.arange(len(u)) % 2, u, _words(8)),
        lambda u: 5 * u + np.uint64(77),
        lambda u: np.random.default_rng(1).permutation(u),
        lambda u: np.random.default_rng(1).permutation(np.uint64(0) - u),
        lambda u: np.concatenate([_words(8, 4000), u[:96]]),
    ],
)
def test_a_copy_of_a_mask_is_told(copy):
    u = _words(2)
    with pytest.raises(CheckFailed, match="belong together"):
        randomness.require_unrelated_words(u, copy(u) & np.uint64(2**32 - 1), "two masks")


@pytest.mark.parametrize("narrowed", [lambda s: s % 1000, lambda s: s & 0xFFFF, lambda s: s >> 16,
                                      lambda s: s & ~1, lambda s: s // 2])  # fmt: skip
def test_a_part_of_a_seed_is_not_enough(narrowed):
    seeds = randomness.seeds_that_differ(np.random.default_rng(1), 300)

    randomness.require_distinct([_normal(seed, 3) for seed in seeds], "seeds")
    with pytest.raises(CheckFailed, match="is exactly number"):
        randomness.require_distinct([_normal(narrowed(seed), 3) for seed in seeds], "seeds")


@pytest.mark.parametrize("seed", range(10))
def test_noises_of_many_calls_pass(seed):
    z = np.random.default_rng(seed).standard_normal((2, 900, 5), np.float32)
    randomness.require_calls_apart(*z, "the noise")
    randomness.require_noise(_normal(seed, 8 * N), "the noise")


@pytest.mark.parametrize(
    "related",
    [
        lambda z, rng: np.repeat(z[:1], 900, axis=0),
        lambda z, rng: z[rng.integers(2**16, size=900) % 900],
        lambda z, rng: np.where(np.arange(900)[:, None] % 2, -np.roll(z, 1, axis=0), z),
        lambda z, rng: np.where([True, True, True, True, False], z, z[:1]),
        lambda z, rng: (z + np.roll(z, 1, axis=0)) / 2**0.5,
        lambda z, rng: (z - z.mean(axis=1, keepdims=True)) * 1.25**0.5,
    ],
)
def test_calls_that_know_of_each_other_are_told(related):
    z = np.random.default_rng(5).standard_normal((2, 900, 5))
    for pair in ((related(z[0], np.random.default_rng(6)), z[1]), (z[1], related(z[0], _rng(6)))):
        with pytest.raises(CheckFailed):
            randomness.require_calls_apart(*pair, "the noise")


def test_a_pool_of_seeds_is_told_over_calls():
    seeds = _rng(3).integers(2**16, size=1800)
    z = np.array([_rng(seed).standard_normal(5) for seed in seeds]).reshape(2, 900, 5)
    with pytest.raises(CheckFailed, match="is exactly number"):
        randomness.require_calls_apart(*z, "the noise")


@pytest.mark.parametrize("columns", [3, 5, 12])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_pool_that_hides_behind_a_little_noise_is_told(columns, sign):
    # Between the calls of a kind, and between the kinds.
    seeds = _rng(3).integers(2**12, size=1800)
    signs = np.where(np.arange(1800)[:, None] % 2, 1, sign)
    z = signs * np.array([_rng(seed).standard_normal(columns) for seed in seeds])
    z += 1e-6 * _rng(4).standard_normal(z.shape)
    with pytest.raises(CheckFailed, match="but for"):
        randomness.require_calls_apart(*z.reshape(2, 900, columns), "the noise")


@pytest.mark.parametrize("columns", [2, 3, 8, 30])
def test_rows_that_are_apart_pass(columns):
    for seed in range(20):
        randomness.require_apart(_normal(seed, (1800, columns)), "the noise")


@pytest.mark.parametrize("seed", range(20))
def test_many_gaussians_have_the_fourth_moment(seed):
    randomness.require_gaussian(_normal(seed, 300_000), "the noise")


@pytest.mark.parametrize(
    "seed, draw",
    [
        (0, lambda rng: rng.random((12, 160_000)).sum(axis=0) - 6),
        (1, lambda rng: rng.standard_t(70, 240_000)),
    ],
)
def test_a_fourth_moment_that_is_not_a_gaussians_is_told(seed, draw):
    """In these draws the tails are a Gaussian's, and of more or others they are not."""
    z = draw(np.random.default_rng(seed))
    with pytest.raises(CheckFailed, match="fourth powers"):
        randomness.require_gaussian((z - z.mean()) / z.std(), "the noise")


@pytest.mark.parametrize("shape", [(40, 300), (1700, 8), (1800, 3)])
@pytest.mark.parametrize("seed", range(20))
def test_lengths_of_gaussian_rows_pass(seed, shape):
    randomness.require_lengths(_normal(seed, shape), "the noise")


@pytest.mark.parametrize("shape", [(40, 300), (1700, 8), (1800, 3)])
@pytest.mark.parametrize(
    "lengths",
    [
        lambda z: np.full((len(z), 1), np.sqrt(z.shape[1])),
        lambda z: np.sqrt(z.shape[1]) * np.random.default_rng(1).choice([0.5, 1.3], (len(z), 1)),
    ],
)
def test_rows_with_lengths_of_their_own_are_told(shape, lengths):
    z = _normal(2, shape)
    z *= lengths(z) / np.linalg.norm(z, axis=1, keepdims=True)
    with pytest.raises(CheckFailed, match="lengths"):
        randomness.require_lengths(z, "the noise")


def test_tails_at_four_are_missed():
    z = _normal(1, 700_000)
    with pytest.raises(CheckFailed, match="lie beyond ±4 "):
        randomness.require_noise(z[np.abs(z) < 4], "the noise")


def _rng(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("q", [0.01, 0.2, 0.5, 0.54, 0.97])
def test_poisson_batches_pass(seed, q):
    randomness.require_poisson_sampled(_rng(seed).random((600, 90)) < q, q)
    randomness.require_binomial(_rng(seed).binomial(70, q, 4000), 70, q, "The size")


@pytest.mark.parametrize("seed", range(20))
def test_coins_of_their_own_pass(seed):
    inside = np.random.default_rng(seed).random(300_000) < 0.45
    randomness.require_coins_of_their_own(inside, 0.45)


@pytest.mark.parametrize("period", [2**10, 2**13, 2**16, 2**17])
def test_coins_that_serve_again_are_told(period):
    inside = np.resize(np.random.default_rng(4).random(period), 300_000) < 0.45
    with pytest.raises(CheckFailed, match="apart"):
        randomness.require_coins_of_their_own(inside, 0.45)


@pytest.mark.parametrize("seed", range(20))
def test_samples_that_are_apart_pass(seed):
    rng = _rng(seed)
    n, q = int(rng.integers(64, 240)), rng.uniform(0.45, 0.55)
    randomness.require_samples_apart(rng.random((1800, n)) < q, q, "a batch")


@pytest.mark.parametrize("opposite", [False, True])
@pytest.mark.parametrize(("n", "others"), [(64, 3), (200, 60)])
def test_a_pool_of_samples_that_hides_behind_a_few_others_is_told(n, others, opposite):
    seeds = _rng(3).integers(2**12, size=1800)
    inside = np.array([_rng(seed).random(n) < 0.5 for seed in seeds])
    inside[::2] ^= opposite
    inside[np.arange(1800)[:, None], _rng(4).integers(n, size=(1800, others // 3))] ^= True
    with pytest.raises(CheckFailed, match="but for"):
        randomness.require_samples_apart(inside, 0.5, "a batch")


def _of_sizes(sizes, n, rng):
    return np.array([np.isin(np.arange(n), rng.permutation(n)[:size]) for size in sizes])


BATCHES = {
    "one size": lambda rng: _of_sizes([45] * 600, 90, rng),
    "a Poisson size": lambda rng: _of_sizes(rng.poisson(45, 600), 90, rng),
    "a normal size, too wide": lambda rng: _of_sizes(rng.normal(45, 7, 600).astype(int), 90, rng),
    "a capped size": lambda rng: _of_sizes(rng.binomial(90, 0.5, 600).clip(0, 50), 90, rng),
    "slices": lambda rng: np.array([[1, 0], [0, 1]] * 300).repeat(45, axis=1) == 1,
    "blocks": lambda rng: (rng.random((600, 45)) < 0.5).repeat(2, axis=1),
    "the same batch again": lambda rng: (rng.random((300, 90)) < 0.5).repeat(2, axis=0),
    "a batch and its complement": lambda rng: _complements(rng.random((300, 90)) < 0.5),
    "an example never": lambda rng: (rng.random((600, 90)) < 0.5) & (np.arange(90) != 7),
    "a coin that is too good": lambda rng: rng.random((600, 90)) < 0.53,
    "ten batches": lambda rng: (rng.random((10, 90)) < 0.5)[np.arange(600) % 10],
}


def _complements(inside):
    return np.stack([inside, ~inside], axis=1).reshape(-1, inside.shape[1])


@pytest.mark.parametrize("kind", BATCHES)
def test_batches_that_are_not_poisson_sampled_fail(kind):
    with pytest.raises(CheckFailed):
        randomness.require_poisson_sampled(BATCHES[kind](_rng(2)), 0.5)


@pytest.mark.parametrize(
    "sizes",
    [
        lambda rng: rng.poisson(40, 4000),
        lambda rng: rng.binomial(70, 0.6, 4000),
        lambda rng: np.round(rng.normal(40, 2, 4000)).astype(int),
        lambda rng: np.minimum(rng.binomial(70, 4 / 7, 4000), 48),
        lambda rng: np.full(4000, 40),
    ],
)
def test_sizes_that_are_not_binomial_fail(sizes):
    with pytest.raises(CheckFailed, match="coins that fall"):
        randomness.require_binomial(sizes(_rng(4)), 70, 4 / 7, "The size")


@pytest.mark.parametrize("seed", range(50))
def test_generators_begin_alike(seed):
    draws = [
        (rng.integers(2**16), rng.integers(1, endpoint=True, high=2**16), rng.standard_normal())
        for rng in randomness.generators_that_begin_alike(_rng(seed))
    ]
    assert draws[0][0] == draws[1][0]
    assert draws[0][2] != draws[1][2]
    one, two = randomness.generators_that_begin_alike(_rng(seed))
    assert int(one.random() * 2**16) == int(two.random() * 2**16)
    one, two = randomness.generators_that_begin_alike(_rng(seed))
    assert not np.array_equal(one.integers(2**31, size=2), two.integers(2**31, size=2))
    one, two = randomness.generators_that_begin_alike(_rng(seed), 32, 4)
    assert one.integers(2**32) == two.integers(2**32) and one.random() != two.random()
    one, two = randomness.generators_that_begin_alike(_rng(seed), 4, 32)
    assert int(one.random() * 2**32) == int(two.random() * 2**32) and one.random() != two.random()
    one, two = randomness.generators_that_begin_alike(_rng(seed), 32, 32)
    assert one.integers(2**63) == two.integers(2**63) and one.integers(9**9) != two.integers(9**9)

    for before in (1, 16):
        one, two = randomness.generators_that_begin_alike(_rng(seed), 32, 4, before)
        assert not set(one.random(before)) & set(two.random(before))
        assert one.integers(2**32) == two.integers(2**32) and one.random() != two.random()
    assert one.spawn(1)[0].random() != two.spawn(1)[0].random()


@pytest.mark.parametrize("n", [3, 100, 30_000, 300_000])
def test_a_law_is_compared_as_scipy_does(n):
    for z in (_rng(n).standard_normal(n), 1.01 * _rng(n + 1).standard_normal(n) + 0.003):
        assert randomness._kolmogorov_smirnov(z) == pytest.approx(
            stats.kstest(z, "norm", method="exact").pvalue, rel=1e-6
        )


@pytest.mark.parametrize("narrowed", [lambda s: s[:2], lambda s: s[30:], lambda s: s[4:12],
                                      lambda s: sum(s), lambda s: int.from_bytes(s) % 1000,
                                      lambda s: hash(s) % 65536])  # fmt: skip
def test_a_part_of_a_seed_of_bytes_is_not_enough(narrowed):
    seeds = randomness.byte_seeds_that_differ(np.random.default_rng(1), 1700)

    def outputs(function):
        made = [shake_256(repr(function(s)).encode()).digest(128) for s in seeds]
        return np.frombuffer(b"".join(made), np.uint32).reshape(len(seeds), 32)

    for whole in (lambda s: s, lambda s: s[16:], lambda s: sha256(s).digest()):
        randomness.require_seed_bytes(outputs(whole), "the mask")
    with pytest.raises(CheckFailed, match=r"make a difference|is exactly number"):
        randomness.require_seed_bytes(outputs(narrowed), "the mask")
    # One byte of each word may be made of all of it, when the others are not.
    for at in range(4):
        mixed = outputs(narrowed).view(np.uint8).copy()
        mixed[:, at::4] = outputs(lambda s: s).view(np.uint8)[:, at::4]
        with pytest.raises(CheckFailed, match=r"make a difference|is exactly number"):
            randomness.require_seed_bytes(mixed.view(np.uint32), "the mask")


def test_pairs_of_seeds_show_what_counts_a_part_of_them_only():
    seeds = randomness.pairs_of_seeds_that_differ(np.random.default_rng(1), 250)
    assert seeds.dtype == np.int32 and len(np.unique(seeds, axis=0)) == len(seeds) > 500
    for part in (
        lambda a, b: a,
        lambda a, b: b,
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a ^ b,
        lambda a, b: a * b,
        lambda a, b: (abs(a), b),
        lambda a, b: (a, b * b),
        lambda a, b: (a % 1000, b % 1000),
        lambda a, b: (a, b & 0xFFFF),
        lambda a, b: (a >> 1, b),
    ):
        assert len({part(a, b) for a, b in seeds.tolist()}) < len(seeds)


def test_a_row_that_follows_from_the_others_is_told():
    for seed in range(50):
        z = _normal(seed, 60 * 300).reshape(60, 300)
        randomness.require_full_rank(z, "the noise")
    for last in (-z[:-1].sum(axis=0) / 59**0.5, z[0], (z[3] - z[5]) / 2**0.5):
        with pytest.raises(CheckFailed, match="follows from"):
            randomness.require_full_rank(np.vstack([z[:-1], last]), "the noise")


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("calls", [2, 3, 9])
def test_calls_in_which_nothing_is_fixed_pass(seed, calls):
    rng = np.random.default_rng(seed)
    shapes = [rng.integers(3, 40, 3) for _ in range(calls)]
    z, along = ([rng.standard_normal(shape, np.float32) for shape in shapes] for _ in range(2))
    randomness.require_loose(z, "the noise", along)
    randomness.require_loose(z, "the noise")


def _less_its_part(z: np.ndarray, to: np.ndarray) -> np.ndarray:
    return z - np.vdot(z, to) / np.vdot(to, to) * to


def _last_of_others(z: np.ndarray, to: np.ndarray) -> np.ndarray:
    z[-1, -1] = 0
    z[-1, -1] = z.sum() / np.sqrt(z.size - 1)
    return z


FIXED = {
    "mean zero": (lambda z, to: z - z.mean(), "the sum is"),
    "mean zero in each row": (lambda z, to: z - z.mean(axis=1, keepdims=True), "the sum is"),
    "mean zero in each column": (lambda z, to: z - z.mean(axis=0), "the sum is"),
    "as much in either half": (
        lambda z, to: _less_its_part(z, np.where(np.arange(len(z)) < len(z) // 2, 1, -1)[:, None]
                                     * np.ones_like(z)),
        "one half less",
    ),
    "no part along": (_less_its_part, "along what it is added to"),
    "the signs of it": (lambda z, to: np.abs(z) * np.sign(to), "goes along"),
    "the signs of it, and small": (lambda z, to: np.abs(z) * np.sign(to) / 10, "goes along"),
    "of unit variance": (lambda z, to: z / np.sqrt(np.mean(z**2)), "the root mean square"),
    "of unit deviation": (lambda z, to: z / z.std(), "is within"),
    "the last of the others": (_last_of_others, "the last less"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FIXED)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("calls", [2, 5])
def test_what_is_fixed_beforehand_is_told(kind, dtype, calls):
    rng = np.random.default_rng(3)
    change, told = FIXED[kind]
    along = [rng.standard_normal((100, 80)).astype(dtype) for _ in range(calls)]
    z = [change(rng.standard_normal((100, 80)).astype(dtype), to) for to in along]
    with pytest.raises(CheckFailed, match=told):
        randomness.require_loose(z, "the noise", along)


def test_what_is_not_a_number_is_told():
    with pytest.raises(CheckFailed):
        randomness.require_loose([np.full(100, np.nan)] * 5, "the noise")


@pytest.mark.parametrize(
    "tied",
    [
        lambda row: np.append(row, -row.sum(keepdims=True, dtype=np.uint32)),
        lambda row: np.append(row, np.uint32(5) + row[::3].sum(keepdims=True, dtype=np.uint32)),
        lambda row: np.append(row, np.bitwise_xor.reduce(row, keepdims=True) & np.uint32(0xFF0000)),
    ],
)
def test_entries_whose_sum_is_known_are_no_mask(tied):
    words = np.random.default_rng(3).integers(0, 2**32, (200, 110), dtype=np.uint32)
    randomness.require_no_known_sum(words, "the mask")
    with pytest.raises(CheckFailed, match="the sum is known, in the lowest bit"):
        randomness.require_no_known_sum(np.stack([*map(tied, words)]), "the mask")
