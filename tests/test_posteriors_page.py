"""The page about posteriors says what the tables say."""

import numpy as np
import pandas as pd
import pytest

from activezoo import cli, tables
from activezoo.model import description as descriptions
from activezoo.model.predictions import Predictions
from activezoo.posteriors import calibration
from activezoo.posteriors.catalogue import coverage_by_group, interval_coverage, summarise
from activezoo.posteriors.counts import ESTIMATORS
from activezoo.report import posteriors_page
from activezoo.report.paper import BAR, SMOOTH
from activezoo.survey.layout import Answers

COLUMNS = tuple(
    f"t01_smooth_or_features_{answer}_count"
    for answer in ("a01_smooth", "a02_features_or_disk", "a03_star_or_artifact")
)
ANSWERS = Answers(COLUMNS[:1], COLUMNS)


@pytest.fixture
def folder(tmp_path):
    """Tables of calibrated posteriors on 200 galaxies."""
    rng = np.random.default_rng(2)
    rho_GT = rng.beta(4, 4, (200, 5))
    k = rng.binomial(40, rho_GT[:, 3])
    variants = {"mixture": Predictions([str(row) for row in range(200)], rho_GT, np.full(5, 0.2))}
    responses = np.full(200, 40)
    test = summarise(variants["mixture"], responses).to_pandas()
    folder = tmp_path / "smooth/posteriors"
    for name, table in {
        "calibration": calibration.coverage(variants, k, responses),
        "calibration_curve": calibration.coverage(variants, k, responses, [0.1, 0.3]),
        "scores": calibration.scores(variants, k, responses),
        "interval_coverage": interval_coverage(test, rho_GT[:, 3], k),
        "interval_coverage_by_group": coverage_by_group(
            test, rho_GT[:, 3], k, pd.DataFrame({"size": rng.random(200)}), groups=2
        ),
        "classification": pd.DataFrame({"subset": ["all"], "galaxies": [1200], "accuracy": [0.75], "area": [np.nan]}),
    }.items():
        tables.write_with_csv(table, folder / name)
    return folder


