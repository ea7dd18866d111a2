# %% right="a loop with random values"
def reads(compute, data):
    rng, before, found = np.random.default_rng(), compute(data), set()
    for name, values in data.items():
        other = dict(data)
        other[name] = rng.random(values.shape)
        if np.any(compute(other) != before):
            found.add(name)
    return found

# %% right="a list, on deep copies"
import copy

def reads(compute, data):
    before, found = np.array(compute(data)), []
    for name in data:
        other = copy.deepcopy(data)
        other[name] = (0.7 - other[name]) * np.arange(1, other[name].size + 1).reshape(other[name].shape)
        if not np.allclose(compute(other), before, rtol=0, atol=1e-12):
            found.append(name)
    return found

# %% right="in place, and put back"
def reads(compute, data):
    before, found = np.copy(compute(data)), set()
    for name in data:
        original = data[name]
        data[name] = 1 - original
        if not np.array_equal(compute(data), before):
            found.add(name)
        data[name] = original
    return found

# %% right="two different changes"
def reads(compute, data):
    before = compute(data)
    def matters(name):
        changes = (1 - data[name], 1 + np.square(data[name]) - np.random.random(data[name].shape))
        return any(not np.array_equal(compute({**data, name: c}), before) for c in changes)
    return frozenset(filter(matters, data))

# %% wrong="only the first entry" loses={"whatever_is_read_is_found": "entries were never changed"}
def reads(compute, data):
    before, found = compute(data), set()
    for name, values in data.items():
        other = values.copy()
        other.flat[0] = 1 - other.flat[0]
        if not np.array_equal(before, compute(data | {name: other})):
            found.add(name)
    return found

# %% wrong="zeros, which some labels are already" of="solution" edit={"1 - data[name]": "np.zeros_like(data[name])"} loses={"whatever_is_read_is_found": "than it holds already"}
# %% wrong="adds a constant" of="solution" edit={"array_equal": "allclose", "1 - data[name]": "data[name] + 1", "}))": "}), atol=1e-9)"} loses={"whatever_is_read_is_found": "differences between an array's entries"}

# %% wrong="does not put the arrays back" loses={"nobody_is_accused_wrongly": "ONE array at a time", "whatever_is_read_is_found": "where both are changed at once"}
def reads(compute, data):
    before, found, data = compute(data), set(), dict(data)
    for name in data:
        data[name] = 1 - data[name]
        if not np.array_equal(before, compute(data)):
            found.add(name)
    return found

# %% wrong="changes the caller's arrays" loses={"whatever_is_read_is_found": "changes its argument `data`", "the_data_stay_as_they_were": "work on copies", "nobody_is_accused_wrongly": "changes its argument `data`"}
def reads(compute, data):
    before, found = compute(data), set()
    for name in data:
        data[name] += 1
        data[name] *= data[name] + 1
        if not np.array_equal(before, compute(data)):
            found.add(name)
    return found

# %% wrong="leaves the last array changed" loses={"whatever_is_read_is_found": "changes its argument `data`", "the_data_stay_as_they_were": "work on copies", "nobody_is_accused_wrongly": "changes its argument `data`"}
def reads(compute, data):
    before, found, last = compute(data), set(), None
    for name in list(data):
        if last is not None:
            data[last] = 1 - data[last]
        data[name], last = 1 - data[name], name
        if not np.allclose(before, compute(data), atol=1e-9):
            found.add(name)
    return found

# %% wrong="everything but what is read" of="solution" edit={"if not np": "if np"} loses={"whatever_is_read_is_found": "just the others", "nobody_is_accused_wrongly": "also names", "the_data_stay_as_they_were": "nor found out"}
# %% wrong="images only" of="solution" edit={"if not np": 'if "images" in name and not np'} loses={"whatever_is_read_is_found": "misses"}
# %% wrong="compares identity" of="solution" edit={"not np.array_equal(before, compute": "compute", "}))": "}) is not before"} loses={"nobody_is_accused_wrongly": "also names", "whatever_is_read_is_found": "misses nothing", "the_data_stay_as_they_were": "nor found out"}

