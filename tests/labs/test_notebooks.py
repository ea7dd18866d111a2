"""The notebooks as a person runs them: top to bottom, in a kernel of their own."""

import os
import re
import time
from functools import cache
from pathlib import Path
from unittest import mock

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

pytestmark = pytest.mark.labs
BY_LAB = LONG = True

ROOT = Path(__file__).parents[2]
LABS = sorted(path.stem for path in (ROOT / "labs").glob("*.ipynb"))
each_lab = pytest.mark.parametrize("lab", LABS)


def execute(path):
    """Run a notebook in quick mode and return it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    with mock.patch.dict(os.environ, LABKIT_BUDGET="quick", LABKIT_TEST_RUN=str(os.getpid())):
        NotebookClient(notebook, timeout=300, resources=resources).execute()
    return notebook


@cache
def solved(lab):
    """The outputs of a lab's solution."""
    notebook = execute(ROOT / "solutions" / f"{lab}.ipynb")
    return [output for cell in notebook.cells for output in cell.get("outputs", ())]


def printed(lab):
    """All that a lab's solution printed, and the text of what it displayed."""
    return "".join(
        o.text if o.output_type == "stream" else o.get("data", {}).get("text/plain", "") + "\n"
        for o in solved(lab)
        if o.get("name") != "stderr"
    )


@each_lab
def test_the_solution_runs_top_to_bottom_and_is_quiet(lab):
    assert "✓" in printed(lab), f"no check of {lab} printed a line"
    streams = [output for output in solved(lab) if output.output_type == "stream"]
    assert [stream.text for stream in streams if stream.name == "stderr"] == []
    assert "WARNING" not in printed(lab)


@each_lab
def test_the_solution_earns_every_point_and_says_how_to_hand_in(lab):
    assert f"{lab}: 100 of 100 points" in printed(lab)
    assert "To hand in, save this notebook" in printed(lab)
    green = [o for o in solved(lab) if "points</span>" in o.get("data", {}).get("text/html", "")]
    cells = nbformat.read(ROOT / "solutions" / f"{lab}.ipynb", as_version=4).cells
    checks = sum(cell.metadata.get("nbgrader", {}).get("grade", False) for cell in cells)
    assert len(green) >= min(20, checks) > 0


@each_lab
def test_every_picture_has_alt_text(lab):
    pictures = [
        output.data["text/html"]
        for output in solved(lab)
        if "<img" in output.get("data", {}).get("text/html", "")
    ]
    assert pictures, f"{lab} draws nothing: its last attack is a picture of labkit.plots"
    tags = [tag for picture in pictures for tag in re.findall(r"<img [^>]*>", picture)]
    short = [tag[:80] for tag in tags if not re.match(r'<img alt="[^"]{40,}"', tag)]
    assert not short, f"{lab}: alt texts of 40 letters or more say what a picture shows: {short}"
    bare = any("image/png" in output.get("data", {}) for output in solved(lab))
    assert not bare, f"{lab} draws without labkit.plots, which wants an alt text"
    drawings = [
        output.data["text/html"]
        for output in solved(lab)
        if "<svg" in output.get("data", {}).get("text/html", "")
    ]
    assert all(re.match(r'<svg [^>]*role="img" aria-label="[^"]{60,}"', d) for d in drawings)


@each_lab
def test_a_blank_lab_runs_to_its_first_exercise_and_names_it(lab):
    path = ROOT / "labs" / f"{lab}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    first = next(c for c in cells if c.metadata.get("nbgrader", {}).get("solution"))
    with pytest.raises(CellExecutionError) as error:
        execute(path)
    assert f"Exercise `{first.metadata.nbgrader.grade_id}` is still blank" in str(error.value)


# --- what the prose says of the figures -----------------------------------------------------------


def figures(lab, pattern):
    """The numbers that a pattern's groups caught in what a lab's solution printed, row by row."""
    return [[float(n) for n in match.groups()] for match in re.finditer(pattern, printed(lab))]


def test_lab_01_three_implementations_make_the_same_step():
    [[moved]] = figures("01_dp_sgd", r"moved the weights by up to +(\S+)")
    apart = figures("01_dp_sgd", r"yours against .* (\S+)\n")
    assert moved > 1e-3
    # float32 weights below 0.5 are spaced 3e-8 apart; each way rounds a few times on the way.
    assert [a < 1e-6 for (a,) in apart] == [True, True]


