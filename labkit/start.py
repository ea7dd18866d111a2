"""The start of a lab: that what it needs is there, and fits the notebook."""

from labkit import compat, notebook, verdicts


def ready(name: str, edition: str) -> None:
    """Say in a line that the lab can begin; and whether labkit is of the notebook's edition.

    Args:
        name: the lab's, such as "01_dp_sgd".
        edition: stands for the notebook's exercises, checks and points: see `labkit.verdicts`.
    """
    known = verdicts.labs().get(name)
    if known is None or known.edition != edition:
        print(
            f"This notebook ({name}, edition {edition}) and the labkit that is installed (edition "
            f"{known.edition if known else 'unknown'}) are not of the same release: its checks may "
            "not fit. Open the notebook anew from where labkit came from, and copy your answers "
            "into it."
        )
    if notebook.in_colab():
        print(
            "First choose File → Save a copy in Drive: else your work ends with this session. The "
            "last cell of the notebook downloads it, to hand in."
        )
    print(f"Ready, with TensorFlow {compat.tensorflow_version()}.")
