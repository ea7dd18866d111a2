"""Submissions that are no attack, but mangled; right answers among them keep all their points.

Here is what takes the whole way from a folder to a grade; what one step shows is in tests/intake.
"""

import io
import json
import os
import zipfile
from itertools import pairwise

from tests.hostile import corpus
from tests.tiny import own

CASES, case = corpus()


def text(notebook):
    return json.dumps(notebook)


# --- cells ----------------------------------------------------------------------------------------


@case(repairs=["`double`: was cut into 3 cells"])
def cut_within_a_statement(notebook, folder):
    """Neither part is Python by itself."""
    cells = notebook["cells"]
    at = cells.index(notebook["double"])
    cells[at]["source"] = "def double(x):\n    return sum(["
    cells[at + 1 : at + 1] = [own("        x,"), own("        x,\n    ])")]
    return text(notebook)


@case(repairs=["cells were merged", "found in the cell of `double`"])
def merged_into_one(notebook, folder):
    """Everything, prose and checks included, was merged into one cell."""
    cells = notebook["cells"]
    whole = "\n\n".join(cell["source"] for cell in cells)
    code = next(cell for cell in cells if cell["cell_type"] == "code")
    return text({"cells": [dict(code, source=whole)], "metadata": {}})


@case(repairs=["its cell was no code but markdown", "its cell was no code but raw"])
def retyped(notebook, folder):
    """The answers' cells became prose."""
    notebook["double"]["cell_type"] = "markdown"
    notebook["length"]["cell_type"] = "raw"
    return text(notebook)


@case(repairs=["`double` needs a cell that stood below it: moved up"])
def upside_down_with_a_helper(notebook, folder):
    """The order was reversed, so that a helper stands below the answer that needs it."""
    notebook.answer("double", "def double(x):\n    return times(x, 2)")
    notebook.before("double", "def times(x, n):\n    return x * n")
    notebook["cells"].reverse()
    return text(notebook)


@case(repairs=["check `doubles_integers` was missing", "set-up cell `start-2` was missing"])
def deleted_all_but_the_answers(notebook, folder):
    """Checks, set-up and prose were deleted."""
    notebook["cells"] = [notebook["double"], notebook["length"]]
    return text(notebook)


@case(points=5, repairs=["check `pythagoras` was edited: restored"])
def edited_a_check(notebook, folder):
    """A check that always passes is put back, and the wrong answer loses."""
    notebook.answer("length", "def length(x, y):\n    return x + y")
    notebook["pythagoras"]["source"] = "print('(3, 4) is 5 long.')"
    return text(notebook)


@case(repairs=["cells were merged", "check `pythagoras` was missing: restored"])
def helper_inside_a_check(notebook, folder):
    """A helper that an answer relies on was written into a check's cell."""
    notebook.answer("length", "def length(x, y):\n    return math.sqrt(square(x) + square(y))")
    notebook["pythagoras"]["source"] += "\n\ndef square(x):\n    return x * x"
    return text(notebook)


@case(repairs=["found by the function's name"])
def timed_and_without_ids(notebook, folder):
    """Both answers are timed, and a service dropped all that tells cells apart."""
    cells = [own(f"%%time\n{notebook[name]['source']}") for name in ("double", "length")]
    return text({"cells": cells, "metadata": {}})


@case(repairs=["what is no Python was left out"])
def prose_in_a_code_cell(notebook, folder):
    """An answer's cell has a note below it that is no Python."""
    notebook["double"]["source"] += "\n\nThis took me an hour, please be kind!"
    return text(notebook)


@case()
def ten_thousand_cells(notebook, folder):
    """Ten thousand cells of the student's own; one raises, one holds a helper."""
    notebook.answer("double", "def double(x):\n    return helper(x)")
    cells = [own(f"number_{i} = {i}") for i in range(9998)]
    cells += [own("1 / 0"), own("def helper(x):\n    return x + x")]
    notebook["cells"][2:2] = cells
    return text(notebook)


@case()
def cells_that_fail_or_ask(notebook, folder):
    """Magics, shell commands, questions and errors of the student's own stop nothing."""
    for source in ("%matplotlib inline", "!ls /", "input('?')", "1 / 0", "%%bash\nexit 3", "("):
        notebook.before("double", source)
    return text(notebook)


# --- files ----------------------------------------------------------------------------------------


@case()
def keys_twice_and_numbers_without_end(notebook, folder):
    """What JSON's parsers disagree about, and what they are slow at."""
    odd = '{"cells": [], "n": NaN, "i": ' + "9" * 100_000 + ', "e": 1e999999, '
    return odd + text(notebook)[1:]


@case(repairs=["exercise `length` is missing"], points=5)
def a_script_with_a_header_of_yaml(notebook, folder):
    """Each name stands for nine of the one before; another one would run a program."""
    names = "abcdefgh"
    lines = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise(names)]
    lines = ["a: &a [x]", *lines, "z: !!python/object/apply:os.system ['exit']", "jupyter: *h"]
    header = "".join(f"# {line}\n" for line in ["---", *lines, "---"])
    return {"00_tiny.py": f"{header}\n# %%\ndef double(x):\n    return 2 * x\n"}