def test_lab_01_the_published_epsilon_is_an_artefact():
    assert "ε = 2321.94 at order 1.1," in printed("01_dp_sgd")
    assert "ε = 548.70 at order 1.038" in printed("01_dp_sgd")
    assert "PLD (numerical)             ε = 479.10; whatever is below 478.14" in printed(
        "01_dp_sgd"
    )


def test_lab_01_the_sum_wins_only_along_its_own_direction():
    [[least, most, _, longest, along]] = figures(
        "01_dp_sgd",
        r"noise (\S+) to (\S+) over 26010 weights, sums (\S+) to (\S+), noise along .* (\S+) at",
    )
    # 1.3·√26010 = 209.7, within six of its deviations, 1.3/√2; one normal within five.
    assert 204 < least <= most < 216
    assert longest < most / 5
    assert along < 5 * 1.3


def test_lab_01_one_seed_for_two_runs_gives_the_sum_away():
    [[shared]] = figures("01_dp_sgd", r"one seed for both: +relative error (\S+)\n")
    [[own]] = figures("01_dp_sgd", r"a generator for each: relative error (\S+)\n")
    assert shared < 1e-3 < 5 < own


def test_lab_01_the_audit_clears_the_honest_and_convicts_the_liar():
    from labkit.accounting import epsilon_pld

    *honest, (_, liar) = figures("01_dp_sgd", r"σ = (\S+): \d+ of 160 .* ε > (\S+)\n")
    assert len(honest) == 3
    assert all(lower < epsilon_pld(sigma, 1.0, 20, 1e-7) for sigma, lower in honest)
    assert any(lower > 1 for _, lower in honest)
    assert liar > epsilon_pld(9.0, 1.0, 20, 1e-7)


def test_lab_03_the_leaks_of_the_published_notebook_are_found():
    text = printed("03_federated_masking")
    assert "get_gradient, party 0 reads: everyone: images, everyone: labels\n" in text
    assert "published call, party 0 reads: party 0: images, party 1: labels\n" in text
    assert "ours, party 0 reads: party 0: images, party 0: labels\n" in text
    [[same_batch, ours]] = figures(
        "03_federated_masking", r"on the same 32 images: (\S+); ours: (\S+)\n"
    )
    assert abs(same_batch - ours) < 0.01  # the breach that the accuracy hardly shows


def test_lab_03_masks_end_the_attack_and_cost_nothing():
    lab = "03_federated_masking"
    [[bare, masked]] = figures(
        lab, r"at least (\S+) without masks,\nat most (\S+) in size with them"
    )
    assert bare >= 0.99
    # Of 784 independent pixels a correlation deviates by 1/28; 0.25 is seven of those.
    assert masked < 0.25
    [[with_, without, apart]] = figures(
        lab, r"accuracy (\S+) with masks, (\S+) without;\nthe weights differ by up to (\S+),"
    )
    # The steps' learning rate is 0.1: twenty roundings of at most 2^−21, summed.
    assert apart < 20 * 0.1 * 2**-21
    assert abs(with_ - without) < 1e-3
    assert figures(lab, r"places in which the sum .* bare: (\d+)") == [[0]]


def test_lab_03_float_masks_do_not_cancel():
    rows = figures(
        "03_federated_masking",
        r"(?m)^ +(\S+) +(0\.\d{3}) +(\S+e[+-]\d+) +(\S+e-\d+)$",
    )
    scale, seen, single, double = zip(*rows, strict=True)
    assert seen[0] > 0.99  # too small to hide
    assert single[-1] > 10 > 1e-6 > single[0]  # too large to cancel
    assert double[-1] > 1e6 * double[0]
    assert scale[-1] == 1e8


def test_lab_03_a_late_vector_is_bare_but_for_its_self_mask():
    [[pairs, both]] = figures(
        "03_federated_masking",
        r"at least (\S+) with pair masks only, at most (\S+) with a self mask",
    )
    assert pairs >= 0.99
    assert both < 0.25
    [[fresh]] = figures("03_federated_masking", r"key of their own at most (\S+)\n")
    assert fresh < 0.25


def test_lab_03_copied_keys_bare_the_first_attempt_and_not_the_mended_one():
    [[first, mended]] = figures(
        "03_federated_masking",
        r"copied keys: correlation at least (\S+) at the first attempt,\nat most (\S+) in size",
    )
    assert first >= 0.99
    assert mended < 0.25


