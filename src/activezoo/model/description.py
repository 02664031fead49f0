"""What a trained model is: written beside its weights, and read by every step that uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from activezoo import __version__, tables
from activezoo.errors import InputError
from activezoo.model.augmentation import View
from activezoo.model.network import Architecture
from activezoo.survey import tree
from activezoo.survey.layout import Answers
from activezoo.survey.tree import Question


class Head(NamedTuple):
    """One of the questions that a network learns together."""

    name: str
    question: Question
    galaxies: int
    """Number of galaxies with votes on it."""
    votes: int
    """Number of votes on it."""


class Description(NamedTuple):
    """Everything that tells one model from another, except its weights."""

    version: str
    """Version of activezoo that trained it."""
    question: str
    positive: tuple[str, ...]
    """Columns that count the positive answers."""
    responses: tuple[str, ...]
    """Columns that count all answers."""
    seed: int
    strategy: str
    """Strategy that chose its galaxies; `initial` for the first model, `all` or `experts` outside the loop."""
    iteration: int
    """Iteration of the loop; 0 for the first model and outside the loop."""
    architecture: Architecture
    view: View
    stored_size: int
    """Side of the stored images that it was trained on, pixels."""
    galaxies: int
    """Number of galaxies that it was trained on."""
    votes: int
    """Number of votes on them; of all questions, if it has several."""
    heads: tuple[Head, ...] = ()
    """The questions that it learns together, its own first; none for a model of its question alone."""

    def key(self, stage: str) -> tuple:
        """Key of the random draws of a stage, without the galaxy's id."""
        outside_loop = self.strategy in OUTSIDE_LOOP
        return (self.question, self.seed, self.strategy if outside_loop else self.iteration, stage)

    @property
    def answers(self) -> Answers:
        """Columns that count the answers to its question."""
        return Answers(self.positive, self.responses)

    @property
    def expected_responses(self) -> int:
        """Number of responses to expect for a galaxy: the mean of the labelled ones, rounded (paper §3.3)."""
        return max(1, int(self.votes / max(1, self.galaxies) + 0.5))

    @property
    def numbers_of_answers(self) -> tuple[int, ...]:
        """How many answers each question has, as `network.build` takes them."""
        return tuple(len(head.question.answers) for head in self.heads) or (2,)

    @property
    def tree(self) -> dict[str, Question]:
        """The questions that it learns together, by name."""
        return {head.name: head.question for head in self.heads}

    def of_question(self, name: str) -> Description:
        """What it is to one question: the columns of that, and the galaxies and votes that it learnt it from.

        Raises
        ------
        InputError
            It has not learnt this question.
        """
        if not self.heads and name == self.question:
            return self
        for head in self.heads:
            if head.name == name:
                columns = head.question.as_k_of_n._asdict()
                return self._replace(question=name, **columns, galaxies=head.galaxies, votes=head.votes)
        raise InputError(
            f"question {name!r}: the model has learnt {', '.join(self.tree) or self.question}; train it again"
        )


OUTSIDE_LOOP = ("all", "experts")
"""Models that are trained outside the loop: on all votes, and on experts' classes."""


def write(description: Description, path: str | Path) -> None:
    """Write a description as JSON."""
    sections = {name: getattr(description, name)._asdict() for name in ("architecture", "view")}
    questions = tree.describe(description.tree)
    heads = [head._asdict() | {"question": questions[head.name]} for head in description.heads]
    if heads:
        sections["heads"] = heads
    with tables.whole_file(path) as partial:
        partial.write_text(json.dumps({**description._asdict(), **sections}, indent=1) + "\n", encoding="utf-8")


def read(path: str | Path) -> Description:
    """Read what `write` wrote.

    Raises
    ------
    InputError
        The file is missing, is not a description, or is one of another version of activezoo that cannot be read.
    """
    values = None
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        architecture = values["architecture"] | {"filters": tuple(values["architecture"]["filters"])}
        view = values["view"] | {"zoom": tuple(values["view"]["zoom"])}
        columns = {name: tuple(values[name]) for name in ("positive", "responses")}
        heads = values.get("heads", ())
        questions = tree.parse({head["name"]: head["question"] for head in heads})
        columns["heads"] = tuple(Head(**(head | {"question": questions[head["name"]]})) for head in heads)
        return Description(**(values | columns | {"architecture": Architecture(**architecture), "view": View(**view)}))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; train the model again") from None
    except (ValueError, TypeError, KeyError) as error:
        version = values.get("version", __version__) if isinstance(values, dict) else __version__
        if version != __version__:
            raise InputError(
                f"{path}: a model of activezoo {version}, which {__version__} cannot read ({error}); train it again, "
                f"or use activezoo {version}"
            ) from None
        raise InputError(f"{path}: not the description of a model ({error}); train the model again") from None
