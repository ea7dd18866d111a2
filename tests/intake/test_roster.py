"""The class list, in the forms that LMSs export, and files that a person gives to people on it."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from unicodedata import category

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograder.intake import choices, roster
from autograder.intake.collect import BadUsage, Collected, collect
from autograder.intake.files import Entry
from autograder.intake.roster import Joined, Person
from autograder.results.exports import is_doubtful
from tests.intake.handed_in import LAB, write

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Lab 01 (4710),Lab 02 (4711),Final Score
    Points Possible,,,,,100,100,(read only)
"Lee, Ann",4711,S-1,alee,Section A,90,,
"Kim, Bo",4712,S-2,bkim,Section B,80,,
"Student, Test",9999,,,Section A,,,
"""
MOODLE = """\
First name,Last name,ID number,Email address,Groups
Ann,Lee,S-1,ann@uni.example,Group 1
Bo,Kim,S-2,bo@uni.example,Group 2
"""
WORKSHEET = """\
Identifier,Full name,Email address,Status,Grade
Participant 55,Ann Lee,ann@uni.example,Submitted,
Participant 56,Bo Kim,bo@uni.example,No submission,
"""
BLACKBOARD = (
    "Last Name\tFirst Name\tUsername\tStudent ID\nLee\tAnn\talee\tS-1\nKim\tBo\tbkim\tS-2\n"
)
CLASSROOM = (
    "assignment_name,github_username,roster_identifier\nlab-02,ann-lee,alee\nlab-02,bokim,bkim\n"
)
GERMAN = "Nachname;Vorname;Matrikelnummer;E-Mail\nMüller;Zoë;12;zoe@uni.example\n"


def listed(tmp_path, text, encoding="utf-8"):
    (tmp_path / "class.csv").write_bytes(text.encode(encoding))
    return roster.read(tmp_path / "class.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", [CANVAS, MOODLE, WORKSHEET, BLACKBOARD])
def test_names_in_whatever_form(tmp_path, text, encoding):
    people = listed(tmp_path, text, encoding).people
    assert [person.name for person in people] == ["Ann Lee", "Bo Kim"]


@pytest.mark.parametrize(
    "heading, written, when",
    [
        ("Last modified (submission)", "Thursday, 26 November 2026, 10:00 PM", (26, 22)),
        ("Last modified (submission)", "Thursday, 26 November 2026, 10:00\u202fAM", (26, 10)),
        ("Last modified (submission)", "Thursday, November 26, 2026, 10:00 PM", (26, 22)),
        ("Last modified (submission)", "Thursday, 26 November 2026, 22:00", (26, 22)),
        ("Submitted", "2026-11-26T22:00", (26, 22)), ("submitted_at", "2026-11-26", (26, 0)),
        ("Submitted at", "2026-11-26T22:00:00Z", datetime(2026, 11, 26, 22, tzinfo=UTC)),
        ("Submitted", "-", None), ("Submitted", "", None), ("Submitted", "2026-02-30", None),
        ("Submitted", "Donnerstag, 26. November 2026, 22:00", None),
        ("Submitted", "0001-01-01", None), ("Submitted", "9" * 5000, None),
    ],
)  # fmt: skip
def test_when_a_list_says_that_somebody_handed_in(tmp_path, heading, written, when):
    if isinstance(when, tuple):
        when = datetime(2026, 11, *when).astimezone(UTC)
    text = f'Identifier,Full name,"{heading}"\nParticipant 55,Ann Lee,"{written}"\n'
    assert listed(tmp_path, text).people[0].handed_in == when


