"""Compare ways to tell, from images or votes, what experts would say."""

import logging
from pathlib import Path

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import read_predictions
from activezoo.posteriors import experts as expert_classes
from activezoo.posteriors.expert_classes import ROLES
from activezoo.report.figures import style
from activezoo.report.figures.experts import experts as plot


def run(*, experts: Path, classifier: Path, posteriors: Path, question: str, png: Path) -> None:
    classed = tables.read(experts).to_pandas()
    fit, evaluate = (classed[classed.role == role] for role in ROLES)
    rescaling = expert_classes.fit_rescaling(fit.k / fit.N, fit.is_positive)
    cnn, bayesian = (read_predictions(path) for path in (classifier, posteriors))
    if not cnn.ids == bayesian.ids == evaluate["id"].to_list():
        raise InputError(f"{classifier}: not the predictions of these galaxies; delete it and run again")
    probabilities = {
        "plain CNN": cnn.rho_GT @ cnn.weights_T,
        "volunteers, rescaled": rescaling.probability(evaluate.k / evaluate.N),
        "Bayesian CNN, rescaled": rescaling.probability(bayesian.rho_GT @ bayesian.weights_T),
    }
    comparison = expert_classes.compare(evaluate.is_positive.to_numpy(), probabilities)
    for name, table in comparison._asdict().items():
        tables.write_with_csv(table, experts.parent / f"experts_{name}")
    table = evaluate[["id", "is_positive"]].assign(**probabilities)
    style.save(plot(comparison.counts, comparison.curve, table, rescaling, question), png)
    logging.info("%d galaxies; p = 1 / (1 + exp(-(%.2f v %+.2f)))", len(evaluate), *rescaling)
