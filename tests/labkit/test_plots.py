"""labkit.plots: what is asked for is on the figure, with alt text."""

import itertools

import matplotlib.pyplot as plt
import pytest

from labkit import plots

WORDS = dict(xlabel="across", ylabel="up", title="name", alt='what it shows: a < b & "c"')


@pytest.fixture
def figure(monkeypatch):
    """Draw and return the figure itself, before it becomes a picture."""

    def draw(curves, **options):
        drawn = []
        monkeypatch.setattr(plots, "Picture", lambda figure, alt: drawn.append(figure))
        plots.lines(curves, **WORDS, **options)
        return drawn[0]

    return draw


def labels(axes):
    return [line.get_label() for line in axes.lines]


def test_a_picture_has_its_alt_text():
    picture = plots.lines({"a": ([1, 2], [3, 4])}, **WORDS)
    assert picture.png.startswith(b"\x89PNG")
    assert 'alt="what it shows: a &lt; b &amp; &quot;c&quot;"' in picture._repr_html_()


def test_a_region_is_shaded_only_where_low_is_below_high(figure):
    x, low, high = [0.0, 1.0, 2.0, 3.0], [0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]
    (axes,) = figure({"a": (x, low)}, shaded=("forbidden", (x, low, high))).axes
    (region,) = axes.collections
    assert region.get_label() == "forbidden"
    (path,) = region.get_paths()
    # low crosses high half-way between 1 and 2.
    assert path.vertices[:, 0].min() == 0
    assert path.vertices[:, 0].max() == pytest.approx(1.5)


def test_whole_numbers_across_get_ticks_at_whole_numbers(figure):
    (axes,) = figure({"a": (range(1, 21), range(20))}).axes
    assert all(tick.is_integer() for tick in axes.get_xticks())
    (axes,) = figure({"a": ([0.0, 0.5, 1.0], [1, 2, 3])}).axes
    assert not all(tick.is_integer() for tick in axes.get_xticks())


def test_a_second_axis_has_its_own_scale_and_other_colours(figure):
    drawn = figure({"a": ([0, 1], [0, 1])}, right=("ε", {"b": ([0, 1], [0, 900])}))
    left, right = drawn.axes
    assert (labels(left), labels(right)) == (["a"], ["b"])
    assert right.get_ylabel() == "ε"
    assert left.get_ylim()[1] < 2 < 800 < right.get_ylim()[1]
    assert left.lines[0].get_color() != right.lines[0].get_color()
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]


def test_a_short_logarithmic_axis_is_labelled_in_plain_numbers_that_are_apart():
    figure, axes = plt.subplots()
    axes.plot([0.25, 8], [1, 2])
    axes.set_xscale("log")
    plots._tick(axes.xaxis)
    figure.canvas.draw()
    low, high = axes.get_xlim()
    shown = [text for text in axes.get_xticklabels() if low <= text.get_position()[0] <= high]
    assert [text.get_text() for text in shown] == ["0.5", "1", "2", "5"]
    boxes = [text.get_window_extent() for text in shown]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert not any(text.get_text() for text in axes.get_xticklabels(minor=True))
    plt.close(figure)
