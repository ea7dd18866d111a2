"""The command, on two submissions: what `make check` sees of grading."""

from tests.tiny import grade, write_class


def test_right_answers_get_all_points_and_wrong_ones_none(tmp_path):
    wrong = {"double": "def double(x):\n    return x", "length": "def length(x, y):\n    return x"}
    found, _ = grade(write_class(tmp_path / "in", ann={}, bob=wrong), tmp_path / "out")
    assert {name: float(row["score"]) for name, row in found.items()} == {"ann": 10, "bob": 0}
