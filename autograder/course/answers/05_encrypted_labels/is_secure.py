# %% right="adds the bits up"
def is_secure(log_n, moduli):
    bits = sum(math.log2(q) for q in moduli)
    return bits <= encrypted.LOG2_Q_128[2**log_n]

# %% right="compares q with the power of two"
def is_secure(log_n, moduli):
    q = 1
    for modulus in moduli:
        q *= modulus
    return q <= 2 ** encrypted.LOG2_Q_128[1 << log_n]

# %% right="NumPy, a NumPy bool"
def is_secure(log_n, moduli):
    return np.sum(np.log2(np.array(moduli, float))) <= encrypted.LOG2_Q_128[2**log_n]

# %% right="by bit length"
def is_secure(log_n, moduli):
    limit = encrypted.LOG2_Q_128[2**log_n]
    return (math.prod(moduli) - 1).bit_length() <= limit

# %% wrong="only the first modulus" of="solution" edit={"math.prod(moduli)": "moduli[0]"} loses={"several_moduli_multiply": "their product q"}
# %% wrong="adds the moduli" of="solution" edit={"math.prod": "sum"} loses={"several_moduli_multiply": "their product q has"}
# %% wrong="rounds the bits down" of="solution" edit={"math.log2(math.prod(moduli))": "int(sum(math.log2(q) for q in moduli))"} loses={"one_modulus_within_the_table": "You say True", "several_moduli_multiply": "You say True"}
# %% wrong="natural logarithm" of="solution" edit={"math.log2": "math.log"} loses={"one_modulus_within_the_table": "You say True", "several_moduli_multiply": "You say True"}
# %% wrong="the other way round" of="solution" edit={"(moduli)) <=": "(moduli)) >"} loses={"one_modulus_within_the_table": "You say", "several_moduli_multiply": "You say"}
# %% wrong="looks log_n up in place of N" of="solution" edit={"[2**log_n]": "[log_n]"} loses={"one_modulus_within_the_table": "keys are ring degrees", "several_moduli_multiply": "keys are ring degrees"}
# %% wrong="returns the bits" of="solution" edit={"<= encrypted.LOG2_Q_128[2**log_n]": ""} loses={"one_modulus_within_the_table": "True or False", "several_moduli_multiply": "True or False"}

# %% wrong="the smallest modulus decides" loses={"several_moduli_multiply": "You say True"}
def is_secure(log_n, moduli):
    return all(math.log2(q) <= encrypted.LOG2_Q_128[2**log_n] for q in moduli)

# %% wrong="NumPy's product overflows" loses={"several_moduli_multiply": "their product q has"}
def is_secure(log_n, moduli):
    return bool(np.log2(np.prod(np.array(moduli, np.uint64))) <= encrypted.LOG2_Q_128[2**log_n])

# %% right="a running quotient"
def is_secure(log_n, moduli):
    room = 2 ** encrypted.LOG2_Q_128[2**log_n]
    for modulus in moduli:
        room //= modulus
    return room > 0

# %% right="natural logarithms, converted"
def is_secure(log_n, moduli):
    return sum(map(math.log, moduli)) / math.log(2) <= encrypted.LOG2_Q_128[2**log_n]

# %% wrong="as many times the first" of="solution" edit={"math.log2(math.prod(moduli))": "len(moduli) * math.log2(moduli[0])"} loses={"several_moduli_multiply": "You say"}
# %% wrong="rounded bits of each" of="solution" edit={"math.log2(math.prod(moduli))": "sum(round(math.log2(q)) for q in moduli)"} loses={"one_modulus_within_the_table": "You say", "several_moduli_multiply": "You say"}
# %% wrong="the largest modulus decides" of="solution" edit={"math.prod(moduli)": "max(moduli)"} loses={"several_moduli_multiply": "You say True"}
# %% wrong="the lab's own ring" of="solution" edit={"[2**log_n]": "[2048]"} loses={"one_modulus_within_the_table": "You say", "several_moduli_multiply": "You say"}

# %% wrong="whole bits" of="solution" edit={"math.log2(math.prod(moduli))": "int(math.log2(math.prod(moduli)))"} loses={"one_modulus_within_the_table": "it is not within the limit. You say True", "several_moduli_multiply": "bits: their product q has"}

# %% wrong="bit lengths added" loses={"several_moduli_multiply": "bits: their product q has"}
def is_secure(log_n, moduli):
    bits = sum(int(prime).bit_length() for prime in moduli)
    return bits <= encrypted.LOG2_Q_128[2**log_n]

# %% right="exact integer bits"
def is_secure(log_n, moduli):
    q = 1
    for prime in moduli:
        q *= int(prime)
    return bool((q - 1).bit_length() <= encrypted.LOG2_Q_128[1 << int(log_n)])

# %% right="divide the budget"
def is_secure(log_n, moduli):
    room = 2 ** int(encrypted.LOG2_Q_128[2 ** int(log_n)])
    for prime in sorted(moduli, reverse=True):
        room //= int(prime)
    return room >= 1

# %% wrong="strictly below the limit, in floats" loses={"one_modulus_within_the_table": "it is within the limit. You say False"}
def is_secure(log_n, moduli):
    return math.log2(math.prod(moduli)) < encrypted.LOG2_Q_128[2**log_n]

# %% wrong="a little above the limit, too" of="solution" edit={"LOG2_Q_128[2**log_n]": "LOG2_Q_128[2**log_n] + 0.05"} loses={"one_modulus_within_the_table": "it is not within the limit. You say True", "several_moduli_multiply": "You say True"}
# %% wrong="bits to one digit" of="solution" edit={"math.log2(math.prod(moduli))": "round(math.log2(math.prod(moduli)), 1)"} loses={"one_modulus_within_the_table": "it is not within the limit. You say True", "several_moduli_multiply": "You say True"}

# %% wrong="a table by heart, its last row mistaken" loses={"several_moduli_multiply": "degree 2^15 allows 881"}
def is_secure(log_n, moduli):
    limits = {10: 27, 11: 54, 12: 109, 13: 218, 14: 438, 15: 876}
    return math.log2(math.prod(moduli)) <= limits[log_n]

# %% wrong="remembered by the moduli alone" loses={"several_moduli_multiply": "You say True"}
KNOWN = {}


def is_secure(log_n, moduli):
    bits = math.log2(math.prod(moduli))
    return KNOWN.setdefault(tuple(moduli), bits <= encrypted.LOG2_Q_128[2**log_n])
