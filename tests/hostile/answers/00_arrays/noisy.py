# %% right="standard normals"
def noisy(x, scale, rng):
    return x + scale * rng.standard_normal(len(x))


# %% wrong="the variance" loses={"scale": "the noise is"}
def noisy(x, scale, rng):
    return x + rng.normal(0, scale**2, x.shape)


# %% wrong="its own rng" loses={"rng": "gives other noise"}
def noisy(x, scale, rng):
    return x + np.random.normal(0, scale, x.shape)
