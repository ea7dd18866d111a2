# %% right="halved until it is short"
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    low, high = 0.0, 20.0
    while high - low > 1e-3:
        mid = (low + high) / 2
        if audit.p_value(correct, guesses, mid, delta, canaries) <= 1 - confidence:
            low = mid
        else:
            high = mid
    return low

# %% right="a fixed number of halvings"
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    if audit.p_value(correct, guesses, 0, delta, canaries) > 1 - confidence:
        return 0
    low, high = 0, 20
    for _ in range(40):
        mid = 0.5 * (low + high)
        if audit.p_value(correct, guesses, mid, delta, canaries) <= 1 - confidence:
            low = mid
        else:
            high = mid
    return low

# %% right="a grid"
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    best = 0.0
    for epsilon in np.arange(0, 20, 0.01):
        if audit.p_value(correct, guesses, epsilon, delta, canaries) > 1 - confidence:
            break
        best = epsilon
    return best

# %% right="SciPy's root finder"
from scipy.optimize import brentq

def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    def excess(epsilon):
        return audit.p_value(correct, guesses, epsilon, delta, canaries) - (1 - confidence)
    if excess(0) > 0:
        return 0.0
    return brentq(excess, 0, 20, xtol=1e-4)

# %% right="recursive halving"
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    def search(low, high):
        if high - low < 1e-3:
            return low
        mid = (low + high) / 2
        p = audit.p_value(correct, guesses, mid, delta, canaries)
        return search(mid, high) if p <= 1 - confidence else search(low, mid)
    refuted_at_all = audit.p_value(correct, guesses, 0.0, delta, canaries) <= 1 - confidence
    return np.float32(search(0.0, 20.0)) if refuted_at_all else 0.0

# %% right="steps that grow finer"
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    epsilon = 0.0
    if audit.p_value(correct, guesses, epsilon, delta, canaries) > 1 - confidence:
        return epsilon
    for step in (1.0, 0.1, 0.01, 0.001):
        while audit.p_value(correct, guesses, epsilon + step, delta, canaries) <= 1 - confidence:
            epsilon += step
    return epsilon

# %% right="a binary search over thousandths"
import bisect

def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    grid = range(20_000)
    first = bisect.bisect_right(
        grid, 1 - confidence, key=lambda k: audit.p_value(correct, guesses, k / 1000, delta, canaries)
    )
    return max(0, first - 1) / 1000

# %% wrong="the wrong side of the interval" edit={"<= 1 - confidence": "> 1 - confidence", "return low": "return high"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "lower bound is 0"}
# %% wrong="compares with the confidence" edit={"<= 1 - confidence": "<= confidence"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "lower bound is 0"}
# %% wrong="never says 0" edit={"return low": "return high"} loses={"lower_bound_is_where_refutation_ends": "not refuted itself", "lower_bound_of_a_lucky_guesser": "lower bound is 0"}

# %% wrong="the middle of the last interval" of="solution" edit={"> 1e-3": "> 0.01", "return low": "return (low + high) / 2"} loses={"lower_bound_is_where_refutation_ends": "not refuted itself"}

# %% wrong="a grid that is too coarse" loses={"lower_bound_is_where_refutation_ends": "the largest refuted"}
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    best = 0.0
    for epsilon in np.arange(0, 20, 0.05):
        if audit.p_value(correct, guesses, epsilon, delta, canaries) <= 1 - confidence:
            best = epsilon
    return best

# %% wrong="the odds of the guesses, no confidence" loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "the surer"}
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    if 2 * correct <= guesses:
        return 0.0
    return np.log(correct / (guesses - correct))

# %% wrong="a confidence of its own" loses={"lower_bound_is_where_refutation_ends": "confidence", "lower_bound_of_a_lucky_guesser": "the surer"}
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    low, high = 0.0, 20.0
    if audit.p_value(correct, guesses, 0, delta, canaries) > 0.2:
        return 0.0
    while high - low > 1e-3:
        mid = (low + high) / 2
        if audit.p_value(correct, guesses, mid, delta, canaries) <= 0.2:
            low = mid
        else:
            high = mid
    return low

