"""BALD with a few votes of each galaxy: the recommended strategy, see docs/strategies.md."""

from activezoo.acquisition import bald

STRATEGY = bald.STRATEGY._replace(label="BALD with few votes", colour="#CC79A7", votes="few", recommended=True)
