# %% right="every loss as a threshold"
def attack_advantage(member_losses, nonmember_losses):
    best = 0
    for t in list(member_losses) + list(nonmember_losses):
        best = max(best, np.mean(member_losses <= t) - np.mean(nonmember_losses <= t))
    return best

# %% right="sorted, with searchsorted"
def attack_advantage(member_losses, nonmember_losses):
    thresholds = np.concatenate([member_losses, nonmember_losses])
    tpr = np.searchsorted(np.sort(member_losses), thresholds, side="right") / len(member_losses)
    fpr = np.searchsorted(np.sort(nonmember_losses), thresholds, side="right") / len(nonmember_losses)
    return max(0.0, (tpr - fpr).max())

# %% right="broadcast in TensorFlow"
def attack_advantage(member_losses, nonmember_losses):
    m = tf.constant(member_losses, tf.float64)
    n = tf.constant(nonmember_losses, tf.float64)
    t = tf.concat([m, n], 0)[:, None]
    tpr = tf.reduce_mean(tf.cast(m[None] <= t, tf.float64), axis=1)
    fpr = tf.reduce_mean(tf.cast(n[None] <= t, tf.float64), axis=1)
    return tf.maximum(tf.reduce_max(tpr - fpr), 0.0)

# %% right="scikit-learn's ROC curve"
def attack_advantage(member_losses, nonmember_losses):
    scores = -np.concatenate([member_losses, nonmember_losses])
    truth = [1] * len(member_losses) + [0] * len(nonmember_losses)
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    return float(np.max(tpr - fpr))

# %% right="only members' losses as thresholds"
def attack_advantage(member_losses, nonmember_losses):
    # Between two members' losses the FPR can only grow, so these thresholds are enough.
    return max([0.0] + [(member_losses <= t).mean() - (nonmember_losses <= t).mean() for t in member_losses])

# %% right="the Kolmogorov–Smirnov statistic"
from scipy import stats

def attack_advantage(member_losses, nonmember_losses):
    return stats.ks_2samp(member_losses, nonmember_losses, alternative="greater").statistic

# %% right="one pass over the sorted losses"
def attack_advantage(member_losses, nonmember_losses):
    pairs = sorted([(l, 1 / len(member_losses)) for l in member_losses]
                   + [(l, -1 / len(nonmember_losses)) for l in nonmember_losses])
    best = now = 0.0
    for i, (loss, step) in enumerate(pairs):
        now += step
        if i + 1 == len(pairs) or pairs[i + 1][0] > loss:
            best = max(best, now)
    return best

# %% right="thresholds between the losses"
def attack_advantage(member_losses, nonmember_losses):
    levels = np.unique(np.r_[member_losses, nonmember_losses])
    edges = np.r_[-np.inf, (levels[1:] + levels[:-1]) / 2, np.inf]
    member = np.histogram(member_losses, edges)[0].cumsum() / len(member_losses)
    other = np.histogram(nonmember_losses, edges)[0].cumsum() / len(nonmember_losses)
    return max(0.0, float(np.max(member - other)))

# %% wrong="turns a useless attack round" loses={"advantage_at_the_extremes": "ABOVE all others"}
def attack_advantage(member_losses, nonmember_losses):
    thresholds = np.concatenate([member_losses, nonmember_losses])[:, None]
    gain = (member_losses <= thresholds).mean(axis=1) - (nonmember_losses <= thresholds).mean(axis=1)
    return gain.max() if gain.max() > 0 else np.abs(gain).max()

# %% wrong="evenly spaced thresholds" loses={"advantage_is_the_best_threshold": "at the threshold", "advantage_at_the_extremes": "are 2, all others above"}
def attack_advantage(member_losses, nonmember_losses):
    top = max(member_losses.max(), nonmember_losses.max())
    return max(
        (member_losses <= t).mean() - (nonmember_losses <= t).mean() for t in np.linspace(0, top, 100)
    )

# %% wrong="the members' mean as threshold" loses={"advantage_is_the_best_threshold": "at the threshold", "advantage_at_the_extremes": "below all others"}
def attack_advantage(member_losses, nonmember_losses):
    t = np.mean(member_losses)
    return max(0.0, np.mean(member_losses <= t) - np.mean(nonmember_losses <= t))

# %% wrong="the AUC" loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "same losses"}
def attack_advantage(member_losses, nonmember_losses):
    scores = -np.concatenate([member_losses, nonmember_losses])
    truth = np.r_[np.ones(len(member_losses)), np.zeros(len(nonmember_losses))]
    return roc_auc_score(truth, scores)

