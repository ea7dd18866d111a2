# %% right="a sum"
def fit(model, x):
    model.weight = float(sum(x)) / len(x)


# %% wrong="returns it" loses={"weight": "the weight is 1.000"}
def fit(model, x):
    return x.mean()
