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

# %% wrong="no sampling" loses={"published_figures_come_out": "SAMPLED", "epsilon_is_an_upper_bound": "argument used", "the_best_order_is_reported": "falls below"}
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    accountant = rdp.RdpAccountant(orders)
    accountant.compose(dp_accounting.GaussianDpEvent(noise_multiplier), steps)
    return accountant.get_epsilon_and_optimal_order(delta)

# %% wrong="a single step" edit={"), steps)": "))"} loses={"published_figures_come_out": "composed", "epsilon_is_an_upper_bound": "more steps", "the_best_order_is_reported": "smallest"}
# %% wrong="the accountant's default orders" edit={"RdpAccountant(orders)": "RdpAccountant()"} loses={"the_best_order_is_reported": "none of those given"}
# %% wrong="the pair swapped" edit={"return accountant": "epsilon, order = accountant", "order(delta)": "order(delta); return order, epsilon"} loses={"published_figures_come_out": "yours is", "epsilon_is_an_upper_bound": "should", "the_best_order_is_reported": "in that order"}
# %% wrong="only ε" edit={"get_epsilon_and_optimal_order": "get_epsilon"} loses={"published_figures_come_out": "the pair", "epsilon_is_an_upper_bound": "the pair", "the_best_order_is_reported": "the pair"}
# %% wrong="a δ of its own" edit={"order(delta)": "order(1e-5)"} loses={"epsilon_is_an_upper_bound": "larger δ"}
# %% wrong="the sampling composed, the noise not" edit={"dp_accounting.Gaussian": "dp_accounting.SelfComposedDpEvent(dp_accounting.Gaussian", "(noise_multiplier)": "(noise_multiplier), steps)", "), steps)": "))"} loses={"published_figures_come_out": "SAMPLED", "epsilon_is_an_upper_bound": "a little above", "the_best_order_is_reported": "falls below"}

# %% wrong="an ε of its own, and the smallest order" loses={"published_figures_come_out": "the published", "epsilon_is_an_upper_bound": "argument used", "the_best_order_is_reported": "smallest ε comes from"}
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    return 1000.0 + min(orders), min(orders)

# %% wrong="the published figures, from a table" loses={"published_figures_come_out": "others do not", "epsilon_is_an_upper_bound": "should fall", "the_best_order_is_reported": "falls below"}
def compute_epsilon(noise_multiplier, sampling_probability, steps, delta, orders):
    published = {0.1: 2321.94, 1.3: 0.9422, 1.1: 0.7958}
    return published.get(noise_multiplier, 1.0), min(orders)
