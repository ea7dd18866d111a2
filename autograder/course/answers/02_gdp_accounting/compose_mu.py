# %% right="NumPy's norm"
def compose_mu(mus):
    return np.linalg.norm(mus)

# %% right="hypot"
def compose_mu(mus):
    return math.hypot(*mus)

# %% right="a loop"
def compose_mu(mus):
    total = 0.0
    for mu in mus:
        total = (total**2 + mu**2) ** 0.5
    return total

# %% right="a dot product"
def compose_mu(mus):
    mus = np.asarray(mus, dtype=np.float64)
    return np.sqrt(mus @ mus)

# %% right="TensorFlow"
def compose_mu(mus):
    return tf.sqrt(tf.reduce_sum(tf.square(tf.constant(mus, tf.float64))))

# %% wrong="the sum" loses={"composition_adds_up_renyi_costs": "their sum", "composition_grows_with_the_root": "times one"}
def compose_mu(mus):
    return sum(mus)

# %% wrong="forgets the root" loses={"composition_adds_up_renyi_costs": "take the root", "composition_grows_with_the_root": "times one"}
def compose_mu(mus):
    return sum(mu**2 for mu in mus)

# %% wrong="the largest" loses={"composition_adds_up_renyi_costs": "worst one alone", "composition_grows_with_the_root": "times one"}
def compose_mu(mus):
    return max(mus, default=0.0)

# %% wrong="the root of the sum" loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}
def compose_mu(mus):
    return math.sqrt(sum(mus))

# %% wrong="the root mean square" loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}
def compose_mu(mus):
    return math.sqrt(sum(mu**2 for mu in mus) / max(1, len(mus)))

# %% wrong="the mean times the root of the count" loses={"composition_adds_up_renyi_costs": "compose to"}
def compose_mu(mus):
    return np.sum(mus) / math.sqrt(max(1, len(mus)))

# %% wrong="fails on no release" loses={"composition_grows_with_the_root": "IndexError"}
def compose_mu(mus):
    total = mus[0] ** 2
    for mu in mus[1:]:
        total += mu**2
    return math.sqrt(total)
