"""The page about posteriors: what they are worth, in the order of the paper's results (§2.7 and Appendix A)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from activezoo import tables
from activezoo.posteriors import calibration, dropout_tuning
from activezoo.posteriors.catalogue import CONFORMAL
from activezoo.posteriors.surprise import EXCESS, SURPRISE
from activezoo.report.markdown import markdown_figure, markdown_table
from activezoo.report.paper import PaperNumbers, numbers_for
from activezoo.survey.layout import Answers

# Figures, by what their names end in: title, and what is said about them.
CAPTIONS = {
    "examples": (
        "Posteriors",
        "Posteriors over k of N votes for randomly chosen test galaxies: the image as the first network saw it, the "
        "binomial of that network alone, and the mixture of all networks, with the binomial of each in grey. The votes "
        "that the galaxy got are marked.",
    ),
    "calibration": (
        "Calibration",
        "Galaxies whose vote fraction lies within ε of the most likely one: how many the posteriors of one network, "
        "the mixture and the last variant expect (lines), and how many there are (dashed). Right: coverage error of "
        "every variant, which is above 0 where it is overconfident.",
    ),
    "diagnostics": (
        "Calibration of the whole posterior, and of the majority",
        "The probability integral transform of k is flat for calibrated posteriors, and U-shaped for overconfident "
        "ones. In the reliability diagram, the frequency of a yes of the majority against its probability; bars are "
        "95 % intervals.",
    ),
    "tuning": (
        "The dropout rate",
        "Mean surprise −log p(k) on held-out galaxies against the dropout rate of prediction, and the rate of the "
        "least, which is chosen. Bars are one standard error of the difference from it. Below: coverage error, by "
        "which nothing is chosen, for posteriors that do not tell galaxies apart may have none.",
    ),
    "distributions": (
        "Distributions",
        "Predicted vote fractions ρ̂ against k/N, and most likely counts against k.",
    ),
    "classification": (
        "Classification",
        "Reduced to the answer of the majority: ROC curves, and confusion matrices of all galaxies and of the most "
        "confident ones. The volunteers' majority is the truth; exactly half counts as no.",
    ),
    "surprise": (
        "What drives the surprise",
        "An Explainable Boosting Machine predicts the excess surprise at each galaxy, −log p(k) less the entropy of "
        "the posterior, which is the surprise that it expects. Right: another predicts −log p(k) itself, as in the "
        "paper, which depends on the vote fraction and N even for a perfect model. The importance of a feature is its "
        "mean absolute effect, additive and apart from those of the others, with 95 % intervals over bootstrap "
        "samples. The vote fraction of this question is k/N itself, and rare ones surprise any posterior that is not "
        "sure.",
    ),
    "experts": (
        "What experts would say",
        "Experts' classes of galaxies on which nothing was fitted, as told by a plain CNN trained on experts' classes, "
        "by volunteers' vote fractions, and by those that the networks predict. The latter two are rescaled by one "
        "logistic function of the vote fraction.",
    ),
}


# Tables that a figure's part of the page is about, or that stand beside them.
TABLES = {
    "calibration": ("calibration", "calibration_curve", "interval_coverage", "interval_coverage_by_group"),
    "diagnostics": ("scores",),
    "tuning": ("dropout_tuning",),
    "classification": ("classification",),
    "surprise": ("surprise",),
    "experts": ("experts_counts", "experts_curve", "experts_scores"),
}


# What intervals are for.
NAMES = {"rho": "true ρ", "k": "k", CONFORMAL: "k, conformal"}


def page(
    survey: str, folders: Sequence[Path], answers: Sequence[Answers], figures: Iterable[Path], output: Path
) -> str:
    """The page in Markdown.

    Parameters
    ----------
    folders
        Tables of each question, in <question>/posteriors; read are those that belong to the figures.
    answers
        Columns that count the answers to each question, by which the paper's numbers for it are found.
    figures
        Image files posterior_<name>.png, each in a folder named for its question.
    output
        Folder where the page will be; links start from there.
    """
    figures = [Path(figure) for figure in figures]
    tables_of = {
        Path(folder).parent.name: {
            name: tables.read(Path(folder) / f"{name}.parquet").to_pandas() for name in TABLES["calibration"]
        }
        for folder in folders
    }
    parts = [
        f"# Posteriors on {survey}",
        trust_sentences(tables_of),
        "Networks were trained on all labelled galaxies but those of the test set, which the numbers here are about, "
        "those by which predictions of experts' classes are judged, and those held out to correct predictions and to "
        "calibrate intervals, if that is asked for. "
        "*One network* is one dropout mask and one view of an image by one model; *each network* is the average over "
        "the networks of the mixture, each used by itself; the *mixture* averages their binomials. Later variants have "
        "what those before them have, and one thing more.",
    ]
    for folder, columns in zip(map(Path, folders), answers, strict=True):
        question, paper = folder.parent.name, numbers_for(columns)
        shown = {figure.stem.removeprefix("posterior_"): figure for figure in figures if figure.parent.name == question}
        names = [name for figure in shown for name in TABLES.get(figure, ())]
        read = {name: tables.read(folder / f"{name}.parquet").to_pandas() for name in names}
        if "interval_coverage" in read and (read["interval_coverage"].quantity == CONFORMAL).any():
            names.append("conformal")
        parts.append(f"## {question}")
        for name, figure in shown.items():
            title, caption = CAPTIONS[name]
            parts += [f"### {title}", *_numbers(name, read, paper), markdown_figure(title, figure, output), caption]
        place = folder.relative_to(output).as_posix()
        links = ", ".join(f"[{name.replace('_', ' ')}]({place}/{name}.csv)" for name in names)
        parts.append(f"All numbers: {links}.")
    return "\n\n".join(parts) + "\n"


def trust_sentences(tables_of: Mapping[str, Mapping[str, pd.DataFrame]]) -> str:
    """How far the posteriors of the last variant can be trusted, and for what they should not be used; two sentences.

    Parameters
    ----------
    tables_of
        The tables of `TABLES["calibration"]`, by question and name.
    """
    trusted, short = [], []
    for question, read in tables_of.items():
        coverage, by_group = read["interval_coverage"], read["interval_coverage_by_group"]
        level = coverage.level.max()
        held = coverage[(coverage.level == level) & (coverage.quantity != "rho")].iloc[-1]  # the conformal one, if any
        of_mode = read["calibration"][read["calibration"].estimator == "mode"]
        last = of_mode[of_mode.variant == of_mode.variant.iloc[-1]]
        worst = last.loc[last.coverage_error.abs().idxmax()] if last.coverage_error.notna().any() else last.iloc[0]
        kind = "conformal intervals" if held.quantity == CONFORMAL else "intervals"
        trusted.append(
            f"{question}: {kind} of {100 * level:.0f} % for k hold it for "
            f"{_percent(held.covered, held.standard_error)} of {held.galaxies:,} test galaxies and are "
            f"{held.mean_width:.3g} votes wide on average, and the number of galaxies near their most likely vote "
            f"fraction is off by up to {_percent(worst.coverage_error, worst.standard_error)} (ε = {worst.epsilon:g})"
        )
        groups = _short(by_group[(by_group.level == level) & (by_group.quantity == held.quantity)], level)
        short += [
            f"{question}, {row.feature} from {row.lowest:.4g} to {row.highest:.4g}" for row in groups.itertuples()
        ]
    where = f", nor for groups where intervals fall short ({'; '.join(short)})" if short else ""
    return (
        f"How far these posteriors can be trusted, for galaxies like those of the test set: {'; '.join(trusted)}. Do "
        "not use them for galaxies that differ from those, as in another survey, nor in place of votes where a single "
        f"galaxy must be right{where}."
    )


def _short(of_groups: pd.DataFrame, level: float) -> pd.DataFrame:
    """Groups whose intervals hold the truth less often than they say, by more than two standard errors."""
    # Scatter of the fraction of as many galaxies, were the level met.
    return of_groups[of_groups.covered < level - 2 * (level * (1 - level) / of_groups.galaxies) ** 0.5]


def _numbers(figure: str, read: dict[str, pd.DataFrame], paper: PaperNumbers | None) -> list[str]:
    """What is said in numbers beside a figure."""
    if figure == "calibration":
        return [
            f"Coverage error on {read['calibration'].galaxies.iloc[0]:,} test galaxies, (expected − actual) / actual "
            "count of those within ε of the most likely count, with its standard error (in brackets: of the mean):",
            coverage_table(read["calibration"], paper),
            "How often intervals hold the truth: central intervals of the posterior of the last variant, and conformal "
            "intervals, if they are asked for, which widen or narrow those until they hold as often as they say for "
            "held-out galaxies:",
            intervals_table(read["interval_coverage"]),
            *groups_parts(read["interval_coverage_by_group"]),
        ]
    if figure == "diagnostics":
        return [
            scores_table(read["scores"]),
            "CRPS is in units of vote fraction, surprise in nats, ECE the expected calibration error of the majority's "
            "answer; lower is better." + _paper_rmse(paper),
        ]
    if figure == "tuning":
        return [tuning_sentence(read["dropout_tuning"])]
    if figure == "classification":
        return [_formatted(read["classification"], 3)]
    if figure == "surprise" and len(read["surprise"]):
        return surprise_sentences(read["surprise"], paper)
    if figure == "experts":
        return [experts_table(read["experts_counts"], read["experts_scores"], paper)]
    return []


def tuning_sentence(tuning: pd.DataFrame) -> str:
    """The dropout rate chosen, and how it compares with those next to it."""
    by_rate = tuning.drop_duplicates("dropout").sort_values("dropout", ignore_index=True)
    place = by_rate.chosen.idxmax()
    chosen = by_rate.loc[place]
    beside = " and ".join(
        f"at {row.dropout:g} by {row.difference:.4f} ± {row.standard_error:.4f}"
        for row in by_rate[max(place - 1, 0) : place + 2].drop(place).itertuples()
    )
    sentence = (
        f"By {chosen.galaxies:,} held-out galaxies, the rate is {chosen.dropout:g}: its mean surprise is "
        f"{chosen.surprise:.4f} nats, less than that {beside} (with standard errors)."
    )
    end = dropout_tuning.end_of_grid(tuning)
    return f"{sentence} It is the {end} of those tried: {dropout_tuning.BEYOND}." if end else sentence


def surprise_sentences(table: pd.DataFrame, paper: PaperNumbers | None) -> list[str]:
    """How large the excess surprise is and what drives it, and what drives the surprise itself, beside the paper."""
    excess, plain = (table[table.target == target] for target in (EXCESS, SURPRISE))
    mean = f"{excess['mean'].iloc[0]:.3f} ± {excess.standard_error.iloc[0]:.3f}".replace("-", "−")
    ratio = paper.surprise_ratio if paper else None
    in_paper = f" In the paper, morphology matters {ratio} times as much as other kinds." if ratio else ""
    return [
        f"The excess surprise of the last variant is {mean} nats on average, and would be 0 for calibrated posteriors. "
        f"{_strongest(excess, 'excess surprise')}",
        f"{_strongest(plain, 'surprise')}{in_paper}",
    ]


def _strongest(importance: pd.DataFrame, target: str) -> str:
    """The strongest feature of each group, beside one another, the strongest of all first."""
    ordered = importance.sort_values("importance", ascending=False, kind="stable")
    strongest = ordered.groupby("group", sort=False).head(1)
    of_groups = ", ".join(
        f"{row.feature} ({row.group}: {row.importance:.3f} nats; {row.low:.3f} to {row.high:.3f})"
        for row in strongest.itertuples()
    )
    if len(strongest) < 2:
        return f"The strongest feature in the {target} is {of_groups}."
    found = f"The strongest features of each kind in the {target} are {of_groups}:"
    first, second = strongest.iloc[0], strongest.iloc[1]
    if first.low <= strongest.high[1:].max():
        return f"{found} by these galaxies, they cannot be told apart."
    ratio = first.importance / second.importance
    return f"{found} {first.feature} matters {ratio:.1f} times as much as {second.feature}."


def _paper_rmse(paper: PaperNumbers | None) -> str:
    return f" The paper's mixture has an RMSE of {paper.rmse:.2f} (mode)." if paper else ""


def coverage_table(coverage: pd.DataFrame, paper: PaperNumbers | None) -> str:
    """Coverage errors by variant and ε (Tables 1-2), beside those of the paper if it has the question."""
    by_epsilon = coverage.set_index(["variant", "epsilon", "estimator"]).sort_index()

    def cell(variant: str, epsilon: float) -> str:
        mode, mean = (by_epsilon.loc[(variant, epsilon, estimator)] for estimator in calibration.ESTIMATORS)
        error = _percent(mode.coverage_error, mode.standard_error)
        return f"{error} ({_percent(mean.coverage_error)})"

    rows = [
        [variant, *(cell(variant, epsilon) for epsilon in calibration.EPSILONS)]
        for variant in coverage.variant.unique()
    ]
    for number, variant in enumerate((calibration.ONE, calibration.MIXTURE)):
        if paper:
            errors = [_percent(paper.coverage_error[epsilon][number]) for epsilon in calibration.EPSILONS]
            rows.append([f"paper, {variant}", *errors])
    return markdown_table(["", *(f"ε = {epsilon:.2f}" for epsilon in calibration.EPSILONS)], rows)


def intervals_table(coverage: pd.DataFrame) -> str:
    """How often intervals hold the truth."""
    rows = []
    for row in coverage.itertuples():
        name, unit = NAMES[row.quantity], "" if row.quantity == "rho" else " votes"
        fractions = [_percent(row.covered), _percent(row.standard_error), _percent(row.below), _percent(row.above)]
        rows.append([name, f"{100 * row.level:.0f} %", *fractions, f"{row.mean_width:.3g}{unit}"])
    head = ("interval for", "level", "holds the truth", "standard error", "truth below", "truth above", "mean width")
    return markdown_table(head, rows)


def groups_parts(by_group: pd.DataFrame) -> list[str]:
    """How often the widest intervals hold the truth in groups of galaxies, and in which groups they fall short."""
    level = by_group.level.max()
    widest = by_group[by_group.level == level]
    quantities = [name for name in NAMES if (widest.quantity == name).any()]
    rows = []
    for (feature, lowest, highest), group in widest.groupby(["feature", "lowest", "highest"], sort=False):
        of = group.set_index("quantity").loc[quantities]
        held = [_percent(row.covered, row.standard_error) for row in of.itertuples()]
        widths = [f"{width:.3g}" for width in of.mean_width]
        cells = [cell for pair in zip(held, widths, strict=True) for cell in pair]
        rows.append([feature, f"{lowest:.4g} to {highest:.4g}", f"{group.galaxies.iloc[0]:,}", *cells])
    head = ["galaxies by", "from", "number", *(name for of in quantities for name in (NAMES[of], "width"))]
    return [
        f"How often intervals of {100 * level:.0f} % hold it in groups of galaxies, and their mean width:",
        markdown_table(head, rows),
        shortfall_sentence(widest[widest.quantity == quantities[-1]], level),
    ]


def shortfall_sentence(of_groups: pd.DataFrame, level: float) -> str:
    """In which groups intervals hold the truth less often than they say, by more than chance."""
    name = NAMES[of_groups.quantity.iloc[0]]
    short = _short(of_groups, level)
    if not len(short):
        return f"In no group do intervals for {name} fall short of their level by more than two standard errors."
    groups = "; ".join(f"{row.feature} from {row.lowest:.4g} to {row.highest:.4g}" for row in short.itertuples())
    return (
        f"Intervals for {name} fall short of their level, by more than two standard errors, in {len(short)} of "
        f"{len(of_groups)} groups: {groups}. By chance alone, one group in 40 would. "
        "`posteriors.conformal_edges` calibrates groups of predicted ρ each by itself."
    )


def scores_table(scores: pd.DataFrame) -> str:
    """Scores by variant."""
    names = {
        "variant": "",
        "rmse_mode": "RMSE of k̂/N (mode)",
        "rmse_mean": "RMSE of k̂/N (mean) and of ρ̂",
        "crps": "CRPS",
        "surprise": "surprise",
        "expected_calibration_error": "ECE",
        "accuracy": "accuracy",
    }
    return _formatted(scores[list(names)].rename(columns=names), 4)


def experts_table(counts: pd.DataFrame, scores: pd.DataFrame, paper: PaperNumbers | None) -> str:
    """Galaxies that experts say yes to, as predicted, beside the counts of the paper, which are of bars."""
    head = ["", "predicted (95 %)", "actual", "area under ROC", "Brier score"]
    rows = [
        [
            row.predictor,
            f"{row.predicted:.0f} ({row.low:.0f} to {row.high:.0f})",
            f"{row.actual:,} of {row.galaxies:,}",
            f"{row.area:.3f}",
            f"{row.brier_score:.4f}",
        ]
        for row in counts.merge(scores, on="predictor").itertuples()
    ]
    if paper and paper.experts:
        head.append("paper: predicted (actual)")
        for row in rows:
            row.append(f"{paper.experts[row[0]]} ({paper.experts_actual} of {paper.experts_galaxies:,})")
    return markdown_table(head, rows)


def _percent(fraction: float, error: float | None = None) -> str:
    if math.isnan(fraction):
        return "not defined"
    plus_minus = "" if error is None else f" ± {100 * error:.1f}"
    return f"{100 * fraction:.1f}{plus_minus} %".replace("-", "−")


def _formatted(table: pd.DataFrame, decimals: int) -> str:
    """A data frame, with fractions to so many decimals."""

    def text(value: str | float) -> str:
        if isinstance(value, float):
            return "not defined" if math.isnan(value) else f"{value:,.{decimals}f}"
        return value if isinstance(value, str) else f"{value:,}"

    rows = [[text(value) for value in row] for row in table.itertuples(index=False)]
    return markdown_table([name.replace("_", " ") for name in table], rows)
