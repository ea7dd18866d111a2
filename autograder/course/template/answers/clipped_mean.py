# %% right="NumPy's clip"
def clipped_mean(values, low, high):
    return np.clip(values, low, high).mean()


# %% right="a loop"
def clipped_mean(values, low, high):
    total = 0.0
    for value in values:
        total += min(max(value, low), high)
    return total / len(values)


# %% right="two comparisons, float32"
def clipped_mean(values, low, high):
    values = np.asarray(values, np.float32)
    return np.average(np.minimum(np.maximum(values, low), high))


# %% right="in place of a clip, where"
def clipped_mean(values, low, high):
    raised = np.where(values < low, low, values)
    return float(np.where(raised > high, high, raised).sum()) / raised.size


# %% wrong="no clip" loses={"values_are_clipped": "clipped, their mean is"}
def clipped_mean(values, low, high):
    return float(np.mean(values))


# %% wrong="clips above only" edit={"np.clip(values, low, high)": "np.minimum(values, high)"} loses={"values_are_clipped": "clipped, their mean is"}

# %% wrong="clips below only" edit={"np.clip(values, low, high)": "np.maximum(values, low)"} loses={"values_are_clipped": "clipped, their mean is"}

# %% wrong="clips the mean" edit={"np.clip(values, low, high).mean()": "np.clip(np.mean(values), low, high)"} loses={"values_are_clipped": "clipped, their mean is"}

# %% wrong="a sum" edit={".mean()": ".sum()"} loses={"values_are_clipped": "clipped, their mean is"}

# %% wrong="leaves out what is outside" loses={"values_are_clipped": "clipped, their mean is"}
def clipped_mean(values, low, high):
    return float(np.mean(values[(values >= low) & (values <= high)]))


# %% wrong="one less" of="a loop" edit={"len(values)": "(len(values) - 1)"} loses={"values_are_clipped": "clipped, their mean is"}