def test_what_each_form_says(tmp_path):
    read = listed(tmp_path, CANVAS)
    assert read.people[0] == Person("Ann Lee", "alee", "S-1", "4711", section="Section A")
    assert read.assignments == ("Lab 01 (4710)", "Lab 02 (4711)")
    ann = listed(tmp_path, MOODLE).people[0]
    assert ann == Person("Ann Lee", number="S-1", email="ann@uni.example", section="Group 1")
    assert listed(tmp_path, WORKSHEET).people[1].moodle == "56"
    assert listed(tmp_path, BLACKBOARD).people[1] == Person("Bo Kim", "bkim", "S-2")
    ann = listed(tmp_path, CLASSROOM).people[0]
    assert (ann.github, ann.login) == ("ann-lee", "alee")
    assert listed(tmp_path, GERMAN, "cp1252").people == (
        Person("Zoë Müller", number="12", email="zoe@uni.example"),
    )
    text = "OrgDefinedId,Username,Last Name,First Name\n#0012,#alee,Lee,Ann\n"
    assert listed(tmp_path, text).people == (Person("Ann Lee", "alee", "0012"),)
    assert listed(tmp_path, "Name\nAnn Lee\n").people == (Person("Ann Lee"),)


def test_what_students_wrote_may_be_long_and_a_list_not(tmp_path, monkeypatch):
    text = f'Name,Online text\nAnn Lee,"{"x" * 200_000}"\nBo Kim,\n'
    assert [person.name for person in listed(tmp_path, text).people] == ["Ann Lee", "Bo Kim"]
    monkeypatch.setattr(roster, "MAX_BYTES", 1 << 17)
    with pytest.raises(BadUsage, match="has more than"):
        listed(tmp_path, text)


@pytest.mark.parametrize("text", ["", "x\ny\n", "Name\n", "Name,Login\n , \n", "a,b,c\n1,2,3\n"])
def test_what_is_no_class_list_is_one_clear_line(tmp_path, text):
    with pytest.raises(BadUsage, match=r"--roster .* (has no column|lists nobody)") as caught:
        listed(tmp_path, text)
    assert "\n" not in str(caught.value)


def joined(tmp_path, text, files):
    write(tmp_path / "in", dict.fromkeys(files, "x"))
    found, aside = collect(tmp_path / "in", LAB)
    return found, aside, roster.join(found, listed(tmp_path, text))


@pytest.mark.parametrize(
    "text, files, known, missing, notes",
    [
        (CANVAS, ["leeann_4711_1_00_tiny.ipynb", "kimbo_9_1_00_tiny.ipynb"],
         {"canvas-4711": "Ann Lee", "canvas-9": "Bo Kim"}, [], ["canvas-9"]),
        (CANVAS, ["leeann_4711_1_00_tiny.ipynb", "roezoe_9_1_00_tiny.ipynb"],
         {"canvas-4711": "Ann Lee"}, ["canvas-4712"], []),
        (CANVAS, ["alee/00_tiny.ipynb", "BKIM.ipynb"],
         {"alee": "Ann Lee", "BKIM": "Bo Kim"}, [], []),
        (WORKSHEET, ["Ann Lee_55_assignsubmission_file_/x.ipynb"], {"moodle-55": "Ann Lee"},
         ["moodle-56"], []),
        (MOODLE, ["Ann Lee_55_assignsubmission_file_/x.ipynb"], {"moodle-55": "Ann Lee"}, ["S-2"],
         ["moodle-55"]),
        (BLACKBOARD, ["Lab_alee_attempt_2026-11-26-10-00-00_x.ipynb"],
         {"blackboard-alee": "Ann Lee"}, ["blackboard-bkim"], []),
        (CLASSROOM, ["lab-00-ann-lee/x.ipynb"], {"github-ann-lee": ""}, ["github-bokim"], []),
        # Anybody can be called so at GitHub: that is said.
        (CANVAS, ["lab-00-alee/x.ipynb"], {"github-alee": "Ann Lee"}, ["bkim"], ["github-alee"]),
        # A file that says nothing of its owner is nobody's; two of one name are neither.
        (CANVAS, ["Copy of 00_tiny.ipynb"], {}, ["alee", "bkim"], []),
        (MOODLE, ["Ann Lee_55_assignsubmission_file_/x.ipynb",
                  "Ann Lee_56_assignsubmission_file_/x.ipynb"], {}, ["S-1", "S-2"], []),
    ],
)  # fmt: skip
def test_who_is_who(tmp_path, text, files, known, missing, notes):
    _, _, who = joined(tmp_path, text, files)
    assert {key: person.name for key, person in who.people.items()} == known
    assert list(who.missing) == missing and list(who.notes) == notes


