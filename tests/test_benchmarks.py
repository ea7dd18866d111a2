"""What benchmarks say of their figures: their spread, and whether runs agree."""

import json
import math
import sys

import numpy as np
import pytest

from benchmarks import agree, measure


def write(folder, low, high, rounds=3):
    folder.mkdir()
    base, peer = {"name": "base", "low": 1, "high": 1}, {"name": "peer", "low": low, "high": high}
    rows = [{**row, "rounds": rounds} for row in (base, peer)]
    table = {"about": f"in {low} s", "base": "base", "timings": rows}
    (folder / "some.json").write_text(json.dumps({"tables": [table]}))
    return str(folder)


@pytest.mark.parametrize(
    ("spreads", "status"),
    [
        ([(1, 3), (2, 4)], 0),
        ([(1, 3), (3, 4)], 0),
        ([(1, 3), (3.1, 4)], 1),
        ([(3.1, 4), (1, 3)], 1),
        ([(1, 4), (1, 2), (3, 4)], 1),  # each with the first, and not with each other
        ([(1, 4), (2, 5), (3, 6)], 0),
        ([(1, 3), (math.nan, 4)], 1),
        ([(1, 3), (1, math.nan)], 1),
        ([(math.nan, math.nan), (1, 3)], 1),
    ],
)
def test_runs_agree_where_each_two_spreads_overlap(spreads, status, tmp_path, monkeypatch, capsys):
    runs = [write(tmp_path / str(at), *each) for at, each in enumerate(spreads)]
    monkeypatch.setattr(sys, "argv", ["agree", *runs])
    with pytest.raises(SystemExit) as ended:
        agree.main()
    assert ended.value.code == status
    assert f"{1 - status} of 1 ratios agree" in capsys.readouterr().out


@pytest.mark.parametrize("rounds", [[3], [3, 1]])
def test_where_there_is_nothing_to_compare_runs_do_not_agree(rounds, tmp_path, monkeypatch):
    runs = [write(tmp_path / str(at), 1, 2, each) for at, each in enumerate(rounds)]
    monkeypatch.setattr(sys, "argv", ["agree", *runs])
    with pytest.raises(SystemExit, match="2"):
        agree.main()


@pytest.mark.parametrize("rounds", [2, 3, 10])
def test_one_more_round_lies_in_the_spread_19_times_of_20(rounds):
    rng, trials = np.random.default_rng(rounds), 4000
    ratios = np.exp(rng.normal(rng.normal(), 0.3, (trials, rounds + 1)))
    inside = 0
    for *seen, more in ratios:
        seconds = {"base": [2.0] * rounds, "peer": [2 * ratio for ratio in seen]}
        peer = measure.timings(seconds, "base")[1]
        assert peer.low <= peer.ratio <= peer.high
        inside += peer.low <= more <= peer.high
    # Six deviations of a binomial share: seeded, and false for 1 seed in 5e8.
    assert abs(inside / trials - 0.95) <= 6 * math.sqrt(0.95 * 0.05 / trials)


def test_a_ratio_measured_once_has_no_spread():
    [_, peer] = measure.timings({"base": [2.0], "peer": [3.0]}, "base")
    assert (peer.low, peer.ratio, peer.high, peer.rounds) == (1.5, 1.5, 1.5, 1)
