"""The command, on two submissions: what `make check` sees of grading."""

from tests.tiny import answered, grade


def test_right_answers_get_all_points_and_wrong_ones_none(tmp_path):
    submissions = tmp_path / "in"
    submissions.mkdir()
    (submissions / "ann.ipynb").write_text(answered(), "utf-8")
    wrong = {"double": "def double(x):\n    return x", "length": "def length(x, y):\n    return x"}
    (submissions / "bob.ipynb").write_text(answered(**wrong), "utf-8")
    found, _ = grade(submissions, tmp_path / "out")
    assert {name: float(row["score"]) for name, row in found.items()} == {"ann": 10, "bob": 0}
