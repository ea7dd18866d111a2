"""Be one party, for notebooks on other machines: `python -m labkit.parties NAME NAME=HOST:PORT …`.

Every machine is given the same addresses, of all parties; the notebook connects with
`parties(…, addresses={…})`. Ctrl-C ends it.
"""

import argparse
import ipaddress
import json
import sys

import labkit  # noqa: F401, prepares TensorFlow
from labkit.parties.network import parse_address, start_process


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m labkit.parties", description=__doc__)
    parser.add_argument("name", help="which of the parties to be")
    parser.add_argument("addresses", nargs="+", metavar="NAME=HOST:PORT")
    parser.add_argument("--library", action="append", default=[], help="more operations to load")
    parser.add_argument(
        "--no_authentication_INSECURE",
        action="store_true",
        help="listen on the network: TensorFlow's server lets everybody who reaches the port run "
        "what they like with your rights, so have a firewall admit the other parties alone",
    )
    arguments = parser.parse_args()
    book = dict(entry.partition("=")[::2] for entry in arguments.addresses)
    if arguments.name not in book:
        parser.error(f"{arguments.name} is not among the addresses' names: {', '.join(book)}")
    try:
        hosts = [parse_address(name, address)[0] for name, address in book.items()]
    except ValueError as error:
        parser.error(str(error))
    loopback_only = all(map(_is_loopback, hosts))
    if not loopback_only and not arguments.no_authentication_INSECURE:
        parser.error(
            "these addresses need a party that listens on the network, where anybody could give it "
            "orders. If a firewall admits the other parties alone, add --no_authentication_INSECURE"
        )
    party = start_process(
        arguments.name, book, arguments.library, loopback_only=loopback_only, log=sys.stderr
    )
    assert party.stdout is not None
    answer = json.loads(party.stdout.readline() or '{"error": "it ended at once"}')
    if "error" in answer:
        sys.exit(f"{arguments.name}: {answer['error']}.")
    print(f"{arguments.name} listens at {book[arguments.name]}; Ctrl-C ends it.", flush=True)
    try:
        party.wait()
    except KeyboardInterrupt:
        sys.exit(130)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


if __name__ == "__main__":
    main()
