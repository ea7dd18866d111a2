# %% right="the name of its gradient"
def mask_gradient(grad, party, masks):
    for (i, j), mask in masks.items():
        if party == i:
            grad = grad + mask
        elif party == j:
            grad = grad - mask
    return grad

# %% right="two sums over its own pairs"
def mask_gradient(grad, party, masks):
    masked = grad.copy()
    for pair in masks:
        if pair[0] == party:
            masked += masks[pair]
        if pair[1] == party:
            masked -= masks[pair]
    return masked

# %% right="np.add and np.subtract by sign"
def mask_gradient(grad, party, masks):
    out = np.array(grad)
    for pair, mask in masks.items():
        if party in pair:
            operation = np.add if party == min(pair) else np.subtract
            out = operation(out, mask)
    return out

# %% right="adds first, subtracts then"
def mask_gradient(grad, party, masks):
    plus = [mask for (i, _), mask in masks.items() if i == party]
    minus = [mask for (_, j), mask in masks.items() if j == party]
    for mask in plus:
        grad = grad + mask
    for mask in minus:
        grad = grad - mask
    return grad

# %% right="int64 modulo 2^32 for integers"
def mask_gradient(grad, party, masks):
    whole = grad.dtype.kind == "u"
    total = grad.astype(np.int64 if whole else np.float64)
    for (i, j), mask in masks.items():
        sign = int(i == party) - int(j == party)
        total = total + sign * mask.astype(total.dtype)
    return (total % 2**32 if whole else total).astype(grad.dtype)

# %% right="looks its partners up"
def mask_gradient(grad, party, masks):
    ids = sorted({i for pair in masks for i in pair})
    masked = grad
    for other in ids:
        pair = (min(party, other), max(party, other))
        if other != party and pair in masks:
            masked = masked + masks[pair] if party < other else masked - masks[pair]
    return masked

# %% wrong="everybody adds" loses={"masks_cancel_in_the_sum": "added once and subtracted once", "the_smaller_id_adds": "subtracts the mask", "exact_modulo_2_to_the_32": "sum of the masked gradients is wrong"}
def mask_gradient(grad, party, masks):
    for pair, mask in masks.items():
        if party in pair:
            grad = grad + mask
    return grad

# %% wrong="the larger id adds" edit={"grad + mask": "grad - mask", "grad - mask": "grad + mask"} loses={"the_smaller_id_adds": "adds the mask"}
# %% wrong="only the first pair" edit={"grad = grad + mask": "return grad + mask", "elif": "if", "grad = grad - mask": "return grad - mask"} loses={"masks_cancel_in_the_sum": "masks for the pairs", "exact_modulo_2_to_the_32": "gradient"}

# %% wrong="other pairs' masks as well" loses={"masks_cancel_in_the_sum": "by nobody else", "exact_modulo_2_to_the_32": "sum of the masked gradients is wrong"}
def mask_gradient(grad, party, masks):
    for (i, j), mask in masks.items():
        grad = grad + mask if party <= i else grad - mask
    return grad

# %% wrong="works in floats" loses={"the_smaller_id_adds": "is of the gradient's dtype", "exact_modulo_2_to_the_32": "is float64 where uint32 is wanted"}
def mask_gradient(grad, party, masks):
    total = grad.astype(float)
    for (i, j), mask in masks.items():
        if party in (i, j):
            total += (1 if party == i else -1) * mask.astype(float)
    return total

# %% wrong="signed integers that do not wrap" of="solution" edit={"masked = grad": 'masked = grad.astype(np.int64 if grad.dtype.kind == "u" else float)'} loses={"the_smaller_id_adds": "is of the gradient's dtype", "exact_modulo_2_to_the_32": "is int64 where uint32 is wanted"}

# %% wrong="times minus one" loses={"the_smaller_id_adds": "raised OverflowError", "exact_modulo_2_to_the_32": "raised OverflowError"}
def mask_gradient(grad, party, masks):
    for (i, j), mask in masks.items():
        if party in (i, j):
            grad = grad + (1 if party == i else -1) * mask
    return grad

# %% wrong="no mask at all" loses={"masks_cancel_in_the_sum": "bare gradients", "the_smaller_id_adds": "adds the mask", "exact_modulo_2_to_the_32": "sent its bare gradient"}
def mask_gradient(grad, party, masks):
    return grad

# %% wrong="forgets to return" edit={"return grad": ""} loses={"masks_cancel_in_the_sum": "return", "the_smaller_id_adds": "return", "exact_modulo_2_to_the_32": "return"}
# %% wrong="changes the party's own gradient" edit={"grad = grad + mask": "grad += mask", "grad = grad - mask": "grad -= mask"} loses={"masks_cancel_in_the_sum": "changes its argument `grad`", "the_smaller_id_adds": "changes its argument `grad`", "exact_modulo_2_to_the_32": "changes its argument `grad`"}

