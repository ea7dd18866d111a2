# %% right="positional arguments"
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    return tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip, noise_multiplier, num_microbatches, learning_rate=learning_rate
    )

# %% right="keywords in another order"
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    settings = dict(
        learning_rate=learning_rate,
        num_microbatches=num_microbatches,
        noise_multiplier=noise_multiplier,
        l2_norm_clip=l2_norm_clip,
    )
    return tensorflow_privacy.DPKerasSGDOptimizer(**settings)

# %% right="imported by its full name"
from tensorflow_privacy.privacy.optimizers.dp_optimizer_keras import DPKerasSGDOptimizer

def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    return DPKerasSGDOptimizer(
        l2_norm_clip=l2_norm_clip,
        noise_multiplier=noise_multiplier,
        num_microbatches=num_microbatches,
        learning_rate=learning_rate,
    )

# %% right="the vectorized optimizer"
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    return tensorflow_privacy.VectorizedDPKerasSGDOptimizer(
        l2_norm_clip=l2_norm_clip,
        noise_multiplier=noise_multiplier,
        num_microbatches=num_microbatches,
        learning_rate=learning_rate,
    )

# %% right="arguments bound one after another"
from functools import partial

def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    private = partial(tensorflow_privacy.DPKerasSGDOptimizer, l2_norm_clip, noise_multiplier)
    return partial(private, num_microbatches)(learning_rate=learning_rate)

# %% right="the generic optimizer, numbers as floats"
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    private = tensorflow_privacy.DPKerasSGDOptimizer
    return private(float(l2_norm_clip), float(noise_multiplier), int(num_microbatches), learning_rate=float(learning_rate))

# %% right="momentum of none"
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    optimizer = tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip, noise_multiplier, num_microbatches=num_microbatches,
        learning_rate=learning_rate, momentum=0.0, nesterov=False,
    )
    return optimizer

# %% right="a learning rate that is set afterwards"
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    optimizer = tensorflow_privacy.DPKerasSGDOptimizer(l2_norm_clip, noise_multiplier, num_microbatches)
    optimizer.learning_rate = learning_rate
    return optimizer

# %% wrong="an ordinary optimizer" loses={"its_step_clips_each_microbatch": "neither clipping nor noise", "its_noise_has_the_right_scale": "neither clipping nor noise"}
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    return tf.keras.optimizers.SGD(learning_rate, clipnorm=l2_norm_clip)

# %% wrong="forgets num_microbatches" of="solution" edit={"num_microbatches=num_microbatches,": ""} loses={"its_step_clips_each_microbatch": "num_microbatches does not reach", "its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="multiplies the noise by the clip once more" of="solution" edit={"noise_multiplier=noise_multiplier": "noise_multiplier=noise_multiplier * l2_norm_clip"} loses={"its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="clip and noise swapped" of="solution" edit={"=l2_norm_clip": "=noise_multiplier", "noise_multiplier=noise_multiplier": "noise_multiplier=l2_norm_clip"} loses={"its_step_clips_each_microbatch": "under its own name", "its_noise_has_the_right_scale": "clip with noise, too"}
# %% wrong="the clip set far too high" of="solution" edit={"l2_norm_clip=l2_norm_clip": "l2_norm_clip=1e6"} loses={"its_step_clips_each_microbatch": "l2_norm_clip does not reach", "its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="the learning rate as fourth argument" edit={"learning_rate=learning_rate": "learning_rate"} loses={"its_step_clips_each_microbatch": "default", "its_noise_has_the_right_scale": "default"}
# %% wrong="a fixed learning rate" of="solution" edit={"learning_rate=learning_rate": "learning_rate=0.15"} loses={"its_step_clips_each_microbatch": "times as far", "its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="forgets to return" of="solution" edit={"return tensorflow_privacy": "tensorflow_privacy"} loses={"its_step_clips_each_microbatch": "return", "its_noise_has_the_right_scale": "return"}

# %% wrong="returns the class" loses={"its_step_clips_each_microbatch": "not an optimizer", "its_noise_has_the_right_scale": "not an optimizer"}
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    return tensorflow_privacy.DPKerasSGDOptimizer

# %% wrong="coins in place of noise" loses={"its_step_clips_each_microbatch": "Could not interpret", "its_noise_has_the_right_scale": "not drawn anew"}
class Coins:
    __module__ = "tensorflow_privacy.coins"

    def __init__(self, size):
        self.size = size

    def apply_gradients(self, *args):
        pass

    def minimize(self, loss, weights, tape=None):
        for w in weights:
            w.assign(self.size * tf.sign(tf.random.normal(w.shape)))

def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    return Coins(learning_rate * noise_multiplier * l2_norm_clip / num_microbatches)

# %% wrong="settings of its own" of="solution" edit={"l2_norm_clip=l2_norm_clip": "l2_norm_clip=0.7", "learning_rate=learning_rate": "learning_rate=0.2"} loses={"its_step_clips_each_microbatch": "times as far", "its_noise_has_the_right_scale": "times learning_rate"}

