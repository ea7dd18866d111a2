"""The names that LMSs give to what was handed in: whose it is, when, and as which file.

An LMS writes its own part first, and what the student called the file after it: the first match is
the LMS's. People choose their names as well, which stand before it: what of these reads as an LMS's
part makes a name doubtful.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

CANVAS = re.compile(
    r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<lms_id>[0-9]+)_[0-9]+_(?P<file>.+)", re.DOTALL
)
CANVAS_ANONYMOUS = re.compile(
    r"(?P<late>LATE_)?(?P<lms_id>anon_[0-9A-Za-z]{5})_[0-9]+_(?P<file>.+)", re.DOTALL
)
# Moodle writes spaces for underscores in people's names; Canvas takes "_5_" out, but not "_-5-_".
# Its numbers do not begin with 0, as the labs' do.
MOODLE = re.compile(
    r"(?P<name>[^_]+)_(?P<lms_id>[0-9]+)_assignsubmission_[a-z]+(?:_(?P<file>.*))?", re.DOTALL
)
MOODLE_AGAIN = re.compile(r"_(?P<lms_id>[0-9]+)_assignsubmission_[a-z]+")
CANVAS_AGAIN = re.compile(r"_(?P<lms_id>[1-9][0-9]*)(?=_[1-9][0-9]*_.)", re.DOTALL)
BLACKBOARD = re.compile(
    r"(?:.*?_)??(?P<lms_id>[^_]+)_attempt_(?P<time>[0-9]{4}(?:-[0-9]{2}){5})"
    r"(?:_(?P<file>.+)|\.txt)",
    re.DOTALL,
)
BRIGHTSPACES_TIME = re.compile(
    r" ?- (?P<day>[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4}) "
    r"(?P<hour>[0-9]{1,2}):?(?P<minute>[0-9]{2}) (?P<half>[AP]M)(?= ?- .|$)",
    re.DOTALL,
)
BRIGHTSPACE = re.compile(
    rf"(?P<lms_id>[0-9]+)-[0-9]+ ?- (?P<name>.+?){BRIGHTSPACES_TIME.pattern}(?: ?- (?P<file>.+))?",
    re.DOTALL,
)
# The first line of the text that Blackboard puts beside an attempt.
HEADER = re.compile(
    r"\s*Name:[ \t]*(?P<name>[^\r\n]*?)[ \t]*\((?P<login>[^()\r\n]+)\)[ \t]*(?:\r|\n|$)"
)
METADATA = "submission_metadata.yml"  # of Gradescope's export, beside its folders
GRADESCOPE = re.compile(r"submission_[0-9]+")
GRADESCOPES_EXPORT = re.compile(r"assignment_[0-9]+_export.*", re.DOTALL)
MAX_METADATA = 256 << 20  # with what programs printed; takes 3 s and 0.5 GB


@dataclass(frozen=True)
class Sender:
    """Who handed in a file or a folder, as the LMS says: its number, and what it calls people.

    `file` is what the student called it; "" for a folder. `also` are other names that the LMS knows
    the student by. `attempt` is the time of one of several, of which the newest counts. `others`
    are other numbers, or logins, that can be read in the name.
    """

    lms: str
    lms_id: str
    name: str
    file: str = ""
    attempt: datetime | None = None
    late: bool = False
    also: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def moodle(name: str) -> Sender | None:
    """Read the name of one of Moodle's folders or files."""
    match = MOODLE.fullmatch(name)
    if match is None:
        return None
    others = _others(match, MOODLE_AGAIN)
    return Sender("moodle", match["lms_id"], match["name"], match["file"] or "", others=others)


def _others(match: re.Match, again: re.Pattern) -> tuple[str, ...]:
    """Return the other numbers that a name can be read as one of."""
    found = again.finditer(match.string, match.end("lms_id"))
    return tuple(each["lms_id"] for each in found if each["lms_id"] != match["lms_id"])


def canvas(name: str) -> Sender | None:
    """Read the name of one of Canvas's files."""
    match = CANVAS_ANONYMOUS.fullmatch(name) or CANVAS.fullmatch(name)
    if match is None:
        return None
    # Those graded anonymously have no name, which could read as a number.
    who = match.groupdict().get("name")
    others = () if who is None else _others(match, CANVAS_AGAIN)
    late, number = bool(match["late"]), match["lms_id"]
    return Sender("canvas", number, who or number, match["file"], late=late, others=others)


def brightspace(name: str) -> Sender | None:
    """Read the name of one of Brightspace's folders or files."""
    match = BRIGHTSPACE.fullmatch(name)
    if match is None:
        return None
    written = [" ".join(each.groups()) for each in BRIGHTSPACES_TIME.finditer(name)]
    times = [_time(each, "%b %d, %Y %I %M %p") for each in written]
    # A person or a file may be called like a time: nobody gains by the latest.
    time = max((each for each in times if each), default=None)
    return Sender("brightspace", match["lms_id"], match["name"], match["file"] or "", time)