@case()
def outputs_of_a_hundred_megabytes(notebook, folder):
    """A loop that printed for an hour."""
    stream = {"output_type": "stream", "name": "stdout", "text": "0123456789abcde\n" * 2**16}
    notebook["double"]["outputs"] = [stream] * 100
    return text(notebook)


@case(repairs=["the file was a text that holds a notebook"])
def json_in_json(notebook, folder):
    """A service encoded it once more."""
    return json.dumps(text(notebook))


# --- what cannot be graded ------------------------------------------------------------------------


def zipped_with(method, content, **lies):
    """Return an archive whose directory and header lie about its one member."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("00_tiny.ipynb", content)
        for name, value in lies.items():
            setattr(archive.filelist[0], name, value)
    return packed.getvalue()


@case(points=0, status="broken", reason="")
def bomb_of_lzma(notebook, folder):
    """A few KB that say they are small, and unpack to a gigabyte."""
    return {"x.zip": zipped_with(zipfile.ZIP_LZMA, bytes(2**27), file_size=2**30 - 1)}


@case(points=0, status="broken", reason="encrypted")
def encrypted(notebook, folder):
    """An archive that asks for a password."""
    return {"x.zip": zipped_with(zipfile.ZIP_STORED, text(notebook), flag_bits=1)}


@case(points=0, status="broken", reason="empty archive")
def member_without_a_name(notebook, folder):
    """A member of an archive is called nothing."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), text(notebook))
    return {"x.zip": packed.getvalue()}


@case()
def members_of_one_name(notebook, folder):
    """The same name several times, without dates, beside names that are none."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("\0", "a\udcff.ipynb".encode("utf-8", "replace").decode(), "con", "-rf", " "):
            archive.writestr(zipfile.ZipInfo(name), "{")
        for content in ("{}", text(notebook), text(notebook)):
            member = zipfile.ZipInfo("00_tiny.ipynb")
            member.date_time = (1980, 0, 0, 0, 0, 0)
            archive.writestr(member, content)
    return {"x.zip": packed.getvalue()}


@case(points=0, status="broken", reason="cells: no notebook has")
def a_hundred_thousand_cells(notebook, folder):
    """More cells than anybody writes."""
    notebook["cells"][2:2] = [own("x")] * 100_000
    return text(notebook)


@case(points=0, status="broken", reason="nested too deeply")
def nested_without_end(notebook, folder):
    """JSON that no parser gets to the bottom of."""
    return '{"cells":' + "[" * 3_000_000


@case(points=0, status="broken", reason="no JSON")
def quotes_without_end(notebook, folder):
    """A string that never ends, all of quotes."""
    return '{"' + '\\"' * 1_000_000 + "\\"


@case(points=0, status="broken", reason="MiB of text beside its outputs")
def one_cell_of_sixty_megabytes(notebook, folder):
    """Somebody pasted a data set."""
    notebook["double"]["source"] = "x" * 60_000_000
    return text(notebook)


@case()
def cells_that_are_slow_to_read(notebook, folder):
    """What takes parsers and IPython's transformations long, beside right answers."""
    for source in (
        "%time x = 1\n" * 12_000, "{" * 500_000, "(" * 500_000, "a" + ".a" * 200_000,
        "!ls\n" * 600, "a?\n" * 20_000, "not " * 100_000 + "1", "f'{" * 200 + "1" + "}'" * 200,
        "".join(" " * i + "if 1:\n" for i in range(500)), "1" + "+1" * 100_000,
    ):  # fmt: skip
        notebook.before("double", source)
    return text(notebook)


@case(repairs=["what is no Python was left out"])
def an_answer_in_a_cell_that_is_slow_to_read(notebook, folder):
    """The answer's own cell is a hundred thousand paragraphs."""
    notebook["double"]["source"] += "\n\ndouble (" * 100_000
    return text(notebook)


@case(points=0, status="broken", reason="its folder cannot be read" if os.geteuid() else "")
def a_folder_that_may_not_be_read(notebook, folder):
    """Root may, and finds nothing."""
    (folder / "mine").mkdir(mode=0)


@case(repairs=["a clone of the course"], points=5)
def a_clone_of_the_course(notebook, folder):
    """The course's own solutions are nobody's submission."""
    for name in ("labs", "solutions", "autograder"):
        (folder / name).mkdir()
    (folder / "solutions" / "00_tiny.ipynb").write_text(text(notebook))
    notebook.answer("length", "def length(x, y):\n    return 0")
    (folder / "labs" / "00_tiny.ipynb").write_text(text(notebook))
    (folder / "autograder" / "00_tiny.py").write_text("def double(x):\n    return 2 * x\n")
