"""Random choice, with a few votes of each galaxy: what fewer votes on more galaxies are worth, without any choosing."""

from activezoo.acquisition import random

STRATEGY = random.STRATEGY._replace(label="random with few votes", colour="#56B4E9", votes="few")