@pytest.mark.parametrize("called", ["alee", "ALee", "S-1", "ann@uni.example", "ann", "ann-lee"])
@pytest.mark.parametrize(
    "lms, known, also",
    [
        ("gradescope", "eve@uni.example", ("", "eve@uni.example")), ("brightspace", "7", ()),
        ("blackboard", "efox", ()), ("canvas", "7", ()), ("moodle", "7", ()),
        ("github", "efox", ()),
    ],
)  # fmt: skip
def test_nobody_is_found_by_a_name_that_is_anothers_login(lms, known, also, called):
    ann = Person("Ann Lee", "alee", "S-1", email="ann@uni.example")
    eve = Collected("eve", called, lms, known, also=also)
    who = roster.join([eve], roster.Roster((ann,)))
    by_name_alone = {"eve": "found on the roster by the name alone"} if called == "ann-lee" else {}
    assert who.notes == by_name_alone and who.people.keys() == by_name_alone.keys()


PEOPLE = st.lists(
    st.builds(
        Person, st.sampled_from(["Ann Lee", "Lee Ann", "Bo", "", "=x,y"]),
        st.sampled_from(["alee", "ann lee", "bo", ""]), st.sampled_from(["1", "2", ""]),
        st.sampled_from(["1", "2", ""]), st.sampled_from(["1", ""]),
    ), max_size=6,
)  # fmt: skip
FOUND = st.lists(
    st.tuples(
        st.sampled_from(["Ann Lee", "annlee", "alee", "bo", "1"]),
        st.sampled_from(["", "canvas", "moodle", "blackboard"]),
        st.sampled_from(["1", "2", "alee"]),
    ), max_size=6, unique=True,
)  # fmt: skip


@settings(max_examples=150)
@given(PEOPLE, FOUND)
def test_nobody_is_two_and_no_two_are_one(people, found):
    people = list(dict.fromkeys(person for person in people if person != Person()))
    found = [Collected(f"key{n}", name, lms, number if lms else "")
             for n, (name, lms, number) in enumerate(found)]  # fmt: skip
    who = roster.join(found, roster.Roster(tuple(people)))
    placed = [*who.people.values(), *who.missing.values()]
    assert sorted(map(repr, placed)) == sorted(map(repr, people))
    assert who.people.keys() <= {each.student for each in found}
    assert not who.missing.keys() & {each.student for each in found}


@settings(max_examples=100)
@given(st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=5), max_size=5), st.data())
def test_any_table_is_a_list_or_one_clear_line(tmp_path_factory, rows, data):
    text = io.StringIO()
    head = data.draw(st.lists(st.sampled_from(["Name", "ID", "Email", "Section", "x"]), max_size=4))
    csv.writer(text).writerows([head, *rows])
    path = tmp_path_factory.mktemp("list") / "class.csv"
    path.write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
    try:
        people = roster.read(path).people
    except BadUsage as error:
        assert "\n" not in str(error)
    else:
        assert people and not any(
            set(map(category, person.name)) & {"Cc", "Cs"} for person in people
        )


TWINS = [Person("Ann Lee", section="A"), Person("Ann Lee", section="B")]
OTHERS = [Person(f"Bo {n}") for n in range(3)]


def keys(people, *handed_in):
    found = [Collected(name, name) for name in ("a file", *handed_in)]
    missing = roster.join(found, roster.Roster(tuple(people))).missing
    return {person: key for key, person in missing.items()}


