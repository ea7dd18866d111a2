# %% right="a loop"
def centred(x):
    mean = sum(x) / len(x)
    return [value - mean for value in x]


# %% wrong="divides" loses={"mean": "the mean is", "differences": "have changed"}
def centred(x):
    return x / x.mean()