# %% wrong="names all that it is given" loses={"nobody_is_accused_wrongly": "also names", "whatever_is_read_is_found": "misses nothing", "the_data_stay_as_they_were": "nor found out"}
def reads(compute, data):
    return set(data)

# %% wrong="wants every entry of the result to change" of="solution" edit={"not np.array_equal(before, compute": "(compute", "}))": "}) != before).all()"} loses={"whatever_is_read_is_found": "ONE entry of the result"}

# %% wrong="names what is looked at" loses={"nobody_is_accused_wrongly": "may be looked at and make no difference", "whatever_is_read_is_found": "misses nothing", "the_data_stay_as_they_were": "nor found out"}
def reads(compute, data):
    found = set()

    class Watched(dict):
        def __getitem__(self, name):
            found.add(name)
            return super().__getitem__(name)

    compute(Watched(data))
    return found

# %% wrong="the arrays, not their names" loses={"whatever_is_read_is_found": "a set of names", "nobody_is_accused_wrongly": "a set of names", "the_data_stay_as_they_were": "a set of names"}
def reads(compute, data):
    before = compute(data)
    return [a for n, a in data.items() if not np.array_equal(before, compute(data | {n: 1 - a}))]

# %% wrong="always the same two" loses={"whatever_is_read_is_found": "misses", "nobody_is_accused_wrongly": "also names", "the_data_stay_as_they_were": "nor found out"}
def reads(compute, data):
    return {"party 12: images", "registry: images"}

# %% wrong="all but one" loses={"whatever_is_read_is_found": "`reads`", "nobody_is_accused_wrongly": "also names", "the_data_stay_as_they_were": "nor found out"}
def reads(compute, data):
    return set(list(data)[1:])

# %% wrong="listens to what is looked at first" loses={"nobody_is_accused_wrongly": "also names", "whatever_is_read_is_found": "misses", "the_data_stay_as_they_were": "nor found out"}
def reads(compute, data):
    asked = []

    class Listening(dict):
        def __getitem__(self, name):
            asked.append(name)
            return super().__getitem__(name)

    compute(Listening(data))
    return set(asked[:3])

# %% right="every entry turned by one of two values"
def reads(compute, data):
    before, found = compute(data), set()
    for name in data:
        other = data.copy()
        other[name] = np.where(np.asarray(data[name]) > 0.3, 0.11, 0.77)
        found |= {name} if (np.asarray(compute(other)) != before).any() else set()
    return found

# %% wrong="NaN spreads, whatever is computed" loses={"whatever_is_read_is_found": "above ½. NaN tells", "nobody_is_accused_wrongly": "takes times 0. NaN tells"}
def reads(compute, data):
    found = []
    for name in data:
        result = compute({**data, name: np.full(np.shape(data[name]), np.nan)})
        if np.isnan(result).any():
            found.append(name)
    return set(found)

# %% right="bytes of the results"
def reads(compute, data):
    rng = np.random.default_rng(0)
    def result(changed):
        return np.ascontiguousarray(compute(changed)).tobytes()
    return {n for n in data if result({**data, n: rng.uniform(2, 3, data[n].shape)}) != result(data)}

# %% right="halves and shifts"
def reads(compute, data):
    names, before = set(), np.array(compute(dict(data)))
    for name, values in data.items():
        shifted = values / 2 + np.linspace(1, 2, values.size).reshape(values.shape)
        if np.max(np.abs(np.array(compute(dict(data, **{name: shifted}))) - before)) > 0:
            names.add(name)
    return names