def test_the_key_of_who_is_missing_depends_on_nobody_else():
    before = keys([*OTHERS, *TWINS])
    assert len(set(before.values())) == 5
    for people, handed_in in (
        ([*TWINS, *OTHERS], []), ([*reversed(TWINS), *OTHERS[:2]], []),
        ([*OTHERS, Person("Ann Lee", section="C"), *TWINS], []), ([*OTHERS, *TWINS], ["Bo 0"]),
        ([*OTHERS, *TWINS], ["Bo 0", "Bo 2", "Ann Lee"]),
    ):  # fmt: skip
        now = keys(people, *handed_in)
        assert {**before, **now} == {**now, **before} and now.keys() >= set(TWINS)
    late = replace(TWINS[0], handed_in=datetime(2026, 11, 26, tzinfo=UTC))
    assert len({*keys([*TWINS, late]).values()}) == 3


# Mallory, whose number is 123, calls herself so that Canvas writes the first one.
DOUBTFUL = "a_77_88_x_123_9_00_tiny.ipynb"
DATED = "leeann_77_88_2026_11_26.ipynb"
SURE = "leeann_77_88_00_tiny.ipynb"


@pytest.mark.parametrize(
    "file, numbers, who",
    [
        (DOUBTFUL, ["77", "123"], None), (DOUBTFUL, ["123"], None), (DOUBTFUL, ["5"], None),
        # Of the numbers that can be read one is in this class.
        (DOUBTFUL, ["77", "5"], "77"), (DATED, ["77", "123"], "77"),
    ],
)  # fmt: skip
def test_a_number_that_may_be_anothers_is_nobodys(tmp_path, file, numbers, who):
    write(tmp_path, {file: "x", "boo_5_6_00_tiny.ipynb": "x"})
    found, _ = collect(tmp_path, LAB)
    people = [Person(number, canvas=number) for number in numbers]
    joined = roster.join(found, roster.Roster(tuple(people)))
    assert joined.people.get("canvas-77", Person()).name == (who or "")


MOST = ["lab-00-bo", "lab-00-cy", "lab-00-dee"]


@pytest.mark.parametrize(
    "repositories, logins, who",
    [
        # The assignment is lab-00, and Mallory's login tiny-ann; or it is lab-00-tiny, and Ann's.
        (["lab-00-tiny-ann"], ["ann", "tiny-ann"], None), (["lab-00-tiny-ann"], ["tiny-ann"], None),
        (["lab-00-Tiny-ann"], ["ANN", "tiny-ann"], None), (["lab-00-tiny-ann"], ["bo"], None),
        (["lab-00-tiny-ann", "lab-00-tiny-bo"], ["ann", "tiny-ann"], None),
        (["lab-00-tiny-ann", "lab-0-bo"], ["ann", "tiny-ann"], None),
        (["lab-00-tiny-Ann"], ["ann", "bo"], "ann"),
        (["lab-00-tiny-ann", "lab-00-bo"], ["ann", "tiny-ann"], "tiny-ann"),
        # One of three is renamed, or of an assignment beside: that says nothing of the others.
        (["lab-00-tiny-ann", "lab-00-tiny-bo", "lab-00-cy"], ["ann", "bo", "cy"], "ann"),
        (["lab-00-tiny-ann", "lab-00-tiny-bo", "lab-00-cy"], ["ann", "tiny-ann"], None),
        ([*MOST, "lab-00-tiny-ann", "lab-0-x"], ["tiny-ann", "bo"], "tiny-ann"),
        ([*MOST, "lab-00-tiny-ann", "lab-0-x"], ["ann", "tiny-ann"], None),
    ],
)  # fmt: skip
def test_a_login_that_may_be_anothers_is_nobodys(tmp_path, repositories, logins, who):
    write(tmp_path, {f"{repository}/00_tiny.ipynb": "x" for repository in repositories})
    (each,) = [e for e in collect(tmp_path, LAB)[0] if "ann" in e.lms_id.lower()]
    people = tuple(Person(login, github=login) for login in logins)
    joined = roster.join([each], roster.Roster(people))
    assert joined.people.get(each.student, Person()).name == (who or "")
    assert is_doubtful(each, joined) == (who is None)


