"""Find the answers to an exercise that are more alike than independent ones are.

An answer's fingerprints are the runs of `GRAM` normalised tokens in it (Schleimer, Wilkerson and
Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003). Their winnowing,
which thins the fingerprints of an archive out, has nothing to do here: an answer has about a
hundred, and all are kept. A fingerprint is no evidence if the release has it, an answer on file,
or more than a few students, as a passage that many share is left out in MOSS. What is left of an
answer is its own; two answers are alike as far as their own parts are the same.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations

from autograder.similarity.tokens import Tokens, tokens

GRAM = 12
# A pair is shown if so many tokens of each are the other's, and that is so much of both's own, or
# so many that the rest does not matter. tests/similarity says what is found, and who is accused.
LEAST_SHARED, LEAST_SHARE, ENOUGH_SHARED = 25, 0.7, 60
# A passage that more students have than these is the exercise's, not theirs: MOSS's 10, or in a
# small class a third of it, and never less than 3.
MOST_HOLDERS, LEAST_HOLDERS = 10, 3

# Fingerprints, and where in an answer each begins.
Grams = dict[int, list[int]]


@dataclass(frozen=True)
class AlikePair:
    """Two students, how many tokens of one are the other's too, and where these stand in each."""

    students: tuple[str, str]
    shared: int
    share: float
    places: tuple[list[tuple[int, int]], list[tuple[int, int]]]


def alike(answers: Mapping[str, str], known: Collection[str]) -> list[AlikePair]:
    """Return the pairs of students whose answers to one exercise are suspiciously alike.

    Args:
        answers: each student's answer, any text.
        known: the blank, the hints and the answers on file, which are nobody's.

    Returns:
        the pairs, those that share most first.
    """
    split = {student: tokens(source) for student, source in answers.items()}
    nobodys = {gram for source in known for gram in _grams(tokens(source))}
    own = {
        student: {gram: starts for gram, starts in _grams(each).items() if gram not in nobodys}
        for student, each in split.items()
    }
    holders: dict[int, list[str]] = defaultdict(list)
    for student, grams in own.items():
        for gram in grams:
            holders[gram].append(student)
    most = min(MOST_HOLDERS, max(LEAST_HOLDERS, sum(map(bool, own.values())) // 3))
    together: Counter[tuple[str, ...]] = Counter()
    for gram, students in holders.items():
        if len(students) > most:
            for student in students:
                del own[student][gram]
        elif len(students) > 1:
            together[tuple(students)] += 1
    common: Counter[tuple[str, str]] = Counter()
    for group, count in together.items():
        for pair in combinations(group, 2):
            common[pair] += count
    sizes = {student: len(_covered(grams, grams)) for student, grams in own.items()}
    pairs = (
        _pair(pair, split, own, sizes)
        for pair, count in common.items()
        if count * GRAM >= LEAST_SHARED  # else they cannot cover so many
    )
    return sorted(filter(_is_shown, pairs), key=lambda pair: (-pair.shared, pair.students))


def _grams(each: Tokens) -> Grams:
    found: Grams = defaultdict(list)
    for start in range(len(each.words) - GRAM + 1):
        found[hash(each.words[start : start + GRAM])].append(start)
    return found


def _pair(
    students: tuple[str, str],
    split: Mapping[str, Tokens],
    own: Mapping[str, Grams],
    sizes: Mapping[str, int],
) -> AlikePair:
    one, two = students
    both = own[one].keys() & own[two].keys()
    first, second = (_covered(own[student], both) for student in students)
    shared = min(len(first), len(second))
    places = (
        [split[one].places[index] for index in first],
        [split[two].places[index] for index in second],
    )
    return AlikePair(students, shared, shared / max(sizes[one], sizes[two]), places)


def _covered(grams: Grams, of: Collection[int]) -> list[int]:
    """Return which of an answer's tokens stand in one of these fingerprints."""
    return sorted({start + i for gram in of for start in grams[gram] for i in range(GRAM)})


def _is_shown(pair: AlikePair) -> bool:
    whole = pair.share >= LEAST_SHARE and pair.shared >= LEAST_SHARED
    return whole or pair.shared >= ENOUGH_SHARED