# %% wrong="ones, which some labels are already" of="solution" edit={"1 - data[name]": "np.ones_like(data[name])"} loses={"whatever_is_read_is_found": "than it holds already"}
# %% wrong="shuffled" of="solution" edit={"1 - data[name]": "np.random.default_rng(0).permutation(data[name])"} loses={"whatever_is_read_is_found": "than it holds already"}
# %% wrong="compares the sums" of="solution" edit={"np.array_equal(before, compute(data | {name: 1 - data[name]}))": "np.isclose(np.sum(before), np.sum(compute(data | {name: 1 - data[name]})), atol=20)"} loses={"whatever_is_read_is_found": "misses", "nobody_is_accused_wrongly": "names nothing", "the_data_stay_as_they_were": "nor found out"}
# %% wrong="the first entry of the result" of="solution" edit={"np.array_equal(before, compute(data | {name: 1 - data[name]}))": "(before[0] == compute(data | {name: 1 - data[name]})[0])"} loses={"whatever_is_read_is_found": "misses"}

# %% wrong="all but the same is the same" of="solution" edit={"np.array_equal": "np.allclose"} loses={"whatever_is_read_is_found": "They change the result in its tenth"}

# %% wrong="flips in place, and back" loses={"the_data_stay_as_they_were": "is different: work on copies", "nobody_is_accused_wrongly": "Who writes into an array"}
def reads(compute, data):
    before = np.array(compute(data))
    names = set()
    for name, values in data.items():
        np.subtract(1, values, out=values)
        if not np.array_equal(compute(data), before):
            names.add(name)
        np.subtract(1, values, out=values)
    return names

# %% wrong="compares the sums of the results" loses={"whatever_is_read_is_found": "The sum of the result's entries is"}
def reads(compute, data):
    base = np.sum(compute(data))
    return {n for n in data if np.sum(compute(data | {n: 1 - data[n]})) != base}

# %% wrong="only the first eight examples" loses={"whatever_is_read_is_found": "entries were never changed"}
def reads(compute, data):
    before, found = compute(data), set()
    for name, values in data.items():
        other = np.array(values)
        other[:8] = 1 - other[:8]
        if not np.array_equal(compute(data | {name: other}), before):
            found.add(name)
    return found

# %% right="a ChainMap over the data"
from collections import ChainMap

def reads(compute, data):
    before, found = np.array(compute(data)), set()
    for name, values in data.items():
        if not np.array_equal(compute(dict(ChainMap({name: 1 - values}, data))), before):
            found.add(name)
    return found

# %% wrong="compares the lengths of the results" of="solution" edit={"np.array_equal(before, compute(data | {name: 1 - data[name]}))": "np.linalg.norm(before) == np.linalg.norm(compute(data | {name: 1 - data[name]}))"} loses={"whatever_is_read_is_found": "holds the same numbers, in an order"}
# %% wrong="compares the sorted results" of="solution" edit={"np.array_equal(before, compute(data | {name: 1 - data[name]}))": "np.array_equal(np.sort(before, axis=None), np.sort(compute(data | {name: 1 - data[name]}), axis=None))"} loses={"whatever_is_read_is_found": "holds the same numbers, in an order"}
# %% wrong="a little noise on the data" of="solution" edit={"1 - data[name]": "data[name] + np.random.default_rng(0).normal(0, 0.05, data[name].shape)"} loses={"whatever_is_read_is_found": "which of the values are above ½"}

# %% wrong="results with one axis only" loses={"whatever_is_read_is_found": "raised ValueError"}
def reads(compute, data):
    before, found = list(compute(data)), set()
    for name in data:
        after = list(compute(data | {name: 1 - data[name]}))
        if any(a != b for a, b in zip(before, after)):
            found.add(name)
    return found

# %% wrong="the three that change most" loses={"whatever_is_read_is_found": "misses"}
def reads(compute, data):
    before = np.asarray(compute(data))
    change = {n: float(np.abs(compute(data | {n: 1 - data[n]}) - before).sum()) for n in data}
    return {n for n in sorted(change, key=change.get)[-3:] if change[n] > 0}

# %% wrong="the notebook's names" loses={"whatever_is_read_is_found": "never called with anything else", "nobody_is_accused_wrongly": "names nothing", "the_data_stay_as_they_were": "nor found out"}
def reads(compute, data):
    before, found = compute(data), set()
    for owner in ["everyone", *(f"party {k}" for k in range(PARTIES))]:
        for kind in ("images", "labels"):
            name = f"{owner}: {kind}"
            if name in data and not np.array_equal(before, compute(data | {name: 1 - data[name]})):
                found.add(name)
    return found

