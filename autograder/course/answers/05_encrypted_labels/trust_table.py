# %% right="a list of pairs"
def trust_table():
    return dict([
        ("images", "F"), ("model weights", "F"), ("masks", "F"), ("predictions", "F"), ("gradient", "F"),
        ("labels", "L"), ("secret key", "L"), ("encrypted labels", "LF"), ("masked sums", "LF"), ("residuals", ""),
    ])

# %% right="sets"
def trust_table():
    f, l = {"F"}, {"L"}
    return {
        "images": f, "labels": l, "model weights": f, "secret key": l, "encrypted labels": f | l,
        "masked sums": f | l, "masks": f, "predictions": f, "residuals": set(), "gradient": f,
    }

# %% right="lists, and None for nobody"
def trust_table():
    table = {name: ["F"] for name in ("images", "model weights", "masks", "predictions", "gradient")}
    table.update({name: ["L"] for name in ("labels", "secret key")})
    table.update({name: ["F", "L"] for name in ("encrypted labels", "masked sums")})
    table["residuals"] = None
    return table

# %% right="by party"
def trust_table():
    features = ["images", "model weights", "masks", "predictions", "gradient", "encrypted labels", "masked sums"]
    labels = ["labels", "secret key", "encrypted labels", "masked sums"]
    everything = set(features) | set(labels) | {"residuals"}
    return {i: "F" * (i in features) + "L" * (i in labels) for i in everything}

# %% wrong="F has the residuals" loses={"residuals_are_labels": "whoever has it and the prediction"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "FL",
        "masked sums": "FL", "masks": "F", "predictions": "F", "residuals": "F", "gradient": "F",
    }

# %% wrong="L has the residuals" loses={"residuals_are_labels": "labels party can see"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "FL",
        "masked sums": "FL", "masks": "F", "predictions": "F", "residuals": "L", "gradient": "F",
    }

# %% wrong="both learn the gradient" loses={"what_follows": "take the masks off"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "FL",
        "masked sums": "FL", "masks": "F", "predictions": "F", "residuals": "", "gradient": "FL",
    }

# %% wrong="predictions are sent to L" loses={"what_follows": "They take the images AND the weights"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "FL",
        "masked sums": "FL", "masks": "F", "predictions": "FL", "residuals": "", "gradient": "F",
    }

# %% wrong="F has the key as well" loses={"what_stays_at_home": "think of who makes it"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "FL", "encrypted labels": "FL",
        "masked sums": "FL", "masks": "F", "predictions": "F", "residuals": "", "gradient": "F",
    }

# %% wrong="ciphertexts are seen by their maker only" loses={"what_crosses": "is not to see what is in it"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "L",
        "masked sums": "FL", "masks": "F", "predictions": "F", "residuals": "", "gradient": "F",
    }

# %% wrong="masked sums stay with L" loses={"what_crosses": "sent back to the other"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "FL",
        "masked sums": "L", "masks": "F", "predictions": "F", "residuals": "", "gradient": "F",
    }

# %% wrong="the labels party draws the masks" loses={"what_follows": "hide something from the key holder"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "FL",
        "masked sums": "FL", "masks": "L", "predictions": "F", "residuals": "", "gradient": "F",
    }

# %% wrong="names written out" loses={"what_stays_at_home": "write 'F', 'L'", "what_crosses": "write 'F', 'L'", "what_follows": "write 'F', 'L'", "residuals_are_labels": "write 'F', 'L'"}
def trust_table():
    return {
        "images": "features", "labels": "labels", "model weights": "features", "secret key": "labels",
        "encrypted labels": "both", "masked sums": "both", "masks": "features", "predictions": "features",
        "residuals": "nobody", "gradient": "features",
    }

# %% wrong="a row is missing" loses={"what_follows": "is missing"}
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "FL",
        "masked sums": "FL", "masks": "F", "predictions": "F", "residuals": "",
    }

# %% wrong="residuals not filled in" loses={"residuals_are_labels": "is not filled in"}
def trust_table():
    table = dict.fromkeys(["residuals"], "?")
    table.update(dict.fromkeys(["images", "model weights", "masks", "predictions", "gradient"], "F"))
    table.update(dict.fromkeys(["labels", "secret key"], "L"))
    table.update(dict.fromkeys(["encrypted labels", "masked sums"], "FL"))
    return table
