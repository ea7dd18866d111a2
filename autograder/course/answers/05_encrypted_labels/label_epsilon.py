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

# %% wrong="adds the epochs' ε up" loses={"epsilon_of_several_epochs": "How do Gaussian mechanisms compose"}
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

# %% wrong="a sampling probability of 0" loses={"epsilon_of_one_epoch": "no label is ever used", "epsilon_of_several_epochs": "no label is ever used"}
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier, 0.0, epochs, delta)

# %% wrong="the textbook's formula, proved for ε up to 1" loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    sensitivity = math.sqrt(epochs)
    return sensitivity * math.sqrt(2 * math.log(1.25 / delta)) / noise_multiplier
