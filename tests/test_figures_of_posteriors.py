"""Figures of posteriors: what is drawn is what the tables say, each thing stands at its label, and all is legible."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.collections import LineCollection
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import stats

from activezoo.model.predictions import Predictions
from activezoo.posteriors import classification
from activezoo.posteriors.experts import Rescaling
from activezoo.report.figures import calibration, examples, experts, surprise, tuning
from activezoo.report.figures.classification import classification as draw_classification
from activezoo.report.figures.style import GREY, MIXTURE_COLOUR, OBSERVED_COLOUR, STYLE, VARIANT_COLOURS

GALAXIES, NETWORKS, EPSILONS = 300, 8, np.linspace(0.05, 0.5, 10)
VARIANTS = ["one network", "each network", "mixture", "ensemble", "tuned dropout", "rescaled"]
PREDICTORS = ["plain CNN", "volunteers, rescaled", "Bayesian CNN, rescaled"]


def survey(galaxies: int = GALAXIES):
    """ρ̂ by each network, N and k of some galaxies."""
    rng = np.random.default_rng(2)
    truth, responses = rng.beta(0.8, 0.8, galaxies), rng.integers(10, 45, galaxies)
    logit = np.log(truth / (1 - truth))[:, None] + rng.normal(0, 0.6, (galaxies, NETWORKS))
    return 1 / (1 + np.exp(-logit)), responses, rng.binomial(responses, truth)


def coverage() -> pd.DataFrame:
    rows = []
    for place, variant in enumerate(VARIANTS):
        for estimator, shift in (("mode", 0), ("mean", -7)):
            for epsilon in EPSILONS[::-1]:
                expected, actual = 290 - place + shift, 280 * epsilon**0.2 + shift
                rows.append((variant, estimator, epsilon, 300, expected, actual, expected / actual - 1))
    names = ["variant", "estimator", "epsilon", "galaxies", "expected", "actual", "coverage_error"]
    return pd.DataFrame(rows, columns=names)


def reliability(shift: float) -> pd.DataFrame:
    middle = np.linspace(0.05, 0.95, 10)
    observed = np.clip(middle + shift, 0, 1)
    low, high = np.clip(observed - 0.1, 0, 1), np.clip(observed + 0.1, 0, 1)
    columns = {"bin": range(10), "galaxies": 30, "predicted": middle, "observed": observed, "low": low, "high": high}
    return pd.DataFrame(columns)


def importance() -> pd.DataFrame:
    rows = [
        ("surprise", "axis_ratio", "other", 0.13),
        ("surprise", "smooth fraction", "morphology", 0.9),
        ("surprise", "redshift", "other", 0.03),
        ("excess surprise", "number of votes N", "votes", 0.11),
        ("excess surprise", "axis_ratio", "other", 0.2),
        ("excess surprise", "redshift", "other", 0.3),
        ("excess surprise", "smooth fraction", "morphology", 0.08),
    ]
    table = pd.DataFrame(rows, columns=["target", "feature", "group", "importance"])
    return table.assign(galaxies=300, low=0.8 * table.importance, high=1.3 * table.importance)


def dropout_table() -> pd.DataFrame:
    rows = [(dropout, epsilon, 400, 0.5 - dropout - epsilon) for dropout in (0.7, 0.3, 0.5) for epsilon in (0.2, 0.02)]
    table = pd.DataFrame(rows, columns=["dropout", "epsilon", "galaxies", "coverage_error"])
    return table.assign(
        surprise=3 + (table.dropout - 0.5) ** 2,
        standard_error=abs(table.dropout - 0.5) / 9,
        chosen=table.dropout == 0.5,
    )


def expert_tables() -> dict:
    rng = np.random.default_rng(4)
    is_bar = rng.random(200) < 0.3
    columns = {name: np.clip(0.5 * is_bar + rng.random(200) / 2, 0, 1) for name in PREDICTORS}
    probabilities = pd.DataFrame({"id": [f"galaxy {n}" for n in range(200)], "is_positive": is_bar} | columns)
    totals = [(name, probabilities[name].sum(), 50.0 + place, 90.0 + place) for place, name in enumerate(PREDICTORS)]
    counts = pd.DataFrame(totals, columns=["predictor", "predicted", "low", "high"]).assign(actual=int(is_bar.sum()))
    curve = pd.concat([reliability(0.1 * n).head(5).assign(predictor=name) for n, name in enumerate(PREDICTORS)])
    return {"counts": counts, "curve": curve, "probabilities": probabilities, "rescaling": Rescaling(6.0, -3.0)}


def diagnostics() -> Figure:
    pit = {variant: np.linspace(0.5, 1.5, 10) + place for place, variant in enumerate(VARIANTS)}
    tables = {variant: reliability(0.02 * place) for place, variant in enumerate(VARIANTS)}
    return calibration.diagnostics(pit, tables, "bar")


def equally_weighted(rho_GT) -> Predictions:
    galaxies, networks = rho_GT.shape
    return Predictions([str(row) for row in range(galaxies)], rho_GT, np.full(networks, 1 / networks))


def posteriors() -> Figure:
    rho, responses, k = survey(4)
    return examples.posteriors(np.random.default_rng(0).random((4, 16, 16)), equally_weighted(rho), responses, k, "bar")


def distributions() -> Figure:
    rho, responses, k = survey()
    return calibration.distributions(rho.mean(axis=1), k[::-1], k, responses, "bar")


def classified() -> Figure:
    rho, responses, k = survey()
    return draw_classification(rho.mean(axis=1), k, responses, "bar")


FIGURES = {
    "posteriors": posteriors,
    "calibration": lambda: calibration.calibration(coverage(), "bar"),
    "diagnostics": diagnostics,
    "distributions": distributions,
    "classification": classified,
    "surprise": lambda: surprise.surprise(importance(), "bar"),
    "tuning": lambda: tuning.tuning(dropout_table(), "bar"),
    "experts": lambda: experts.experts(**expert_tables(), question="bar"),
}


@cache
def made(name: str) -> Figure:
    return FIGURES[name]()


def line(axes, colour, style="-", label=None):
    """The one line of a colour and a style with data on some axes."""
    (found,) = (
        line
        for line in axes.lines
        if len(line.get_xdata()) and same_color(line.get_color(), colour) and line.get_linestyle() == style
    )
    assert label is None or found.get_label() == label
    return found.get_xydata()


def intervals(axes) -> list[np.ndarray]:
    """The error bars of some axes: segments of each call."""
    return [np.array(lines.get_segments()) for lines in axes.collections if isinstance(lines, LineCollection)]


def steps(axes) -> list[list[float]]:
    """The heights of each histogram on some axes."""
    return [list(patch.get_data()[0]) for patch in axes.patches]


def draw_as_saved(figure: Figure) -> None:
    # The canvas of a Figure made without pyplot draws nothing.
    with rc_context(STYLE):
        figure.draw_without_rendering()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_inside_the_figure_and_do_not_overlap(name, monkeypatch):
    figure = made(name)
    drawn, draw = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, renderer: (drawn.append(text), draw(text, renderer)))
    draw_as_saved(figure)
    boxes = [text.get_window_extent() for text in drawn if text.get_visible() and text.get_text().strip()]
    width, height = figure.bbox.size
    assert len(boxes) > 10
    for box in boxes:
        assert box.x0 > -1
        assert box.y0 > -1
        assert box.x1 < width + 1
        assert box.y1 < height + 1
    for one, other in combinations(boxes, 2):
        assert not one.shrunk(0.9, 0.9).overlaps(other.shrunk(0.9, 0.9))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("posteriors", "bar, 4 galaxies"),
        ("calibration", "bar, 300 galaxies"),
        ("diagnostics", "bar, 300 galaxies"),
        ("distributions", "bar, 300 galaxies"),
        ("classification", "all, 300 galaxies"),
        ("surprise", "bar, 300 galaxies"),
        ("tuning", "bar, 400 galaxies held out"),
        ("experts", "200 galaxies"),
    ],
)
def test_the_number_of_galaxies_is_stated(name, title):
    assert title in texts(made(name))


def test_posteriors_are_binomials_and_their_mean():
    rho, responses, k = survey(4)
    images = np.random.default_rng(0).random((4, 16, 16))
    figure = examples.posteriors(images, equally_weighted(rho), responses, k, "bar")
    for row, panels in enumerate(np.reshape(figure.axes, (4, 3))):
        picture, alone, mixed = panels
        counts = np.arange(responses[row] + 1)
        expected = [stats.binom.pmf(counts, responses[row], probability) for probability in rho[row]]
        np.testing.assert_array_equal(picture.images[0].get_array(), images[row])
        assert picture.get_ylabel() == f"k = {k[row]}\nN = {responses[row]}"
        np.testing.assert_allclose(line(alone, "black"), np.column_stack([counts, expected[0]]), atol=1e-12)
        mean = line(mixed, MIXTURE_COLOUR)
        np.testing.assert_allclose(mean, np.column_stack([counts, np.mean(expected, axis=0)]), atol=1e-12)
        grey = [drawn.get_ydata() for drawn in mixed.lines if same_color(drawn.get_color(), GREY)]
        np.testing.assert_allclose(grey, expected, atol=1e-12)
        for axes in (alone, mixed):
            assert line(axes, OBSERVED_COLOUR)[:, 0].tolist() == [k[row]] * 2
            assert axes.get_xlim()[1] > responses.max()
            assert axes.get_ylim()[1] > np.max(expected)


def test_calibration_shows_the_counts_and_the_error_of_the_mode():
    table = coverage()
    counts, error = calibration.calibration(table, "bar").axes
    for variant in set(VARIANTS) - {"each network"}:
        rows = table[(table.variant == variant) & (table.estimator == "mode")].sort_values("epsilon")
        drawn = line(error, VARIANT_COLOURS[variant], label=variant)
        np.testing.assert_array_equal(drawn, rows[["epsilon", "coverage_error"]])
        if variant in ("one network", "mixture", "rescaled"):
            np.testing.assert_array_equal(line(counts, VARIANT_COLOURS[variant]), rows[["epsilon", "expected"]])
            np.testing.assert_array_equal(line(counts, VARIANT_COLOURS[variant], "--"), rows[["epsilon", "actual"]])
    assert len(counts.lines) == 6


def test_calibration_without_later_variants_shows_two():
    table = coverage().query("variant in ['one network', 'each network', 'mixture']")
    figure = calibration.calibration(table, "smooth")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one network", "mixture", "expected", "actual"]


def test_diagnostics_show_one_network_the_mixture_and_the_last_variant():
    transform, majority = made("diagnostics").axes
    shown = ["one network", "mixture", "rescaled"]
    for patch, bars, variant in zip(transform.patches, intervals(majority), shown, strict=True):
        place, colour = VARIANTS.index(variant), VARIANT_COLOURS[variant]
        assert same_color(patch.get_edgecolor(), colour)
        np.testing.assert_array_equal(patch.get_data()[0], np.linspace(0.5, 1.5, 10) + place)
        rows = reliability(0.02 * place)
        np.testing.assert_array_equal(line(majority, colour, label=variant), rows[["predicted", "observed"]])
        np.testing.assert_array_equal(bars[:, :, 0], np.column_stack([rows.predicted] * 2))
        np.testing.assert_array_equal(bars[:, :, 1], rows[["low", "high"]])


def test_distributions_count_every_galaxy_with_fractions_on_an_edge_in_the_bin_above():
    k, responses, k_hat = np.arange(11), np.full(11, 10), np.array([0] * 4 + [10] * 7)
    figure = calibration.distributions(np.full(11, 0.25), k_hat, k, responses, "bar")
    fractions, counts = figure.axes
    assert steps(fractions) == [[1] * 9 + [2], [0, 0, 11] + [0] * 7]
    assert steps(counts) == [[1] * 11, [4] + [0] * 9 + [7]]
    np.testing.assert_array_equal(counts.patches[0].get_data().edges, np.arange(12) - 0.5)


def test_classification_shows_roc_curves_and_confusion_matrices():
    rho, responses, k = survey()
    rho, is_positive = rho.mean(axis=1), 2 * k > responses
    figure = draw_classification(rho, k, responses, "bar")
    curves, everything, confident = figure.axes
    extreme = (rho < 0.2) | (rho > 0.8)
    for chosen, colour, style, name in (
        (np.ones(GALAXIES, bool), "black", "-", "all"),
        (extreme, MIXTURE_COLOUR, "--", "ρ̂ < 0.2 or > 0.8"),
    ):
        curve = classification.roc(rho[chosen], is_positive[chosen])
        area = classification.area(rho[chosen], is_positive[chosen])
        label = f"{name}, {chosen.sum()} galaxies: area {area:.3f}"
        expected = curve[["false_positive_rate", "true_positive_rate"]]
        np.testing.assert_array_equal(line(curves, colour, style, label), expected)
    for axes, chosen in ((everything, rho >= 0), (confident, classification.most_confident(rho))):
        written = {text.get_position(): text.get_text() for text in axes.texts}
        table = classification.confusion(rho[chosen], is_positive[chosen])
        for (row, column), number in np.ndenumerate(table):
            assert written[column, row] == f"{number}\n{100 * number / table[row].sum():.1f} %"
        np.testing.assert_array_equal(axes.images[0].get_array(), table / table.sum(axis=1, keepdims=True))
        assert [label.get_text() for label in axes.get_yticklabels()] == ["not bar", "bar"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("Model", "Volunteers")


def test_few_galaxies_of_one_class_can_be_drawn():
    figure = draw_classification(np.array([0.3, 0.45]), np.array([2, 3]), np.array([10, 10]), "bar")
    draw_as_saved(figure)
    everything, confident = ([text.get_text() for text in axes.texts] for axes in figure.axes[1:])
    assert everything == ["2\n100.0 %", "0\n0.0 %", "0", "0"]
    assert confident == ["0"] * 4
    assert "all, 2 galaxies: area not defined" in texts(figure)


def test_each_bar_of_the_surprise_stands_at_its_feature_in_both_panels():
    figure = surprise.surprise(importance(), "bar")
    draw_as_saved(figure)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["smooth fraction", "number of votes N", "axis_ratio", "redshift"]
    for axes, target in zip(figure.axes, ("excess surprise", "surprise"), strict=True):
        rows = importance()[importance().target == target]
        bars = {names[round(bar.get_y() + bar.get_height() / 2)]: bar for bar in axes.patches}
        segments = {names[int(segment[0, 1])]: segment for segment in intervals(axes)[0]}
        assert set(bars) == set(segments) == set(rows.feature)
        for row in rows.itertuples():
            assert bars[row.feature].get_width() == row.importance
            assert same_color(bars[row.feature].get_facecolor(), surprise.GROUP_COLOURS[row.group])
            place = names.index(row.feature)
            np.testing.assert_array_equal(segments[row.feature], [[row.low, place], [row.high, place]])
        assert axes.get_xlim()[0] == 0
        assert axes.get_xlim()[1] > importance().high.max()
    excess, plain = ([text.get_text() for text in axes.texts] for axes in figure.axes)
    assert (excess, plain) == ([], ["not among these features"])


def test_tuning_shows_a_line_for_each_epsilon_and_the_chosen_rate():
    score, axes = tuning.tuning(dropout_table(), "bar").axes
    lines = {drawn.get_label(): drawn.get_xydata() for drawn in axes.lines}
    rates = np.array([0.3, 0.5, 0.7])
    for epsilon in (0.02, 0.2):
        expected = np.column_stack([rates, 0.5 - rates - epsilon])
        np.testing.assert_allclose(lines[f"ε = {epsilon:.2f}"], expected, atol=1e-12)
    assert lines["chosen: 0.50"][:, 0].tolist() == [0.5, 0.5]
    surprise, errors = 3 + (rates - 0.5) ** 2, abs(rates - 0.5) / 9
    np.testing.assert_allclose(line(score, "black"), np.column_stack([rates, surprise]))
    (bars,) = intervals(score)
    np.testing.assert_allclose(bars[:, :, 1], np.column_stack([surprise - errors, surprise + errors]))
    assert line(score, "black", "--", "chosen: 0.50")[:, 0].tolist() == [0.5, 0.5]


def test_tuning_without_coverage_or_errors_can_be_drawn():
    """By one held-out galaxy, far from what any rate predicts."""
    figure = tuning.tuning(dropout_table().assign(coverage_error=np.nan, standard_error=np.nan), "bar")
    draw_as_saved(figure)
    assert line(figure.axes[0], "black")[:, 0].tolist() == [0.3, 0.5, 0.7]


def test_experts_are_compared_with_each_predictor():
    tables = expert_tables()
    figure = experts.experts(**tables, question="bar")
    panels = {axes.get_label(): axes for axes in figure.axes}
    counts, probabilities = tables["counts"], tables["probabilities"]
    np.testing.assert_array_equal([bar.get_height() for bar in panels["counts"].patches], counts.predicted)
    np.testing.assert_array_equal(np.concatenate(intervals(panels["counts"]))[:, :, 1], counts[["low", "high"]])
    actual = probabilities.is_positive.sum()
    np.testing.assert_array_equal(line(panels["counts"], "black", "--", f"experts: {actual}")[:, 1], actual)
    for place, predictor in enumerate(PREDICTORS):
        colour, probability = experts.PREDICTOR_COLOURS[predictor], probabilities[predictor]
        rows = tables["curve"].query("predictor == @predictor")
        np.testing.assert_array_equal(line(panels["calibration"], colour), rows[["predicted", "observed"]])
        assert sum(steps(panels["predictions"])[place]) == len(probabilities)
        label = f"area {classification.area(probability, probabilities.is_positive):.3f}"
        curve = classification.roc(probability, probabilities.is_positive)
        expected = curve[["false_positive_rate", "true_positive_rate"]]
        np.testing.assert_array_equal(line(panels["roc"], colour, label=label), expected)
        written = panels["counts"].get_xticklabels()[place].get_text()
        assert written.replace("\n", " ") == f"{predictor} {probability.sum():.0f}"
    fraction, probability = panels["rescaling"].lines[0].get_xydata().T
    np.testing.assert_allclose(np.log(probability / (1 - probability)), 6 * fraction - 3, atol=1e-9)
