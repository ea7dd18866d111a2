# %% right="by the exact formula and bisection"
def label_epsilon(noise_multiplier, epochs, delta):
    from scipy.special import ndtr

    mu = 2 * math.sqrt(epochs) / noise_multiplier

    def reached(eps):
        return ndtr(-eps / mu + mu / 2) - math.exp(eps) * ndtr(-eps / mu - mu / 2)

    low, high = 0.0, 500.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) > delta else (low, middle)
    return high

# %% right="one mechanism with less noise"
def label_epsilon(noise_multiplier, epochs, delta):
    return accounting.epsilon_pld(noise_multiplier / (2 * math.sqrt(epochs)), 1.0, 1, delta)

# %% right="dp_accounting's PLD"
def label_epsilon(noise_multiplier, epochs, delta):
    from dp_accounting.pld import privacy_loss_distribution

    one = privacy_loss_distribution.from_gaussian_mechanism(noise_multiplier, sensitivity=2.0)
    return one.self_compose(epochs).get_epsilon_for_delta(delta)

# %% right="Rényi DP, a guarantee too"
def label_epsilon(noise_multiplier, epochs, delta):
    import dp_accounting

    accountant = dp_accounting.rdp.RdpAccountant()
    event = dp_accounting.GaussianDpEvent(noise_multiplier / 2)
    accountant.compose(event, epochs)
    return accountant.get_epsilon(delta)

# %% wrong="sensitivity C" of="solution" edit={"noise_multiplier / 2": "noise_multiplier"} loses={"epsilon_of_one_epoch": "REPLACED label", "epsilon_of_several_epochs": "REPLACED label"}
# %% wrong="only one epoch" of="solution" edit={"1.0, epochs": "1.0, 1"} loses={"epsilon_of_several_epochs": "you promise"}
# %% wrong="adds the epochs' ε up" of="solution" edit={"return accounting": "return epochs * accounting", "1.0, epochs": "1.0, 1"} loses={"epsilon_of_several_epochs": "How do Gaussian mechanisms compose"}
# %% wrong="the classical formula's noise is linear in epochs" of="one mechanism with less noise" edit={"math.sqrt(epochs)": "epochs"} loses={"epsilon_of_several_epochs": "far more"}
# %% wrong="amplified by sampling that does not happen" of="solution" edit={"1.0, epochs": "2048 / 60000, epochs"} loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
# %% wrong="doubles the noise in place of halving it" of="solution" edit={"noise_multiplier / 2": "2 * noise_multiplier"} loses={"epsilon_of_one_epoch": "DIVIDED by", "epsilon_of_several_epochs": "DIVIDED by"}
# %% wrong="a mechanism for each batch" of="solution" edit={"1.0, epochs": "1.0, 29 * epochs"} loses={"epsilon_of_one_epoch": "far more", "epsilon_of_several_epochs": "far more"}
# %% wrong="sensitivity 4C" of="solution" edit={"noise_multiplier / 2": "noise_multiplier / 4"} loses={"epsilon_of_one_epoch": "far more", "epsilon_of_several_epochs": "far more"}

# %% wrong="returns μ" loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    return 2 * math.sqrt(epochs) / noise_multiplier

# %% wrong="a sampling probability of 0" of="solution" edit={"1.0, epochs": "0.0, epochs"} loses={"epsilon_of_one_epoch": "no label is ever used", "epsilon_of_several_epochs": "no label is ever used"}

# %% wrong="the textbook's formula, proved for ε up to 1" loses={"epsilon_of_one_epoch": "you promise", "epsilon_of_several_epochs": "you promise"}
def label_epsilon(noise_multiplier, epochs, delta):
    sensitivity = 2 * math.sqrt(epochs)
    return sensitivity * math.sqrt(2 * math.log(1.25 / delta)) / noise_multiplier
