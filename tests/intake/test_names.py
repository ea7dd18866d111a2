"""Copies, in the words of many languages, are nobody's name; who is named is found beside them."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.intake import names
from autograder.intake.collect import collect

LAB = "01_dp_sgd"
# As Colab, Drive, Windows, macOS and Jupyter call a copy of x.
COPIES = [
    "Copy of x", "Copy (2) of x", "x copy", "x copy 2", "x - Copy", "x - Copy (3)", "x-Copy1",
    "Kopie von x", "x - Kopie", "x Kopie", "Copia de x", "x - copia", "Cópia de x", "Còpia de x",
    "Copie de x", "x - Copie", "Copia di x", "Kopie van x", "Kopia x", "Kopia notatnika x",
    "Kopia pliku x", "Kopia av x", "Kopi af x", "Kopi av x", "Kopio x", "Kopie souboru x",
    "Kópia súboru x", "x másolata", "Copie a lui x", "Копие на x", "Kopija datoteke x",
    "Копия x", 'Копия блокнота "x"', "копия_блокнота__x_", "Копія x", "Koopia failist x",
    "Αντίγραφο του x", "x kopyası", "x adlı not defterinin kopyası", "x のコピー", "「x」のコピー",
    "x 의 사본", "x의 사본", "“x”的副本", "「x」的副本", "x_的副本", "x 的副本", "Bản sao của x",
    "Salinan dari x", "Salinan x", "สำเนาของ x", "نسخة من x", "עותק של x", "کپی x", "x की प्रतिलिपि",
    "Kopya ng x", "Copy of Kopie von x", "Copy of Copy of x", "Afrit af x",
]  # fmt: skip
LABS = [LAB, f"{LAB}.ipynb", f"{LAB}_ipynb"]
ENDINGS = [".ipynb", "", " (1).ipynb", "(2).ipynb", ".ipynb.txt"]


def forms(copy):
    for lab in LABS:
        for ending in ENDINGS:
            name = copy.replace("x", lab, 1) + ending
            yield from (name, re.sub(r"[\s\"“”「」]", "_", name))


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_nobodys(copy):
    for name in forms(copy):
        assert names.owner(name, LAB) == "", name
        assert names.is_notebook(name), name


@pytest.mark.parametrize("copy", COPIES)
def test_whoever_is_named_beside_is_the_owner(copy):
    for name in forms(copy):
        for named in (f"Ann Lee - {name}", f"Ann Lee_{name}", f"Zoë-{name}"):
            owner = "Zoë" if named.startswith("Z") else "Ann Lee"
            assert names.owner(named, LAB) == owner, named
        named = f"{copy.replace('x', LAB, 1)} - Ann Lee.ipynb"
        assert names.owner(named, LAB) == "Ann Lee", named


@pytest.mark.parametrize(
    "name, owner",
    [
        ("Ann_Copy_of_01_dp_sgd.ipynb", "Ann"), ("Ann_01_dp_sgd_Copy_of.ipynb", "Ann"),
        ("01_dp_sgd_Ada.ipynb", "Ada"), ("01_dp_sgd - Della.ipynb", "Della"),
        ("Vanya.ipynb", "Vanya"), ("Do.ipynb", "Do"), ("O'Neil_01_dp_sgd.ipynb", "O'Neil"),
        ("01_dp_sgd_de_Vries.ipynb", "de_Vries"), ("a_b_01_dp_sgd.ipynb", "a_b"),
        ("01_dp_sgd_Copia.ipynb", ""), ("01_dp_sgd.ipynb - Ann", "Ann"),
        ("Copia de Copia de 01_dp_sgd - José (3).ipynb", "José"), ("final (2).ipynb", ""),
    ],
)  # fmt: skip
def test_of_what_is_left_the_name_stays_whole(name, owner):
    assert names.owner(name, LAB) == owner


@pytest.mark.parametrize(
    "name", ["01_dp_sgd.ipynb.pdf", "01_dp_sgd.pdf", "README", "LICENSE", "notes", "Kopie.docx",
             "01_dp_sgd.ipynb.zip", "Makefile", ""],
)  # fmt: skip
def test_what_is_no_notebook_is_none(name):
    assert not names.is_notebook(name)


WORDS = st.lists(
    st.sampled_from(["Copy of ", "Kopie_von_", "Копия ", "的副本", " kopyası", "(1)", " - Copy",
                     "_", LAB, ".ipynb", "“", "」", "de ", "final", " 2", "-"]), max_size=8,
).map("".join)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(WORDS.filter(lambda word: LAB in word), min_size=1, max_size=6, unique=True))
def test_files_without_an_owner_are_never_one_students(tmp_path_factory, loose):
    loose = {f"{word[:80]}.ipynb" for word in loose}
    if any(names.owner(name, LAB) for name in loose):
        return
    folder = tmp_path_factory.mktemp("class")
    for name in loose:
        (folder / name).write_text("x")
    found, _ = collect(folder, LAB)
    assert sorted(len(each.entries) for each in found) == [1] * len(loose)
    assert all(each.nobody for each in found)


@pytest.mark.parametrize(
    "unit", ["kopya", "kopiav", "a", "de ", " v", "_copy", "(1)", "copy of ", "not defterinin ",
             "copy (", "- ", "의 ", "“", "_of_copy"],
)  # fmt: skip
@pytest.mark.parametrize("before", ["1", "copy of ", "kopya_", f"{LAB} "])
def test_no_name_takes_long_to_read(unit, before):
    name = f"{before}{unit * (490 // len(unit))} q!q"
    began = time.process_time()
    names.owner(name, LAB)
    names.is_notebook(name)
    assert time.process_time() - began < 0.5
