# %% right="one expression"
def noise_scale(n, low, high, epsilon):
    return (high - low) / (n * epsilon)


# %% right="from two neighbours"
def noise_scale(n, low, high, epsilon):
    one, other = np.zeros(n) + low, np.zeros(n) + low
    other[-1] = high
    return abs(one.mean() - other.mean()) / epsilon


# %% right="the share of one value first"
def noise_scale(n, low, high, epsilon):
    share = 1 / n
    return share * (high - low) * epsilon**-1


# %% right="float32"
def noise_scale(n, low, high, epsilon):
    return np.float32(high - low) / np.float32(n) / np.float32(epsilon)


# %% wrong="of the sum" edit={"(n * epsilon)": "epsilon"} loses={"scale_hides_one_value": "one of them moves the mean"}

# %% wrong="times ε" edit={"/ (n * epsilon)": "/ n * epsilon"} loses={"scale_hides_one_value": "one of them moves the mean"}

# %% wrong="ε is left out" edit={"(n * epsilon)": "n"} loses={"scale_hides_one_value": "one of them moves the mean"}

# %% wrong="the upper end only" edit={"(high - low)": "high"} loses={"scale_hides_one_value": "one of them moves the mean"}

# %% wrong="the ends added" edit={"(high - low)": "(high + low)"} loses={"scale_hides_one_value": "one of them moves the mean"}

# %% wrong="a value added or removed" edit={"(high - low)": "max(abs(low), abs(high))"} loses={"scale_hides_one_value": "one of them moves the mean"}

# %% wrong="the sensitivity squared" edit={"(high - low)": "(high - low) ** 2"} loses={"scale_hides_one_value": "one of them moves the mean"}
