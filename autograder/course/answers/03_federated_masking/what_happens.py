# %% right="by counting answers, a list"
def what_happens(parties, threshold, dropouts, colluders):
    answers = 2 * colluders + (parties - colluders)
    alone = parties - colluders == 1
    curious, lying = not colluders >= threshold, answers < 2 * threshold
    return [threshold <= parties - dropouts, curious and not alone, lying and not alone]

# %% right="by the largest numbers allowed"
def what_happens(parties, threshold, dropouts, colluders):
    most_dropouts = parties - threshold
    most_curious = min(threshold - 1, parties - 2)
    most_lying = min(2 * threshold - parties - 1, parties - 2)
    return dropouts <= most_dropouts, colluders <= most_curious, colluders <= most_lying

# %% right="by trying all the splits"
def what_happens(parties, threshold, dropouts, colluders):
    honest = parties - colluders
    broken = honest < 2
    for told in range(honest + 1):
        if min(told, honest - told) + colluders >= threshold:
            broken = True
    return (parties >= threshold + dropouts), threshold > colluders and honest > 1, not broken

# %% right="NumPy, with halves"
def what_happens(parties, threshold, dropouts, colluders):
    half = (parties - colluders) // 2
    left = np.array([threshold, colluders, colluders + half])
    right = np.array([parties - dropouts + 1, threshold, threshold])
    return (left < right) & np.array([True, half > 0 or colluders < parties - 1, colluders <= parties - 2])

# %% wrong="one more than the threshold must be left" loses={"the_sum_comes_out": "You say False; it is True"}
def what_happens(parties, threshold, dropouts, colluders):
    many = colluders <= parties - 2
    return parties - dropouts > threshold, many and colluders < threshold, many and parties + colluders < 2 * threshold

# %% wrong="compares dropouts with the threshold" loses={"the_sum_comes_out": "drop out, so"}
def what_happens(parties, threshold, dropouts, colluders):
    many = colluders <= parties - 2
    return dropouts < threshold, many and colluders < threshold, many and parties + colluders < 2 * threshold

# %% wrong="safe with as many colluders as the threshold" loses={"a_curious_server": "You say True; it is False"}
def what_happens(parties, threshold, dropouts, colluders):
    many = colluders <= parties - 2
    return parties - dropouts >= threshold, many and colluders <= threshold, many and parties + colluders < 2 * threshold

# %% wrong="the victim's share counted as a colluder's" loses={"a_curious_server": "You say False; it is True"}
def what_happens(parties, threshold, dropouts, colluders):
    many = colluders <= parties - 2
    return parties - dropouts >= threshold, many and colluders + 1 < threshold, many and parties + colluders < 2 * threshold

# %% wrong="a majority, whoever colludes" loses={"a_lying_server": "You say True; it is False"}
def what_happens(parties, threshold, dropouts, colluders):
    many = colluders <= parties - 2
    return parties - dropouts >= threshold, many and colluders < threshold, many and parties < 2 * threshold

# %% wrong="a liar is no worse than a curious server" loses={"a_lying_server": "You say True; it is False"}
def what_happens(parties, threshold, dropouts, colluders):
    safe = colluders < threshold and colluders < parties - 1
    return parties - dropouts >= threshold, safe, safe

# %% wrong="an edge too generous" loses={"a_lying_server": "You say True; it is False"}
def what_happens(parties, threshold, dropouts, colluders):
    many = colluders <= parties - 2
    return parties - dropouts >= threshold, many and colluders < threshold, many and parties + colluders <= 2 * threshold

# %% wrong="colluders drop out too" loses={"the_sum_comes_out": "You say False; it is True"}
def what_happens(parties, threshold, dropouts, colluders):
    left = parties - dropouts - colluders
    many = colluders <= parties - 2
    return left >= threshold, many and colluders < threshold, many and parties + colluders < 2 * threshold

# %% wrong="one answer for all three" loses={"the_sum_comes_out": "three of True or False", "a_curious_server": "three of True or False", "a_lying_server": "three of True or False"}
def what_happens(parties, threshold, dropouts, colluders):
    return parties - dropouts >= threshold and parties + colluders < 2 * threshold

# %% wrong="forgets to return" loses={"the_sum_comes_out": "return", "a_curious_server": "return", "a_lying_server": "return"}
def what_happens(parties, threshold, dropouts, colluders):
    parties - dropouts >= threshold, colluders < threshold, parties + colluders < 2 * threshold

# %% wrong="all others may collude" loses={"a_curious_server": "know all of the sum but one vector", "a_lying_server": "know all of the sum but one vector"}
def what_happens(parties, threshold, dropouts, colluders):
    return parties - dropouts >= threshold, colluders < threshold, parties + colluders < 2 * threshold

# %% wrong="two colluders too many" loses={"a_curious_server": "You say False; it is True"}
def what_happens(parties, threshold, dropouts, colluders):
    safe = colluders < threshold and colluders < parties - 2
    return parties - dropouts >= threshold, safe, colluders < parties - 1 and parties + colluders < 2 * threshold

# %% right="sets of holders"
def what_happens(parties, threshold, dropouts, colluders):
    everyone, bad = set(range(parties)), set(range(colluders))
    honest = everyone - bad
    there = everyone - set(range(dropouts))
    can_lie = any(len(bad) + k >= threshold <= len(bad) + len(honest) - k for k in range(len(honest) + 1))
    company = len(honest) >= 2
    return len(there) >= threshold, company and len(bad) < threshold, company and not can_lie

# %% right="zeros and ones"
def what_happens(parties, threshold, dropouts, colluders):
    company = int(colluders < parties - 1)
    return np.array([
        int(parties - dropouts >= threshold),
        company * int(colluders < threshold),
        company * int(parties + colluders < 2 * threshold),
    ])

# %% right="negations"
def what_happens(parties, threshold, dropouts, colluders):
    lost = dropouts > parties - threshold
    alone = colluders >= parties - 1
    both = (parties - colluders) + 2 * colluders >= 2 * threshold
    return not lost, not (alone or colluders >= threshold), not (alone or both)

# %% right="a majority of the honest"
def what_happens(parties, threshold, dropouts, colluders):
    honest = parties - colluders
    needed = threshold - colluders
    return parties - dropouts >= threshold, needed > 0 and honest > 1, 2 * needed > honest and honest > 1

# %% wrong="colluders answer once" of="by counting answers, a list" edit={"2 * colluders + (parties - colluders)": "parties"} loses={"a_lying_server": "You say True; it is False"}
# %% wrong="the curious server's answer for the liar" of="negations" edit={"not (alone or both)": "not (alone or colluders >= threshold)"} loses={"a_lying_server": "You say True; it is False"}
# %% wrong="dropouts for the other questions, too" of="negations" edit={"not (alone or colluders >= threshold)": "not (alone or lost or colluders >= threshold)"} loses={"a_curious_server": "You say False; it is True"}

# %% wrong="a threshold of one counts as two" of="solution" edit={"dropouts >= threshold": "dropouts >= max(threshold, 2)", "colluders < threshold": "colluders < max(threshold, 2)"} loses={"the_sum_comes_out": "You say False; it is True", "a_curious_server": "You say True; it is False"}
