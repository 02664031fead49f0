"""Choose the galaxies that people are asked about next: to learn from, and to test with."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from activezoo import randomness, tables
from activezoo.acquisition import registry
from activezoo.acquisition.registry import Candidates
from activezoo.model import description
from activezoo.model.predictions import mixed, read_predictions
from activezoo.survey import asks
from activezoo.survey.roles import galaxies_of


def run(
    *,
    split: Path,
    asked: list[Path],
    models: list[Path],
    predictions: list[Path],
    labelled: Path | None = None,
    forecast: Path | None = None,
    question: str,
    ask: int,
    strategy: str,
    budget: int,
    few_votes: int,
    test_share: float,
    choice: Path,
) -> None:
    roles = tables.read(split)
    pool, reserved = galaxies_of(roles, "pool"), galaxies_of(roles, "test")
    before = [tables.read(path, asks.ASKED.names).to_pandas() for path in asked]
    stop = tables.read(forecast, ["stop"])["stop"][0].as_py() if forecast else None
    votes = 0 if stop else budget
    tests = asks.next_tests(reserved, question, before, round(test_share * votes / few_votes))
    left = max(0, votes - len(tests) * few_votes)
    if models:
        known = tables.read(labelled, ["id", "N"]).to_pandas().set_index("id")["N"]
        candidates = Candidates(
            ids=pool,
            predictions=mixed([read_predictions(path) for path in predictions], len(models)),
            known_votes=known.reindex(pool).fillna(0).to_numpy(int),
            expected_responses=description.read(models[0]).expected_responses,
            few_votes=few_votes,
            rng=randomness.generator(question, ask, strategy),
        )
        wanted = registry.choose(registry.load(strategy), candidates)
        each = np.full(len(wanted.galaxies), few_votes) if wanted.votes is None else wanted.votes
        chosen = asks.spend(np.asarray(pool)[wanted.galaxies], each, wanted.score, left).assign(why="informative")
    else:
        random = asks.first_galaxies(pool, question)
        chosen = asks.spend(random, np.full(len(random), few_votes), np.full(len(random), np.nan), left)
        chosen = chosen.assign(why="random")
    to_test = pd.DataFrame({"galaxy_id": tests, "votes": few_votes, "score": np.nan, "why": "test"})
    if chosen.empty and not stop:
        stop = "people were asked about every galaxy"
    asks.write_choice(asks.interleave(to_test, chosen).iloc[: 0 if stop else None], stop, choice)
    logging.info("question %r: %s", question, stop or f"{len(chosen)} galaxies, and {len(tests)} to test with")
