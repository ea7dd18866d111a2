"""A slider below a picture that is drawn anew as it moves; a still picture where nothing can move.

Three places show it:

* JupyterLab: the picture is an ordinary output that the slider replaces, so that the saved notebook
  keeps the last one, and shows it without a kernel.
* Colab: the picture is a widget beside the slider. (There an output that a slider replaces would
  depend on which cell runs.)
* The grader, CI, and wherever ipywidgets is missing: the picture alone, and nothing is sent.
"""

import sys
from collections.abc import Callable, Sequence

from labkit.budget import mode
from labkit.pictures.drawing import BLUE, Drawing


def slider(
    draw: Callable[[float], Drawing], values: Sequence[float], start: float, label: str
) -> Drawing | None:
    """Show draw(start) above a slider over the values.

    Args:
        draw: returns the picture at a value, in less than a fifth of a second.
        values: where the slider stops, in order; numbers that people can read.
        start: the value that it starts at, one of them.
        label: what moves, such as "σ".

    Returns:
        The picture, for the cell to show, where there is no slider; else nothing: both are shown.
    """
    first = draw(start)
    if mode() == "quick" or not _in_notebook():
        return first
    try:
        import ipywidgets
    except ImportError:
        return first
    from IPython.display import display

    # What ipywidgets 7 (Colab's) and 8 have in common.
    moved = ipywidgets.SelectionSlider(
        options=[(f"{value:g}", value) for value in values],
        value=start,
        description=label,
        continuous_update=True,
        layout=ipywidgets.Layout(width="32em", max_width="100%"),
    )
    if hasattr(moved.style, "handle_color"):  # 8 has it; its own white is lost on a white page
        moved.style.handle_color = BLUE
    if "google.colab" in sys.modules:
        picture = ipywidgets.HTML(first.svg)
        moved.observe(lambda change: setattr(picture, "value", draw(change["new"]).svg), "value")
        display(ipywidgets.VBox([picture, moved]))
    else:
        handle = display(first, display_id=True)
        moved.observe(lambda change: handle.update(draw(change["new"])), "value")
        display(moved)
    return None


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
