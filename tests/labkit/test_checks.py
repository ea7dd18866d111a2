"""The machinery of the checks: what a student's mistakes turn into."""

import collections
import copy
import itertools
import subprocess
import sys
import warnings
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from labkit import checks
from labkit.checks import CheckFailed, as_array, as_arrays, as_number, check, fresh_rng, require


@check
def doubles(double, rng):
    """twice the number."""
    x = rng.normal(size=3)
    got = as_array(double(x), "`double`'s result", (3,))
    require(bool(np.allclose(got, 2 * x)), "not twice the number")


def run(student, **kwargs):
    doubles(student, np.random.default_rng(0), **kwargs)


def test_a_right_answer_gets_one_plain_line_on_stdout(capsys):
    run(lambda x: 2 * x, trials=5)
    out, err = capsys.readouterr()
    assert out == "✓ doubles: twice the number.\n"
    assert err == ""


def blank(x):
    raise NotImplementedError("write me")


def crash(x):
    return x / undefined  # noqa: F821


@pytest.mark.parametrize(
    ("student", "phrase"),
    [
        (blank, "Exercise `blank` is still blank"),
        (crash, "`crash` raised NameError: name 'undefined' is not defined"),
        (crash, "return x / undefined"),
        (lambda x: None, "is None. Did you forget `return`?"),
        (lambda x: x[:2], "has shape (2,), but (3,) is wanted"),
        (lambda x: x / 0 * 0, "holds 3 NaN or infinite values"),
        (lambda x: "two", "is a str, not an array of numbers"),
        (lambda x: ..., "Ellipsis"),
        (lambda x: [[1], [1, 2]], "not an array of numbers"),
        (lambda x: 3 * x, "not twice the number"),
        (7, "`7` is not a function"),
    ],
)
def test_a_wrong_answer_is_told_why(student, phrase, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(CheckFailed) as failure:
            run(student)
    assert phrase in str(failure.value)
    assert capsys.readouterr().err == ""


def test_what_a_student_writes_to_stderr_costs_no_points(capsys):
    def noisy(x):
        print("debugging", file=sys.stderr)
        return 2 * x

    run(noisy)
    out, err = capsys.readouterr()
    assert "debugging" in out
    assert err == ""


def write(x):
    x[0] += 1


def forget(x):
    x[0] = None


def transpose(x):
    x.shape = x.shape[::-1]


def sort_inside(nest):
    nest["a"][0].sort()


ARGUMENTS = [
    (write, np.array([1.0, np.nan])), (write, [1, 2]), (transpose, np.zeros((2, 3))),
    (write, np.array([2**70, 1], object)), (write, bytearray(b"ab")),
    (lambda x: write(x["a"][0]), {"a": (np.zeros(2),)}),
    (forget, [(1, 2)]), (forget, [{1: 2}]), (forget, [{1}]), (forget, [np.ones(1)]), (forget, [1]),
    (sort_inside, {"a": ([2, 1],)}), (dict.popitem, {1: 2}), (list.sort, [2, 1]),
    (lambda x: x.update(b=x.pop("a")), {"a": 1}), (lambda x: x.add(3), {1, 2}),
    (lambda x: x.append(x[0]), [np.zeros(2)]), (lambda x: x.pop(), [np.zeros(2)]),
    (lambda x: x.extend(b"c"), bytearray(b"ab")), (lambda x: x.update(a=None), {"a": np.ones(1)}),
]  # fmt: skip


@pytest.mark.parametrize("change, argument", ARGUMENTS)
def test_who_changes_an_argument_is_told_and_spoils_nothing(change, argument):
    def student(first, second, *, third=None):
        change(third if second is None else second)

    before = copy.deepcopy(argument)
    student.__name__ = "exercise"
    for call in (checks.guard(student), checks.on_copies(student)):
        with pytest.raises(CheckFailed, match="`exercise` changes its argument `second`;"):
            call(argument, argument)
        with pytest.raises(CheckFailed, match="`exercise` changes its argument `third`;"):
            call(argument, None, third=argument)
        np.testing.assert_equal(argument, before)


@pytest.mark.parametrize("argument", [np.array([np.nan, -0.0]), {"a": {1, 2.5}}, (np.nan, [None])])
def test_who_changes_no_argument_is_not_told_so(argument):
    generator = np.random.default_rng(0)
    changed, zeros = [], np.array([-0.0, 1])

    def student(argument, generator, keep, zeros):
        keep(generator.integers(1, 2))
        zeros[zeros == 0] = 0

    for _ in range(2):  # a generator and what a function keeps are there to be changed
        checks.guard(student)(argument, generator, changed.append, zeros)
    assert changed == [1, 1]


OUT = np.zeros(2)
LISTED, KEPT = [0], {"a": OUT}


def refill(x):
    LISTED[:] = [x]
    return LISTED


def regrow(x):
    KEPT[len(KEPT)] = x
    return KEPT


class Variable:
    """What NumPy reads, and what is assigned to, as TensorFlow's variables are."""

    def __init__(self, value):
        self.value = value

    def assign(self, value):
        self.value = value
        return self

    def __array__(self, dtype=None, copy=None):
        if self.value is None:
            raise NotImplementedError("a symbolic tensor has no value")
        return np.array(self.value, dtype)


VARIABLE = Variable(0.0)


@pytest.mark.parametrize(
    "student",
    [
        lambda x: np.add(x, 1, out=OUT), lambda x: [np.zeros(2), np.add(x, 1, out=OUT)],
        lambda x: {"a": (np.add(x, 1, out=OUT),)}, lambda x: np.add(x, 1, out=OUT)[:1],
        lambda x: collections.deque([np.add(x, 1, out=OUT)]),
        lambda x: {"a": np.add(x, 1, out=OUT)}.values(),
        lambda x: collections.Counter(a=np.add(x, 1, out=OUT)),
        refill, regrow, lambda x: regrow(x).keys(), lambda x: regrow(x).items(),
        lambda x: VARIABLE.assign(x), lambda x: [{"a": (VARIABLE.assign(np.full(3, x)),)}],
    ],
)  # fmt: skip
def test_who_overwrites_an_earlier_result_is_told(student):
    guarded = checks.guard(student)
    # Made anew for each call across the wire, guarded or not.
    for way in (guarded, checks.guard, checks.on_copies):
        checks.forget_results()
        for x in (1.0, 2.0):
            call = way if way is guarded else way(student)
            if x == 1.0:
                call(x)
            else:
                with pytest.raises(CheckFailed, match="changes what an earlier call returned"):
                    call(x)


def test_who_returns_the_same_again_or_changes_its_own_is_not_told_so():
    same, total = np.array([np.nan, 1]), np.zeros(2)
    variable, symbolic = Variable(same), Variable(None)

    def student(x):
        total[:] += x
        variable.assign(same.copy())
        return [same, total.copy(), {"a": same}, None, variable, Variable(x), symbolic]

    guarded, other = checks.guard(student), checks.guard(lambda x: np.add(x, 1, out=OUT))
    for x in range(3):
        guarded(x)
        other(5)  # the same numbers each time
    guarded(3)
    same[:] = 7  # by the notebook, between two checks
    checks.forget_results()
    guarded(4)


@pytest.mark.parametrize("buffers", [2, 3, 4])
def test_who_fills_buffers_in_turn_is_told(buffers):
    turns = itertools.cycle(np.zeros((buffers, 2)))
    student = checks.guard(lambda x: np.add(x, 1, out=next(turns)))
    checks.forget_results()
    for x in range(buffers):
        student(x)
    with pytest.raises(CheckFailed, match="changes what an earlier call returned"):
        student(buffers)


@pytest.mark.parametrize(
    "made",
    [
        collections.Counter, collections.OrderedDict, dict, MappingProxyType, dict.values,
        dict.items, dict.keys, lambda x: collections.defaultdict(list, x), collections.ChainMap,
        lambda x: collections.deque(x, maxlen=3), lambda x: frozenset(x), iter,
    ],
)  # fmt: skip
def test_any_container_is_an_argument_and_a_result(made):
    guarded = checks.guard(lambda x: (x, made({"a": 1, "b": 2, "c": 1})))
    for _ in range(3):
        given, result = guarded(made({"a": 1, "b": 2, "c": 1}))
        if made is not iter:
            wanted = sorted(made({"a": 1, "b": 2, "c": 1}))
            assert sorted(given) == sorted(result) == wanted
            if isinstance(given, collections.abc.Mapping):
                assert dict(given) == {"a": 1, "b": 2, "c": 1}


def test_between_two_checks_the_notebook_may_change_what_it_got():
    results = []

    def student(x):
        results.append(2 * x)
        return results[-1]

    for _ in range(2):
        run(student, trials=2)
        results[-1][:] = 7


def test_a_blank_that_another_exercise_calls_is_named():
    def blank():
        raise NotImplementedError("Exercise `blank` is still blank.")

    def filled(x):
        return blank()

    with pytest.raises(CheckFailed, match="Exercise `blank` is still blank, and `filled` calls it"):
        run(filled)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("unsupported operand type(s) for *: 'float' and 'NoneType'", "did not `watch`"),
        ("object of type 'ShellTensor64' has no len()", "tf_shell has its own"),
        (
            "{{function_node __wrapped__Mul_device_/job:x}} Invalid broadcast between 3 and 2 "
            "[Op:Mul] name: ",
            "ValueError: Invalid broadcast between 3 and 2\nThese are the shapes behind",
        ),
    ],
)
def test_what_libraries_say_is_explained(said, meant):
    def raises(x):
        raise ValueError(said)

    with pytest.raises(CheckFailed, match=meant):
        run(raises)