def test_lab_03_dropouts_and_a_tamperer_leave_the_sum_exact():
    text = printed("03_federated_masking")
    assert "yours: places that differ from the bare sum: 0\n" in text
    assert "the protocol: places that differ: 0\n" in text
    assert "excluded: {6: 'its share of client 0 is malformed or replayed'}" in text
    assert "5 of the 7 shares that are needed are there, 2 are missing" in text
    assert "4 of the 6 shares that are needed are there, 2 are missing" in text
    assert "67        33         33             yes            yes            yes" in text


def test_lab_03_the_traffic_grows_as_the_fits_say():
    lab = "03_federated_masking"
    fits = figures(lab, r"(\d+) · n(?:²|·k) +([+-]\d+) · n bytes \(within (\d+)%\)")
    assert len(fits) == 2
    # A pair costs two sealed pairs of shares, their hashes, signed keys, codes, revealed shares.
    assert all(600 < a < 1000 and within <= 3 for a, _, within in fits)
    # The masked vector alone is 4 · 784 = 3136 bytes a party.
    assert all(2500 < b < 4500 for _, b, _ in fits)


def test_lab_03_a_liar_needs_more_neighbours_than_a_curious_server():
    rows = figures(
        "03_federated_masking", r"curious k = (\d+), t = (\d+); lying k = (\d+), t = (\d+)"
    )
    assert rows[-1] == [54, 35, 114, 86]
    assert all(curious < lying for curious, _, lying, _ in rows)
    assert "k = 20, t = 2k/3: 4e-03 against a curious" in printed("03_federated_masking")


def test_lab_03_secure_aggregation_costs_no_accuracy_in_tff():
    last = dict(
        re.findall(r"(\S.*?) +(0\.\d+|1\.0+) after \d+ rounds", printed("03_federated_masking"))
    )
    assert float(last["in the clear"]) >= 0.99
    assert float(last["secure aggregation"]) >= 0.99


def test_lab_03_noise_under_the_masks_hides_a_party_from_two_sums():
    lab = "03_federated_masking"
    [[bare, hidden]] = figures(
        lab, r"two sums: correlation at least (\S+) without noise,\nat most (\S+)"
    )
    assert bare >= 0.99
    assert hidden < 0.25
    assert figures(lab, r"10 rounds: ε = (\S+) per party") == [[3.62]]


def test_lab_04_splitting_changes_nothing_and_alice_must_learn():
    lab = "04_split_learning"
    [[moved]] = figures(lab, r"moved the weights by up to (\S+);")
    [[apart]] = figures(lab, r"split and unsplit differ by up to (\S+)\n")
    # float32 weights below 1 are spaced 6e-8 apart; 20 steps round a few times each.
    assert moved > 1e-2 > 1e-5 > apart
    [[with_, without]] = figures(lab, r"after \d epochs: (\S+), without steps 7 and 8: (\S+)\n")
    assert with_ > without + 0.1


def test_lab_04_the_wire_carries_what_was_predicted():
    [[measured, predicted]] = figures("04_split_learning", r"step: (\d+) across .*; (\d+) pred")
    assert predicted == 2 * 64 * 640 * 4
    assert predicted < measured < 1.02 * predicted


def test_lab_04_gradients_and_smashed_data_leak():
    lab = "04_split_learning"
    aucs = dict(figures(lab, r"(\d+)% positives: AUC of the norm attack (\S+) over"))
    assert aucs[2] > 0.95 and aucs[9] > 0.9 and aucs[50] < 0.8
    assert all(read > 0.9 for (read,) in figures(lab, r"direction attack .*: (\S+) of the labels"))
    [[mean]] = figures(lab, r"mean image of the right digit: correlation (\S+)\n")
    likeness = dict(figures(lab, r"(\d+) known images: correlation (\S+) with the recon"))
    assert mean < likeness[50] < likeness[500]


def test_lab_04_what_defences_give_and_cost():
    lab = "04_split_learning"
    rows = figures(lab, r"(?m)^(\d+)" + 4 * r" +(\S+) ± \S+" + "$")
    [none, noisy] = [read for _, _, *read in rows]
    assert min(none) > 0.9
    assert noisy[0] < 0.6 and noisy[1] > 0.95 and noisy[2] > 0.9
    [[apart]] = figures(lab, r"weights of the two splits differ by up to (\S+)\n")
    [[plain, u]] = figures(lab, r"bytes per image: plain (\d+), U-shaped (\d+)\n")
    # float32 weights below 1 are spaced 6e-8 apart; one step rounds a few times.
    assert apart < 1e-6
    assert (plain, u) == (2 * 4 * 640, 2 * 4 * (128 + 640))
    assert figures(lab, r"labels that bob reads at the second cut: (\S+)\n") > [[0.95]]


