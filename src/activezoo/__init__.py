"""Active learning for galaxy surveys with Bayesian neural networks (Walmsley et al. 2019)."""

__version__ = "0.2.0"
