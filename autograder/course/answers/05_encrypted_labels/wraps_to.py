# %% right="a remainder, then one step down"
def wraps_to(value, plaintext_modulus):
    rest = value % plaintext_modulus
    return rest - plaintext_modulus if rest > plaintext_modulus // 2 else rest

# %% right="takes whole turns off"
def wraps_to(value, plaintext_modulus):
    turns = (2 * value + plaintext_modulus) // (2 * plaintext_modulus)
    return value - turns * plaintext_modulus

# %% right="NumPy"
def wraps_to(value, plaintext_modulus):
    rest = np.mod(np.array(value, object), plaintext_modulus)
    return np.where(rest <= (plaintext_modulus - 1) // 2, rest, rest - plaintext_modulus)

# %% right="a loop, a float"
def wraps_to(value, plaintext_modulus):
    while value > plaintext_modulus / 2:
        value -= plaintext_modulus
    while value < -plaintext_modulus / 2:
        value += plaintext_modulus
    return float(value)

# %% wrong="math.remainder, of floats" loses={"what_does_not_fit_wraps": "only multiples of t"}
def wraps_to(value, plaintext_modulus):
    return int(math.remainder(value, plaintext_modulus))

# %% wrong="never wraps" loses={"what_does_not_fit_wraps": "half of the numbers below t stand for negative ones", "a_ciphertext_agrees": "decrypts to", "what_fits_stays": "cannot come back as it was"}
def wraps_to(value, plaintext_modulus):
    return value

# %% wrong="no negative numbers" loses={"what_fits_stays": "is one of them", "what_does_not_fit_wraps": "stand for negative ones", "a_ciphertext_agrees": "you predict"}
def wraps_to(value, plaintext_modulus):
    return value % plaintext_modulus

# %% wrong="wraps at t in place of t/2" loses={"what_does_not_fit_wraps": "stand for negative ones", "a_ciphertext_agrees": "you predict"}
def wraps_to(value, plaintext_modulus):
    if -plaintext_modulus < value < plaintext_modulus:
        return value
    return (value + plaintext_modulus // 2) % plaintext_modulus - plaintext_modulus // 2

# %% wrong="saturates" of="solution" edit={"(value + half) % plaintext_modulus - half": "max(-half, min(half, value))"} loses={"what_does_not_fit_wraps": "only multiples of t", "a_ciphertext_agrees": "decrypts to"}
# %% wrong="a remainder with the number's sign" of="solution" edit={"(value + half) % plaintext_modulus - half": "int(math.fmod(value, plaintext_modulus))"} loses={"what_does_not_fit_wraps": "stand for negative ones", "a_ciphertext_agrees": "you predict"}

# %% wrong="wraps once only" loses={"what_does_not_fit_wraps": "stand for negative ones", "a_ciphertext_agrees": "you predict"}
def wraps_to(value, plaintext_modulus):
    if value > plaintext_modulus // 2:
        value -= plaintext_modulus
    elif value < -(plaintext_modulus // 2):
        value += plaintext_modulus
    return value

# %% wrong="modulo t/2" of="solution" edit={"(value + half) % plaintext_modulus - half": "value % half"} loses={"what_fits_stays": "is decrypted", "what_does_not_fit_wraps": "only multiples of t", "a_ciphertext_agrees": "you predict"}

# %% wrong="forgets to return" loses={"what_fits_stays": "return", "what_does_not_fit_wraps": "return", "a_ciphertext_agrees": "return"}
def wraps_to(value, plaintext_modulus):
    (value + plaintext_modulus // 2) % plaintext_modulus - plaintext_modulus // 2

# %% right="divmod"
def wraps_to(value, plaintext_modulus):
    _, rest = divmod(value, plaintext_modulus)
    return rest - plaintext_modulus * (2 * rest > plaintext_modulus)

# %% wrong="turns counted in floats" loses={"what_does_not_fit_wraps": "stand for negative ones"}
def wraps_to(value, plaintext_modulus):
    return value - plaintext_modulus * round(value / plaintext_modulus)

# %% right="the nearest of three candidates"
def wraps_to(value, plaintext_modulus):
    rest = value % plaintext_modulus
    return min((rest - plaintext_modulus, rest), key=abs)

# %% wrong="the lab's own t" of="solution" edit={"% plaintext_modulus": "% 557057"} loses={"what_fits_stays": "t =", "what_does_not_fit_wraps": "`wraps_to", "a_ciphertext_agrees": "you predict"}
# %% wrong="t even" of="solution" edit={"% plaintext_modulus - half": "% (plaintext_modulus - 1) - half"} loses={"what_fits_stays": "is decrypted", "what_does_not_fit_wraps": "only multiples of t", "a_ciphertext_agrees": "you predict"}
# %% wrong="an edge too low" of="solution" edit={"half = plaintext_modulus // 2": "half = plaintext_modulus // 2 + 1"} loses={"what_fits_stays": "is decrypted", "what_does_not_fit_wraps": "stand for negative ones"}

# %% wrong="largest number wraps" loses={"what_fits_stays": "holds the numbers from -", "what_does_not_fit_wraps": "half of the numbers below t stand for"}
def wraps_to(value, plaintext_modulus):
    rest = value % plaintext_modulus
    if rest >= plaintext_modulus // 2:
        rest -= plaintext_modulus
    return rest

# %% wrong="32-bit integers" loses={"what_does_not_fit_wraps": "modulo t"}
def wraps_to(value, plaintext_modulus):
    value, t = np.array([value, plaintext_modulus], np.int64).astype(np.int32)
    return int((value + t // 2) % t - t // 2)

# %% wrong="a hundred turns at most" loses={"what_does_not_fit_wraps": "stand for negative ones"}
def wraps_to(value, plaintext_modulus):
    for _ in range(100):
        if value > plaintext_modulus // 2:
            value -= plaintext_modulus
        elif value < -(plaintext_modulus // 2):
            value += plaintext_modulus
    return value

# %% wrong="remembered by the number alone" loses={"what_does_not_fit_wraps": "`wraps_to"}
_known = {}


def wraps_to(value, plaintext_modulus):
    half = plaintext_modulus // 2
    return _known.setdefault(value, (value + half) % plaintext_modulus - half)

# %% right="divmod of whole numbers"
def wraps_to(value, plaintext_modulus):
    rest = divmod(int(value), int(plaintext_modulus))[1]
    return rest if 2 * rest < plaintext_modulus else rest - int(plaintext_modulus)

# %% wrong="64-bit integers" loses={"what_does_not_fit_wraps": "raised"}
def wraps_to(value, plaintext_modulus):
    rest = np.remainder(np.int64(value), np.int64(plaintext_modulus))
    return rest - plaintext_modulus * (rest > plaintext_modulus // 2)

# %% wrong="kept in a word of 64 bits" of="solution" edit={"(value + half)": "((value + 2**63) % 2**64 - 2**63 + half)"} loses={"what_does_not_fit_wraps": "only multiples of t"}
# %% wrong="an unsigned word" of="solution" edit={"(value + half)": "((value + half) % 2**64 - 2**64 * (value < -half))"} loses={"what_does_not_fit_wraps": "only multiples of t"}
# %% right="any number of words"
def wraps_to(value, plaintext_modulus):
    sign = -1 if value < 0 else 1
    rest = 0
    for byte in abs(value).to_bytes(abs(value).bit_length() // 8 + 1, "big"):
        rest = (256 * rest + byte) % plaintext_modulus
    return sign * (rest if 2 * rest < plaintext_modulus else rest - plaintext_modulus)
