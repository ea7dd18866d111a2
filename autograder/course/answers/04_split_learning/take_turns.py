# %% right="a helper that hands over"
def take_turns(clients, bottom, top, work):
    def hand_over(weights, client):
        return [client.send(w) for w in weights]

    for client in clients:
        bottom, top = work(client, hand_over(bottom, client), top)
    return bottom, top

# %% right="the first client needs nothing"
def take_turns(clients, bottom, top, work):
    bottom, top = work(clients[0], bottom, top)
    for client in clients[1:]:
        bottom = [w.send(client) for w in bottom]
        bottom, top = work(client, bottom, top)
    return bottom, top

# %% right="reduce"
def take_turns(clients, bottom, top, work):
    from functools import reduce

    def turn(state, client):
        return work(client, tuple(w.send(client) for w in state[0]), state[1])

    return reduce(turn, clients, (bottom, top))

# %% right="recursion"
def take_turns(clients, bottom, top, work):
    if not clients:
        return bottom, top
    here = []
    for w in bottom:
        here.append(w if w.owner is clients[0] else w.send(clients[0]))
    new_bottom, new_top = work(clients[0], here, top)
    return take_turns(clients[1:], new_bottom, new_top, work)

# %% wrong="no hand-over" of="solution" edit={"bottom = [w.send(client) for w in bottom]": ""} loses={"each_client_has_its_turn": "hand them over first", "weights_go_straight_on": "hand them over first"}
# %% wrong="through the notebook" of="solution" edit={"w.send(client)": "client.send(w.get())"} loses={"weights_go_straight_on": "→ notebook"}

# %% wrong="everybody starts from the same weights" loses={"each_client_has_its_turn": "are not those that every client's work", "weights_go_straight_on": "alice"}
def take_turns(clients, bottom, top, work):
    for client in clients:
        new_bottom, new_top = work(client, [w.send(client) for w in bottom], top)
    return new_bottom, new_top

# %% wrong="forgets the top" of="solution" edit={"bottom, top = work": "bottom, new_top = work", "return bottom, top": "return bottom, new_top"} loses={"each_client_has_its_turn": "keep both the bottom and the top"}

# %% wrong="only the last client" loses={"each_client_has_its_turn": "`work` was called for", "weights_go_straight_on": "The clients are"}
def take_turns(clients, bottom, top, work):
    client = clients[-1]
    return work(client, [w.send(client) for w in bottom], top)

# %% wrong="backwards" of="solution" edit={"in clients:": "in reversed(clients):"} loses={"each_client_has_its_turn": "`work` was called for", "weights_go_straight_on": "these moves were made"}

# %% wrong="hands over to everybody each time" loses={"weights_go_straight_on": "these moves were made"}
def take_turns(clients, bottom, top, work):
    for client in clients:
        copies = {c.name: [w.send(c) for w in bottom] for c in clients}
        bottom, top = work(client, copies[client.name], top)
    return bottom, top

# %% wrong="the top moves along" of="solution" edit={"bottom, top)\n    return": "bottom, top.send(client))\n    return"} loses={"each_client_has_its_turn": "belongs to", "weights_go_straight_on": "belongs to"}
# %% wrong="the first client gets the weights back" of="solution" edit={"return bottom, top": "return [w.send(clients[0]) for w in bottom], top"} loses={"weights_go_straight_on": "stay with the last"}
# %% wrong="returns the bottom alone" of="solution" edit={"return bottom, top": "return bottom"} loses={"each_client_has_its_turn": "two things", "weights_go_straight_on": "two things"}

# %% wrong="nobody works" loses={"each_client_has_its_turn": "`work` was called for", "weights_go_straight_on": "The clients are"}
def take_turns(clients, bottom, top, work):
    return [w.send(clients[-1]) for w in bottom], top

