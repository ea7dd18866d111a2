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

# %% wrong="masked sums L only" loses={"what_crosses": "masked sums: you say that the features"}
def trust_table():
    table = dict.fromkeys(["images", "model weights", "masks", "predictions", "gradient"], "F")
    table.update(dict.fromkeys(["labels", "secret key", "masked sums"], "L"))
    table["encrypted labels"] = "FL"
    table["residuals"] = ""
    return table

# %% wrong="residuals F" loses={"residuals_are_labels": "residuals: you say that the features party"}
def trust_table():
    table = {
        "images": "F",
        "labels": "L",
        "model weights": "F",
        "secret key": "L",
        "encrypted labels": "FL",
        "masked sums": "FL",
        "masks": "F",
        "predictions": "F",
        "residuals": "F",
        "gradient": "F",
    }
    return table

# %% wrong="encrypted labels F only" loses={"what_crosses": "encrypted labels: you say that the labels"}
def trust_table():
    who = {
        "F": "images,model weights,encrypted labels,masks,predictions,gradient",
        "L": "labels,secret key",
        "FL": "masked sums",
        "": "residuals",
    }
    return {item: party for party, items in who.items() for item in items.split(",")}

# %% right="follow the protocol"
def trust_table():
    has = {"F": {"images", "model weights", "masks"}, "L": {"labels", "secret key"}}
    rules = [
        ("L", {"labels", "secret key"}, "encrypted labels"),
        ("F", {"images", "model weights"}, "predictions"),
        ("L", {"secret key", "masked ciphertexts"}, "masked sums"),
        ("F", {"masks", "masked sums"}, "gradient"),
        ("F", {"predictions", "labels"}, "residuals"),
        ("L", {"predictions", "labels"}, "residuals"),
        ("F", {"encrypted labels", "masks", "predictions"}, "masked ciphertexts"),
    ]
    sent = {"encrypted labels": "F", "masked ciphertexts": "L", "masked sums": "F"}
    for _ in range(10):
        for who, needs, gives in rules:
            if needs <= has[who]:
                has[who].add(gives)
                if gives in sent:
                    has[sent[gives]].add(gives)
    items = ["images", "labels", "model weights", "secret key", "encrypted labels", "masked sums",
             "masks", "predictions", "residuals", "gradient"]
    return {item: "".join(who for who in "FL" if item in has[who]) for item in items}

# %% right="two bits an item"
def trust_table():
    code = {"images": 1, "labels": 2, "model weights": 1, "secret key": 2, "encrypted labels": 3,
            "masked sums": 3, "masks": 1, "predictions": 1, "residuals": 0, "gradient": 1}
    return {item: ["", "F", "L", "FL"][bits] for item, bits in code.items()}