ASSIGNMENTS = st.sampled_from(
    ["lab-00", "Lab0", "hw-0", "lab-00-tiny", "Lab0-Tiny", "00-tiny", "tiny"]
)
BEGINNINGS = st.sampled_from(
    ["", "", "tiny-", "Tiny-", "tiny-tiny-", "00-tiny-", "lab-00-", "lab-00-tiny-"]
)
HONEST = st.sampled_from(["ann", "bo", "Cy-Cruz", "a-tiny", "lab", "submissions-x", "7"])
AT_GITHUB = st.builds("{}{}".format, BEGINNINGS, HONEST)


def classroom(tmp_path_factory, assignment, logins, odd=""):
    """Return who is found in the repositories of those logins, by the login, and who they are.

    An odd repository may lie beside them.
    """
    folder = tmp_path_factory.mktemp("class")
    names = {f"{assignment}-{login}": login for login in logins}
    write(folder, {f"{name}/00_tiny.ipynb": "" for name in [*names, *filter(None, [odd])]})
    found, aside = collect(folder, LAB)
    assert not aside and all(len(each.entries) == 1 for each in found)
    of = {each.entries[0].path.split("/")[0]: each for each in found}
    assert of.keys() == {*names, *filter(None, [odd])}
    return {login: of[name] for name, login in names.items()}


@settings(max_examples=200)
@given(
    ASSIGNMENTS, st.lists(AT_GITHUB, min_size=1, max_size=5, unique_by=str.casefold),
    st.integers(1, 5),
)  # fmt: skip
def test_nobody_is_anybody_else_at_github(tmp_path_factory, assignment, logins, several):
    handed_in = logins[:several]
    found = classroom(tmp_path_factory, assignment, handed_in)
    assert found.keys() == set(handed_in)
    listed = roster.Roster(tuple(Person(login, github=login.upper()) for login in logins))
    joined = roster.join(list(found.values()), listed)
    for login, each in found.items():
        assert is_doubtful(each, joined) or joined.people[each.student].name == login


@settings(max_examples=100)
@given(ASSIGNMENTS, st.lists(HONEST, min_size=1, unique=True))
def test_an_honest_class_at_github_keeps_its_keys(tmp_path_factory, assignment, logins):
    found = classroom(tmp_path_factory, assignment, logins)
    assert {each.student for each in found.values()} == {f"github-{login}" for login in logins}
    listed = roster.Roster(tuple(Person(login, github=login) for login in logins))
    joined = roster.join(list(found.values()), listed)
    assert {joined.people[each.student].name for each in found.values()} == set(logins)
    # Without a list nobody is in doubt, but by an assignment that reads as another and a login.
    unsure = [each for each in found.values() if is_doubtful(each, Joined())]
    assert len(unsure) in ((len(found),) if assignment in ("lab-00-tiny", "Lab0-Tiny") else (0,))


ODD = st.builds("{}-{}".format, ASSIGNMENTS, AT_GITHUB)
NEAR = st.builds("{}{}".format, st.sampled_from(["", "tiny-"]), st.sampled_from(["ann", "bo"]))


@settings(max_examples=200)
@given(
    ASSIGNMENTS, st.lists(NEAR | AT_GITHUB, min_size=2, max_size=5, unique_by=str.casefold), ODD
)  # fmt: skip
def test_a_repository_that_is_renamed_makes_nobody_anybody_else(
    tmp_path_factory, assignment, logins, odd
):
    assume(odd.casefold() not in {f"{assignment}-{login}".casefold() for login in logins})
    found = classroom(tmp_path_factory, assignment, logins, odd)
    listed = roster.Roster(tuple(Person(login, github=login.upper()) for login in logins))
    joined = roster.join(list(found.values()), listed)
    for login, each in found.items():
        assert joined.people.get(each.student, Person(login)).name == login


