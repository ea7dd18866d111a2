# %% right="a loop over orders"
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    best = math.inf
    for order, cost in zip(orders, accountant.rdp):
        epsilon = cost + math.log(1 / delta) / (order - 1)
        if conversion == "tight":
            epsilon += math.log(1 - 1 / order) - math.log(order) / (order - 1)
        best = min(best, epsilon)
    return max(0.0, best)

# %% right="the library's own conversion where it has one"
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    if conversion == "tight":
        return accountant.get_epsilon(delta)
    return np.min(accountant.rdp - np.log(delta) / (np.array(orders) - 1)).clip(0)

# %% right="one step's costs, multiplied"
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    costs = steps * rdp.RdpAccountant(orders).compose(step).rdp
    a = np.asarray(orders, dtype=np.float64)
    logs = {"classical": np.log(1 / delta), "tight": np.log(1 / delta) - np.log(a)}[conversion]
    extra = np.log1p(-1 / a) if conversion == "tight" else 0
    return max(0, (costs + logs / (a - 1) + extra).min())

# %% right="a composed event, a tensor"
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    event = dp_accounting.SelfComposedDpEvent(
        dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps
    )
    costs = tf.constant(rdp.RdpAccountant(orders).compose(event).rdp, tf.float64)
    order = tf.constant(orders, tf.float64)
    if conversion == "classical":
        return tf.maximum(tf.reduce_min(costs - np.log(delta) / (order - 1)), 0)
    tight = costs - tf.math.log(delta * order) / (order - 1) + tf.math.log1p(-1 / order)
    return tf.maximum(tf.reduce_min(tight), 0)

# %% wrong="always tight" loses={"classical_conversion_of_a_gaussian": "is `conversion` used", "published_rdp_figures_come_out": "classical"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    return accountant.get_epsilon(delta)

# %% wrong="the conversions swapped" loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "are they swapped", "published_rdp_figures_come_out": "is printed"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    a = np.array(orders)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    if conversion == "classical":
        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, np.min(epsilons))

# %% wrong="the largest ε of all orders" loses={"tight_conversion_matches_the_library": "smallest ε", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    a = np.array(orders)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, np.max(epsilons))

# %% wrong="no sampling" loses={"tight_conversion_matches_the_library": "SAMPLED", "published_rdp_figures_come_out": "is printed"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    accountant.compose(dp_accounting.GaussianDpEvent(noise_multiplier), steps)
    a = np.array(orders)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, np.min(epsilons))

# %% wrong="log δ added, not subtracted" loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed", "rdp_stays_in_its_domain": "it should fall"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    a = np.array(orders)
    epsilons = accountant.rdp + np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, np.min(epsilons))

# %% wrong="forgets log α in the tight one" loses={"tight_conversion_matches_the_library": "yours is", "published_rdp_figures_come_out": "tight"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    a = np.array(orders)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons += np.log1p(-1 / a)
    return max(0.0, np.min(epsilons))

# %% wrong="orders of its own" loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    a = np.arange(2, 16)
    accountant = rdp.RdpAccountant(a)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, np.min(epsilons))

# %% wrong="a single step" loses={"tight_conversion_matches_the_library": "composed", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian))
    a = np.array(orders)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, np.min(epsilons))

# %% wrong="a negative ε" loses={"rdp_stays_in_its_domain": "never negative"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    a = np.array(orders)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)
    return np.min(epsilons)

# %% wrong="takes nonsense" loses={"rdp_stays_in_its_domain": "the cell begins with"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    a = np.array(orders)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, np.min(epsilons))

# %% wrong="always classical" loses={"tight_conversion_matches_the_library": "CLASSICAL", "classical_conversion_of_a_gaussian": "never above the classical", "published_rdp_figures_come_out": "is printed"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    a = np.array(orders)
    epsilons = accountant.rdp - np.log(delta) / (a - 1)
    return max(0.0, np.min(epsilons))

# %% wrong="a ratio" loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed", "rdp_stays_in_its_domain": "should be about"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    return sampling_probability / noise_multiplier / delta

# %% wrong="the printed figures" loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "other figures do not", "rdp_stays_in_its_domain": "it should fall"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    return {"tight": 0.9422, "classical": 1.1912}[conversion]