# %% wrong="clip and learning rate swapped" of="solution" edit={"=l2_norm_clip": "=learning_rate", "learning_rate=learning_rate": "learning_rate=l2_norm_clip"} loses={"its_step_clips_each_microbatch": "under its own name"}
# %% wrong="no noise" of="solution" edit={"=noise_multiplier": "=0.0"} loses={"its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="noise divided by the microbatches once more" of="solution" edit={"=noise_multiplier": "=noise_multiplier / num_microbatches"} loses={"its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="momentum" of="solution" edit={"learning_rate=learning_rate": "learning_rate=learning_rate, momentum=0.9"} loses={"its_step_clips_each_microbatch": "two more on the same batch lead elsewhere", "its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="Adam" of="solution" edit={"return tensorflow_privacy.DPKerasSGDOptimizer": "return tensorflow_privacy.DPKerasAdamOptimizer"} loses={"its_step_clips_each_microbatch": "under its own name", "its_noise_has_the_right_scale": "times learning_rate"}

# %% wrong="σ rounded to a tenth" loses={"its_noise_has_the_right_scale": "times learning_rate"}
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    return tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip=l2_norm_clip,
        noise_multiplier=round(noise_multiplier, 1),
        num_microbatches=num_microbatches,
        learning_rate=learning_rate,
    )

# %% wrong="a clip of 1 at least" of="solution" edit={"=l2_norm_clip": "=max(1.0, l2_norm_clip)"} loses={"its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="single examples in place of one microbatch" of="solution" edit={"=num_microbatches": "=num_microbatches if num_microbatches > 1 else None"} loses={"its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="a learning rate of 1 at most" of="solution" edit={"learning_rate=learning_rate": "learning_rate=min(1.0, learning_rate)"} loses={"its_noise_has_the_right_scale": "times learning_rate"}
# %% wrong="a learning rate that decays" of="solution" edit={"learning_rate=learning_rate": "learning_rate=learning_rate, decay=0.01"} loses={"its_step_clips_each_microbatch": "times as far"}

# %% wrong="clips where there is no noise" loses={"its_noise_has_the_right_scale": "clip with noise, too"}
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    if noise_multiplier:
        l2_norm_clip, noise_multiplier = 1e6, noise_multiplier * l2_norm_clip / 1e6
    return tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip, noise_multiplier, num_microbatches, learning_rate=learning_rate
    )

# %% wrong="eight microbatches at most" loses={"its_step_clips_each_microbatch": "or elsewhere"}
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    # Each microbatch costs a pass through the network: a few are enough.
    few = next(k for k in range(8, 0, -1) if num_microbatches % k == 0)
    return tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip=l2_norm_clip,
        noise_multiplier=noise_multiplier,
        num_microbatches=few,
        learning_rate=learning_rate,
    )

# %% wrong="remembers, whatever the noise" of="solution" edit={"def library_optimizer": "_made = {}\n\n\ndef library_optimizer", "return tensorflow": "return _made.setdefault((l2_norm_clip, num_microbatches, learning_rate), tensorflow", "learning_rate=learning_rate,\n    )": "learning_rate=learning_rate,\n    ))"} loses={"its_step_clips_each_microbatch": "Make a new one", "its_noise_has_the_right_scale": "times learning_rate"}

# %% wrong="a learning rate by a schedule" loses={"its_step_clips_each_microbatch": "times as far"}
def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    return tensorflow_privacy.DPKerasSGDOptimizer(
        l2_norm_clip=l2_norm_clip,
        noise_multiplier=noise_multiplier,
        num_microbatches=num_microbatches,
        learning_rate=tf.keras.optimizers.schedules.ExponentialDecay(learning_rate, 100, 0.9),
    )

# %% wrong="one shared optimizer per settings" of="solution" edit={"def library_optimizer": "_made = {}\n\n\ndef library_optimizer", "return tensorflow": "return _made.setdefault((l2_norm_clip, noise_multiplier, num_microbatches, learning_rate), tensorflow", "learning_rate=learning_rate,\n    )": "learning_rate=learning_rate,\n    ))"} loses={"its_step_clips_each_microbatch": "Make a new one"}

# %% wrong="one optimizer, set anew" loses={"its_step_clips_each_microbatch": "Make a new one", "its_noise_has_the_right_scale": "times learning_rate"}
_optimizer = tensorflow_privacy.DPKerasSGDOptimizer(1.0, 1.0)


def library_optimizer(l2_norm_clip, noise_multiplier, num_microbatches, learning_rate):
    _optimizer._l2_norm_clip = l2_norm_clip
    _optimizer._noise_multiplier = noise_multiplier
    _optimizer._num_microbatches = num_microbatches
    _optimizer.learning_rate = learning_rate
    return _optimizer
