"""Calibration against loops written from the definitions, with SciPy's binomial."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from activezoo.model.predictions import Predictions
from activezoo.posteriors import calibration, counts
from activezoo.posteriors.calibration import EACH, EPSILONS, MIXTURE, ONE
from activezoo.posteriors.counts import ESTIMATORS
from made_up_posteriors import WEIGHTS, pmf_of, rhos, single, survey


def k_hat_of(pmf, estimator):
    if estimator == "mode":
        return next(j for j in range(len(pmf)) if pmf[j] >= max(pmf) * (1 - 1e-9))
    return Fraction(round(sum(j * p for j, p in enumerate(pmf)), 9)).limit_denominator(10**9)


def coverage_by_hand(rho_GT, weights_T, k, responses, estimator, epsilon):
    """Paper Eqs. 11 and 12, term by term, with exact fractions."""
    expected, actual = 0.0, 0
    for rho_T, k_i, n in zip(rho_GT, k.tolist(), responses.tolist(), strict=True):
        pmf = pmf_of(rho_T, n, weights_T).tolist()
        k_hat = k_hat_of(pmf, estimator)
        within = [j for j in range(n + 1) if abs(j - k_hat) < n * Fraction(str(epsilon))]
        expected += sum(pmf[j] for j in within)
        actual += sum(j == k_i for j in within)
    return expected, actual


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_coverage_is_that_of_the_definition(estimator):
    predictions, k, responses = survey(40, seed=1)
    responses[:10] = 40  # N ε is whole
    k = np.minimum(k, responses)
    table = calibration.coverage({MIXTURE: predictions}, k, responses).set_index(["variant", "estimator", "epsilon"])
    for epsilon in EPSILONS:
        alone = [
            coverage_by_hand(predictions.rho_GT[:, [network]], [1], k, responses, estimator, epsilon)
            for network in range(4)
        ]
        by_hand = {
            ONE: alone[0],
            EACH: np.average(alone, axis=0, weights=WEIGHTS),
            MIXTURE: coverage_by_hand(predictions.rho_GT, WEIGHTS, k, responses, estimator, epsilon),
        }
        for variant, (expected, actual) in by_hand.items():
            row = table.loc[variant, estimator, epsilon]
            assert row.galaxies == 40
            assert row.expected == pytest.approx(expected, abs=1e-9)
            assert row.actual == pytest.approx(actual, abs=1e-9)
            assert row.coverage_error == pytest.approx((expected - actual) / actual)


@given(rhos, st.integers(1, 60), st.integers(1, 50), st.data())
@settings(max_examples=60, deadline=None)
def test_coverage_of_any_galaxy_at_any_error(rho, n, percent, data):
    k = data.draw(st.integers(0, n))
    predictions, responses = single(rho, n)
    table = calibration.coverage({MIXTURE: predictions}, np.array([k]), responses, [percent / 100])
    row = table[(table.variant == MIXTURE) & (table.estimator == "mode")].iloc[0]
    expected, actual = coverage_by_hand(
        predictions.rho_GT, predictions.weights_T, np.array([k]), responses, "mode", percent / 100
    )
    assert row.expected == pytest.approx(expected, abs=1e-9)
    assert row.actual == actual


@pytest.mark.parametrize(("n", "epsilon", "reach"), [(40, 0.05, 1), (20, 0.15, 2), (30, 0.1, 2), (41, 0.05, 2)])
def test_counts_at_the_very_limit_are_outside(n, epsilon, reach):
    # ρ̂ = ½ of an even N: mode and mean are N / 2; of an odd one: N / 2 − ½ and N / 2.
    predictions, _ = single([0.5], n)
    for distance in range(4):
        table = calibration.coverage({MIXTURE: predictions}, np.array([n // 2 - distance]), np.array([n]), [epsilon])
        assert set(table[table.estimator == "mode"].actual) == {float(distance <= reach)}
        if n % 2 == 0:
            assert set(table[table.estimator == "mean"].actual) == {float(distance <= reach)}
    probability = stats.binom.pmf(np.arange(n // 2 - reach, n // 2 + reach + 1), n, 0.5).sum()
    np.testing.assert_allclose(table[table.estimator == "mode"].expected, probability)


def test_a_limit_that_floats_put_too_high():
    assert 25 * 0.28 > 7
    for rho, k in ((0.0, 7), (1.0, 18)):
        table = calibration.coverage({MIXTURE: single([rho], 25)[0]}, np.array([k]), np.array([25]), [0.28])
        assert (table.actual == 0).all()


def test_variants_come_in_order_and_none_covers_nothing_without_a_warning():
    predictions, k, responses = survey(3)
    variants = {MIXTURE: predictions, "ensemble": predictions, "rescaled": predictions}
    table = calibration.coverage(variants, np.where(k < responses / 2, responses, 0), responses, [0.02, 0.5])
    assert list(table.variant.unique()) == [ONE, EACH, MIXTURE, "ensemble", "rescaled"]
    assert list(table.columns) == [
        "variant", "estimator", "epsilon", "galaxies", "expected", "actual", "coverage_error", "standard_error",
    ]  # fmt: skip
    narrow = table[table.epsilon == 0.02]
    assert (narrow.actual == 0).all()
    assert narrow.coverage_error.isna().all()
    assert (narrow.expected > 0).any()


def test_chunks_do_not_show(monkeypatch):
    predictions, k, responses = survey(lowest=10, highest=13)
    whole = calibration.coverage({MIXTURE: predictions}, k, responses)
    score = counts.crps(predictions, k, responses)
    monkeypatch.setattr(counts, "_CHUNK_VALUES", 30)
    chunks = list(counts.posteriors(predictions, responses))
    assert len(chunks) > 20
    assert sorted(row for rows, _, _ in chunks for row in rows) == list(range(60))
    pd.testing.assert_frame_equal(calibration.coverage({MIXTURE: predictions}, k, responses), whole)
    np.testing.assert_allclose(counts.crps(predictions, k, responses), score)


def test_pit_is_that_of_czado_gneiting_and_held():
    predictions, k, responses = survey()

    def cumulative(u):
        total = 0
        for rho_T, k_i, n in zip(predictions.rho_GT, k, responses, strict=True):
            low, high = (
                sum(w * stats.binom.cdf(j, n, rho_T[t]) for t, w in enumerate(WEIGHTS)) for j in (k_i - 1, k_i)
            )
            total += 0 if u <= low else 1 if u >= high else (u - low) / (high - low)
        return total / len(k)

    heights = calibration.pit(predictions, k, responses, bins=5)
    expected = [5 * (cumulative((bin + 1) / 5) - cumulative(bin / 5)) for bin in range(5)]
    np.testing.assert_allclose(heights, expected, atol=1e-6)


def test_pit_of_true_posteriors_is_flat_and_shows_bias():
    # Over all k at once: with the weights of the truth, the histogram is exactly flat.
    k = np.repeat(np.arange(11), (1e6 * stats.binom.pmf(np.arange(11), 10, 0.3)).round().astype(int) // 100)
    ids = [str(number) for number in range(len(k))]
    of_rho = [
        calibration.pit(Predictions(ids, np.full((len(k), 1), rho), np.ones(1)), k, np.full(len(k), 10))
        for rho in (0.3, 0.2)
    ]
    np.testing.assert_allclose(of_rho[0], 1, atol=0.01)
    assert (np.diff(of_rho[1]) > 0).all()


@pytest.mark.parametrize(("k", "bin"), [(40, 3), (0, 0)])
def test_pit_of_impossible_counts_is_in_the_outer_bins(k, bin):
    predictions, responses = single([1e-7 if k else 1 - 1e-7], 40)
    np.testing.assert_allclose(calibration.pit(predictions, np.array([k]), responses, bins=4), 4 * np.eye(4)[bin])


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5), (3, 7), (100, 1000)])
def test_wilson_is_that_of_scipy(successes, trials):
    interval = stats.binomtest(successes, trials).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(calibration.wilson(successes, trials), interval, atol=1e-12)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, 2 * n), st.just(n))))
@example((0, 7))
@example((2 * 10**6, 10**6))
def test_wilson_solves_its_equation_for_halves_too(of):
    """The ends are where the score statistic of the observed fraction is that of 95 %."""
    halves, trials = of
    fraction = halves / 2 / trials
    ends = np.array(calibration.wilson(np.array([halves / 2]), np.array([trials])))[:, 0]
    assert 0 <= ends[0] <= fraction + 1e-12
    assert fraction - 1e-12 <= ends[1] <= 1
    score = (fraction - ends) ** 2 * trials
    np.testing.assert_allclose(score, stats.chi2.ppf(0.95, 1) * ends * (1 - ends), rtol=1e-6, atol=1e-9)


def test_wilson_of_no_bins_is_empty():
    assert [end.shape for end in calibration.wilson(np.empty(0), np.empty(0))] == [(0,), (0,)]


def test_reliability_by_hand():
    predictions, k, responses = survey(200)
    responses[:3] = 2 * k[:3] + (k[:3] == 0)  # ties
    probability = counts.majority_probability(predictions, responses)
    table = calibration.reliability(predictions, k, responses, bins=5)
    error = 0.0
    for row in table.itertuples():
        members = [galaxy for galaxy in range(200) if min(int(probability[galaxy] * 5), 4) == row.bin]
        says_yes = [1 if 2 * k[g] > responses[g] else 0.5 if 2 * k[g] == responses[g] else 0 for g in members]
        assert row.galaxies == len(members) > 0
        assert row.predicted == pytest.approx(np.mean(probability[members]))
        assert row.observed == pytest.approx(np.mean(says_yes))
        assert 0 <= row.low <= row.observed + 1e-12
        assert row.observed - 1e-12 <= row.high <= 1
        error += len(members) / 200 * abs(row.predicted - row.observed)
    assert table.galaxies.sum() == 200
    assert calibration.expected_calibration_error(table) == pytest.approx(error)


def test_reliability_leaves_out_empty_bins():
    predictions = Predictions(["a", "b"], np.array([[0.0], [1.0]]), np.ones(1))
    table = calibration.reliability(predictions, np.array([0, 9]), np.array([9, 9]))
    assert list(table.bin) == [0, 9]
    assert list(table.observed) == [0, 1]
    assert calibration.expected_calibration_error(table) == 0


def test_scores_by_hand():
    predictions, k, responses = survey()
    responses[0], k[0] = 20, 10  # a tie
    table = calibration.scores({MIXTURE: predictions, "rescaled": predictions}, k, responses).set_index("variant")
    assert list(table.index) == [ONE, EACH, MIXTURE, "rescaled"]

    def by_hand(rho_GT, weights_T):
        pmfs = [pmf_of(rho_T, n, weights_T) for rho_T, n in zip(rho_GT, responses, strict=True)]
        galaxies = list(zip(pmfs, k.tolist(), responses.tolist(), strict=True))
        yes = [pmf[n // 2 + 1 :].sum() + (0.5 * pmf[n // 2] if n % 2 == 0 else 0) for pmf, _, n in galaxies]
        return {
            "rmse_mode": math.sqrt(np.mean([((np.argmax(pmf) - k_i) / n) ** 2 for pmf, k_i, n in galaxies])),
            "rmse_mean": math.sqrt(np.mean([((pmf @ np.arange(n + 1) - k_i) / n) ** 2 for pmf, k_i, n in galaxies])),
            "rmse_rho": math.sqrt(np.mean((rho_GT @ weights_T - k / responses) ** 2)),
            "crps": np.mean([((pmf.cumsum() - (k_i <= np.arange(n + 1))) ** 2).sum() / n for pmf, k_i, n in galaxies]),
            "surprise": np.mean([-math.log(pmf[k_i]) for pmf, k_i, _ in galaxies]),
            "accuracy": np.mean(
                [(p > 0.5) == (2 * k_i > n) for p, (_, k_i, n) in zip(yes, galaxies, strict=True) if 2 * k_i != n]
            ),
        }

    alone = pd.DataFrame([by_hand(predictions.rho_GT[:, [network]], np.ones(1)) for network in range(4)])
    for variant, expected in {
        ONE: alone.iloc[0],
        EACH: alone.mul(WEIGHTS, axis=0).sum(),
        MIXTURE: by_hand(predictions.rho_GT, WEIGHTS),
    }.items():
        for column, value in dict(expected).items():
            assert table.loc[variant, column] == pytest.approx(value), (variant, column)
        assert table.loc[variant, "galaxies"] == 60
        assert table.loc[variant, "rmse_mean"] == pytest.approx(table.loc[variant, "rmse_rho"])
    error = calibration.expected_calibration_error(calibration.reliability(predictions, k, responses))
    assert table.loc[MIXTURE, "expected_calibration_error"] == pytest.approx(error)


def test_the_mixture_beats_one_network_where_networks_scatter_as_the_truth_does():
    predictions, k, responses = survey(2000, seed=3)
    predictions = predictions._replace(weights_T=np.full(4, 0.25))
    table = calibration.coverage({MIXTURE: predictions}, k, responses)
    error = table[table.estimator == "mode"].set_index("variant").coverage_error.abs()
    assert (error[MIXTURE].to_numpy() < error[EACH].to_numpy()).all()
    scores = calibration.scores({MIXTURE: predictions}, k, responses).set_index("variant")
    assert (scores.loc[MIXTURE, ["crps", "surprise"]] < scores.loc[EACH, ["crps", "surprise"]]).all()


def test_accuracy_of_ties_alone_is_missing():
    predictions, responses = single([0.4], 10)
    assert calibration.scores({MIXTURE: predictions}, np.array([5]), responses).accuracy.isna().all()


@pytest.mark.parametrize(
    ("k", "responses", "message"),
    [
        ([3, 5], [10, 4], "galaxy b: 5 of 4"),
        ([-1, 5], [10, 9], "galaxy a: -1 of 10"),
        ([3], [10, 4], "2 galaxies"),
        ([0, 0], [10, 0], "at least 1"),
    ],
)
def test_votes_that_cannot_be(k, responses, message):
    predictions = Predictions(["a", "b"], np.full((2, 3), 0.5), np.full(3, 1 / 3))
    for function in (counts.crps, calibration.pit, calibration.reliability):
        with pytest.raises(ValueError, match=message):
            function(predictions, np.array(k), np.array(responses))
    for function in (calibration.coverage, calibration.scores):
        with pytest.raises(ValueError, match=message):
            function({MIXTURE: predictions}, np.array(k), np.array(responses))


def test_other_galaxies_and_errors_that_cannot_be():
    predictions, k, responses = survey(4)
    turned = predictions._replace(ids=predictions.ids[::-1])
    with pytest.raises(ValueError, match="'ensemble' predicts other galaxies"):
        calibration.coverage({MIXTURE: predictions, "ensemble": turned}, k, responses)
    with pytest.raises(ValueError, match="epsilon is 0"):
        calibration.coverage({MIXTURE: predictions}, k, responses, [0.1, 0])


def test_standard_error_is_the_scatter_of_the_coverage_error():
    rng = np.random.default_rng(4)
    rho_GT = rng.beta(3, 3, (300, 6))
    responses = np.full(300, 30)
    predictions = Predictions([str(galaxy) for galaxy in range(300)], rho_GT, np.full(6, 1 / 6))
    samples = []
    for _ in range(200):
        k = rng.binomial(30, rho_GT[np.arange(300), rng.integers(0, 6, 300)])
        samples.append(calibration.coverage({"calibrated": predictions}, k, responses, [0.1]).iloc[0])
    errors = [sample.coverage_error for sample in samples]
    assert np.mean([sample.standard_error for sample in samples]) == pytest.approx(np.std(errors), rel=0.25)