# %% wrong="all but the first entry" loses={"whatever_is_read_is_found": "entries were never changed"}
def reads(compute, data):
    before, found = compute(data), set()
    for name, values in data.items():
        other = np.array(values, float)
        other.flat[1:] = 1 - other.flat[1:]
        if not np.array_equal(before, compute(data | {name: other})):
            found.add(name)
    return found

# %% wrong="only the first thousand entries" loses={"whatever_is_read_is_found": "entries were never changed"}
def reads(compute, data):
    before, found = compute(data), set()
    for name, values in data.items():
        other = np.array(values, float)
        other.flat[:1000] = 1 - other.flat[:1000]
        if not np.array_equal(before, compute(data | {name: other})):
            found.add(name)
    return found

# %% wrong="changes the arrays in place and restores them" loses={"nobody_is_accused_wrongly": "Who writes into an array changes it under each", "the_data_stay_as_they_were": "read-only"}
def reads(compute, data):
    before = np.array(compute(data))
    names = set()
    for name, array in data.items():
        saved = array.copy()
        array[...] = 1 - saved
        if not np.array_equal(compute(data), before):
            names.add(name)
        array[...] = saved
    return names

# %% wrong="group testing: changes many arrays at once" loses={"whatever_is_read_is_found": "where both are changed at once"}
def reads(compute, data):
    before = compute(data)

    def search(names):
        changed = data | {name: 1 - data[name] for name in names}
        if np.array_equal(compute(changed), before):
            return set()  # none of these matters
        if len(names) == 1:
            return set(names)
        half = len(names) // 2
        return search(names[:half]) | search(names[half:])

    return search(list(data))

# %% wrong="earlier changes stay, each compared with the one before" loses={"whatever_is_read_is_found": "Compare with the result of the data as they were given"}
def reads(compute, data):
    current = dict(data)
    before, found = compute(current), set()
    for name in data:
        current[name] = 1 - current[name]
        after = compute(current)
        if not np.array_equal(before, after):
            found.add(name)
        before = after
    return found

# %% wrong="the same, from the last to the first" loses={"whatever_is_read_is_found": "Compare with the result of the data as they were given", "nobody_is_accused_wrongly": "ONE array at a time"}
def reads(compute, data):
    current = dict(data)
    before, found = compute(current), set()
    for name in reversed(data):
        current[name] = 1 - current[name]
        after = compute(current)
        if not np.array_equal(before, after):
            found.add(name)
        before = after
    return found

# %% wrong="the changed array moves to the end" loses={"nobody_is_accused_wrongly": "by its place"}
def reads(compute, data):
    before, found = compute(data), set()
    for name in data:
        changed = {other: array for other, array in data.items() if other != name}
        changed[name] = 1 - data[name]
        if not np.array_equal(before, compute(changed)):
            found.add(name)
    return found

# %% wrong="names in the order of the alphabet" loses={"nobody_is_accused_wrongly": "by its place"}
def reads(compute, data):
    before, found = compute(data), set()
    for name in sorted(data):
        changed = {other: data[other] for other in sorted(data, reverse=True)}
        changed[name] = 1 - data[name]
        if not np.array_equal(before, compute(changed)):
            found.add(name)
    return found

# %% wrong="one set again and again" loses={"whatever_is_read_is_found": "changes what an earlier call returned", "nobody_is_accused_wrongly": "changes what an earlier call returned"}
FOUND = set()

def reads(compute, data):
    before = compute(data)
    FOUND.clear()
    for name in data:
        if not np.array_equal(before, compute(data | {name: 1 - data[name]})):
            FOUND.add(name)
    return FOUND

# %% wrong="subtracts in place" loses={"nobody_is_accused_wrongly": "writes into what the computation returned"}
def reads(compute, data):
    before, found = np.array(compute(data)), set()
    for name in data:
        moved = compute(data | {name: 1 - data[name]})
        moved -= before
        if np.any(moved):
            found.add(name)
    return found
