"""Named parties, each a process of its own, that compute together and see only what they are sent.

    from labkit.parties import parties

    with parties("alice", "bob") as (alice, bob):
        x = alice.send([1.0, 2.0])       # alice holds it now
        y = x + x                        # computed by alice; stays with her
        z = y.send(bob)                  # from alice to bob
        print(bob.run(tf.reduce_sum, z).get())   # 6.0, moved home and freed

Each party is a process that computes with TensorFlow (`labkit.processes.tensor_party`). The
notebook says what is computed; values move by `send` and `get` only, and each such move is
recorded.
"""

from labkit.parties.network import Parties, parties
from labkit.parties.party import Party
from labkit.parties.remote import RemoteTensor
from labkit.processes.errors import AddressError, PartyError, PartyLost, PartyTimeout, WrongParty
from labkit.processes.ledger import Crossing

__all__ = [
    "AddressError",
    "Crossing",
    "Parties",
    "Party",
    "PartyError",
    "PartyLost",
    "PartyTimeout",
    "RemoteTensor",
    "WrongParty",
    "parties",
]