def test_lists_are_compared_entry_by_entry():
    like = [np.zeros((2, 3)), np.zeros(3)]
    assert [a.dtype for a in as_arrays((np.ones((2, 3)), [1, 2, 3]), "it", like)] == [float, float]
    with pytest.raises(CheckFailed, match="it has 1 entries, but there are 2 variables"):
        as_arrays([np.zeros((2, 3))], "it", like)
    with pytest.raises(CheckFailed, match="entry 1, has shape"):
        as_arrays([np.zeros((2, 3)), np.zeros(4)], "it", like)
    with pytest.raises(CheckFailed, match="it is a int"):
        as_arrays(3, "it", like)
    with pytest.raises(CheckFailed, match="it is one array of 3 entries, but there are 2"):
        as_arrays(np.zeros((3, 2)), "it", like)


def test_numbers():
    assert as_number(np.float32(2), "it") == 2.0
    assert as_number([2], "it") == 2.0
    with pytest.raises(CheckFailed, match="one number is wanted"):
        as_number([1, 2], "it")


def test_a_notebook_shows_the_message_and_not_our_frames():
    with pytest.raises(CheckFailed) as failure:
        run(lambda x: 3 * x)
    assert failure.value._render_traceback_() == ["CheckFailed: not twice the number"]


def test_a_seed_repeats_the_series_of_generators(monkeypatch):
    monkeypatch.setenv("LABKIT_SEED", "71")
    series = [fresh_rng().integers(2**62) for _ in range(3)]
    assert len({*series}) == 3
    code = (
        "from labkit.checks import fresh_rng\n"
        "print([int(fresh_rng().integers(2**62)) for _ in range(3)])"
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == str([int(number) for number in series])


def test_without_a_seed_every_generator_is_new(monkeypatch):
    monkeypatch.delenv("LABKIT_SEED", raising=False)
    assert fresh_rng().integers(2**62) != fresh_rng().integers(2**62)


def _trained(student, x):
    model = SimpleNamespace(weight=0.0)
    student(model, x)
    return model.weight


@checks.check
def trains(student, rng):
    """it trains the model."""
    x = rng.normal(0, 1, 5)
    checks.require(checks.at_home(student, _trained, x) == x.sum(), "not trained")


def test_an_object_is_made_where_the_student_is(capsys):
    def sums(model, x):
        model.weight = x.sum()

    trains(sums, np.random.default_rng(1))
    assert "it trains the model" in capsys.readouterr().out
    with pytest.raises(CheckFailed, match="not trained"):
        trains(lambda model, x: None, np.random.default_rng(1))
    with pytest.raises(CheckFailed, match="raised ZeroDivisionError"):
        trains(lambda model, x: 1 / 0, np.random.default_rng(1))


def test_under_the_grader_that_is_another_process():
    def stand_in(model, x):
        raise AssertionError("called here")

    stand_in.at_home = lambda run, *data: (run, data)
    run, data = checks.at_home(checks.guard(stand_in), _trained, 1, 2)
    assert run is _trained and data == (1, 2)


def test_everything_that_is_handed_over_is_a_copy():
    kept = {"a": [np.ones(2), (np.ones(3), {"b": np.ones(1)})]}

    def vandal(data, give, views):
        data["a"][0][:] = data["a"][1][0][:] = data["a"][1][1]["b"][:] = 0
        give()[:] = 0
        data.clear()
        views[0][:] = 0

    whole = np.ones(4)
    with pytest.raises(CheckFailed, match="changes its argument `data` and `views`;"):
        checks.guard(vandal)(kept, lambda: whole, (whole[:2],))
    assert kept["a"][1][1]["b"].all() and kept["a"][0].all() and kept["a"][1][0].all()
    assert whole.all()


def test_calls_in_turn_leave_results_and_go_by_contents():
    calls = [(np.full(3, value), [{"a": value}]) for value in (1.0, 2.0, 3.0)]
    known = {}

    def overwriting(x, _):
        known.setdefault("array", np.empty(3))[:] = x
        return known["array"]

    def by_identity(x, y):
        return known.setdefault((id(x), id(y)), (x, y, x[0]))[2]

    with pytest.raises(CheckFailed, match="`overwriting` changes what an earlier call returned"):
        checks.in_turn(checks.guard(overwriting), *calls)
    assert checks.in_turn(checks.guard(by_identity), *calls)[2] == 1
    assert [x[0] for x in checks.in_turn(checks.guard(lambda x, _: x), *calls)] == [1, 2, 3]
    assert checks.in_turn(checks.guard(lambda _, y: y[0]["a"]), *calls) == [1, 2, 3]
    with pytest.raises(CheckFailed, match="changes its argument `more`"):
        checks.in_turn(checks.guard(lambda x, more: more.pop()), *calls)


def test_in_place_means_the_arguments_themselves():
    kept = np.ones(2)
    checks.guard(lambda x: x.fill(0)).in_place(kept)
    assert not kept.any()


@pytest.mark.parametrize(
    "value",
    [1j, [None], [1.0, None], np.array(["1"], object), [10**400], b"1", np.array("2020", "M8[D]")],
)
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(CheckFailed):
        as_array(value, "it")


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, BaseException])
def test_whatever_is_raised_is_a_failed_check(kind):
    def raises(x):
        raise kind("\ud800")

    with pytest.raises(CheckFailed) as failure:
        run(raises)
    assert str(failure.value).encode()


