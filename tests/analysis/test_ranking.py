"""Ranks, tests and groups of methods, against published examples and scipy."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from imprint.analysis import hypothesis_tests, ranking
from imprint.analysis.differences import difference, differences

# Demsar 2006, table 6: AUC of C4.5 with none, one or both of its parameters tuned, on 14 data sets. "voting" shows
# 0.975 twice there with ranks 2 and 3, so its third value is the larger one before rounding.
DEMSAR = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)


def test_ranks_of_demsars_example():
    mean_ranks = ranking.ranks(DEMSAR).mean()
    assert mean_ranks.round(3).tolist() == [3.143, 2.000, 2.893, 1.964]
    n, k = DEMSAR.shape
    chi2 = 12 * n / (k * (k + 1)) * ((mean_ranks**2).sum() - k * (k + 1) ** 2 / 4)
    assert chi2 == pytest.approx(9.28, abs=0.005)
    assert (n - 1) * chi2 / (n * (k - 1) - chi2) == pytest.approx(3.69, abs=0.005)
    # the published statistic does not correct for ties, ours does: it can only be larger
    ties = sum(
        (c**3 - c).sum()
        for c in (np.unique(row, return_counts=True)[1] for row in DEMSAR.to_numpy())
    )
    assert hypothesis_tests.friedman(DEMSAR).statistic == pytest.approx(
        chi2 / (1 - ties / (n * k * (k**2 - 1)))
    )


def test_concordance_of_demsars_example():
    # Kendall's W by its own formula, from sums of ranks, with his correction for ties
    n, k = DEMSAR.shape
    sums = ranking.ranks(DEMSAR).sum()
    ties = sum(
        (c**3 - c).sum()
        for c in (np.unique(row, return_counts=True)[1] for row in DEMSAR.to_numpy())
    )
    w = 12 * ((sums - sums.mean()) ** 2).sum() / (n**2 * (k**3 - k) - n * ties)
    assert hypothesis_tests.friedman(DEMSAR).w == pytest.approx(w)


def test_wilcoxon_of_demsars_example():
    # Demsar splits the two zeros and finds R- = 12; Pratt drops their ranks, 1 and 2: half of them was in R-
    test = hypothesis_tests.signed_rank(DEMSAR["C4.5+m"].to_numpy(), DEMSAR["C4.5"].to_numpy())
    assert test.statistic == 12 - 1.5
    assert test.p < 0.05
    assert test.effect == pytest.approx((93 - 12) / (93 + 12))  # R+ = 93


def p_by_all_signs(differences):
    """Two-sided p of the signed-rank test with Pratt's zeros: every choice of signs counted, in whole numbers."""
    doubled = [int(r) for r in 2 * stats.rankdata(np.abs(differences))]  # ranks of ties are halves
    ranks = [r for r, d in zip(doubled, differences, strict=True) if d]
    lower = sum(r for r, d in zip(doubled, differences, strict=True) if d < 0)
    ways = Counter({0: 1})
    for r in ranks:
        ways = ways + Counter({total + r: count for total, count in ways.items()})
    statistic = min(lower, sum(ranks) - lower)
    tail = sum(count for total, count in ways.items() if total <= statistic)
    return min(1.0, float(Fraction(2 * tail, 2 ** len(ranks))))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=50).filter(any))
def test_p_is_exact_for_up_to_50_differences_with_ties_and_zeros(differences):
    d = np.array(differences, dtype=float)
    result = hypothesis_tests.signed_rank(d, np.zeros(len(d)))
    assert result.p == pytest.approx(p_by_all_signs(d), rel=1e-9)


@given(
    st.permutations(range(1, 51)),
    st.lists(st.booleans(), min_size=50, max_size=50),
    st.integers(1, 50),
)
def test_p_is_exact_for_up_to_50_differences_without_ties(order, signs, n):
    d = np.array(
        [rank if up else -rank for rank, up in zip(order[:n], signs[:n], strict=True)], dtype=float
    )
    expected = stats.wilcoxon(d, method="exact").pvalue
    assert hypothesis_tests.signed_rank(d, np.zeros(n)).p == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=7).filter(any))
