# %% right="one dictionary"
def trust_table():
    return {
        "images": "F", "labels": "L", "model weights": "F", "secret key": "L", "encrypted labels": "FL",
        "masked sums": "FL", "masks": "F", "predictions": "F", "residuals": "", "gradient": "F",
    }

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

# %% wrong="F has the residuals" edit={'"residuals": ""': '"residuals": "F"'} loses={"residuals_are_labels": "whoever has it and the prediction"}
# %% wrong="L has the residuals" edit={'"residuals": ""': '"residuals": "L"'} loses={"residuals_are_labels": "labels party can see"}
# %% wrong="both learn the gradient" edit={'"gradient": "F"': '"gradient": "FL"'} loses={"what_follows": "take the masks off"}
# %% wrong="predictions are sent to L" edit={'"predictions": "F"': '"predictions": "FL"'} loses={"what_follows": "They take the images AND the weights"}
# %% wrong="F has the key as well" edit={'"secret key": "L"': '"secret key": "FL"'} loses={"what_stays_at_home": "think of who makes it"}
# %% wrong="ciphertexts are seen by their maker only" edit={'"encrypted labels": "FL"': '"encrypted labels": "L"'} loses={"what_crosses": "is not to see what is in it"}
# %% wrong="masked sums stay with L" edit={'"masked sums": "FL"': '"masked sums": "L"'} loses={"what_crosses": "sent back to the other"}
# %% wrong="the labels party draws the masks" edit={'"masks": "F"': '"masks": "L"'} loses={"what_follows": "hide something from the key holder"}

# %% wrong="names written out" loses={"what_stays_at_home": "write 'F', 'L'", "what_crosses": "write 'F', 'L'", "what_follows": "write 'F', 'L'", "residuals_are_labels": "write 'F', 'L'"}
def trust_table():
    return {
        "images": "features", "labels": "labels", "model weights": "features", "secret key": "labels",
        "encrypted labels": "both", "masked sums": "both", "masks": "features", "predictions": "features",
        "residuals": "nobody", "gradient": "features",
    }

# %% wrong="a row is missing" edit={'"gradient": "F",': ""} loses={"what_follows": "is missing"}

# %% wrong="residuals not filled in" loses={"residuals_are_labels": "is not filled in"}
def trust_table():
    table = dict.fromkeys(["residuals"], "?")
    table.update(dict.fromkeys(["images", "model weights", "masks", "predictions", "gradient"], "F"))
    table.update(dict.fromkeys(["labels", "secret key"], "L"))
    table.update(dict.fromkeys(["encrypted labels", "masked sums"], "FL"))
    return table