# %% right="a queue"
def take_turns(clients, bottom, top, work):
    from collections import deque

    waiting = deque(clients)
    while waiting:
        client = waiting.popleft()
        bottom, top = work(client, [client.send(w) for w in bottom], top)
    return bottom, top

# %% right="by index"
def take_turns(clients, bottom, top, work):
    for i in range(len(clients)):
        if i > 0:
            bottom = [w.send(clients[i]) for w in bottom]
        bottom, top = work(clients[i], bottom, top)
    return bottom, top

# %% right="a state in a dictionary"
def take_turns(clients, bottom, top, work):
    state = {"bottom": list(bottom), "top": top}
    for client in clients:
        here = list(map(client.send, state["bottom"]))
        state["bottom"], state["top"] = work(client, here, state["top"])
    return state["bottom"], state["top"]

# %% right="send takes the list"
def take_turns(clients, bottom, top, work):
    for client in clients:
        bottom, top = work(client, client.send(bottom), top)
    return [*bottom], top

# %% wrong="two clients only" loses={"each_client_has_its_turn": "`work` was called for", "weights_go_straight_on": "The clients are"}
def take_turns(clients, bottom, top, work):
    bottom, top = work(clients[0], bottom, top)
    return work(clients[1], [w.send(clients[1]) for w in bottom], top)

# %% wrong="each client once" loses={"each_client_has_its_turn": "`work` was called for", "weights_go_straight_on": "The clients are"}
def take_turns(clients, bottom, top, work):
    for client in dict.fromkeys(clients):
        bottom, top = work(client, [w.send(client) for w in bottom], top)
    return bottom, top

# %% wrong="back to the first at the end" of="solution" edit={"return bottom, top": "return [w.send(clients[0]).send(clients[-1]) for w in bottom], top"} loses={"weights_go_straight_on": "these moves were made"}
# %% wrong="works twice each" of="solution" edit={"bottom, top = work(client, bottom, top)": "bottom, top = work(client, *work(client, bottom, top))"} loses={"each_client_has_its_turn": "`work` was called for", "weights_go_straight_on": "those who worked are"}

# %% wrong="empties the caller's list" loses={"each_client_has_its_turn": "the caller's list of clients is another", "weights_go_straight_on": "the caller's list of clients is another"}
def take_turns(clients, bottom, top, work):
    while clients:
        client = clients.pop(0)
        bottom = [w.send(client) for w in bottom]
        bottom, top = work(client, bottom, top)
    return bottom, top

# %% wrong="by way of the first client" loses={"weights_go_straight_on": "The clients are"}
def take_turns(clients, bottom, top, work):
    for client in clients:
        bottom = [w.send(clients[0]).send(client) for w in bottom]
        bottom, top = work(client, bottom, top)
    return bottom, top

# %% wrong="a lone client idles" loses={"each_client_has_its_turn": "`work` was called for"}
def take_turns(clients, bottom, top, work):
    for number, (client, following) in enumerate(zip(clients, clients[1:])):
        if number == 0:
            bottom, top = work(client, bottom, top)
        bottom = [w.send(following) for w in bottom]
        bottom, top = work(following, bottom, top)
    return bottom, top

# %% wrong="overwrites the caller's bottom" loses={"each_client_has_its_turn": "the caller's bottom is another", "weights_go_straight_on": "the caller's bottom is another"}
def take_turns(clients, bottom, top, work):
    for client in clients:
        for i in range(len(bottom)):
            bottom[i] = bottom[i].send(client)
        bottom[:], top = work(client, bottom, top)
    return bottom, top

# %% wrong="two arrays" of="solution" edit={"for w in bottom]": "for w in bottom[:2]]"} loses={"each_client_has_its_turn": "but there are", "weights_go_straight_on": "should go over once"}
# %% wrong="four clients at most" of="solution" edit={"in clients:": "in clients[:4]:"} loses={"each_client_has_its_turn": "`work` was called for", "weights_go_straight_on": "The clients are"}
