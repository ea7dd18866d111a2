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

# %% right="variances of noise"
def compose_mu(mus):
    return float(np.sqrt(np.sum(np.square(np.asarray(mus, dtype=float)))))

# %% right="reduce"
from functools import reduce

def compose_mu(mus):
    return reduce(math.hypot, mus, 0.0)

# %% right="fsum"
def compose_mu(mus):
    return math.fsum(m * m for m in mus) ** 0.5

# %% wrong="the sum" edit={"np.linalg.norm": "sum"} loses={"composition_adds_up_renyi_costs": "their sum", "composition_grows_with_the_root": "times one"}
# %% wrong="forgets the root" of="solution" edit={"math.sqrt(": "("} loses={"composition_adds_up_renyi_costs": "take the root", "composition_grows_with_the_root": "times one"}
# %% wrong="the largest" edit={"np.linalg.norm(mus)": "max(mus, default=0.0)"} loses={"composition_adds_up_renyi_costs": "yours", "composition_grows_with_the_root": "times one"}
# %% wrong="the root of the sum" of="solution" edit={"mu**2 for mu in mus": "mus"} loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}
# %% wrong="the root mean square" of="solution" edit={"for mu in mus)": "for mu in mus) / max(1, len(mus))"} loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}

# %% wrong="the mean times the root of the count" loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "cost"}
def compose_mu(mus):
    return np.sum(mus) / math.sqrt(max(1, len(mus)))

# %% wrong="fails on no release" loses={"composition_grows_with_the_root": "IndexError"}
def compose_mu(mus):
    total = mus[0] ** 2
    for mu in mus[1:]:
        total += mu**2
    return math.sqrt(total)

# %% wrong="the first times the root of the count" of="solution" edit={"math.sqrt(sum(mu**2 for mu in mus))": "(mus[0] * math.sqrt(len(mus)) if mus else 0.0)"} loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "cost"}
# %% wrong="each release only once" of="solution" edit={"for mu in mus": "for mu in set(mus)"} loses={"composition_adds_up_renyi_costs": "a 200th", "composition_grows_with_the_root": "times one"}
# %% wrong="the last is forgotten" of="solution" edit={"in mus)": "in mus[:-1])"} loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}
# %% wrong="cubes" of="solution" edit={"math.sqrt(sum(mu**2 for mu in mus))": "sum(mu**3 for mu in mus) ** (1 / 3)"} loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}
# %% wrong="at most three releases" of="solution" edit={"in mus)": "in mus[:3])"} loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}
# %% wrong="half the sum of squares" of="solution" edit={"math.sqrt(sum(mu**2 for mu in mus))": "math.sqrt(sum(mu**2 for mu in mus) / 2)"} loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}
# %% wrong="never nothing" of="solution" edit={"math.sqrt(sum(mu**2 for mu in mus))": "math.sqrt(max(1e-30, sum(mu**2 for mu in mus)))"} loses={"composition_grows_with_the_root": "tells nothing"}
# %% wrong="each μ rounded" of="solution" edit={"mu**2": "round(mu, 2) ** 2"} loses={"composition_adds_up_renyi_costs": "compose to", "composition_grows_with_the_root": "times one"}

# %% wrong="small ones ignored" of="solution" edit={"for mu in mus": "for mu in mus if mu > 1e-3"} loses={"composition_adds_up_renyi_costs": "yours", "composition_grows_with_the_root": "times one; yours"}

# %% wrong="scaled by the largest, which is 0" loses={"composition_grows_with_the_root": "ZeroDivisionError"}
def compose_mu(mus):
    largest = max(mus, default=1.0)
    return largest * math.sqrt(sum((mu / largest) ** 2 for mu in mus))

# %% wrong="whole numbers divided in place" loses={"composition_grows_with_the_root": "UFunc"}
def compose_mu(mus):
    if not any(mus):
        return 0.0
    scaled = np.array(mus)
    largest = scaled.max()
    scaled /= largest
    return float(largest * np.sqrt(scaled @ scaled))

# %% right="distance from the origin"
def compose_mu(mus):
    return math.dist(mus, [0.0] * len(mus))
