"""What benchmarks say of their figures: their spread, and whether runs agree."""

import json
import math
import sys

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


@pytest.mark.parametrize(("rounds", "low", "high"), [(9, 1, 9), (10, 3.25, 7.75)])
def test_the_spread_of_few_rounds_is_their_range(rounds, low, high):
    seconds = {"base": [1.0] * rounds, "peer": [float(1 + at) for at in range(rounds)]}
    peer = measure.timings(seconds, "base")[1]
    assert (peer.low, peer.high, peer.rounds) == (low, high, rounds)