# %% wrong="members at a high loss" loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "below all others"}
def attack_advantage(member_losses, nonmember_losses):
    t = np.concatenate([member_losses, nonmember_losses])[:, None]
    return np.max((member_losses > t).mean(1) - (nonmember_losses > t).mean(1))

# %% wrong="the best accuracy" loses={"advantage_is_the_best_threshold": "fraction of the members", "advantage_at_the_extremes": "same losses"}
def attack_advantage(member_losses, nonmember_losses):
    n = len(member_losses) + len(nonmember_losses)
    return max(
        (np.sum(member_losses <= t) + np.sum(nonmember_losses > t)) / n
        for t in np.concatenate([member_losses, nonmember_losses])
    )

# %% wrong="forgets to return" loses={"advantage_is_the_best_threshold": "return", "advantage_at_the_extremes": "return"}
def attack_advantage(member_losses, nonmember_losses):
    best = max(np.mean(member_losses <= t) - np.mean(nonmember_losses <= t) for t in member_losses)

# %% wrong="which mean is lower" loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "half of the members"}
def attack_advantage(member_losses, nonmember_losses):
    return float(np.mean(member_losses) < np.mean(nonmember_losses))

# %% wrong="the losses in float32" edit={"list(member_losses)": "list(np.float32(member_losses))", "np.mean(member_losses": "np.mean(np.float32(member_losses)", "list(nonmember_losses)": "list(np.float32(nonmember_losses))", "np.mean(nonmember_losses": "np.mean(np.float32(nonmember_losses)"} loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "are 2, all others above"}
# %% wrong="the two groups paired" loses={"advantage_is_the_best_threshold": "ValueError", "advantage_at_the_extremes": "ValueError"}
def attack_advantage(member_losses, nonmember_losses):
    return max(0.0, np.mean(member_losses < nonmember_losses) - np.mean(member_losses > nonmember_losses))

# %% wrong="the advantage of either direction" edit={"max(best, np.mean(member_losses <= t) - np.mean(nonmember_losses <= t))": "max(best, abs(np.mean(member_losses <= t) - np.mean(nonmember_losses <= t)))"} loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "ABOVE all others"}
# %% wrong="the two groups swapped" edit={"np.mean(member_losses <= t) - np.mean(nonmember_losses <= t)": "np.mean(nonmember_losses <= t) - np.mean(member_losses <= t)"} loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "below all others"}
# %% wrong="the TPR alone" edit={"- np.mean(nonmember_losses <= t)": ""} loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "same losses"}
# %% wrong="the first threshold that is better than none" edit={"best = max(best, np.mean(member_losses <= t) - np.mean(nonmember_losses <= t))": "best = best or max(0, np.mean(member_losses <= t) - np.mean(nonmember_losses <= t))"} loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "below all others"}
# %% wrong="counts, not fractions" edit={"np.mean(member_losses": "np.sum(member_losses", "np.mean(nonmember_losses": "np.sum(nonmember_losses"} loses={"advantage_is_the_best_threshold": "fraction of the members", "advantage_at_the_extremes": "below all others"}

# %% wrong="losses below 1e-8 are one" loses={"advantage_is_the_best_threshold": "a fraction of the members, and FPR"}
def attack_advantage(member_losses, nonmember_losses):
    members = np.log(np.maximum(member_losses, 1e-8))
    others = np.log(np.maximum(nonmember_losses, 1e-8))
    best = 0.0
    for threshold in np.unique(np.concatenate([members, others])):
        best = max(best, np.mean(members <= threshold) - np.mean(others <= threshold))
    return float(best)

# %% wrong="200 quantiles of many losses" loses={"advantage_is_the_best_threshold": "a fraction of the members, and FPR", "advantage_at_the_extremes": "below the only other one"}
def attack_advantage(member_losses, nonmember_losses):
    thresholds = np.unique(np.concatenate([member_losses, nonmember_losses]))
    if len(thresholds) > 200:  # enough for a smooth curve
        thresholds = np.quantile(thresholds, np.linspace(0, 1, 200))
    tpr = np.mean(np.asarray(member_losses)[:, None] <= thresholds, axis=0)
    fpr = np.mean(np.asarray(nonmember_losses)[:, None] <= thresholds, axis=0)
    return float(max(0.0, np.max(tpr - fpr)))

# %% wrong="losses above 100 are one" loses={"advantage_is_the_best_threshold": "a fraction of the members, and FPR", "advantage_at_the_extremes": "below the only other one"}
def attack_advantage(member_losses, nonmember_losses):
    members, others = np.minimum(member_losses, 100), np.minimum(nonmember_losses, 100)
    thresholds = np.concatenate([members, others])
    return max(0.0, max(np.mean(members <= t) - np.mean(others <= t) for t in thresholds))

