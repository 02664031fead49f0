"""Active learning for galaxy surveys with Bayesian neural networks (Walmsley et al. 2019)."""