@settings(max_examples=200)
@given(ASSIGNMENTS, st.lists(HONEST, min_size=3, unique=True), ODD)
def test_a_repository_that_is_renamed_changes_no_other(tmp_path_factory, assignment, logins, odd):
    two_ways = assignment in ("lab-00-tiny", "Lab0-Tiny")
    # Whose of two repositories a login is, of which one is read in two ways, nobody can tell.
    assume(not (two_ways and odd.casefold().endswith(tuple(f"-{e}".casefold() for e in logins))))
    assume(odd.casefold() not in {f"{assignment}-{login}".casefold() for login in logins})
    found = classroom(tmp_path_factory, assignment, logins, odd)
    assert {each.student for each in found.values()} == {f"github-{login}" for login in logins}
    listed = roster.Roster(tuple(Person(login, github=login) for login in logins))
    joined = roster.join(list(found.values()), listed)
    assert {login: joined.people[each.student].name for login, each in found.items()} == {
        login: login for login in logins
    }
    unsure = [each for each in found.values() if is_doubtful(each, Joined())]
    assert len(unsure) == two_ways * len(found)


def test_a_person_says_whose_a_file_is_that_may_be_anothers(tmp_path):
    text = CANVAS.replace("4711", "77").replace("4712", "123")
    found, who = given_files(tmp_path, [DOUBTFUL], f"Ann Lee={DOUBTFUL}", text=text)
    assert [who.with_those_of(found).person(each.student).name for each in found] == ["Ann Lee"]
    assert not found[0].others and found[0].wanted
    found, _ = given_files(tmp_path / "again", [DOUBTFUL], f"canvas-77={DOUBTFUL}")
    assert [(each.lms_id, each.others) for each in found] == [("77", ())]
    # But nobody gives away what is somebody's for sure.
    with pytest.raises(BadUsage, match="is leeann's"):
        given_files(tmp_path / "sure", [SURE, DOUBTFUL], f"Bo Kim={SURE}", text=text)


# --- which file counts ----------------------------------------------------------------------------


def given_files(tmp_path, files, *options, text=CANVAS):
    found, aside, who = joined(tmp_path, text, files)
    asked = choices.resolved(found, who, choices.parsed(options))
    return choices.applied(found, aside, who, asked, asked), who


def test_a_person_says_which_of_two_files_counts(tmp_path):
    found, _ = given_files(tmp_path, ["alee/00_tiny.ipynb", "alee/old/a.ipynb"], "alee=old/a.ipynb")
    assert [(each.student, each.wanted) for each in found] == [("alee", "old/a.ipynb")]
    found, _ = given_files(tmp_path, [], "Ann Lee=alee/old/a.ipynb")
    assert found[0].wanted == "old/a.ipynb"


def test_a_file_that_nobodys_name_stands_on_goes_to_whom_it_is_given(tmp_path):
    files = ["alee.ipynb", "Copy of 00_tiny.ipynb", "Copy of 00_tiny (1).ipynb"]
    found, who = given_files(tmp_path, files, "bkim=Copy of 00_tiny.ipynb",
                             "alee=Copy of 00_tiny (1).ipynb")  # fmt: skip
    assert {each.student: each.wanted for each in found} == {
        "alee": "Copy of 00_tiny (1).ipynb", "bkim": "Copy of 00_tiny.ipynb",
    }  # fmt: skip
    assert not who.with_those_of(found).missing
    assert who.with_those_of(found).people["bkim"].name == "Bo Kim"


@pytest.mark.parametrize(
    "option, message",
    [
        ("alee", "is not STUDENT=PATH"), ("zoë=x", "no submission of zoë"),
        ("alee=none.ipynb", "no file none.ipynb; alee handed in 00_tiny.ipynb"),
        ("alee=bkim/00_tiny.ipynb", "is bkim's"), ("bkim=list.txt", "was left aside"),
    ],
)  # fmt: skip
def test_a_choice_that_cannot_be_is_one_clear_line(tmp_path, option, message):
    files = ["alee/00_tiny.ipynb", "bkim/00_tiny.ipynb", "list.txt"]
    with pytest.raises(BadUsage, match=message) as caught:
        given_files(tmp_path, files, option)
    assert "\n" not in str(caught.value)