# %% wrong="stays int64 after the modulo" loses={"exact_modulo_2_to_the_32": "is int64 where uint32 is wanted"}
def mask_gradient(grad, party, masks):
    whole = grad.dtype.kind == "u"
    total = grad.astype(np.int64) if whole else grad
    for (i, j), mask in masks.items():
        sign = (party == i) - (party == j)
        total = total + sign * (mask.astype(np.int64) if whole else mask)
    return total % 2**32 if whole else total

# %% wrong="everybody adds one, the last takes them off" loses={"masks_cancel_in_the_sum": "With other masks", "the_smaller_id_adds": "adds the mask", "exact_modulo_2_to_the_32": "With other masks"}
def mask_gradient(grad, party, masks):
    ids = sorted({i for pair in masks for i in pair})
    if party not in ids:
        return grad
    one = np.ones_like(grad)
    return grad + one if party != ids[-1] else grad - one * np.array(len(ids) - 1).astype(grad.dtype)

# %% right="a sum over the party's own masks, with NumPy's where"
def mask_gradient(grad, party, masks):
    signed = [m if party == i else np.zeros_like(m) - m for (i, j), m in masks.items() if party in (i, j)]
    return np.sum([grad, *signed], axis=0, dtype=grad.dtype)

# %% right="unsigned minus one for the sign"
def mask_gradient(grad, party, masks):
    minus_one = np.zeros(1, grad.dtype) - np.ones(1, grad.dtype)
    masked = grad.copy()
    for (i, j), mask in masks.items():
        if party == i:
            masked += mask
        if party == j:
            masked += minus_one * mask
    return masked

# %% wrong="reversed signs for integers" of="solution" edit={"masked = grad": "masked = grad\n    if grad.dtype == np.uint32:\n        masks = {pair: -mask for pair, mask in masks.items()}"} loses={"the_smaller_id_adds": "With floats yours is right"}
# %% wrong="half of an array of integers" of="solution" edit={"masked = grad": "masked = grad\n    if grad.dtype == np.uint32:\n        masks = {pair: mask * (np.arange(len(mask)) < len(mask) // 2) for pair, mask in masks.items()}\n        masks = {pair: mask.astype(np.uint32) for pair, mask in masks.items()}"} loses={"exact_modulo_2_to_the_32": "With other masks", "the_smaller_id_adds": "with uint32 modulo 2^32"}
# %% wrong="the first 1024 entries" of="solution" edit={"masked = masked + mask": "masked = np.concatenate([masked[:1024] + mask[:1024], masked[1024:]])", "masked = masked - mask": "masked = np.concatenate([masked[:1024] - mask[:1024], masked[1024:]])"} loses={"exact_modulo_2_to_the_32": "With other masks", "masks_cancel_in_the_sum": "what hides a gradient"}
# %% wrong="the low 16 bits of the masks" of="solution" edit={"masked = grad": "masked = grad\n    if grad.dtype == np.uint32:\n        masks = {pair: mask & np.uint32(65535) for pair, mask in masks.items()}"} loses={"exact_modulo_2_to_the_32": "With other masks", "the_smaller_id_adds": "with uint32 modulo 2^32"}
# %% wrong="the smaller of the first pair for the sign" edit={"if party == i": "if party == min(masks)[0]"} loses={"masks_cancel_in_the_sum": "masks for the pairs", "exact_modulo_2_to_the_32": "gradient"}

# %% wrong="ids 0, 1, 2, …, without gaps" loses={"masks_cancel_in_the_sum": "gradients", "exact_modulo_2_to_the_32": "gradient", "the_smaller_id_adds": "adds the mask"}
def mask_gradient(grad, party, masks):
    n = len({i for pair in masks for i in pair})
    masked = grad
    for other in range(n):
        if (party, other) in masks:
            masked = masked + masks[party, other]
        elif (other, party) in masks:
            masked = masked - masks[other, party]
    return masked

# %% wrong="the notebook's ten parties" loses={"masks_cancel_in_the_sum": "gradients", "exact_modulo_2_to_the_32": "gradient", "the_smaller_id_adds": "adds the mask"}
def mask_gradient(grad, party, masks):
    masked = grad
    for other in range(PARTIES):
        if (party, other) in masks:
            masked = masked + masks[party, other]
        elif (other, party) in masks:
            masked = masked - masks[other, party]
    return masked

# %% wrong="takes masks out of the dictionary" loses={"masks_cancel_in_the_sum": "changes its argument `masks`", "the_smaller_id_adds": "changes its argument `masks`", "exact_modulo_2_to_the_32": "changes its argument `masks`"}
def mask_gradient(grad, party, masks):
    sent = grad.copy()
    for i, j in [pair for pair in masks if party in pair]:
        mask = masks.pop((i, j))  # a mask is used once
        sent = sent + mask if i == party else sent - mask
    return sent

# %% wrong="float32 becomes float64" loses={"the_smaller_id_adds": "what is sent is of the gradient's dtype"}
def mask_gradient(grad, party, masks):
    if grad.dtype.kind == 'f':
        total = grad.astype(np.float64)
    else:
        total = grad.copy()
    for (i, j), mask in masks.items():
        if i == party:
            total = total + mask
        if j == party:
            total = total - mask
    return total

