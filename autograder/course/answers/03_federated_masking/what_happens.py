# %% right="three inequalities"
def what_happens(parties, threshold, dropouts, colluders):
    return parties - dropouts >= threshold, colluders < threshold, parties + colluders < 2 * threshold

# %% right="by counting answers, a list"
def what_happens(parties, threshold, dropouts, colluders):
    answers = 2 * colluders + (parties - colluders)
    return [threshold <= parties - dropouts, not colluders >= threshold, answers < 2 * threshold]

# %% right="by the largest numbers allowed"
def what_happens(parties, threshold, dropouts, colluders):
    most_dropouts = parties - threshold
    most_curious = threshold - 1
    most_lying = 2 * threshold - parties - 1
    return dropouts <= most_dropouts, colluders <= most_curious, colluders <= most_lying

# %% right="by trying all the splits"
def what_happens(parties, threshold, dropouts, colluders):
    honest = parties - colluders
    broken = False
    for told in range(honest + 1):
        if min(told, honest - told) + colluders >= threshold:
            broken = True
    return (parties >= threshold + dropouts), threshold > colluders, not broken

# %% right="NumPy, with halves"
def what_happens(parties, threshold, dropouts, colluders):
    half = (parties - colluders) // 2
    left = np.array([threshold, colluders, colluders + half])
    right = np.array([parties - dropouts + 1, threshold, threshold])
    return left < right

# %% wrong="one more than the threshold must be left" edit={"dropouts >= threshold": "dropouts > threshold"} loses={"the_sum_comes_out": "You say False; it is True"}
# %% wrong="compares dropouts with the threshold" edit={"parties - dropouts >= threshold": "dropouts < threshold"} loses={"the_sum_comes_out": "drop out, so"}
# %% wrong="safe with as many colluders as the threshold" edit={"colluders < threshold": "colluders <= threshold"} loses={"a_curious_server": "You say True; it is False"}
# %% wrong="the victim's share counted as a colluder's" edit={"colluders < threshold": "colluders + 1 < threshold"} loses={"a_curious_server": "You say False; it is True"}
# %% wrong="a majority, whoever colludes" edit={"parties + colluders": "parties"} loses={"a_lying_server": "You say True; it is False"}

# %% wrong="a liar is no worse than a curious server" loses={"a_lying_server": "You say True; it is False"}
def what_happens(parties, threshold, dropouts, colluders):
    safe = colluders < threshold
    return parties - dropouts >= threshold, safe, safe

# %% wrong="an edge too generous" edit={"< 2 * threshold": "<= 2 * threshold"} loses={"a_lying_server": "You say True; it is False"}
# %% wrong="colluders drop out too" edit={"return parties - dropouts": "left = parties - dropouts - colluders; return left"} loses={"the_sum_comes_out": "You say False; it is True"}
# %% wrong="one answer for all three" edit={">= threshold, colluders < threshold, parties": ">= threshold and parties"} loses={"the_sum_comes_out": "three of True or False", "a_curious_server": "three of True or False", "a_lying_server": "three of True or False"}
# %% wrong="forgets to return" edit={"return parties": "parties"} loses={"the_sum_comes_out": "return", "a_curious_server": "return", "a_lying_server": "return"}