def test_choices_are_kept_and_one_that_is_gone_is_a_note(tmp_path):
    kept = {"alee": "old.ipynb", "bkim": "Copy of 00_tiny.ipynb", "no text": "\udcff.ipynb"}
    choices.keep(tmp_path, kept)
    assert choices.kept(tmp_path) == kept
    found, aside, who = joined(tmp_path, CANVAS, ["alee.ipynb"])
    (ann,) = choices.applied(found, aside, who, choices.kept(tmp_path), {})
    assert "`old.ipynb`, chosen before, is not there any more" in ann.notes
    assert choices.kept(tmp_path / "none") == {}
    (tmp_path / "choices.csv").write_bytes(b"\xff\0")
    with pytest.raises(BadUsage, match="cannot be read"):
        choices.kept(tmp_path)


@pytest.mark.parametrize("name", ["a\udcff.ipynb", "b\udcfe.ipynb"])
def test_a_file_whose_name_is_no_text_is_chosen_as_the_shell_gives_it(name):
    entries = tuple(
        Entry((each,), path=f"ann/{each}") for each in ("a\udcff.ipynb", "b\udcfe.ipynb")
    )
    ann = Collected("ann", entries=entries)
    for path in (name, f"ann/{name}"):
        asked = {"ann": path}
        (chosen,) = choices.applied([ann], [], roster.Joined(), asked, asked)
        assert chosen.wanted == next(e.shown for e in entries if e.name == name)


def test_a_choice_for_a_namesake_holds_when_others_hand_in():
    file = Collected("a file", nobody=True, entries=(Entry(("x.ipynb",), path="x.ipynb"),))
    listed, second = roster.Roster((*OTHERS, *TWINS)), keys([*OTHERS, *TWINS])[TWINS[1]]
    chosen = {second: "x.ipynb"}
    for others in ([], [Collected("Bo 0", "Bo 0")]):
        found = [file, *others]
        after = choices.applied(found, [], roster.join(found, listed), chosen, {})
        assert [each.student for each in after if each.wanted] == [second]
        assert choices.unmet(after, chosen) == []


def test_a_choice_without_a_student_or_a_file_is_said():
    found = [Collected("ann", "ann", entries=(Entry(("a.ipynb",), path="a.ipynb"),))]
    who = roster.join(found, roster.Roster((*OTHERS, Person("Ann Lee", "ann"))))
    chosen = {"ann": "gone.ipynb", "Bo 1": "gone too.ipynb", "who has\nleft": "a.ipynb"}
    after = choices.applied(found, [], who, chosen, {})
    assert choices.unmet(after, chosen) == ["Bo 1=gone too.ipynb", "who has left=a.ipynb"]
    assert "not there any more" in after[0].notes[0]


def test_what_an_earlier_version_left_cut_off_is_one_clear_line(tmp_path):
    """Nothing is chosen otherwise, and nobody taken off the list, without a word."""
    choices.keep(tmp_path, {"alee": 'old, "new".ipynb', "bkim": "00_tiny.ipynb"})
    roster.keep(listed(tmp_path, CANVAS.rstrip("\n")), tmp_path)
    assert [person.login for person in roster.kept(tmp_path).people] == ["alee", "bkim"]
    assert roster.kept(tmp_path / "none") is None
    for name, kept in (("choices.csv", choices.kept), ("roster.csv", roster.kept)):
        whole = (tmp_path / name).read_bytes()
        for end in range(len(whole)):
            (tmp_path / name).write_bytes(whole[:end])
            if whole[:end].endswith(b"\n"):
                continue  # which may be a whole one
            with pytest.raises(BadUsage, match=name) as caught:
                kept(tmp_path)
            assert "\n" not in str(caught.value)
    (tmp_path / "choices.csv").write_text("a,b\nc,d\n")
    with pytest.raises(BadUsage, match="no table of students and files"):
        choices.kept(tmp_path)


def test_without_a_list_nobody_is_missing():
    assert roster.join([Collected("ann")], None) == Joined()