def blackboard(name: str, logins: dict[str, str]) -> Sender | None:
    """Read the name of one of Blackboard's files; `logins` give the names of those it knows.

    A login may hold what stands between it and the assignment's name.
    """
    match = BLACKBOARD.fullmatch(name)
    if match is None:
        return None
    head = blackboards_head(name)
    ends = (head[at + 1 :] for at, character in enumerate(head) if character == "_")
    login = next((end for end in ends if end in logins), match["lms_id"])
    time = _time(match["time"], "%Y-%m-%d-%H-%M-%S")
    return Sender("blackboard", login, logins.get(login, ""), match["file"] or "", time)


def blackboards_head(name: str) -> str:
    """Return what stands before the attempt in a name of Blackboard's: `<assignment>_<login>`."""
    match = BLACKBOARD.fullmatch(name)
    return name[: match.start("time") - len("_attempt_")] if match else ""


def github(name: str, lab: str, slugs: Collection[str] = (), usual: str = "") -> Sender | None:
    """Read the name of a repository of GitHub Classroom's, `<assignment>-<login>`.

    The assignment is one that is called by the lab's number or name: lab-02, 02-gdp-accounting, ….
    A login may begin as an assignment ends: `slugs` are what the assignment may be called, and
    `usual` is what most repositories are of, if known. That is likeliest, then the longest; the
    logins that the rest leave are `others`.
    """
    readings = _repository(name, lab)
    left = [slug for slug in readings if slug in slugs] or list(readings)
    left.sort(key=lambda slug: (slug == usual, len(slug)), reverse=True)
    logins = [readings[slug] for slug in left]
    return Sender("github", logins[0], logins[0], others=tuple(logins[1:])) if logins else None


def assignments(repositories: Iterable[str], lab: str) -> tuple[set[str], str]:
    """Return what the assignment may be called that all repositories are of, and what most are of.

    A folder of another name says nothing, and one repository that is renamed, or of an assignment
    beside, little: where most begin with more than what all share, each may be of either. Nothing
    is returned for what is not known.
    """
    readings = [found for name in repositories if (found := _repository(name, lab))]
    shared = set.intersection(*map(set, readings)) if readings else set()
    longest = Counter(max(found, key=len) for found in readings)
    usual, votes = max(longest.items(), key=lambda each: each[1], default=("", 0))
    if 2 * votes <= len(readings):
        return shared, ""
    return (shared if usual in shared else set()), usual


def _repository(name: str, lab: str) -> dict[str, str]:
    """Return the logins that the name of a repository may end with, by the assignment's."""
    number, _, words = lab.partition("_")
    words = re.escape(words.replace("_", "-"))
    number = f"0*{int(number)}" if number.isdigit() else re.escape(number)
    kinds = "privacy-labs?|labs?|assignment|homework|hw|exercise|project"
    slugs = rf"(?:{kinds})-?{number}", rf"(?:(?:{kinds})-?)?{number}-{words}", words
    found = {}
    for slug in slugs:
        match = re.fullmatch(
            rf"(?P<slug>{slug})-(?P<login>[a-z0-9](?:-?[a-z0-9]){{0,38}})", name, re.IGNORECASE
        )
        if match:
            found[match["slug"].casefold()] = match["login"]
    # The folder of them all is no repository, however else its name reads.
    return {} if "submissions" in map(str.casefold, found.values()) else found


def gradescope(metadata: bytes) -> dict[str, tuple[list[Sender], datetime | None]]:
    """Return the senders of each folder of Gradescope's export, and when it was handed in.

    Raises:
        ValueError: it is not what Gradescope writes, or larger than `MAX_METADATA`.
    """
    if len(metadata) > MAX_METADATA:
        raise ValueError(
            f"{METADATA} is larger than {MAX_METADATA >> 20} MB, more than is read: of each "
            "submission only :submitters: and :created_at: are needed; take out :results:."
        )
    try:
        # Texts only: no date that is none stops it.
        loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
        said = yaml.load(metadata, Loader=loader)
        return {str(folder): _gradescope(str(folder), about) for folder, about in said.items()}
    except (yaml.YAMLError, AttributeError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{METADATA} is not what Gradescope writes: {error}") from None


def _gradescope(folder: str, about: dict[str, Any]) -> tuple[list[Sender], datetime | None]:
    def text(said: dict[str, Any], key: str) -> str:
        # A list of lists of one another would be as text without end.
        return value if isinstance(value := said.get(key), str) else ""

    senders = []
    for who in about[":submitters"]:
        name, sid, email = (text(who, f":{key}") for key in ("name", "sid", "email"))
        known = email or sid or folder  # and not the name, which may be another's address
        senders.append(Sender("gradescope", known, name or known, also=(sid, email)))
    written = re.match(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)? ?"
        r"(Z|[+-][0-9]{2}:?[0-9]{2})?$",
        text(about, ":created_at"),
    )
    if written is None:
        return senders, None
    day, clock, zone = written.groups()
    return senders, _time(f"{day} {clock} {zone or 'Z'}", "%Y-%m-%d %H:%M:%S %z")


def _time(text: str, form: str) -> datetime | None:
    """Read a time; one without a zone is this machine's."""
    try:
        return datetime.strptime(text, form).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