# %% wrong="equal within a relative 1e-13" edit={"np.mean(member_losses <= t)": "np.mean(member_losses <= t * (1 + 1e-13))", "np.mean(nonmember_losses <= t)": "np.mean(nonmember_losses <= t * (1 + 1e-13))"} loses={"advantage_at_the_extremes": "are 2, all others above"}

# %% wrong="100 quantiles of more than 2400 losses" loses={"advantage_at_the_extremes": "below the only other one"}
def attack_advantage(member_losses, nonmember_losses):
    thresholds = np.unique(np.concatenate([member_losses, nonmember_losses]))
    if len(thresholds) > 2400:
        thresholds = np.quantile(thresholds, np.linspace(0, 1, 100))
    tpr = np.searchsorted(np.sort(member_losses), thresholds, side="right") / len(member_losses)
    fpr = np.searchsorted(np.sort(nonmember_losses), thresholds, side="right") / len(nonmember_losses)
    return max(0.0, (tpr - fpr).max())

# %% right="the fraction strictly below"
def attack_advantage(member_losses, nonmember_losses):
    # Below one loss is at most the next smaller one; of all losses both fractions are 1.
    thresholds = np.concatenate([member_losses, nonmember_losses])[:, None]
    return max(0.0, np.max((member_losses < thresholds).mean(1) - (nonmember_losses < thresholds).mean(1)))

# %% right="non-members first among equals"
def attack_advantage(member_losses, nonmember_losses):
    m, n = len(member_losses), len(nonmember_losses)
    steps = np.r_[np.full(n, -1 / n), np.full(m, 1 / m)]
    order = np.argsort(np.r_[nonmember_losses, member_losses], kind="stable")
    return max(0.0, np.cumsum(steps[order]).max())

# %% wrong="500 quantiles of more than 3000 losses" loses={"advantage_at_the_extremes": "at a LOW loss is"}
def attack_advantage(member_losses, nonmember_losses):
    thresholds = np.unique(np.concatenate([member_losses, nonmember_losses]))
    if len(thresholds) > 3000:  # the curve is smooth enough
        thresholds = np.quantile(thresholds, np.linspace(0, 1, 500))
    tpr = np.searchsorted(np.sort(member_losses), thresholds, side="right") / len(member_losses)
    fpr = np.searchsorted(np.sort(nonmember_losses), thresholds, side="right") / len(nonmember_losses)
    return max(0.0, (tpr - fpr).max())

# %% wrong="gives up where the advantage has fallen by 0.2" loses={"advantage_is_the_best_threshold": "the best TPR"}
def attack_advantage(member_losses, nonmember_losses):
    best = 0.0
    for threshold in np.unique(np.concatenate([member_losses, nonmember_losses])):
        advantage = np.mean(member_losses <= threshold) - np.mean(nonmember_losses <= threshold)
        if advantage < best - 0.2:
            break  # past the peak
        best = max(best, advantage)
    return float(best)

# %% wrong="from above, gives up where the advantage has fallen by 0.4" loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "half of them above"}
def attack_advantage(member_losses, nonmember_losses):
    best = 0.0
    for threshold in np.unique(np.concatenate([member_losses, nonmember_losses]))[::-1]:
        advantage = np.mean(member_losses <= threshold) - np.mean(nonmember_losses <= threshold)
        if advantage < best - 0.4:
            break
        best = max(best, advantage)
    return float(best)

# %% wrong="from above, gives up after 40 thresholds without gain" loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "at a LOW loss is"}
def attack_advantage(member_losses, nonmember_losses):
    best, since = 0.0, 0
    for threshold in np.unique(np.concatenate([member_losses, nonmember_losses]))[::-1]:
        advantage = np.mean(member_losses <= threshold) - np.mean(nonmember_losses <= threshold)
        since = 0 if advantage > best else since + 1
        if since > 40:
            break
        best = max(best, advantage)
    return float(best)

# %% wrong="non-members remembered by their number" loses={"advantage_is_the_best_threshold": "the best TPR", "advantage_at_the_extremes": "same losses"}
_sorted = {}


def attack_advantage(member_losses, nonmember_losses):
    n = len(nonmember_losses)
    if n not in _sorted:  # the strangers are the same for all models
        _sorted[n] = np.sort(nonmember_losses)
    thresholds = np.concatenate([member_losses, nonmember_losses])
    fpr = np.searchsorted(_sorted[n], thresholds, side="right") / n
    tpr = np.searchsorted(np.sort(member_losses), thresholds, side="right") / len(member_losses)
    return max(0.0, (tpr - fpr).max())
