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

# %% wrong="only the first modulus" loses={"several_moduli_multiply": "their product q"}
def is_secure(log_n, moduli):
    return math.log2(moduli[0]) <= encrypted.LOG2_Q_128[2**log_n]

# %% wrong="adds the moduli" loses={"several_moduli_multiply": "the factors do not"}
def is_secure(log_n, moduli):
    return math.log2(sum(moduli)) <= encrypted.LOG2_Q_128[2**log_n]

# %% wrong="rounds the bits down" loses={"one_modulus_within_the_table": "You say True", "several_moduli_multiply": "You say True"}
def is_secure(log_n, moduli):
    return int(sum(math.log2(q) for q in moduli)) <= encrypted.LOG2_Q_128[2**log_n]

# %% wrong="natural logarithm" loses={"one_modulus_within_the_table": "You say True", "several_moduli_multiply": "You say True"}
def is_secure(log_n, moduli):
    return math.log(math.prod(moduli)) <= encrypted.LOG2_Q_128[2**log_n]

# %% wrong="the other way round" loses={"one_modulus_within_the_table": "You say", "several_moduli_multiply": "You say"}
def is_secure(log_n, moduli):
    return math.log2(math.prod(moduli)) > encrypted.LOG2_Q_128[2**log_n]

# %% wrong="looks log_n up in place of N" loses={"one_modulus_within_the_table": "keys are ring degrees", "several_moduli_multiply": "keys are ring degrees"}
def is_secure(log_n, moduli):
    return math.log2(math.prod(moduli)) <= encrypted.LOG2_Q_128[log_n]

# %% wrong="returns the bits" loses={"one_modulus_within_the_table": "True or False", "several_moduli_multiply": "True or False"}
def is_secure(log_n, moduli):
    return math.log2(math.prod(moduli))

# %% wrong="the smallest modulus decides" loses={"several_moduli_multiply": "You say True"}
def is_secure(log_n, moduli):
    return all(math.log2(q) <= encrypted.LOG2_Q_128[2**log_n] for q in moduli)

# %% wrong="NumPy's product overflows" loses={"several_moduli_multiply": "overflow at 64 bits"}
def is_secure(log_n, moduli):
    return bool(np.log2(np.prod(np.array(moduli, np.uint64))) <= encrypted.LOG2_Q_128[2**log_n])
