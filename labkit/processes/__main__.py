"""Be a party, for notebooks anywhere: `python -m labkit.processes NAME HOST:PORT --key FILE`.

The notebook connects with `parties(…, addresses={…}, key=…)`. Ctrl-C ends it.
"""

import argparse
import ipaddress
import socket
import sys
from pathlib import Path

from labkit.processes.peer import parse_address, start
from labkit.processes.tensor_party import MODULE, settings

# Who has seen a wire opened can try keys at leisure.
KEY_BYTES = 16


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m labkit.processes", description=__doc__)
    parser.add_argument("name", help="which of the parties to be")
    parser.add_argument("address", metavar="HOST:PORT", help="where the others find it")
    parser.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="FILE",
        help="a file of random bytes, the same for all parties and the notebook: who has it lets "
        "the party run what they like, with your rights",
    )
    parser.add_argument("--library", action="append", default=[], help="more operations to load")
    arguments = parser.parse_args()
    try:
        host, port = parse_address(arguments.name, arguments.address)
        key = arguments.key.read_bytes()
    except (ValueError, OSError) as error:
        parser.error(str(error))
    if not len(key) >= KEY_BYTES:
        parser.error(f"{arguments.key} holds {len(key)} bytes; a key has at least {KEY_BYTES}")
    try:
        listener = socket.create_server((host if _is_loopback(host) else "", port))
    except OSError as error:
        sys.exit(f"{arguments.name}: port {port} of this machine cannot be had: {error.strerror}.")
    party = start(arguments.name, MODULE, settings(arguments.library), key, listener, sys.stderr)
    print(f"{arguments.name} listens at {arguments.address}; Ctrl-C ends it.", flush=True)
    try:
        sys.exit(party.wait())
    except KeyboardInterrupt:
        sys.exit(130)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


if __name__ == "__main__":
    main()