# %% wrong="forgets to return" loses={"lower_bound_is_where_refutation_ends": "return", "lower_bound_of_a_lucky_guesser": "return"}
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    low = 0.0
    while audit.p_value(correct, guesses, low + 0.01, delta, canaries) <= 1 - confidence:
        low += 0.01

# %% wrong="what is left of the confidence" loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "not far below"}
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    return 1 - confidence if 2 * correct > guesses else 0.0

# %% wrong="a δ of its own" of="solution" edit={"epsilon, delta, canaries": "epsilon, 1e-3, canaries"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "the surer"}
# %% wrong="no δ" of="solution" edit={"epsilon, delta, canaries": "epsilon, 0.0, canaries"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "gives more canaries away"}
# %% wrong="the guesses for the canaries" of="solution" edit={"epsilon, delta, canaries": "epsilon, delta, guesses"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "gives more canaries away"}
# %% wrong="half of the error on each side" of="solution" edit={"<= 1 - confidence": "<= (1 - confidence) / 2"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted"}
# %% wrong="searches up to 2" of="solution" edit={"20.0": "2.0"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted"}
# %% wrong="95 % for everybody" of="solution" edit={"<= 1 - confidence": "<= 0.05"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "the surer"}
# %% wrong="a negative number for no refutation" of="solution" edit={"return 0.0": "return -1.0"} loses={"lower_bound_is_where_refutation_ends": "ε is never negative", "lower_bound_of_a_lucky_guesser": "the lower bound is 0"}
# %% wrong="a single halving" of="solution" edit={"while high - low > 1e-3": "for _ in range(1)"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted", "lower_bound_of_a_lucky_guesser": "the surer"}

# %% wrong="the search ends at 5" loses={"lower_bound_is_where_refutation_ends": "and is refuted if that is at most"}
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    if not audit.p_value(correct, guesses, 0.0, delta, canaries) <= 1 - confidence:
        return 0.0
    low, high = 0.0, 5.0
    while high - low > 0.01:
        middle = (low + high) / 2
        if audit.p_value(correct, guesses, middle, delta, canaries) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return low

# %% wrong="no bound above 8" loses={"lower_bound_is_where_refutation_ends": "the largest refuted"}
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    def refuted(epsilon):
        return audit.p_value(correct, guesses, epsilon, delta, canaries) <= 1 - confidence

    low, high = 0.0, 8.0
    if not refuted(low):
        return 0.0
    while high - low >= 0.01:
        middle = (low + high) / 2
        if refuted(middle):
            low = middle
        else:
            high = middle
    return low

# %% wrong="searches up to 12" of="solution" edit={"20.0": "12.0"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted"}
# %% wrong="0 unless more than half are right" of="solution" edit={"if not refuted(0.0)": "if 2 * correct <= guesses or not refuted(0.0)"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted"}
# %% wrong="twice as many canaries as guesses" of="solution" edit={"epsilon, delta, canaries": "epsilon, delta, max(canaries, 2 * guesses)"} loses={"lower_bound_is_where_refutation_ends": "the largest refuted"}

# %% right="doubled until it is not refuted, then halved"
def epsilon_lower_bound(correct, guesses, delta, canaries, confidence):
    def refuted(epsilon):
        return audit.p_value(correct, guesses, epsilon, delta, canaries) <= 1 - confidence

    if not refuted(0):
        return 0
    low, high = 0.0, 1 / 64
    while refuted(high):
        low, high = high, 2 * high
    while high - low > 0.005:
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low

# %% wrong="remembered, whatever delta" of="solution" edit={"def epsilon_lower_bound": "_found = {}\n\n\ndef epsilon_lower_bound", "return low": "return _found.setdefault((correct, guesses, canaries, confidence), low)"} loses={"lower_bound_of_a_lucky_guesser": "gives more canaries away"}

# %% wrong="remembered, whatever the guesses" of="solution" edit={"def epsilon_lower_bound": "_found = {}\n\n\ndef epsilon_lower_bound", "return low": "return _found.setdefault((correct, delta, canaries, confidence), low)"} loses={"lower_bound_of_a_lucky_guesser": "they prove less"}
