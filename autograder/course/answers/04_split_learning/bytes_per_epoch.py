# %% right="a loop over the batches"
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    total = 0
    for start in range(0, examples, batch_size):
        size = min(batch_size, examples - start)
        total += 2 * (size * cut_width * 4 + overhead)
    return total

# %% right="np.ceil"
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    steps = np.ceil(examples / batch_size)
    return 8 * examples * cut_width + 2 * steps * overhead

# %% right="divmod"
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    whole, rest = divmod(examples, batch_size)
    steps = whole + (rest > 0)
    payload = examples * cut_width * np.dtype(np.float32).itemsize
    return float(2 * (payload + steps * overhead))

# %% right="one way, doubled; integers"
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    messages = (examples + batch_size - 1) // batch_size
    one_way = 4 * cut_width * examples + messages * overhead
    return np.int64(one_way + one_way)

# %% wrong="one way" of="solution" edit={"2 * (4": "(4"} loses={"payload_is_both_ways": "one way", "every_message_has_its_overhead": "overhead is that of"}
# %% wrong="numbers, not bytes" of="solution" edit={"(4 * examples": "(examples"} loses={"payload_is_both_ways": "four bytes"}
# %% wrong="the last batch is whole" of="solution" edit={"(4 * examples * cut_width + overhead * steps)": "steps * (4 * batch_size * cut_width + overhead)"} loses={"payload_is_both_ways": "last batch is smaller"}

# %% wrong="drops the last batch" loses={"payload_is_both_ways": "smaller batch", "every_message_has_its_overhead": "the last one's too"}
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    return 2 * (examples // batch_size) * (4 * batch_size * cut_width + overhead)

# %% wrong="one step" loses={"payload_is_both_ways": "one step", "every_message_has_its_overhead": "overhead is that of 2"}
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    return 2 * (4 * batch_size * cut_width + overhead)

# %% wrong="overhead for each example" loses={"every_message_has_its_overhead": "however many examples"}
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    return 2 * examples * (4 * cut_width + overhead)

# %% wrong="overhead once a step" loses={"every_message_has_its_overhead": "overhead is that of"}
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    return 8 * examples * cut_width + overhead * -(-examples // batch_size)

# %% wrong="a fraction of a step" loses={"every_message_has_its_overhead": "the last one's too"}
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    return 2 * (4 * examples * cut_width + overhead * examples / batch_size)

# %% right="float division, rounded up"
import math

def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    return 2 * examples * cut_width * 4 + 2 * overhead * math.ceil(examples / batch_size)

# %% right="array_split"
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    starts = np.arange(0, examples, batch_size)
    sizes = np.minimum(batch_size, examples - starts)
    return int(np.sum(2 * (sizes * cut_width * 4 + overhead)))

# %% wrong="a step too many" of="solution" edit={"-(-examples // batch_size)": "examples // batch_size + 1"} loses={"every_message_has_its_overhead": "overhead is that of"}
# %% wrong="at least two batches" of="solution" edit={"-(-examples // batch_size)": "max(2, -(-examples // batch_size))"} loses={"every_message_has_its_overhead": "overhead is that of"}
# %% wrong="the overhead in bits" of="solution" edit={"overhead * steps": "8 * overhead * steps"} loses={"every_message_has_its_overhead": "overhead is that of"}
# %% wrong="float64" of="solution" edit={"(4 * examples": "(8 * examples"} loses={"payload_is_both_ways": "bytes crossed between"}

# %% wrong="in 32 bits" loses={"payload_is_both_ways": "units at the cut, no overhead"}
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    numbers = np.int32(examples) * np.int32(cut_width)
    messages = np.int32(2 * -(-examples // batch_size))
    return int(np.int32(8) * numbers + messages * np.int32(overhead))

# %% wrong="rounds up, but for a hundredth" loses={"every_message_has_its_overhead": "Each message has it"}
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    batches = int(examples / batch_size + 0.99)
    return 8 * examples * cut_width + 2 * batches * overhead

# %% wrong="the last batch is the remainder" loses={"payload_is_both_ways": "units at the cut, no overhead"}
def bytes_per_epoch(examples, batch_size, cut_width, overhead):
    steps = -(-examples // batch_size)
    sent = (steps - 1) * batch_size + examples % batch_size
    return 2 * (4 * sent * cut_width + steps * overhead)

# %% wrong="a batch at least" of="solution" edit={"4 * examples": "4 * max(examples, batch_size)"} loses={"payload_is_both_ways": "units at the cut, no overhead"}
