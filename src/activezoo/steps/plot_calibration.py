"""Plot calibration, distributions and classification of the test set."""

from pathlib import Path

from activezoo import tables
from activezoo.model.predictions import read_variants
from activezoo.posteriors import calibration
from activezoo.posteriors.counts import estimate
from activezoo.report.figures import calibration as figures
from activezoo.report.figures import style
from activezoo.report.figures.classification import classification
from activezoo.survey import oracle


def run(*, predictions: list[Path], votes: Path, curve: Path, question: str, png: list[Path]) -> None:
    variants = read_variants(predictions)
    last, final = list(variants.items())[-1]
    k, responses = oracle.retrieve_votes(votes, final.ids)
    rho = final.rho_GT @ final.weights_T
    mixture = variants[calibration.MIXTURE]
    shown = {calibration.ONE: calibration.one_network(mixture), calibration.MIXTURE: mixture, last: final}
    drawn = {
        "calibration": figures.calibration(tables.read(curve).to_pandas(), question),
        "diagnostics": figures.diagnostics(
            {name: calibration.pit(predicted, k, responses) for name, predicted in shown.items()},
            {name: calibration.reliability(predicted, k, responses) for name, predicted in shown.items()},
            question,
        ),
        "distributions": figures.distributions(rho, estimate(final, responses), k, responses, question),
        "classification": classification(rho, k, responses, question),
    }
    for path in png:
        style.save(drawn[path.stem.removeprefix("posterior_")], path)