def test_what_code_without_line_numbers_raises_is_told():
    def raises(x):
        raise ValueError("mine")

    # Each byte says of eight instructions that they are on no line.
    raises.__code__ = raises.__code__.replace(co_linetable=b"\xff" * 20)
    with pytest.raises(CheckFailed, match="raises` raised ValueError: mine"):
        run(raises)


def test_what_a_check_cannot_judge_fails_it():
    @check
    def stumbles(student, rng):
        """it never comes to that."""
        raise IndexError("out of range")

    with pytest.raises(CheckFailed, match="cannot be judged by what it returned"):
        stumbles(lambda: 0, np.random.default_rng(0))


def test_the_library_s_other_way_to_no_epsilon_costs_nothing():
    import dp_accounting
    from dp_accounting import rdp

    def eps_rdp(noise_multiplier, sampling_probability, steps, delta, orders, conversion):
        gaussian = dp_accounting.GaussianDpEvent(noise_multiplier)
        step = dp_accounting.PoissonSampledDpEvent(sampling_probability, gaussian)
        return rdp.RdpAccountant(orders).compose(step, steps).get_epsilon(delta)

    for seed in (296, 315, 319, 320, 330):  # begin with settings where the two differ
        check = checks.gdp_accounting.tight_conversion_matches_the_library
        check.__wrapped__(eps_rdp, np.random.default_rng(seed))


def test_where_orders_decide_alone_the_library_has_the_conversion_s_epsilon():
    from dp_accounting import rdp

    gdp, rng, alone = checks.gdp_accounting, np.random.default_rng(0), []
    for _ in range(500):
        orders, costs = rng.uniform(1.02, 60, 5), 10 ** rng.uniform(-6, 2, 5)
        delta = 10 ** rng.uniform(-6, -0.1)
        alone.append(gdp._by_orders_alone(costs, delta))
        epsilon, _ = rdp.compute_epsilon(orders, costs, delta)
        assert epsilon == pytest.approx(gdp._tight(costs, orders, delta) if alone[-1] else 0)
    assert 100 < sum(alone) < 400


def test_a_module_of_checks_needs_no_import_of_its_own():
    assert checks.gdp_accounting.__name__ == "labkit.checks.gdp_accounting"
    with pytest.raises(AttributeError, match="has no attribute 'no_lab'"):
        checks.no_lab  # noqa: B018 - reading it is the test
