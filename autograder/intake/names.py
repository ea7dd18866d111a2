"""Whose a file is by its name: what is left of it without the lab's name and the marks of a copy.

Colab, Drive, browsers and operating systems mark copies in the language of whoever makes them
("Copy of 01_dp_sgd.ipynb", "Kopia notatnika 01_dp_sgd.ipynb", "「01_dp_sgd_ipynb」のコピー",
"01_dp_sgd (1).ipynb"). Such words are nobody's name: taken for one, they would make one student of
a class.
"""

import re
import unicodedata

# Browsers add an ending to a text whose kind they do not know.
NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json", ".py")
_ENDING = re.compile(r"(?<=.)\.[A-Za-z0-9]{1,6}$", re.DOTALL)
# As the labs are called.
_A_LAB = re.compile(r"(?<![0-9])[0-9]{2}_[a-z]", re.IGNORECASE)

# "Copy", in the languages of Colab's and Drive's surface and some more.
_COPY = (
    "copy|kopie|copie|copia|cópia|còpia|kopia|kópia|kopi|kopio|koopia|kopija|kopya|kopyası|"
    "kopyasi|kópiája|másolat|másolata|afrit|eintak|eksemplar|duplikat|duplicado|duplicata|"
    "duplicate|salinan|nakala|bản sao|αντίγραφο|копия|копія|копие|копија|көшірме|көшірмесі|"
    "نسخة|کپی|رونوشت|نسخه|نقل|עותק|प्रतिलिपि|कॉपी|प्रत|অনুলিপি|প্রতিলিপি|நகல்"
)
# Those that are written without a space.
_COPY_GLUED = "副本|複製|拷贝|複本|コピー|사본|복사본|สำเนา"
# What stands between it and the name, or after the name and before it.
_OF = (
    "of|von|vom|van|de|del|di|da|do|du|des|a lui|av|af|z|ze|ng|ya|dari|của|из|от|на|"
    "του|της|من|של|از|की|का|के|এর|இன்|adlı|adli|dosyanın|"
    "notebook\\w*|notatnika?|notatki|блокнота?|блокноту|ноутбука|тетрадки|бележника?|бележник|"
    "not defteri|not defterinin|defterinin|bloc de notas|cuaderno|caderno|bloco de notas|"
    "taccuino|blocco note|blocco appunti|carnet|bloc notes|notizbuch|notizbuchs|notitieblok|"
    "anteckningsbok|anteckningsboken|notatblok|notatbok|notesbog|muistikirja|muistikirjasta|"
    "zápisníku?|sešitu?|poznámkového bloku|jegyzetfüzet|sổ tay|buku catatan|pliku|souboru|súboru|"
    "datoteke|fișierului|failo|failist|faila|fichier|archivo|arquivo|file|datei|bestand|dosya|"
    "файла|файлу"
)
_OF_GLUED = "ノートブック|노트북|笔记本|筆記本|記事本|记事本|의|的|の|ของ"
# What else says nothing of an owner.
_PLAIN = (
    "untitled|final|new|old|my|the|draft|submission|submitted|solutions?|answers?|homework|hw|"
    "assignment|exercises?|lab|notebook|jupyter|google|colab|colaboratory|drive|v|version|"
    "download|ipynb"
)


def _longest_first(words: str) -> str:
    # None is given back (`*+`): some, read in two ways each, took 2 ** 90 steps.
    return "|".join(sorted(words.split("|"), key=len, reverse=True)).replace(" ", "[ _]")


_NOUN = _longest_first(f"{_COPY}|{_COPY_GLUED}")
_BETWEEN = _longest_first(f"{_OF}|{_OF_GLUED}")
_QUOTES = "\"'`´‘’‚‛“”„‟«»‹›「」『』〈〉《》【】"
_GAP = rf"[\s_{_QUOTES}-]"
_GAPS = rf"(?<!{_GAP}){_GAP}*+"  # from where they begin: else a long row is tried from each of them
# With a number after it, as in "Copy (2) of x" and "x copy 2".
_COUNT = rf"(?:{_GAP}*\(?[0-9]+\)?)?"
_BEFORE = (
    rf"(?:(?:{_NOUN})(?:{_GAP}*\([0-9]+\))?"
    rf"(?:{_GAP}+(?:{_BETWEEN})(?={_GAP})|(?:{_OF_GLUED}))*+{_GAP}++)++"
)
_AFTER = (
    rf"{_GAP}*+(?:(?:{_BETWEEN}){_GAP}*+)*+(?:{_NOUN})(?![^\W\d_]){_COUNT}"
    rf"(?:{_GAP}+(?:{_BETWEEN})(?=\W|_|$))*+"
)
_PREFIX = re.compile(rf"^{_GAP}*+{_BEFORE}", re.IGNORECASE)
# Windows, macOS and Jupyter put it behind a name; so do some languages, whoever makes the copy.
_SUFFIX = re.compile(
    rf"(?:[ _]-[ _]+(?:{_NOUN})|(?<![ _-])[ _-]++copy|{_GAPS}(?:のコピー|の複製|的副本|的複本)|"
    rf"{_GAPS}의[ _]?복?사본|(?<![ _])[ _]++(?:kopyası|kopyasi|másolata|көшірмесі))"
    rf"{_COUNT}{_GAP}*$",
    re.IGNORECASE,
)
_NUMBER = re.compile(rf"{_GAPS}\([0-9]+\){_GAP}*$")
_NO_NAME = _longest_first(f"{_COPY}|{_OF}|{_PLAIN}")
_GLUED = _longest_first(f"{_COPY_GLUED}|{_OF_GLUED}")
NOBODY = re.compile(rf"(?:(?:{_NO_NAME})(?![^\W\d_])|{_GLUED}|\W|\d|_)*+", re.IGNORECASE)


def owner(name: str, lab: str) -> str:
    """Return whose a file is by its name, or nothing where the name does not say so."""
    whole = stem(name)
    left = _NUMBER.sub("", whole)
    # As Colab and browsers write it, in quotes or with "_" for what they do not like.
    labs = rf"{re.escape(lab)}(?:[._]ipynb)?"
    left = re.sub(rf"(?:(?<=[\s_-])|^){_BEFORE}(?={labs})", "", left, flags=re.IGNORECASE)
    left = re.sub(rf"({labs}){_AFTER}", r"\1", left, flags=re.IGNORECASE)
    left = _SUFFIX.sub("", _PREFIX.sub("", left))
    left = re.sub(labs, "", left, flags=re.IGNORECASE)
    left = _NUMBER.sub("", left).strip(f" _-,.{_QUOTES}\N{IDEOGRAPHIC FULL STOP}")
    if NOBODY.fullmatch(left) and left != whole:
        return ""
    return left


def stem(name: str) -> str:
    """Return a file's name without its ending."""
    # Longer names exist, in archives; they say no more.
    name = unicodedata.normalize("NFC", name[:500])
    ending = next((end for end in NOTEBOOKS[1:] if name.lower().endswith(end)), "")
    return name[: -len(ending)] if ending else _ENDING.sub("", name)


def is_notebook(name: str) -> bool:
    """Whether a file is a notebook by its name. A copy may have lost the ending on its way."""
    if name.lower().endswith(NOTEBOOKS):
        return True
    if _ENDING.search(name) and not name.endswith("."):
        return False
    name = unicodedata.normalize("NFC", name[:500])
    copied = _PREFIX.search(name) or _SUFFIX.search(_NUMBER.sub("", name))
    return bool(".ipynb" in name.lower() or copied or _A_LAB.search(name))