def test_the_count_of_all_signs_is_that_of_scipy(differences):
    # scipy flips the signs of all differences, zeros too, which changes nothing
    d = np.array(differences, dtype=float)
    expected = stats.wilcoxon(d, zero_method="pratt", method=stats.PermutationMethod())
    result = hypothesis_tests.signed_rank(d, np.zeros(len(d)))
    assert (result.statistic, result.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert p_by_all_signs(d) == pytest.approx(expected.pvalue)


def test_p_of_many_pairs_is_scipys_approximation():
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 20, size=(2, 200)).astype(
        float
    )  # whole numbers: no rounding breaks their ties
    assert (
        hypothesis_tests.signed_rank(first, second).p
        == stats.wilcoxon(first, second, zero_method="pratt").pvalue
    )


def test_effects_reach_their_ends():
    low, high = np.linspace(0.1, 0.5, 7), np.linspace(0.3, 0.9, 7)
    assert hypothesis_tests.signed_rank(high, low).effect == 1
    assert hypothesis_tests.signed_rank(low, high).effect == -1
    assert hypothesis_tests.signed_rank(low, low).effect == 0
    # one difference among many zeros is no large effect
    assert hypothesis_tests.signed_rank(
        low + 0.1 * (np.arange(7) == 3), low
    ).effect == pytest.approx(7 / 28)
    order = pd.DataFrame({name: np.arange(5.0) - i for i, name in enumerate("abc")})
    assert hypothesis_tests.friedman(order).w == pytest.approx(1)


