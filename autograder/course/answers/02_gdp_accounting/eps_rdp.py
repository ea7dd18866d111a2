# %% right="all orders at once"
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
    return max(0.0, np.min(epsilons))

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

# %% right="an accountant for each order"
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )

    def at(order):
        [cost] = rdp.RdpAccountant([order]).compose(step, steps).rdp
        if conversion == "classical":
            return cost + math.log(1 / delta) / (order - 1)
        return cost + math.log((order - 1) / order) - math.log(delta * order) / (order - 1)

    return max(0.0, min(map(at, orders)))

# %% right="both formulas, then a choice"
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    event = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    accountant.compose(event, steps)
    a, cost = np.array(orders, float), np.array(accountant.rdp)
    formulas = {
        "classical": cost + np.log(1 / delta) / (a - 1),
        "tight": cost + (np.log(1 / delta) - np.log(a)) / (a - 1) + np.log(1 - 1 / a),
    }
    return float(np.clip(formulas[conversion].min(), 0, None))

# %% right="sorted orders, float64"
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    orders = np.sort(np.asarray(orders, np.float64))
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    cost = rdp.RdpAccountant(orders).compose(
        dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps
    ).rdp
    budget_left = -np.log(delta) - (np.log(orders) if conversion == "tight" else 0.0)
    epsilons = cost + budget_left / (orders - 1)
    if conversion == "tight":
        epsilons = epsilons + np.log(orders - 1) - np.log(orders)
    return max(np.nanmin(epsilons), 0.0)

# %% wrong="always tight" loses={"classical_conversion_of_a_gaussian": "makes no difference", "published_rdp_figures_come_out": "classical"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(orders)
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    return accountant.get_epsilon(delta)

# %% wrong="the conversions swapped" edit={'"tight"': '"classical"'} loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "they are swapped", "published_rdp_figures_come_out": "is printed"}
# %% wrong="the largest ε of all orders" edit={"np.min": "np.max"} loses={"tight_conversion_matches_the_library": "largest ε of all orders", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed"}
# %% wrong="no sampling" edit={"gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)": "", "dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian)": "dp_accounting.GaussianDpEvent(noise_multiplier)"} loses={"tight_conversion_matches_the_library": "without sampling", "published_rdp_figures_come_out": "is printed", "rdp_stays_in_its_domain": "it should rise"}
# %% wrong="log δ added, not subtracted" edit={"- np.log(delta)": "+ np.log(delta)"} loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed", "rdp_stays_in_its_domain": "it should fall"}
# %% wrong="forgets log α in the tight one" edit={"- np.log(a) / (a - 1)": ""} loses={"tight_conversion_matches_the_library": "yours is", "published_rdp_figures_come_out": "tight"}
# %% wrong="orders of its own" edit={"accountant = rdp.RdpAccountant(orders)": "a = np.arange(2, 16); accountant = rdp.RdpAccountant(a)", "a = np.array(orders)": ""} loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed"}
# %% wrong="a single step" edit={"gaussian), steps)": "gaussian))"} loses={"tight_conversion_matches_the_library": "of a single step", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed", "rdp_stays_in_its_domain": "it should rise"}
# %% wrong="a negative ε" edit={"max(0.0, np.min(epsilons))": "np.min(epsilons)"} loses={"rdp_stays_in_its_domain": "never negative"}
# %% wrong="takes nonsense" edit={"require_settings(noise_multiplier, sampling_probability, steps)": "", "require_domain(delta=delta)": ""} loses={"rdp_stays_in_its_domain": "the cell begins with"}
# %% wrong="always classical" edit={"if conversion == \"tight\":\n        epsilons += np.log1p(-1 / a) - np.log(a) / (a - 1)": ""} loses={"tight_conversion_matches_the_library": "CLASSICAL", "classical_conversion_of_a_gaussian": "never above the classical", "published_rdp_figures_come_out": "is printed"}

# %% wrong="a ratio" loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed", "rdp_stays_in_its_domain": "it should rise"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    return sampling_probability / noise_multiplier / delta

# %% wrong="the printed figures" loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "other figures do not", "rdp_stays_in_its_domain": "it should fall"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    return {"tight": 0.9422, "classical": 1.1912}[conversion]

