"""Masters → notebooks; and which labs there are."""

from pathlib import Path

from autograder.sandbox.inside import clean

ROOT = Path(__file__).resolve().parents[2]
MASTERS = ROOT / "autograder" / "course" / "masters"


class UnknownLab(ValueError):
    """No lab, or more than one, is called so; the message lists all."""


def all_labs(masters: Path = MASTERS) -> list[str]:
    """Return the names of the labs, in their order."""
    return sorted(path.stem for path in masters.glob("*.py"))


def named(name: str, masters: Path = MASTERS) -> str:
    """Return the lab that is meant, by its name, the beginning of its name, or its number.

    Raises:
        UnknownLab: it is not clear which.
    """
    labs = all_labs(masters)
    meant = [lab for lab in labs if lab == name] or [lab for lab in labs if _means(name, lab)]
    if len(meant) != 1:
        raise UnknownLab(f"no lab {clean.line(name, 60)!r}: there is {', '.join(labs)}")
    return meant[0]


def _means(name: str, lab: str) -> bool:
    if name.isdecimal():
        return lab.split("_")[0].lstrip("0") == name.lstrip("0")
    return bool(name) and lab.startswith(name)