def test_tests_agree_with_scipy():
    rng = np.random.default_rng(0)
    matrix = pd.DataFrame(rng.normal(size=(30, 4)), columns=list("abcd"))
    result = ranking.compare_methods(matrix)
    expected = stats.friedmanchisquare(*matrix.to_numpy().T)
    assert (result.friedman.statistic, result.friedman.p) == pytest.approx(
        (expected.statistic, expected.pvalue)
    )
    for pair in result.pairwise:
        expected = stats.wilcoxon(matrix[pair.first], matrix[pair.second], zero_method="pratt")
        assert (pair.statistic, pair.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_equal_differences_tie_whatever_their_rounding():
    first = np.array([0.3, 0.2, 0.9, 0.7, 0.6])
    second = np.array([0.2, 0.1, 0.8, 0.8, 0.7])
    assert (
        hypothesis_tests.signed_rank(first, second)[0] == 6
    )  # five ranks of 3, two of them negative


@pytest.mark.parametrize("n", [70, 360, 1797])
def test_p_is_that_of_the_numbers_of_correct_answers(n):
    """Accuracies are these numbers divided by n: with rounding errors, which must not break ties."""
    rng = np.random.default_rng(n)
    tasks = [f"t{i}" for i in range(10)]
    index = pd.MultiIndex.from_product([["fm"], tasks], names=["fm", "task"])
    datasets = {task: task for task in tasks}
    for _ in range(30):
        correct = pd.DataFrame(rng.integers(n // 2, n // 2 + 6, (10, 2)), index, ["a", "b"])
        compared = ranking.compare_methods(correct / n)
        first, second = correct["a"].to_numpy(float), correct["b"].to_numpy(float)
        expected = hypothesis_tests.signed_rank(first, second)
        (pair,) = compared.pairwise
        order = 1 if pair.first == "a" else -1
        assert pair.p == pytest.approx(expected.p, abs=1e-12)
        assert order * pair.effect == pytest.approx(expected.effect)
        for scale in (1, 100):
            (over,) = differences(scale * compared.accuracies, datasets)
            of_numbers = difference(correct["a"] - correct["b"], datasets)
            assert over.difference.p == pytest.approx(of_numbers.p, abs=1e-12)
            assert {over.difference.better, over.difference.worse} == {
                of_numbers.better,
                of_numbers.worse,
            }


def test_differences_that_cancel_over_fms_are_none():
    index = pd.MultiIndex.from_product([["f", "g", "h"], ["t"]], names=["fm", "task"])
    values = pd.Series([1 / 7, 1 / 7, -2 / 7], index)
    of_task = difference(values, {"t": "t"})
    assert (of_task.better, of_task.worse) == (0, 0)


def test_holm_of_four():
    # sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, then 0.04 x 1 raised to the one before
    assert hypothesis_tests.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx(
        [0.03, 0.06, 0.06, 0.02]
    )
    assert hypothesis_tests.holm([0.6, 0.7]) == pytest.approx([1, 1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_p_and_bonferroni(p):
    adjusted = hypothesis_tests.holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(np.array(p) * len(p), 1)).all()


def test_identical_methods_do_not_differ():
    column = np.linspace(0.5, 0.9, 20)
    result = ranking.compare_methods(pd.DataFrame({"a": column, "b": column, "c": column}))
    assert result.friedman.p == 1
    assert [pair.p_holm for pair in result.pairwise] == [1, 1, 1]
    assert [pair.effect for pair in result.pairwise] == [0, 0, 0]
    assert result.cliques == (("a", "b", "c"),)
    assert (result.summary["mean_rank"] == 2).all()
    assert result.notes == ("Equal medians on every (FM, task): a = b = c.",)


def test_two_groups_of_methods_are_separated():
    rng = np.random.default_rng(1)
    difficulty = rng.uniform(0.4, 0.8, size=(40, 1))
    level = np.array([0.10, 0.10, 0.0, 0.0])
    matrix = pd.DataFrame(
        difficulty + level + 0.01 * rng.normal(size=(40, 4)), columns=list("abcd")
    )
    result = ranking.compare_methods(matrix)
    assert {frozenset(clique) for clique in result.cliques} == {frozenset("ab"), frozenset("cd")}


@given(st.integers(6, 14), st.integers(0, 10**6))
def test_the_interval_holds_the_shifts_that_the_test_does_not_reject(n, seed):
    values = np.random.default_rng(seed).standard_t(3, n)
    means = (values[:, None] + values)[np.triu_indices(n)] / 2
    assume(np.diff(np.sort(means)).min() > 3e-5)  # no ties, at which both are coarser
    low, high = hypothesis_tests.signed_rank_interval(values)[1:]
    for end, inside in ((low, 1e-5), (high, -1e-5)):
        assert hypothesis_tests.location_p(values - end - inside) > 0.05
        assert hypothesis_tests.location_p(values - end + inside) <= 0.05


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=7))
def test_of_few_values_p_and_interval_agree_with_ties_too(values):
    values = np.array(values, float)
    p = hypothesis_tests.location_p(values)
    low, high = hypothesis_tests.signed_rank_interval(values)[1:]
    assert (p < 0.05) == (not low <= 0 <= high)
    assert p == hypothesis_tests.location_p(-values)
    assert 2 / 2 ** len(values) <= p <= hypothesis_tests.location_p(0 * values) == 1


@pytest.mark.parametrize(("n", "outside"), [(8, 4), (10, 9), (20, 53)])
def test_ends_of_intervals_are_those_of_the_published_table(n, outside):
    """Wilcoxon's table for 5%, two-sided: 3, 8, 52 are the largest sums that reject; the ends are the next means."""
    values = np.cumsum(np.random.default_rng(n).exponential(size=n))
    means = sorted((a + b) / 2 for i, a in enumerate(values) for b in values[i:])
    interval = hypothesis_tests.signed_rank_interval(values)
    assert (interval.low, interval.high) == pytest.approx((means[outside - 1], means[-outside]))
    assert interval.estimate == pytest.approx(np.median(means))


def test_ends_of_six_values_lie_between_those_of_two_levels():
    """Of 96.875% (lowest and highest value) and 93.75% (the next means of two), three fifths of the way to 93.75."""
    interval = hypothesis_tests.signed_rank_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0]))
    assert interval == pytest.approx((3.5, 1 + 0.6 * 0.5, 9 - 0.6 * 2))


def test_of_five_values_there_is_no_interval():
    interval = hypothesis_tests.signed_rank_interval(np.arange(5.0))
    assert interval.estimate == 2 and np.isnan(interval[1:]).all()


