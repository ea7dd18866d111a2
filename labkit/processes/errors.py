"""What can go wrong between parties. Each message says who is concerned and what to do."""


class PartyError(RuntimeError):
    """Something between the parties went wrong; the other errors here are kinds of it."""


class WrongParty(PartyError):
    """A computation would read what another party owns, without `send` or `get`."""


class PartyLost(PartyError):
    """A party's process has ended, or its machine cannot be reached any more."""


class PartyTimeout(PartyError):
    """A party did not answer in time."""


class AddressError(PartyError):
    """A party cannot listen at its address, or nobody listens there."""


class Refusal(PartyError):
    """A party answers that it cannot do what it was asked.

    Args:
        kind: the name of what was raised in the party's process.
        arguments: what that was raised with: text and whole numbers.
    """

    def __init__(self, kind: str, *arguments: str | int):
        self.kind, self.arguments = kind, arguments
        super().__init__(": ".join(map(str, (kind, *arguments))))