# %% wrong="zeros stay bare" loses={"masks_cancel_in_the_sum": "masks for the pairs", "the_smaller_id_adds": "the mask", "exact_modulo_2_to_the_32": "sent its bare gradient"}
def mask_gradient(grad, party, masks):
    total = grad.copy()
    for (i, j), mask in masks.items():
        if i == party:
            total = np.where(grad == 0, total, total + mask)
        elif j == party:
            total = np.where(grad == 0, total, total - mask)
    return total

# %% right="one function after the other"
from functools import reduce

def mask_gradient(grad, party, masks):
    own = [(np.add if i == party else np.subtract, m) for (i, j), m in masks.items() if party in (i, j)]
    return reduce(lambda total, step: step[0](total, step[1]), own, np.array(grad))

# %% wrong="float32 stays bare" of="solution" edit={"masked = grad": "masked = grad\n    if grad.dtype == np.float32:\n        return grad"} loses={"the_smaller_id_adds": "(float32)", "masks_cancel_in_the_sum": "sent their bare gradients"}
# %% wrong="float32 masks by way of float16" of="solution" edit={"masked = grad": "masked = grad\n    if grad.dtype == np.float32:\n        masks = {pair: mask.astype(np.float16).astype(np.float32) for pair, mask in masks.items()}"} loses={"the_smaller_id_adds": "(float32)", "masks_cancel_in_the_sum": "what hides a gradient"}

# %% wrong="a float 0 for who has no masks" loses={"exact_modulo_2_to_the_32": "is float64 where uint32 is wanted"}
def mask_gradient(grad, party, masks):
    own = [m if party == i else np.zeros_like(m) - m for (i, j), m in masks.items() if party in (i, j)]
    return grad + (np.sum(own, axis=0, dtype=grad.dtype) if own else 0.0)

# %% wrong="forty masks at most" loses={"masks_cancel_in_the_sum": "what hides a gradient"}
import itertools


def mask_gradient(grad, party, masks):
    masked = grad
    for (smaller, larger), mask in itertools.islice(masks.items(), 40):
        if party == smaller:
            masked = masked + mask
        elif party == larger:
            masked = masked - mask
    return masked

# %% wrong="of float32 gradients only the first of the party's masks" loses={"masks_cancel_in_the_sum": "(float32). Each mask"}
def mask_gradient(grad, party, masks):
    own = [(pair, mask) for pair, mask in masks.items() if party in pair]
    if grad.dtype == np.float32:
        own = own[:1]  # more of them would only round it off
    masked = grad
    for (smaller, _), mask in own:
        masked = masked + mask if party == smaller else masked - mask
    return masked

# %% wrong="floats are bare behind the 1024th entry" loses={"masks_cancel_in_the_sum": "what hides a gradient"}
def mask_gradient(grad, party, masks):
    masked = grad.copy()
    some = slice(None) if grad.dtype == np.uint32 else slice(1024)
    for (smaller, larger), mask in masks.items():
        if party == smaller:
            masked[some] += mask[some]
        elif party == larger:
            masked[some] -= mask[some]
    return masked

# %% wrong="ids compared by which object they are" of="solution" edit={"party == smaller": "party is smaller", "party == larger": "party is larger"} loses={"masks_cancel_in_the_sum": "sum is off by", "the_smaller_id_adds": "subtracts the mask", "exact_modulo_2_to_the_32": "sent its bare gradient"}
# %% wrong="ids in float32" of="solution" edit={"party == smaller": "np.float32(party) == np.float32(smaller)", "party == larger": "np.float32(party) == np.float32(larger)"} loses={"masks_cancel_in_the_sum": "sum is off by", "exact_modulo_2_to_the_32": "sum of the masked gradients is wrong"}

# %% wrong="returns one array again and again" loses={"masks_cancel_in_the_sum": "changes what an earlier call returned", "the_smaller_id_adds": "changes what an earlier call returned", "exact_modulo_2_to_the_32": "changes what an earlier call returned"}
SENT = {}

def mask_gradient(grad, party, masks):
    sent = SENT.setdefault((grad.dtype, len(grad)), np.empty_like(grad))
    sent[:] = grad
    for (i, j), mask in masks.items():
        if party == i:
            sent += mask
        elif party == j:
            sent -= mask
    return sent

# %% wrong="remembers the sum of a party's masks" loses={"masks_cancel_in_the_sum": "what hides a gradient", "exact_modulo_2_to_the_32": "what hides a gradient", "the_smaller_id_adds": "adds the mask"}
TOTALS = {}

def mask_gradient(grad, party, masks):
    if (party, *masks) not in TOTALS:
        total = np.zeros_like(grad)
        for (i, j), mask in masks.items():
            if party in (i, j):
                total = total + mask if party == i else total - mask
        TOTALS[party, *masks] = total
    return grad + TOTALS[party, *masks].astype(grad.dtype)