def row(page: str, name: str) -> list[str]:
    """Cells of the first row of a table that starts with this name."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_numbers_are_those_of_the_tables_beside_the_paper(folder, tmp_path):
    figures = [tmp_path / f"figures/smooth/posterior_{name}.png" for name in ("calibration", "diagnostics")]
    figures.append(tmp_path / "figures/bar/posterior_examples.png")
    page = posteriors_page.page("here", [folder], [ANSWERS], figures, tmp_path)
    table = pd.read_csv(folder / "calibration.csv").set_index(["variant", "estimator", "epsilon"])
    mode, mean = (100 * table.coverage_error["mixture", estimator, 0.1] for estimator in ("mode", "mean"))
    error = 100 * table.standard_error["mixture", "mode", 0.1]
    assert row(page, "mixture")[2] == f"{mode:.1f} ± {error:.1f} % ({mean:.1f} %)".replace("-", "−")
    assert row(page, "paper, mixture") == ["16.5 %", "13.4 %", "9.4 %", "5.4 %"]
    intervals = pd.read_csv(folder / "interval_coverage.csv")
    assert row(page, "true ρ")[:2] == ["68 %", f"{100 * intervals.covered[0]:.1f} %"]
    assert "![Calibration](figures/smooth/posterior_calibration.png)" in page
    assert "figures/bar" not in page
    assert "(smooth/posteriors/scores.csv)" in page


def test_the_page_first_says_how_far_to_trust_and_for_what_not_to_use(folder, tmp_path):
    page = posteriors_page.page("here", [folder], [ANSWERS], [], tmp_path)
    first = page.split("\n\n")[1]
    held = pd.read_csv(folder / "interval_coverage.csv").query("quantity == 'k' and level == 0.95").iloc[0]
    calibration_table = pd.read_csv(folder / "calibration.csv").query("estimator == 'mode' and variant == 'mixture'")
    worst = calibration_table.loc[calibration_table.coverage_error.abs().idxmax()]
    assert f"95 % for k hold it for {100 * held.covered:.1f} ± " in first
    assert f"{100 * worst.coverage_error:.1f} ±".replace("-", "−") in first
    assert f"(ε = {worst.epsilon:g}). Do not use them" in first


def by_group(covered) -> pd.DataFrame:
    columns = {"feature": "size", "quantity": "conformal", "level": 0.95, "galaxies": 200, "standard_error": 0.01}
    return pd.DataFrame({"lowest": [1.0, 2.0], "highest": [1.5, 4.0], "covered": covered}).assign(**columns)


def test_groups_that_fall_short_are_named():
    assert "In no group do intervals for k, conformal fall short" in posteriors_page.shortfall_sentence(
        by_group([0.93, 0.99]), 0.95
    )
    sentence = posteriors_page.shortfall_sentence(by_group([0.99, 0.9]), 0.95)
    assert "in 1 of 2 groups: size from 2 to 4." in sentence


def test_step(folder, description, tmp_path):
    model = tmp_path / "model.json"
    descriptions.write(description._replace(positive=COLUMNS[:1], responses=COLUMNS), model)
    figures = [tmp_path / f"figures/smooth/posterior_{name}.png" for name in ("calibration", "classification")]
    flags = [
        f"--folders={folder}",
        f"--models={model}",
        *(f"--figures={figure}" for figure in figures),
        f"--page={tmp_path}/posteriors.md",
    ]
    assert cli.main(["posteriors_page", "--survey=here", *flags]) == 0
    page = posteriors_page.page("here", [folder], [ANSWERS], figures, tmp_path)
    assert (tmp_path / "posteriors.md").read_text(encoding="utf-8") == page


def test_what_is_not_defined_is_called_so(folder, tmp_path):
    page = posteriors_page.page(
        "here", [folder], [ANSWERS], [tmp_path / "figures/smooth/posterior_classification.png"], tmp_path
    )
    assert row(page, "all") == ["1,200", "0.750", "not defined"]
    nothing = pd.DataFrame(
        {"variant": "mixture", "epsilon": calibration.EPSILONS, "coverage_error": np.nan, "standard_error": np.nan}
    )
    both = pd.concat([nothing.assign(estimator=estimator) for estimator in ESTIMATORS])
    assert row(posteriors_page.coverage_table(both, None), "mixture") == ["not defined (not defined)"] * 4


def tuned(chosen: float) -> pd.DataFrame:
    """A table like that of `dropout_tuning.surprise_by_rate`, not in the order of the rates."""
    rates = np.repeat([0.4, 0.2, 0.3, 0.5], 2)
    difference = np.round(np.abs(rates - chosen) / 10, 4)
    columns = {"dropout": rates, "epsilon": [0.02, 0.2] * 4, "galaxies": 1200, "surprise": 2.5 + difference}
    scores = {"difference": difference, "standard_error": 0.003, "coverage_error": 0.1, "chosen": rates == chosen}
    return pd.DataFrame(columns | scores)


def test_the_tuned_rate_is_compared_with_its_neighbours():
    assert posteriors_page.tuning_sentence(tuned(0.3)) == (
        "By 1,200 held-out galaxies, the rate is 0.3: its mean surprise is 2.5000 nats, less than that at 0.2 by "
        "0.0100 ± 0.0030 and at 0.4 by 0.0100 ± 0.0030 (with standard errors)."
    )


@pytest.mark.parametrize(("rate", "neighbour", "end"), [(0.2, 0.3, "lowest"), (0.5, 0.4, "highest")])
def test_a_tuned_rate_at_the_end_of_those_tried_is_called_so(rate, neighbour, end):
    sentence = posteriors_page.tuning_sentence(tuned(rate))
    assert f"less than that at {neighbour} by 0.0100 ± 0.0030 (with standard errors). It is the {end} of" in sentence
    assert "(posteriors.held_out)." in sentence


def what_drives(**columns) -> pd.DataFrame:
    """A table like that of `surprise.explain`, with these columns in place of its own."""
    rows = [
        ("excess surprise", 0.2, 0.04, "number of votes N", "votes", 0.3, 0.2, 0.4),
        ("excess surprise", 0.2, 0.04, "mass", "other", 0.1, 0, 0.15),
        ("surprise", 2.1, 0.05, "bar", "morphology", 0.6, 0.5, 0.7),
        ("surprise", 2.1, 0.05, "size", "other", 0.2, 0.1, 0.3),
        ("surprise", 2.1, 0.05, "mass", "other", 0.1, 0, 0.2),
    ]
    names = ["target", "mean", "standard_error", "feature", "group", "importance", "low", "high"]
    return pd.DataFrame(rows, columns=names).assign(**columns)


def test_what_drives_the_excess_and_the_surprise_is_told_by_the_strongest_features():
    excess, plain = posteriors_page.surprise_sentences(what_drives(), SMOOTH)
    assert "0.200 ± 0.040 nats" in excess
    assert "number of votes N (votes: 0.300 nats; 0.200 to 0.400), mass (other: 0.100 nats; 0.000 to 0.150)" in excess
    assert excess.endswith("number of votes N matters 3.0 times as much as mass.")
    assert "bar (morphology: 0.600 nats; 0.500 to 0.700), size (other: 0.200 nats; 0.100 to 0.300)" in plain
    assert plain.endswith("bar matters 3.0 times as much as size.")


def test_the_strongest_feature_stands_by_its_kind_whichever_it_is():
    groups = what_drives().group.replace({"morphology": "other", "other": "morphology"})
    _, plain = posteriors_page.surprise_sentences(what_drives(group=groups), SMOOTH)
    assert "bar (other: 0.600 nats; 0.500 to 0.700), size (morphology: 0.200" in plain


def test_the_paper_stands_beside_the_surprise_itself_and_beside_bars_alone():
    excess, plain = posteriors_page.surprise_sentences(what_drives(), BAR)
    assert plain.endswith("In the paper, morphology matters 3.5 to 4 times as much as other kinds.")
    assert "paper" not in excess
    assert "paper" not in " ".join(posteriors_page.surprise_sentences(what_drives(), SMOOTH))


def test_features_that_cannot_be_told_apart_are_not_compared():
    for sentence in posteriors_page.surprise_sentences(what_drives(low=0.0, high=1.0), SMOOTH):
        assert sentence.endswith("cannot be told apart.")


def test_one_group_is_not_compared_with_another():
    _, plain = posteriors_page.surprise_sentences(what_drives(group="other"), SMOOTH)
    assert plain == "The strongest feature in the surprise is bar (other: 0.600 nats; 0.500 to 0.700)."


def test_the_paper_stands_beside_bars_alone():
    counts = pd.DataFrame({"predictor": ["plain CNN"], "predicted": [31.4], "low": [28], "high": [35], "actual": [37]})
    scores = pd.DataFrame({"predictor": ["plain CNN"], "galaxies": [63], "area": [0.86], "brier_score": [0.195]})
    bar, ring = (posteriors_page.experts_table(counts, scores, paper) for paper in (BAR, None))
    assert row(bar, "plain CNN") == ["31 (28 to 35)", "37 of 63", "0.860", "0.1950", "559 (379 of 1,211)"]
    assert row(ring, "plain CNN") == ["31 (28 to 35)", "37 of 63", "0.860", "0.1950"]
