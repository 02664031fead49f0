"""Active learning for galaxy surveys with Bayesian neural networks (Walmsley et al. 2019).

What other people's loops can use stands here, and is imported when it is asked for:

- the likelihood: `log_pmf`, `binomial_loss`, `mixture_pmf`, `entropy`, `mutual_information`;
- strategies of acquisition: `strategies` (their names), `strategy` (one of them), `Candidates` (what it ranks);
- predictions: `Predictions`, `read_predictions`;
- the catalogue of a tree of questions: `joint_probability` of answers to several of them.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_PLACES = {
    **dict.fromkeys(("log_pmf", "binomial_loss", "mixture_pmf", "entropy", "mutual_information"), "model.votes"),
    **dict.fromkeys(("Predictions", "read_predictions"), "model.predictions"),
    "joint_probability": "posteriors.whole_tree",
    "Candidates": "acquisition.registry",
    "strategies": "acquisition.registry",
    "strategy": "acquisition.registry",
}
# What is called otherwise inside the package.
_NAMES = {"strategies": "names", "strategy": "load"}

__all__ = [*_PLACES]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'activezoo' has no attribute {name!r}")
    return getattr(import_module(f"activezoo.{_PLACES[name]}"), _NAMES.get(name, name))


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