# %% wrong="1/α in place of 1 − 1/α" edit={"np.log1p(-1 / a)": "np.log(1 / a)"} loses={"tight_conversion_matches_the_library": "yours is", "published_rdp_figures_come_out": "tight", "rdp_stays_in_its_domain": "it should fall"}
# %% wrong="divided by the order" edit={"accountant.rdp - np.log(delta) / (a - 1)": "accountant.rdp - np.log(delta) / a"} loses={"tight_conversion_matches_the_library": "yours is", "classical_conversion_of_a_gaussian": "classical conversion gives", "published_rdp_figures_come_out": "is printed"}

# %% wrong="negative ε thrown away before the minimum" loses={"tight_conversion_matches_the_library": "the conversion gives less than"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(list(orders))
    accountant.compose(
        dp_accounting.PoissonSampledDpEvent(
            sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
        ),
        steps,
    )
    alpha = np.array(orders, dtype=float)
    epsilons = accountant.rdp + math.log(1 / delta) / (alpha - 1)
    if conversion == "tight":
        epsilons = epsilons - np.log(alpha) / (alpha - 1) + np.log(1 - 1 / alpha)
    # ε is never negative: such orders are not valid
    return float(min((e for e in epsilons if e >= 0), default=0.0))

# %% wrong="the type of the first order" loses={"tight_conversion_matches_the_library": "dp_accounting has", "classical_conversion_of_a_gaussian": "conversion gives"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    accountant = rdp.RdpAccountant(list(orders))
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    accountant.compose(step, steps)
    a = np.array(orders, dtype=type(orders[0]))
    with np.errstate(divide="ignore", invalid="ignore"):
        epsilons = accountant.rdp + np.log(1 / delta) / (a - 1)
        if conversion == "tight":
            epsilons = epsilons - np.log(a) / (a - 1) + np.log1p(-1 / a)
    return max(0.0, float(np.nanmin(epsilons)))

# %% right="costs remembered"
_costs = {}


def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    key = noise_multiplier, sampling_probability, steps, tuple(orders)
    if key not in _costs:
        step = dp_accounting.PoissonSampledDpEvent(
            sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
        )
        _costs[key] = rdp.RdpAccountant(orders).compose(step, steps).rdp
    a = np.array(orders)
    epsilons = _costs[key] - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons = epsilons + np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, np.min(epsilons))

# %% wrong="costs remembered by the number of orders" of="costs remembered" edit={"tuple(orders)": "len(orders)"} loses={"tight_conversion_matches_the_library": "dp_accounting has"}
# %% wrong="costs remembered, whatever the sampling" of="costs remembered" edit={"sampling_probability, steps, tuple": "steps, tuple"} loses={"rdp_stays_in_its_domain": "it should rise"}
# %% wrong="costs remembered, whatever the steps" of="costs remembered" edit={"steps, tuple": "tuple"} loses={"rdp_stays_in_its_domain": "it should rise"}
# %% wrong="refusals of its own, with gaps" edit={"require_settings(noise_multiplier, sampling_probability, steps)\n    require_domain(delta=delta)": "if not (noise_multiplier >= 0.05): raise ValueError('noise_multiplier')\n    if not (0 <= sampling_probability <= 1): raise ValueError('sampling_probability')\n    if not (steps >= 0 and steps == int(steps)): raise ValueError('steps')\n    if delta <= 0: raise ValueError('delta')"} loses={"rdp_stays_in_its_domain": "delta"}

# %% right="compute_epsilon"
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    costs = rdp.RdpAccountant(orders).compose(step, steps).rdp
    if conversion == "tight":
        return rdp.compute_epsilon(orders, costs, delta)[0]
    return min(cost + math.log(1 / delta) / (order - 1) for cost, order in zip(costs, orders))

# %% wrong="a sigma of a half at least" loses={"tight_conversion_matches_the_library": "dp_accounting has", "classical_conversion_of_a_gaussian": "classical conversion gives"}
def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
    require_settings(noise_multiplier, sampling_probability, steps)
    require_domain(delta=delta)
    noise = max(noise_multiplier, 0.5)  # with less the costs explode
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise)
    )
    costs = rdp.RdpAccountant(orders).compose(step, steps).rdp
    a = np.array(orders)
    epsilons = costs - np.log(delta) / (a - 1)
    if conversion == "tight":
        epsilons = epsilons + np.log1p(-1 / a) - np.log(a) / (a - 1)
    return max(0.0, float(np.min(epsilons)))
