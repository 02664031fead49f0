"""The Bayesian network: likelihood, architecture, training and predictions."""
