"""`labkit doctor`, also as `python -m labkit doctor`: whether this machine can run the labs."""

import argparse
import sys

from labkit import doctor


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="labkit", description="Privacy Labs, the students' side.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="say whether this machine can run the labs, and what to do")
    parser.parse_args()
    sys.exit(doctor.main())


if __name__ == "__main__":
    main()
