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
    return (total % 2**32).astype(np.uint32) if whole else total

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
# %% wrong="only the first pair" edit={"grad = grad + mask": "return grad + mask", "elif": "if", "grad = grad - mask": "return grad - mask"} loses={"masks_cancel_in_the_sum": "is off by", "exact_modulo_2_to_the_32": "sum of the masked gradients is wrong"}

# %% wrong="other pairs' masks as well" loses={"masks_cancel_in_the_sum": "by nobody else", "exact_modulo_2_to_the_32": "sum of the masked gradients is wrong"}
def mask_gradient(grad, party, masks):
    for (i, j), mask in masks.items():
        grad = grad + mask if party <= i else grad - mask
    return grad

# %% wrong="works in floats" loses={"exact_modulo_2_to_the_32": "is float64 where uint32 is wanted"}
def mask_gradient(grad, party, masks):
    total = grad.astype(float)
    for (i, j), mask in masks.items():
        if party in (i, j):
            total += (1 if party == i else -1) * mask.astype(float)
    return total

# %% wrong="signed integers that do not wrap" of="solution" edit={"masked = grad": 'masked = grad.astype(np.int64 if grad.dtype.kind == "u" else float)'} loses={"exact_modulo_2_to_the_32": "is int64 where uint32 is wanted"}

# %% wrong="times minus one" loses={"exact_modulo_2_to_the_32": "raised OverflowError"}
def mask_gradient(grad, party, masks):
    for (i, j), mask in masks.items():
        if party in (i, j):
            grad = grad + (1 if party == i else -1) * mask
    return grad

# %% wrong="no mask at all" loses={"masks_cancel_in_the_sum": "bare gradients", "the_smaller_id_adds": "adds the mask", "exact_modulo_2_to_the_32": "sent its bare gradient"}
def mask_gradient(grad, party, masks):
    return grad

# %% wrong="forgets to return" edit={"return grad": ""} loses={"masks_cancel_in_the_sum": "return", "the_smaller_id_adds": "return", "exact_modulo_2_to_the_32": "return"}
# %% wrong="changes the party's own gradient" edit={"grad = grad + mask": "grad += mask", "grad = grad - mask": "grad -= mask"} loses={"the_smaller_id_adds": "Work on a copy"}

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
