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

# %% wrong="the helper squares" loses={"each_moves_what_it_must": "Let the owner square"}
def sum_of_squares(owner, helper, values):
    x = owner.send(values).send(helper)
    return helper.run(tf.reduce_sum, x * x).get()

# %% wrong="squares the sum" loses={"the_sum_is_right": "square of the sum", "each_moves_what_it_must": "not its squares"}
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

# %% wrong="only the sum" edit={"** 2": ""} loses={"the_sum_is_right": "sum of the values themselves", "each_moves_what_it_must": "Let the owner square"}

# %% wrong="adds up at home" loses={"each_moves_what_it_must": "one number from bob home"}
def sum_of_squares(owner, helper, values):
    x = owner.send(values)
    return (x * x).send(helper).get().sum()