def test_lab_04_bytes_of_split_learning_and_fedavg_are_counted_alike():
    moved = re.findall(
        r"(?m)^(split|FedAvg).* after 1 rounds, +(\S+) MB", printed("04_split_learning")
    )
    bottom, top = 784 * 128 + 128 + 128 * 640 + 640, 640 * 10 + 10
    split = 1920 * 2 * 640 + 3 * bottom  # each example both ways, the bottom on to the next client
    averaged = 2 * 3 * (bottom + top)  # the network out to each client and back
    want = {"split": f"{4 * split / 1e6:.1f}", "FedAvg": f"{4 * averaged / 1e6:.1f}"}
    assert moved == 2 * [*want.items()]


def test_lab_04_hashes_are_read_and_masked_ones_are_not():
    lab = "04_split_learning"
    [[read, there]] = figures(lab, r"hashes: alice reads (\d+) of bob's (\d+) other patients")
    assert read == there > 0
    assert "right: True; alice reads 0 others from the list" in printed(lab)


@each_lab
def test_no_process_outlives_the_notebook(lab):
    assert solved(lab)  # TFF's worker and the parties were at work
    deadline = time.monotonic() + 10
    while (left := ours()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def test_lab_05_overflow_wraps_as_predicted():
    lab = "05_encrypted_labels"
    assert figures(lab, r"difference between decrypted and predicted: (\S+)") == [[0.0]]
    text = printed(lab)
    assert re.search(r"the published notebook .*: NOT within the table", text)
    assert len(re.findall(r"this lab, \w+ ring .*: secure", text)) == 2


def test_lab_05_the_slice_s_gradient_is_within_its_bound():
    lab = "05_encrypted_labels"
    [[error, bound, cosine]] = figures(
        lab, r"decrypted gradient: largest error (\S+), bound (\S+), cosine (\S+)"
    )
    assert error < bound / 5 and cosine > 0.99


def test_lab_05_no_fixed_scaling_factor_suits_the_published_modulus():
    text = r"{}, scaling factor +(\d+): cosine with the true gradient (\S+), (\d+) of"
    start, end = (
        {scale: (cosine, wrapped) for scale, cosine, wrapped in figures("05_encrypted_labels", t)}
        for t in (text.format("at the start"), text.format("after 28 batches"))
    )
    assert end[3][0] < 0.8 and end[3][1] == 0  # coarse, and nothing wraps
    assert end[96][0] > 0.999 and end[96][1] == 0
    assert start[96][1] > 0 and start[96][0] < 0.5


def test_lab_05_the_encrypted_gradient_is_the_true_one_on_every_batch():
    [[least]] = figures("05_encrypted_labels", r"least cosine with the plaintext gradient (\S+)")
    assert least >= 0.999


def test_lab_05_two_processes_do_what_one_does():
    [[_, two, one]] = figures(
        "05_encrypted_labels", r"after (\d+) batches: (\S+); in one process: (\S+)"
    )
    assert two == one


def test_lab_05_bare_residuals_are_labels_and_ciphertexts_are_not():
    lab = "05_encrypted_labels"
    [[bare, hidden]] = figures(
        lab, r"labels guessed from bare residuals: (\S+)%; from ciphertexts: (\S+)%"
    )
    assert bare == 100.0
    # Of 2048 guesses a tenth is right, give or take 0.7 %; six of those.
    assert 6 < hidden < 14


def test_lab_05_the_result_gives_all_labels_away_unless_there_is_noise():
    lab = "05_encrypted_labels"
    found = figures(lab, r": (\d+) of (\d+) labels recovered")
    assert len(found) == 2 and all(right == of for right, of in found)
    rows = figures(lab, r"guessed: random labels (\S+) \(at most (\S+)\)")
    # Of 256 random labels, or more, guesses beyond the ceiling by 5.6 deviations are 1e-8.
    assert all(rate <= most + 5.6 * (most * (1 - most) / 256) ** 0.5 for rate, most in rows)
    assert rows[-1][0] < 0.25


def ours():
    """The running processes that a notebook of this test run has started."""
    found = []
    for process in psutil.process_iter(["environ", "cmdline"]):
        if (process.info["environ"] or {}).get("LABKIT_TEST_RUN") == str(os.getpid()):
            found.append(process.info["cmdline"])
    return found
