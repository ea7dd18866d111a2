# %% right="dealt like cards"
def split_among(x, y, parties, rng):
    order = rng.permutation(len(x))
    return [(x[order[p::parties]], y[order[p::parties]]) for p in range(parties)]

# %% right="one example after the other, as lists"
def split_among(x, y, parties, rng):
    images, labels = [[] for _ in range(parties)], [[] for _ in range(parties)]
    for turn, i in enumerate(rng.permutation(len(x))):
        images[turn % parties].append(x[i])
        labels[turn % parties].append(y[i])
    return [[np.array(a), np.array(b)] for a, b in zip(images, labels)]

# %% right="shuffled first, then split"
def split_among(x, y, parties, rng):
    order = np.arange(len(x))
    rng.shuffle(order)
    return list(zip(np.array_split(x[order], parties), np.array_split(y[order], parties)))

# %% right="boundaries by arithmetic, a tuple"
def split_among(x, y, parties, rng):
    order = np.argsort(rng.random(len(x)))
    edges = [len(x) * p // parties for p in range(parties + 1)]
    return tuple((x[order[a:b]], y[order[a:b]]) for a, b in zip(edges, edges[1:]))

# %% right="owners drawn as a permuted list"
def split_among(x, y, parties, rng):
    owner = rng.permutation(np.arange(len(x)) % parties)
    return [(x[owner == p], y[owner == p]) for p in range(parties)]

# %% wrong="drops the remainder" loses={"every_example_has_one_owner": "belong to nobody"}
def split_among(x, y, parties, rng):
    order, size = rng.permutation(len(x)), len(x) // parties
    return [(x[order[p * size:(p + 1) * size]], y[order[p * size:(p + 1) * size]]) for p in range(parties)]

# %% wrong="labels shuffled on their own" loses={"labels_stay_with_their_images": "the SAME order"}
def split_among(x, y, parties, rng):
    return list(zip(np.array_split(rng.permutation(x), parties), np.array_split(rng.permutation(y), parties)))

# %% wrong="drawn with replacement" of="solution" edit={"rng.permutation(len(x))": "rng.integers(0, len(x), len(x))"} loses={"every_example_has_one_owner": "with replacement"}

# %% wrong="each party draws for itself" loses={"every_example_has_one_owner": "more than one owner"}
def split_among(x, y, parties, rng):
    draws = [rng.choice(len(x), len(x) // parties, replace=False) for _ in range(parties)]
    return [(x[d], y[d]) for d in draws]

# %% wrong="no shuffling" loses={"parts_are_drawn_at_random": "shuffle first"}
def split_among(x, y, parties, rng):
    return list(zip(np.array_split(x, parties), np.array_split(y, parties)))

# %% wrong="the last one takes the remainder" loses={"sizes_differ_by_one_at_most": "one each"}
def split_among(x, y, parties, rng):
    order, size = rng.permutation(len(x)), len(x) // parties
    edges = [p * size for p in range(parties)] + [len(x)]
    return [(x[order[a:b]], y[order[a:b]]) for a, b in zip(edges, edges[1:])]

# %% wrong="a generator of its own" of="solution" edit={"rng.permutation": "np.random.default_rng(0).permutation"} loses={"parts_are_drawn_at_random": "not from one of your own"}
# %% wrong="the global generator" of="solution" edit={"rng.permutation": "np.random.permutation"} loses={"parts_are_drawn_at_random": "two different splits"}
# %% wrong="forgets to return" of="solution" edit={"return [": "parts = ["} loses={"every_example_has_one_owner": "return", "labels_stay_with_their_images": "return", "sizes_differ_by_one_at_most": "return", "parts_are_drawn_at_random": "return"}

# %% wrong="a zip, which is empty the second time" loses={"every_example_has_one_owner": "read only once", "labels_stay_with_their_images": "read only once", "sizes_differ_by_one_at_most": "read only once", "parts_are_drawn_at_random": "read only once"}
def split_among(x, y, parties, rng):
    order = rng.permutation(len(x))
    return zip(np.array_split(x[order], parties), np.array_split(y[order], parties))
