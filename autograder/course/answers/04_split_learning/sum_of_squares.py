# %% right="in one expression"
def sum_of_squares(owner, helper, values):
    return helper.run(tf.reduce_sum, (owner.send(values) ** 2).send(helper)).get()

# %% right="tf.square, run by the owner"
def sum_of_squares(owner, helper, values):
    x = owner.send(values, name="values")
    squares = owner.run(tf.square, x)
    there = squares.send(helper, name="squares")
    total = helper.run(tf.reduce_sum, there)
    return float(total.get())

# %% right="the helper multiplies by ones"
def sum_of_squares(owner, helper, values):
    def add_up(squares):
        return tf.tensordot(squares, tf.ones_like(squares), 1)

    x = owner.send(tf.constant(values))
    return helper.run(add_up, helper.send(x * x)).get()

# %% right="a list, as a column"
def sum_of_squares(owner, helper, values):
    x = owner.send([float(v) for v in values])
    return helper.run(lambda s: tf.math.cumsum(s)[-1], (x * x).send(helper)).get().item()

# %% wrong="forgets to move the result home" loses={"the_sum_is_right": "still lives there", "each_moves_what_it_must": "three moves are wanted"}
def sum_of_squares(owner, helper, values):
    squares = owner.send(values) ** 2
    return helper.run(tf.reduce_sum, squares.send(helper))

# %% wrong="the helper squares" loses={"each_moves_what_it_must": "not the squares of what she had been sent"}
def sum_of_squares(owner, helper, values):
    x = owner.send(values).send(helper)
    return helper.run(tf.reduce_sum, x * x).get()

# %% wrong="squares the sum" loses={"the_sum_is_right": "square of the sum", "each_moves_what_it_must": "not the squares of what she had been sent"}
def sum_of_squares(owner, helper, values):
    x = owner.send(values).send(helper)
    total = helper.run(tf.reduce_sum, x)
    return (total * total).get()

# %% wrong="the owner does it all" loses={"each_moves_what_it_must": "three moves are wanted"}
def sum_of_squares(owner, helper, values):
    x = owner.send(values)
    return owner.run(tf.reduce_sum, x * x).get()

# %% wrong="through the notebook" loses={"each_moves_what_it_must": "alice → notebook"}
def sum_of_squares(owner, helper, values):
    x = owner.send(values)
    squares = (x * x).get()
    return helper.run(tf.reduce_sum, helper.send(squares)).get()

# %% wrong="nothing is sent to the helper" loses={"the_sum_is_right": "belongs to alice, and bob reads it", "each_moves_what_it_must": "belongs to alice, and bob reads it"}
def sum_of_squares(owner, helper, values):
    x = owner.send(values)
    return helper.run(tf.reduce_sum, x * x).get()

# %% wrong="all in the notebook" loses={"each_moves_what_it_must": "nothing moved at all"}
def sum_of_squares(owner, helper, values):
    return np.sum(values**2)

# %% wrong="only the sum" edit={"** 2": ""} loses={"the_sum_is_right": "sum of the values themselves", "each_moves_what_it_must": "not the squares of what she had been sent"}

# %% wrong="adds up at home" loses={"each_moves_what_it_must": "one number from bob home"}
def sum_of_squares(owner, helper, values):
    x = owner.send(values)
    return (x * x).send(helper).get().sum()

# %% right="float64 at the helper"
def sum_of_squares(owner, helper, values):
    def add_up(squares):
        return tf.reduce_sum(tf.cast(squares, tf.float64))

    squares = owner.run(tf.square, owner.send(values))
    return helper.run(add_up, squares.send(helper)).get()

# %% right="a list of remote numbers"
def sum_of_squares(owner, helper, values):
    remote = [owner.send(np.float32(v)) for v in values]
    squares = helper.send([r * r for r in remote])
    return helper.run(tf.add_n, squares).get()

# %% right="the owner squares in float64"
def sum_of_squares(owner, helper, values):
    squares = owner.run(lambda v: tf.cast(v, tf.float64) ** 2, owner.send(values))
    return float(helper.run(tf.reduce_sum, squares.send(helper)).get())

# %% right="tf.pow, and a sum by matrix"
def sum_of_squares(owner, helper, values):
    there = owner.send(values, name="values")
    squares = helper.send(owner.run(tf.pow, there, 2.0))
    return helper.run(lambda s: tf.linalg.trace(tf.linalg.diag(s)), squares).get()

# %% wrong="the notebook squares" loses={"each_moves_what_it_must": "alice did not get the values"}
def sum_of_squares(owner, helper, values):
    return helper.run(tf.reduce_sum, owner.send(values**2).send(helper)).get()

# %% wrong="a mean" edit={"tf.reduce_sum": "tf.reduce_mean"} loses={"the_sum_is_right": "the squares add up to"}
# %% wrong="the notebook makes a sum of the helper's mean" loses={"each_moves_what_it_must": "is not the number that came home"}
def sum_of_squares(owner, helper, values):
    mean = helper.run(tf.reduce_mean, (owner.send(values) ** 2).send(helper)).get()
    return mean * len(values)

# %% wrong="the helper gets the values, too" of="tf.square, run by the owner" edit={"there = squares": "x.send(helper); there = squares"} loses={"each_moves_what_it_must": "three moves are wanted"}
# %% wrong="the values beside their squares" of="tf.square, run by the owner" edit={"owner.run(tf.square, x)": "owner.run(lambda v: tf.stack([v * v, v]), x)", "tf.reduce_sum, there": "lambda s: tf.reduce_sum(s[0]), there"} loses={"each_moves_what_it_must": "three moves are wanted"}
# %% wrong="absolute values" edit={"** 2": "** 1.0", "tf.reduce_sum": "lambda v: tf.norm(v, 1)"} loses={"the_sum_is_right": "the squares add up to", "each_moves_what_it_must": "not the squares of what she had been sent"}
# %% wrong="equal values once" of="solution" edit={"owner.send(values)": "owner.send(np.unique(values))"} loses={"the_sum_is_right": "the squares add up to", "each_moves_what_it_must": "three moves are wanted"}
# %% wrong="zeros are not sent" of="solution" edit={"owner.send(values)": "owner.send(values[values != 0])"} loses={"each_moves_what_it_must": "three moves are wanted"}

# %% wrong="the first eight values" loses={"the_sum_is_right": "the squares add up to", "each_moves_what_it_must": "three moves are wanted"}
def sum_of_squares(owner, helper, values):
    remote = owner.send(values[:8])
    squares = (remote * remote).send(helper)
    return helper.run(tf.reduce_sum, squares).get()