def test_without_an_overall_difference_all_are_joined():
    # a wins 22 times by much and loses 18 times by little: signed ranks tell it from b, plain ranks do not
    lead = np.concatenate([np.linspace(0.2, 0.3, 22), -np.linspace(0.01, 0.02, 18)])
    result = ranking.compare_methods(pd.DataFrame({"a": 0.5 + lead, "b": 0.5, "c": 0.5 + lead / 2}))
    assert result.friedman.p > 0.05 > max(pair.p_holm for pair in result.pairwise)
    assert result.cliques == (("a", "c", "b"),)


def test_cliques_are_maximal_runs():
    different = {frozenset("ad"), frozenset("ae"), frozenset("be")}
    assert ranking.cliques("abcde", different) == (
        ("a", "b", "c"),
        ("b", "c", "d"),
        ("c", "d", "e"),
    )
    assert ranking.cliques("abc", {frozenset("ab"), frozenset("ac"), frozenset("bc")}) == ()
    # b and c differ, so no bar passes over them, though a and d do not differ
    assert ranking.cliques("abcd", {frozenset("bc")}) == (("a", "b"), ("c", "d"))


def test_missing_cells_are_left_out_and_counted():
    matrix = pd.DataFrame(
        {"a": [0.9, 0.8, 0.7, np.nan], "b": [0.8, np.nan, 0.6, np.nan], "c": [np.nan] * 4}
    )
    result = ranking.compare_methods(matrix)
    assert (result.rows, result.left_out) == (2, 1)  # a row that no method has is no loss
    assert list(result.summary.index) == ["a", "b"]
    assert result.summary.loc["a", "mean"] == pytest.approx(
        0.8
    )  # over the shared rows, like for like
    assert result.notes[:2] == (
        "Without any result and left out: c.",
        "1 (FM, task) left out for lack of results of b (1).",
    )


def test_one_pair_has_ranks_but_nothing_else():
    matrix = pd.DataFrame({"a": [0.9], "b": [0.8], "c": [0.7]})
    result = ranking.compare_methods(matrix)
    assert result.summary["mean_rank"].tolist() == [1, 2, 3]
    assert result.summary["std"].isna().all() and result.friedman is None
    # tests and diagrams of ranks show no standard deviation that could be missing
    assert result.notes == ("Nothing to test: 3 methods over 1 shared (FM, task).",)
    alone = ranking.rank_methods(matrix).notes
    assert alone == ("One (FM, task) alone: no standard deviation.",)
    assert result.cliques == (("a", "b", "c"),)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (5, 1), (1, 4), (5, 2), (3, 3)])
def test_too_little_is_reported_not_raised(shape):
    methods = shape[1]
    rng = np.random.default_rng(0)
    result = ranking.compare_methods(
        pd.DataFrame(rng.normal(size=shape), columns=list("abcd"[:methods]))
    )
    assert result.notes
    assert result.friedman is None or methods >= 3


def test_too_few_pairs_to_differ_says_how_many_it_takes():
    # 10 pairs of methods and Holm: 2 / 2^n x 10 < 0.05 from n = 9 on
    better = pd.DataFrame({name: np.arange(8.0) + i for i, name in enumerate("abcde")})
    assert any("it takes 9" in note for note in ranking.compare_methods(better).notes)
    enough = pd.DataFrame(
        {name: np.arange(9.0) ** 2 + i * np.arange(1, 10) for i, name in enumerate("abcde")}
    )
    assert ranking.compare_methods(enough).notes == ()
    assert max(pair.p_holm for pair in ranking.compare_methods(enough).pairwise) < 0.05


def test_methods_that_are_equal_everywhere_are_no_rivals():
    matrix = pd.DataFrame({"a": [0.9, 0.8], "b": [0.7, 0.9], "c": [0.9, 0.8], "d": [0.9, 0.7]})
    rest, equal = ranking.merged(matrix)
    assert list(rest) == ["a", "b", "d"] and equal == {"a": ("c",)}
    assert ranking.merged_note(equal) == (
        "Equal on every (FM, task) in their kept configurations, not necessarily in others, and ranked as one: a = c.",
    )
    alone, nothing = ranking.merged(matrix.iloc[:1])  # one (FM, task) is a coincidence
    assert list(alone) == list(matrix) and not nothing
