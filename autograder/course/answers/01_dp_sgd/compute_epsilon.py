# %% right="no names for the events"
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    accountant = rdp.RdpAccountant(orders)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    ), steps)
    return accountant.get_epsilon_and_optimal_order(delta)

# %% right="from_orders, one event"
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    event = dp_accounting.SelfComposedDpEvent(
        dp_accounting.PoissonSampledDpEvent(
            sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
        ),
        steps,
    )
    return rdp.RdpAccountant(orders).compose(event).get_epsilon_and_optimal_order(delta)

# %% right="neighbouring relation spelled out"
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    accountant = rdp.RdpAccountant(
        orders, dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE
    )
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian), steps)
    epsilon, order = accountant.get_epsilon_and_optimal_order(delta)
    return [epsilon, order]

# %% right="the best of one accountant per order"
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    accountant = rdp.RdpAccountant(orders)
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    accountant.compose(dp_accounting.SelfComposedDpEvent(step, int(steps)))
    epsilon = accountant.get_epsilon(delta)
    _, order = accountant.get_epsilon_and_optimal_order(delta)
    return np.array([epsilon, order])

# %% right="the library's lower-level functions"
from dp_accounting.rdp import rdp_privacy_accountant

def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    accountant = rdp_privacy_accountant.RdpAccountant(orders=list(orders))
    gaussian = dp_accounting.GaussianDpEvent(noise_multiplier=noise_multiplier)
    accountant.compose(
        dp_accounting.PoissonSampledDpEvent(sampling_probability=sampling_probability, event=gaussian),
        count=steps,
    )
    epsilon, order = accountant.get_epsilon_and_optimal_order(target_delta=delta)
    return tf.constant([epsilon, order], tf.float64)

# %% right="integers and lists of NumPy's"
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    orders = np.asarray(orders, dtype=float)
    accountant = rdp.RdpAccountant(orders)
    event = dp_accounting.PoissonSampledDpEvent(
        sampling_probability=float(sampling_probability),
        event=dp_accounting.GaussianDpEvent(noise_multiplier=float(noise_multiplier)),
    )
    accountant.compose(event, int(steps))
    return tuple(map(float, accountant.get_epsilon_and_optimal_order(float(delta))))

# %% right="the conversion by hand"
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    cost = rdp.RdpAccountant(orders).compose(step, steps).rdp
    a = np.array(orders, dtype=float)
    epsilons = cost + np.log1p(-1 / a) - np.log(a * delta) / (a - 1)
    best = int(np.argmin(epsilons))
    return max(0.0, epsilons[best]), orders[best]

# %% right="one step's cost times the steps"
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    costs = zip(orders, steps * rdp.RdpAccountant(orders).compose(step).rdp)
    found = [(c + np.log((a - 1) / a) - (np.log(a) + np.log(delta)) / (a - 1), a) for a, c in costs]
    return min(found)

# %% wrong="no sampling" loses={"published_figures_come_out": "without sampling", "epsilon_is_an_upper_bound": "should rise", "the_best_order_is_reported": "falls below"}
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    accountant = rdp.RdpAccountant(orders)
    accountant.compose(dp_accounting.GaussianDpEvent(noise_multiplier), steps)
    return accountant.get_epsilon_and_optimal_order(delta)

# %% wrong="a single step" edit={"), steps)": "))"} loses={"published_figures_come_out": "composed", "epsilon_is_an_upper_bound": "more steps", "the_best_order_is_reported": "smallest"}
# %% wrong="the accountant's default orders" edit={"RdpAccountant(orders)": "RdpAccountant()"} loses={"the_best_order_is_reported": "none of those given"}
# %% wrong="the pair swapped" edit={"return accountant": "epsilon, order = accountant", "order(delta)": "order(delta); return order, epsilon"} loses={"published_figures_come_out": "That is the best order", "epsilon_is_an_upper_bound": "should", "the_best_order_is_reported": "in that order"}
# %% wrong="only ε" edit={"get_epsilon_and_optimal_order": "get_epsilon"} loses={"published_figures_come_out": "the pair", "epsilon_is_an_upper_bound": "the pair", "the_best_order_is_reported": "the pair"}
# %% wrong="a δ of its own" edit={"order(delta)": "order(1e-5)"} loses={"epsilon_is_an_upper_bound": "larger δ", "the_best_order_is_reported": "yours is"}
# %% wrong="the sampling composed, the noise not" edit={"dp_accounting.Gaussian": "dp_accounting.SelfComposedDpEvent(dp_accounting.Gaussian", "(noise_multiplier)": "(noise_multiplier), steps)", "), steps)": "))"} loses={"published_figures_come_out": "the published ε is", "epsilon_is_an_upper_bound": "a little above", "the_best_order_is_reported": "falls below"}

