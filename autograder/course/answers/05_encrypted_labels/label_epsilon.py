# %% right="by the exact formula and bisection"
def label_epsilon(noise_multiplier, epochs, delta):
    from scipy.special import ndtr

    mu = math.sqrt(epochs) / noise_multiplier

    def reached(eps):
        return ndtr(-eps / mu + mu / 2) - math.exp(eps) * ndtr(-eps / mu - mu / 2)

    low, high = 0.0, 500.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) > delta else (low, middle)
    return high

# %% right="one mechanism with less noise"
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier / math.sqrt(epochs), 1.0, 1, delta)

# %% right="dp_accounting's PLD"
def label_epsilon(noise_multiplier, epochs, delta):
    from dp_accounting.pld import privacy_loss_distribution

    one = privacy_loss_distribution.from_gaussian_mechanism(noise_multiplier, sensitivity=1.0)
    return one.self_compose(epochs).get_epsilon_for_delta(delta)

# %% right="Rényi DP, a guarantee too"
def label_epsilon(noise_multiplier, epochs, delta):
    import dp_accounting

    accountant = dp_accounting.rdp.RdpAccountant()
    event = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(event, epochs)
    return accountant.get_epsilon(delta)

# %% wrong="sensitivity 2C" loses={"epsilon_of_one_epoch": "bounds the move itself", "epsilon_of_several_epochs": "bounds the move itself"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier / 2, 1.0, epochs, delta)

# %% wrong="only one epoch" loses={"epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier, 1.0, 1, delta)

# %% wrong="adds the epochs' ε up" loses={"epsilon_of_several_epochs": "far more"}
def label_epsilon(noise_multiplier, epochs, delta):
    return epochs * accounting.epsilon_pld(noise_multiplier, 1.0, 1, delta)

# %% wrong="the classical formula's noise is linear in epochs" loses={"epsilon_of_several_epochs": "far more"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier / epochs, 1.0, 1, delta)

# %% wrong="amplified by sampling that does not happen" loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier, 2048 / 60000, epochs, delta)

# %% wrong="doubles the noise" loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(2 * noise_multiplier, 1.0, epochs, delta)

# %% wrong="a mechanism for each batch" loses={"epsilon_of_one_epoch": "far more", "epsilon_of_several_epochs": "far more"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier, 1.0, 29 * epochs, delta)

# %% wrong="sensitivity 4C" loses={"epsilon_of_one_epoch": "far more", "epsilon_of_several_epochs": "far more"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier / 4, 1.0, epochs, delta)

# %% wrong="returns μ" loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    return math.sqrt(epochs) / noise_multiplier

# %% wrong="a sampling probability of 0" loses={"epsilon_of_one_epoch": "that is never used", "epsilon_of_several_epochs": "that is never used"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier, 0.0, epochs, delta)

# %% wrong="the textbook's formula, proved for ε up to 1" loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    sensitivity = math.sqrt(epochs)
    return sensitivity * math.sqrt(2 * math.log(1.25 / delta)) / noise_multiplier

# %% right="dp_accounting's accountant of losses"
def label_epsilon(noise_multiplier, epochs, delta):
    import dp_accounting

    accountant = dp_accounting.pld.PLDAccountant()
    accountant.compose(dp_accounting.SelfComposedDpEvent(dp_accounting.GaussianDpEvent(noise_multiplier), epochs))
    return accountant.get_epsilon(delta)

# %% right="a root of the exact formula"
def label_epsilon(noise_multiplier, epochs, delta):
    from scipy.optimize import brentq
    from scipy.special import log_ndtr

    mu = epochs**0.5 / noise_multiplier

    def excess(eps):
        return math.exp(log_ndtr(mu / 2 - eps / mu)) - math.exp(eps + log_ndtr(-mu / 2 - eps / mu)) - delta

    return brentq(excess, 0, mu * mu / 2 + 10 * mu + 10)

# %% right="Rényi orders by hand"
def label_epsilon(noise_multiplier, epochs, delta):
    orders = 1 + np.geomspace(0.01, 200, 4000)
    divergence = epochs * orders / (2 * noise_multiplier**2)
    candidates = divergence + np.log1p(-1 / orders) - np.log(delta * orders) / (orders - 1)
    return float(np.min(candidates))

# %% right="the library's accountant, one step at √T"
def label_epsilon(noise_multiplier, epochs, delta):
    effective = noise_multiplier * epochs**-0.5
    return float(accounting.epsilon_pld(effective, 1, 1, delta))

# %% wrong="the root of the epochs in the wrong place" of="one mechanism with less noise" edit={"noise_multiplier / math.sqrt(epochs)": "noise_multiplier * math.sqrt(epochs)"} loses={"epsilon_of_several_epochs": "you promise"}
# %% wrong="one epoch's ε times the root" loses={"epsilon_of_several_epochs": "ε is"}
def label_epsilon(noise_multiplier, epochs, delta):
    return math.sqrt(epochs) * accounting.epsilon_pld(noise_multiplier, 1.0, 1, delta)

# %% wrong="a delta of 1e-5" of="one mechanism with less noise" edit={", 1.0, 1, delta)": ", 1.0, 1, 1e-5)"} loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
# %% wrong="half of the sensitivity" of="one mechanism with less noise" edit={"noise_multiplier / math": "2 * noise_multiplier / math"} loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}

# %% wrong="Mironov's conversion" loses={"epsilon_of_one_epoch": "noise_multiplier"}
def label_epsilon(noise_multiplier, epochs, delta):
    mu = math.sqrt(epochs) / noise_multiplier
    return mu**2 / 2 + mu * math.sqrt(2 * math.log(1 / delta))

# %% wrong="no δ below 1e-7" loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier, 1.0, epochs, max(delta, 1e-7))

# %% wrong="sixteen epochs at most" loses={"epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier, 1.0, min(epochs, 16), delta)
