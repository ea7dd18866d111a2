# %% right="a loop"
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    spent = []
    for epoch in range(epochs):
        steps = math.ceil((epoch + 1) * n / batch_size)
        spent.append(accountant(noise_multiplier, batch_size / n, steps, delta))
    return spent

# %% right="integer division, rounded up"
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    q = batch_size / n
    return np.array(
        [accountant(noise_multiplier, q, -(-k * n // batch_size), delta) for k in range(1, epochs + 1)]
    )

# %% wrong="epochs over the sampling probability" loses={"steps_are_integers": "multiply first"}
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    q = batch_size / n
    return [accountant(noise_multiplier, q, math.ceil(k / q), delta) for k in range(1, epochs + 1)]

# %% right="fractions"
from fractions import Fraction

def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    per_epoch = Fraction(n, batch_size)
    steps = [math.ceil(per_epoch * (k + 1)) for k in range(epochs)]
    return [accountant(noise_multiplier, float(1 / per_epoch), count, delta) for count in steps]

# %% right="a map, divmod"
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    def after(epoch):
        whole, rest = divmod(epoch * n, batch_size)
        return accountant(noise_multiplier, batch_size / n, whole + (rest > 0), delta)
    return list(map(after, range(1, 1 + epochs)))

# %% right="an array that is filled"
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    spent = np.zeros(epochs)
    for k in range(epochs):
        steps = int(np.ceil((k + 1) * n / batch_size))
        spent[k] = accountant(noise_multiplier, batch_size / n, steps, delta)
    return spent

# %% wrong="each epoch rounded up" loses={"steps_are_integers": "round up once"}
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    per_epoch = math.ceil(n / batch_size)
    return [
        accountant(noise_multiplier, batch_size / n, per_epoch * k, delta)
        for k in range(1, epochs + 1)
    ]

# %% right="NumPy's ceil"
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    counts = np.ceil(np.arange(1, epochs + 1) * n / batch_size).astype(int)
    return tuple(accountant(noise_multiplier, batch_size / n, steps, delta) for steps in counts)

# %% right="keyword arguments"
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    return [
        accountant(
            noise_multiplier=noise_multiplier,
            sampling_probability=batch_size / n,
            steps=math.ceil(k * n / batch_size),
            delta=delta,
        )
        for k in range(1, epochs + 1)
    ]

# %% wrong="one epoch each time" of="solution" edit={"epoch * n": "n", "for epoch in range(1, epochs + 1)": "for _ in range(epochs)"} loses={"epochs_become_steps": "cost adds up", "steps_are_integers": "too few"}
# %% wrong="begins before training" of="solution" edit={"range(1, epochs + 1)": "range(epochs)"} loses={"epochs_become_steps": "AFTER the first epoch", "steps_are_integers": "too few"}
# %% wrong="epochs for steps" of="solution" edit={"math.ceil(epoch * n / batch_size)": "epoch"} loses={"epochs_become_steps": "yours are the ε of", "steps_are_integers": "too few"}
# %% wrong="rounds down" of="solution" edit={"math.ceil(epoch * n / batch_size)": "epoch * (n // batch_size)"} loses={"steps_are_integers": "is wanted"}
# %% wrong="fractions of steps" of="solution" edit={"math.ceil(epoch * n / batch_size)": "epoch * n / batch_size"} loses={"steps_are_integers": "whole steps"}
# %% wrong="q upside down" of="solution" edit={"batch_size / n,": "n / batch_size,"} loses={"epochs_become_steps": "batch_size / n", "steps_are_integers": "sampling_probability"}

# %% wrong="only the last" loses={"epochs_become_steps": "shape", "steps_are_integers": "shape"}
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    return accountant(noise_multiplier, batch_size / n, math.ceil(epochs * n / batch_size), delta)

# %% wrong="adds up the ε of all steps so far" loses={"epochs_become_steps": "yours are the ε of", "steps_are_integers": "more than"}
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    spent, total = [], 0.0
    for k in range(1, epochs + 1):
        total += accountant(noise_multiplier, batch_size / n, math.ceil(k * n / batch_size), delta)
        spent.append(total)
    return spent

# %% wrong="a constant δ" of="solution" edit={"batch_size), delta)": "batch_size), DELTA)"} loses={"epochs_become_steps": "δ ="}

# %% wrong="one epoch's ε times the epochs" loses={"epochs_become_steps": "does not add up", "steps_are_integers": "more than"}
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    one = accountant(noise_multiplier, batch_size / n, math.ceil(n / batch_size), delta)
    return [k * one for k in range(1, epochs + 1)]

# %% wrong="asks nobody" loses={"epochs_become_steps": "never asked", "steps_are_integers": "for"}
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    return [math.sqrt(math.ceil(k * n / batch_size)) for k in range(1, epochs + 1)]

# %% wrong="rounds to the nearest" of="solution" edit={"math.ceil(epoch * n / batch_size)": "round(epoch * n / batch_size)"} loses={"steps_are_integers": "is wanted"}
# %% wrong="always one more" of="solution" edit={"math.ceil(epoch * n / batch_size)": "epoch * n // batch_size + 1"} loses={"epochs_become_steps": "yours are the ε of", "steps_are_integers": "multiply first"}
# %% wrong="the notebook's N" of="solution" edit={"epoch * n / batch_size": "epoch * N / batch_size"} loses={"epochs_become_steps": "yours are the ε of", "steps_are_integers": "for"}
# %% wrong="15 epochs for all" of="solution" edit={"range(1, epochs + 1)": "range(1, EPOCHS + 1)"} loses={"epochs_become_steps": "shape", "steps_are_integers": "shape"}
# %% wrong="one over whole steps for q" of="solution" edit={"batch_size / n,": "1 / math.ceil(n / batch_size),"} loses={"steps_are_integers": "sampling_probability"}
# %% wrong="one epoch, no list" of="solution" edit={"return [": "return np.squeeze([", "for epoch in range(1, epochs + 1)\n    ]": "for epoch in range(1, epochs + 1)\n    ])"} loses={"epochs_become_steps": "shape"}
# %% wrong="rounded to one digit, and then up" of="solution" edit={"epoch * n / batch_size)": "round(epoch * n / batch_size, 1))"} loses={"steps_are_integers": "is wanted"}

# %% wrong="remembers, whatever the accountant" loses={"epochs_become_steps": "ask the accountant"}
_plans = {}


def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    plan = noise_multiplier, n, batch_size, epochs, delta
    if plan not in _plans:
        _plans.clear()
        _plans[plan] = [
            accountant(noise_multiplier, batch_size / n, math.ceil(k * n / batch_size), delta)
            for k in range(1, epochs + 1)
        ]
    return list(_plans[plan])

# %% wrong="more than ten epochs are interpolated" loses={"steps_are_integers": "you account for", "epochs_become_steps": "yours are the ε of"}
def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    numbers = np.arange(1, epochs + 1)
    asked = numbers  # every answer may take a second: of many epochs ask for ten
    if epochs > 10:
        asked = np.unique(np.linspace(1, epochs, 10).round().astype(int))
    spent = [
        accountant(noise_multiplier, batch_size / n, math.ceil(int(k) * n / batch_size), delta)
        for k in asked
    ]
    return np.interp(numbers, asked, spent)

# %% wrong="epochs times a rounded quotient" of="solution" edit={"epoch * n / batch_size": "epoch * (n / batch_size)"} loses={"steps_are_integers": "multiply first"}
# %% wrong="the divided epoch times n" of="solution" edit={"epoch * n / batch_size": "epoch / batch_size * n"} loses={"steps_are_integers": "multiply first"}

# %% wrong="one list, filled anew" loses={"steps_are_integers": "what an earlier call returned", "epochs_become_steps": "what an earlier call returned"}
SPENT = []


def epsilons_by_epoch(accountant, noise_multiplier, n, batch_size, epochs, delta):
    SPENT[:] = [
        accountant(noise_multiplier, batch_size / n, math.ceil(k * n / batch_size), delta)
        for k in range(1, epochs + 1)
    ]
    return SPENT