# %% wrong="an ε of its own, and the smallest order" loses={"published_figures_come_out": "the published", "epsilon_is_an_upper_bound": "should fall", "the_best_order_is_reported": "smallest ε comes from"}
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    return 1000.0 + min(orders), min(orders)

# %% wrong="the published figures, from a table" loses={"published_figures_come_out": "others do not", "epsilon_is_an_upper_bound": "should fall", "the_best_order_is_reported": "falls below"}
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    published = {0.1: 2321.94, 1.3: 0.9422, 1.1: 0.7958}
    return published.get(noise_multiplier, 1.0), min(orders)

# %% wrong="the noise squared" edit={"GaussianDpEvent(noise_multiplier)": "GaussianDpEvent(noise_multiplier**2)"} loses={"published_figures_come_out": "the published ε is", "epsilon_is_an_upper_bound": "a little above", "the_best_order_is_reported": "yours is"}
# %% wrong="the classical conversion" of="the conversion by hand" edit={"np.log1p(-1 / a) - np.log(a * delta) / (a - 1)": "np.log(1 / delta) / (a - 1)"} loses={"published_figures_come_out": "the published ε is", "the_best_order_is_reported": "yours is"}
# %% wrong="the largest order is the best" edit={"return accountant.get_epsilon_and_optimal_order(delta)": "return accountant.get_epsilon(delta), max(orders)"} loses={"the_best_order_is_reported": "the best of the tutorial's"}
# %% wrong="orders sorted, its index returned" of="the conversion by hand" edit={"orders[best]": "best"} loses={"published_figures_come_out": "best order 0", "the_best_order_is_reported": "best order 0"}
# %% wrong="the notebook's δ" edit={"order(delta)": "order(PUBLISHED_DELTA)"} loses={"epsilon_is_an_upper_bound": "larger δ", "the_best_order_is_reported": "yours is"}
# %% wrong="neighbours that replace one" edit={"RdpAccountant(orders)": "RdpAccountant(orders, dp_accounting.NeighboringRelation.REPLACE_ONE)"} loses={"published_figures_come_out": "UnsupportedEventError", "epsilon_is_an_upper_bound": "UnsupportedEventError", "the_best_order_is_reported": "UnsupportedEventError"}
# %% wrong="a sampling probability of a half at most" edit={"sampling_probability, dp": "min(sampling_probability, 0.5), dp"} loses={"the_best_order_is_reported": "yours is"}

# %% wrong="orders up to 100" edit={"rdp.RdpAccountant(orders)": "rdp.RdpAccountant([order for order in orders if order <= 100] or orders)"} loses={"the_best_order_is_reported": "yours is"}
# %% wrong="a million steps at most" edit={"), steps)": "), min(steps, 10**6))"} loses={"the_best_order_is_reported": "yours is"}

# %% wrong="stops at the first order that is worse" loses={"the_best_order_is_reported": "yours is"}
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    step = dp_accounting.PoissonSampledDpEvent(
        sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    best = np.inf, orders[0]
    for order in orders:
        found = rdp.RdpAccountant([order]).compose(step, steps).get_epsilon_and_optimal_order(delta)
        if found[0] > best[0]:
            break
        best = found
    return best

# %% wrong="remembered by the number of orders" loses={"the_best_order_is_reported": "The best order is the one"}
_known = {}


def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    key = noise_multiplier, sampling_probability, steps, delta, len(orders)
    if key not in _known:
        step = dp_accounting.PoissonSampledDpEvent(
            sampling_probability, dp_accounting.GaussianDpEvent(noise_multiplier)
        )
        accountant = rdp.RdpAccountant(orders).compose(step, steps)
        _known[key] = accountant.get_epsilon_and_optimal_order(delta)
    return _known[key]
