"""labkit.pictures: what each drawing must be, for a reader with a light or a dark page, or none."""

import inspect
import os
import re
import subprocess
import sys
import time
from importlib import import_module
from itertools import combinations
from unittest import mock
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from nbclient import NotebookClient
from scipy import stats

from labkit.pictures import drawing, slider

LABS = ("dp_sgd", "gdp_accounting", "federated_masking", "split_learning", "encrypted_labels")
MODULES = {lab: import_module(f"labkit.pictures.{lab}") for lab in LABS}
SVG = "{http://www.w3.org/2000/svg}"
# The page's own colours: JupyterLab's and Colab's text, light and dark, or nearer to its ground.
THEMES = {"#ffffff": "#212121", "#111111": "#e0e0e0"}


def wraps(value, modulus):
    return (value + modulus // 2) % modulus - modulus // 2


def risk(n, k, t, c):
    return min(1.0, (n - c) * stats.hypergeom.sf(t - 1, n - 1, c, k))


def tradeoff(alpha, mu):
    return stats.norm.cdf(stats.norm.isf(alpha) - mu)


rng = np.random.default_rng(1)
GIVEN = {
    "members_and_strangers": (rng.lognormal(-7, 1.5, 200), rng.lognormal(-1, 2, 2000)),
    "curve_and_bells": (tradeoff,),
    "neighbours": (risk,),
    "circle_of_t": (wraps,),
}
MOVED = {
    "two_bells": MODULES["dp_sgd"].SIGMAS,
    "curve_and_bells": MODULES["gdp_accounting"].MUS,
    "neighbours": MODULES["federated_masking"].NEIGHBOURS,
    "noise_at_the_cut": MODULES["split_learning"].MULTIPLIERS,
    "circle_of_t": MODULES["encrypted_labels"].SCALES,
}


def functions(lab):
    """The picture functions of a lab; the sliders are not among them."""
    return {
        name: function
        for name, function in inspect.getmembers(MODULES[lab], inspect.isfunction)
        if function.__module__ == MODULES[lab].__name__
        and not name.startswith("_")
        and not name.endswith("_slider")
    }


PICTURES = [
    pytest.param(function, (*GIVEN.get(name, ()), *more), id=f"{lab}-{name}-{more}")
    for lab in LABS
    for name, function in functions(lab).items()
    for more in [(), *((MOVED[name][end],) for end in (0, -1) if name in MOVED)]
]
each_picture = pytest.mark.parametrize(("function", "arguments"), PICTURES)


def parsed(function, arguments):
    return ElementTree.fromstring(function(*arguments).svg)


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*", text)]


def box_of(text):
    """Where a text lies: left, top, right, bottom, as the widest usual font would set it."""
    x, y, size = (float(text.get(key)) for key in ("x", "y", "font-size"))
    font = FontProperties(family="DejaVu Sans", weight=text.get("font-weight") or "normal")
    extent = TextPath((0, 0), text.text, size=size, prop=font).get_extents()
    width = extent.width * 0.92  # Between DejaVu Sans, 1, and Arial or Roboto, about 0.87.
    left = x - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor")]
    if text.get("transform"):
        return x - 0.75 * size, y - width / 2, x + 0.2 * size, y + width / 2
    return left, y - 0.75 * size, left + width, y + 0.2 * size


def channels(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def contrast(one, other):
    """WCAG 2's contrast of two colours, each three channels from 0 to 1."""
    luminances = []
    for colour in (one, other):
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        luminances.append(linear @ (0.2126, 0.7152, 0.0722))
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast(np.ones(3), np.zeros(3)) == pytest.approx(21)
    assert contrast(channels("#777777"), np.ones(3)) == pytest.approx(4.48, abs=0.01)


@each_picture
def test_a_picture_is_well_formed_and_has_alt_text(function, arguments):
    picture = function(*arguments)
    root = ElementTree.fromstring(picture.svg)
    assert root.tag == f"{SVG}svg" and root.get("role") == "img"
    assert root.get("aria-label") == picture.alt and len(picture.alt) >= 60
    assert repr(picture) == f"[picture: {picture.alt}]"
    assert not re.search(r"nan|inf\b|<script|href|url\(", picture.svg)
    assert "\n" not in picture.svg and "$" not in picture.svg  # MathJax looks for formulas


@each_picture
def test_nothing_is_cut_off_and_no_texts_overlap(function, arguments):
    root = parsed(function, arguments)
    _, _, width, height = numbers(root.get("viewBox"))
    boxes = {i: box_of(text) for i, text in enumerate(root.iter(f"{SVG}text"))}
    words = [text.text for text in root.iter(f"{SVG}text")]
    for i, (left, top, right, bottom) in boxes.items():
        assert left >= 0 and right <= width and top >= 0 and bottom <= height, words[i]
    for (i, a), (j, b) in combinations(boxes.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (words[i], words[j])
    for line in (*root.iter(f"{SVG}polyline"), *root.iter(f"{SVG}polygon")):
        at = np.reshape(numbers(line.get("points")), (-1, 2))
        assert np.all(at >= -1) and np.all(at <= (width + 1, height + 1))


@each_picture
@pytest.mark.parametrize("ground", THEMES)
def test_text_and_lines_stand_out(function, arguments, ground):
    root, page = parsed(function, arguments), channels(ground)
    ink = channels(THEMES[ground])
    under = []  # filled rectangles, as drawn so far
    for element in root.iter():
        fill = element.get("fill", "none")
        if element.tag == f"{SVG}rect":
            x, y, width, height = (float(element.get(k)) for k in ("x", "y", "width", "height"))
            under.append((x, y, x + width, y + height, fill, float(element.get("fill-opacity"))))
        if element.tag == f"{SVG}text":
            assert fill == drawing.INK
            left, top, right, bottom = box_of(element)
            behind = page
            for x0, y0, x1, y1, colour, opacity in under:
                if x0 < right and left < x1 and y0 < bottom and top < y1:
                    behind = opacity * channels(colour) + (1 - opacity) * behind
            assert contrast(ink, behind) >= 4.5, element.text
        for colour in {fill, element.get("stroke", "none")} - {"none", drawing.INK}:
            # Lines and marks need 3 : 1, and none is white or black.
            assert contrast(channels(colour), page) >= 3, colour


@each_picture
def test_a_picture_is_drawn_at_once(function, arguments):
    function(*arguments)
    taken = []
    for _ in range(3):
        began = time.process_time()
        function(*arguments)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.2


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_has_three_pictures_and_a_slider(lab):
    assert len(functions(lab)) >= 3
    assert len([name for name in vars(MODULES[lab]) if name.endswith("_slider")]) == 1


# --- what the pictures say ------------------------------------------------------------------------


def test_two_bells_print_the_epsilon_of_their_shift():
    def delta(epsilon, sigma):
        """Dong, Roth and Su 2019, Corollary 2.13, for a shift of 1/σ deviations."""
        mu = 1 / sigma
        first = stats.norm.cdf(-epsilon / mu + mu / 2)
        return first - np.exp(epsilon) * stats.norm.cdf(-epsilon / mu - mu / 2)

    for sigma in MOVED["two_bells"]:
        [shown] = re.findall(r"ε = (\d+\.\d+) at δ", MODULES["dp_sgd"].two_bells(sigma).svg)
        # Rounded to 0.005, by a sum in steps of 0.01 C.
        if float(shown):
            assert delta(float(shown) + 0.02, sigma) <= 0.05 <= delta(float(shown) - 0.02, sigma)


def test_lines_touch_the_curve_of_many_epsilons():
    shown = re.findall(
        r"ε = ([\d.]+):  δ = ([\d.]+)", MODULES["gdp_accounting"].many_epsilons().svg
    )
    assert len(shown) == 4
    alpha = np.linspace(1e-6, 1, 10001)
    for epsilon, delta in shown:
        gap = tradeoff(alpha, 1.0) - (1 - float(delta) - np.exp(float(epsilon)) * alpha)
        assert -6e-4 <= gap.min() <= 6e-4  # δ is printed to 0.0005


def test_a_gaussian_misses_rare_losses_and_less_so_after_many_steps():
    """Where either tail leaves the chart: the true one much farther right, at first."""
    svg = ElementTree.fromstring(MODULES["gdp_accounting"].rare_losses().svg)
    curves = [
        np.reshape(numbers(line.get("points")), (-1, 2))
        for line in svg.iter(f"{SVG}polyline")
        if line.get("stroke-width") == "2.5" and line.get("points").count(",") > 10
    ]
    assert len(curves) == 4
    # Lower on the page is less likely. The last point that both curves of a chart reach:
    gaps = [true[-1][0] - normal[-1][0] for true, normal in (curves[:2], curves[2:])]
    assert gaps[0] > 40 and gaps[1] > 10


def test_nine_dimensions_show_what_640_hide():
    alt = MODULES["split_learning"].noise_at_the_cut(4.0).alt
    hidden, shown = map(int, re.findall(r"(\d+)% of the labels", alt))
    assert hidden < 75 and shown > 95


def test_numbers_that_do_not_fit_wrap_and_the_picture_says_so():
    circle = MODULES["encrypted_labels"].circle_of_t
    assert "wrapped around!" not in circle(wraps, 8).svg
    assert "wrapped around!" in circle(wraps, 12).svg


# --- sliders --------------------------------------------------------------------------------------


SOURCES = {
    "dp_sgd": "sigma_slider()",
    "gdp_accounting": "mu_slider(tradeoff)",
    "federated_masking": "neighbours_slider(risk)",
    "split_learning": "noise_slider()",
    "encrypted_labels": "scale_slider(wraps)",
}
HELPERS = "\n\n".join(map(inspect.getsource, (wraps, risk, tradeoff)))


def outputs(budget, code):
    """Run cells in a kernel that nobody looks at."""
    cells = [nbformat.v4.new_code_cell(each) for each in code]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with mock.patch.dict(os.environ, LABKIT_BUDGET=budget):
        NotebookClient(notebook, timeout=120).execute()
    return [cell.outputs for cell in notebook.cells]


def code_of(lab):
    return f"from labkit.pictures import {lab} as pictures\npictures.{SOURCES[lab]}"


@pytest.mark.grader
@pytest.mark.parametrize("budget", ["full", "quick"])
def test_sliders_leave_a_picture_in_a_notebook_that_nobody_looks_at(budget):
    found = outputs(budget, [f"from scipy import stats\n{HELPERS}", *map(code_of, LABS)])
    for shown in found[1:]:
        kinds = [set(output.data) for output in shown]
        assert "text/html" in kinds[0] and "<svg" in shown[0].data["text/html"]
        widgets = [k for k in kinds if "application/vnd.jupyter.widget-view+json" in k]
        assert len(widgets) == (budget == "full")


@pytest.mark.grader
@pytest.mark.parametrize("colab", [False, True])
def test_a_slider_that_is_moved_draws_anew(colab):
    """The kernel's end of a move, for both ways of showing it."""
    pretend = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')"
    move = (
        "import ipywidgets\n"
        "from ipywidgets.widgets.widget import _instances\n"
        "[moved] = [w for w in _instances.values() if isinstance(w, ipywidgets.SelectionSlider)]\n"
        "moved.value = 5.0\n"
        "html = [w for w in _instances.values() if isinstance(w, ipywidgets.HTML)]\n"
        "print([w.value.count('standard deviation 5 C') for w in html])"
    )
    _, shown, moved = outputs("full", [pretend if colab else "", code_of("dp_sgd"), move])
    if colab:
        assert moved[-1].text == "[1]\n"
        assert len(shown) == 1  # the picture is in the widget
    else:
        assert "standard deviation 5 C" in shown[0].data["text/html"]  # it was replaced in place


def test_outside_a_notebook_a_slider_is_its_picture():
    picture = slider.slider(MODULES["dp_sgd"].two_bells, (1.0, 2.0), 2.0, "σ")
    assert "standard deviation 2 C" in picture.svg


def test_pictures_import_neither_tensorflow_nor_widgets():
    code = (
        "import sys, time\n"
        + "".join(f"import labkit.pictures.{lab}\n" for lab in LABS)
        + "heavy = {'tensorflow', 'matplotlib', 'ipywidgets', 'dp_accounting'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
