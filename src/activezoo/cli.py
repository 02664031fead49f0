"""The command line: one subcommand a step, each loading only what it needs.

A command is a function whose keyword arguments are its flags; see `command`.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from activezoo.errors import InputError
from activezoo.runtime import import_tensorflow

COMMANDS: dict[str, tuple[Callable, list[tuple[str, dict]]]] = {}


def flag(name: str, kind: Callable = str, **options) -> tuple[str, dict]:
    """A flag of a command, required unless it has a default or is a switch; `options` are argparse's."""
    if "action" not in options:
        options["type"] = kind
    options.setdefault("required", "default" not in options and "action" not in options)
    return name, options


def command(*flags: tuple[str, dict]) -> Callable[[Callable], Callable]:
    """Register a function as a subcommand named like it; its docstring is the help."""

    def register(function: Callable) -> Callable:
        COMMANDS[function.__name__.replace("_", "-")] = (function, list(flags))
        return function

    return register


# --- survey -----------------------------------------------------------------------------------------------------------


@command(
    flag("--galaxies", int),
    flag("--image-size", int, default=128),
    flag("--seed", int),
    flag("--output", Path),
    flag("--workers", int, default=1),
)
def simulate_survey(**options):
    """Write a simulated survey in the layout of the Galaxy Zoo 2 release."""
    from activezoo import simulation

    simulation.simulate_survey(**options)
    logging.info("%d galaxies of %d pixels", options["galaxies"], options["image_size"])


@command(
    flag("--catalogue", Path, help="CSV or parquet file, one row a galaxy"),
    flag("--filename-map", Path, default=None, help="CSV or parquet file that names the image of each galaxy"),
    flag("--images", Path, help="folder of the images"),
    flag("--questions", help="{name: {positive, responses, min_responses}} as JSON, or a JSON or YAML file"),
    flag("--id-column"),
    flag("--sample-column", default=None),
    flag("--map-id-column", default=None),
    flag("--map-image-column", default=None),
    flag("--samples", nargs="*", default=(), help="samples to keep; none: all"),
    flag("--covariates", nargs="*", default=(), help="columns to carry over, where there are such"),
    flag("--max-rejected", float, default=0.05, help="largest fraction of rows with a defect"),
    flag("--output", Path, help="folder"),
)
def catalogue(catalogue, filename_map, images, questions, samples, covariates, max_rejected, output, **columns):
    """Validate a survey: usable galaxies, their votes, and rejected rows with the reason."""
    from activezoo.catalogue import Columns, read_catalogue, read_questions, write_catalogue

    survey = read_catalogue(
        catalogue,
        images,
        read_questions(questions),
        filename_map=filename_map,
        columns=Columns(*(columns[f"{name}_column"] for name in Columns._fields)),
        samples=samples,
        covariates=covariates,
        max_rejected=max_rejected,
    )
    write_catalogue(survey, output)


@command(
    flag("--images", Path, help="folder"),
    flag("--max-rejected", float, default=0.05, help="largest fraction of images that cannot be used"),
    flag("--galaxies", Path),
    flag("--rejected", Path),
)
def list_images(images, max_rejected, galaxies, rejected):
    """List the images of a survey without votes: each is a galaxy of its name."""
    from activezoo import tables
    from activezoo.catalogue import read_images

    for table, path in zip(read_images(images, max_rejected), (galaxies, rejected), strict=True):
        tables.write(table, path)


@command(
    flag("--galaxies", Path),
    flag("--shard", int),
    flag("--shards", int),
    flag("--stored-size", int, help="pixels a side"),
    flag("--output", Path, help="TFRecord file"),
    flag("--index", Path),
    flag("--rejected", Path),
)
def store_images(galaxies, shard, shards, stored_size, output, index, rejected):
    """Store one shard of the images as pixels."""
    from activezoo.images import write_shard

    write_shard(galaxies, shard, shards, stored_size, output, index, rejected)


@command(
    flag("--galaxies", Path),
    flag("--indexes", Path, nargs="+"),
    flag("--rejected", Path, nargs="+"),
    flag("--max-rejected", float, default=0.05, help="largest fraction of images that cannot be used"),
    flag("--output", Path),
    flag("--rejected-output", Path),
)
def index_images(galaxies, indexes, rejected, max_rejected, output, rejected_output):
    """Join the indexes of all shards."""
    from activezoo.images import merge_indexes

    merge_indexes(galaxies, indexes, rejected, output, rejected_output, max_rejected)


@command(
    flag("--catalogue", Path),
    flag("--filename-map", Path, default=None),
    flag("--images", Path, help="folder"),
)
def download_release(**paths):
    """Fetch the files of the Galaxy Zoo 2 release that are not there yet."""
    from activezoo import release

    release.download_release(**paths)


# --- loop -------------------------------------------------------------------------------------------------------------

QUESTION = flag("--question")
SEED = flag("--seed", int)
ITERATION = flag("--iteration", lambda text: int(text) if text.isdecimal() else text, help="number, or a name")
INDEX = flag("--index", Path)
IMAGES = flag("--images", Path, help="folder of the stored images")
SPLIT = flag("--split", Path)
LABELLED = flag("--labelled", Path)
VOTES = flag("--votes", Path)
OUTPUT = flag("--output", Path)
TABLE = flag("--output", Path, help="table file; a .csv and a .parquet of that name are written")
FIGURE = flag("--output", Path, help="image file; a .png and a .pdf of that name are written")
NETWORK = (
    flag("--input-size", int),
    flag("--filters", int, nargs="+"),
    flag("--dense-units", int),
    flag("--dropout", float),
    flag("--zoom", float, nargs=2),
    flag("--crop"),
    flag("--threads", int, default=1),
    flag("--gpus", int, default=0, help="0: none, even if there are some"),
)


@command(flag("--galaxies", Path), INDEX, QUESTION, SEED, flag("--test-galaxies", int), flag("--initial", int), OUTPUT)
def split(galaxies, index, question, seed, test_galaxies, initial, output):
    """Fix the test set and draw the initial galaxies of a seed."""
    import pyarrow.compute as pc

    from activezoo import splitting, tables

    table = tables.read(galaxies)
    if f"usable_{question}" not in table.column_names:
        raise InputError(
            f"{galaxies}: question {question!r} cannot be asked, as the survey's catalogue has none of its columns; "
            f"correct questions.{question}.positive and .responses"
        )
    stored = pc.is_in(table["id"], value_set=tables.read(index, ["id"])["id"])
    ids = table.filter(pc.and_(table[f"usable_{question}"], stored))["id"].to_pylist()
    roles = splitting.split(ids, question, seed, test_galaxies, initial)
    tables.write({"id": ids, "role": list(roles)}, output)
    logging.info("%d galaxies: %s", len(ids), ", ".join(f"{(roles == role).sum()} {role}" for role in splitting.ROLES))


@command(SPLIT, QUESTION, flag("--acquire", int), flag("--iterations", int), OUTPUT)
def check_pool(split, question, acquire, iterations, output):
    """Stop early if the pool cannot feed all iterations."""
    from activezoo import splitting, tables

    pool = tables.read(split, ["role"])["role"].to_pylist().count("pool")
    splitting.check_pool(pool, question, acquire, iterations)
    tables.write({"pool": [pool], "acquired": [acquire * iterations]}, output)
    logging.info("pool of %d galaxies for %d iterations of %d", pool, iterations, acquire)


@command(SPLIT, VOTES, QUESTION, OUTPUT)
def label_initial(split, votes, question, output):
    """Retrieve the votes of the initial galaxies."""
    import pyarrow.compute as pc

    from activezoo import oracle, tables

    table = tables.read(split)
    ids = table.filter(pc.equal(table["role"], "initial"))["id"].to_pylist()
    tables.write(oracle.label(ids, votes, question, 0), output)
    logging.info("votes of %d galaxies", len(ids))


@command(
    LABELLED,
    INDEX,
    IMAGES,
    QUESTION,
    SEED,
    ITERATION,
    *NETWORK,
    flag("--start", Path, default=None, help="weights to continue from"),
    flag("--steps", int),
    flag("--batch-size", int),
    flag("--learning-rate", float),
    flag("--weights", Path),
    flag("--history", Path),
)
def train(labelled, index, images, question, seed, iteration, start, weights, history, **options):
    """Train the network on the galaxies labelled so far."""
    _start_tensorflow(options["threads"], options["gpus"])
    import keras

    from activezoo import images as stored
    from activezoo import network, randomness, tables, training

    architecture, view = _network_options(options)
    key = (question, seed, iteration, "train")
    keras.utils.set_random_seed(randomness.integer(*key, "initialisation", bits=32))
    model = network.build(architecture, dropout_seed=randomness.integer(*key, "dropout", bits=31))
    model.compile(keras.optimizers.Adam(options["learning_rate"]))
    model.optimizer.build(model.trainable_variables)
    if start:
        network.load_weights(model, start)
    table = tables.read(labelled, ["id", "k", "N"])
    ids = table["id"].to_pylist()
    losses = training.train(
        model,
        stored.grey_reader(index, images, ids),
        ids,
        table["k"].to_numpy(),
        table["N"].to_numpy(),
        view,
        training.Schedule(options["steps"], options["batch_size"], options["learning_rate"]),
        key,
    )
    tables.write({"step": range(len(losses)), "loss": losses}, history)
    with tables.whole_file(weights) as partial:
        model.save_weights(partial)
    logging.info("%d galaxies, %d steps: loss %.3f", len(ids), len(losses), losses[-1])


@command(
    flag("--weights", Path),
    SPLIT,
    flag("--role", choices=("test", "pool")),
    flag("--labelled", Path, default=None, help="galaxies to leave out"),
    flag("--shard", int, default=0),
    flag("--shards", int, default=1),
    INDEX,
    IMAGES,
    QUESTION,
    SEED,
    ITERATION,
    *NETWORK,
    flag("--augmentations", int),
    flag("--masks", lambda text: text if text == "exact" else int(text)),
    flag("--draws", choices=("independent", "even")),
    OUTPUT,
)
def predict(weights, split, role, labelled, shard, shards, index, images, question, seed, iteration, output, **options):
    """Predict the votes on the test set, or on a shard of the pool."""
    _start_tensorflow(options["threads"], options["gpus"])
    import numpy as np

    from activezoo import images as stored
    from activezoo import network, posterior, splitting, tables

    architecture, view = _network_options(options)
    model = network.build(architecture)
    network.load_weights(model, weights)
    without = tables.read(labelled, ["id"])["id"].to_pylist() if labelled else []
    ids = splitting.galaxies_of(tables.read(split), role, without)
    ids = [str(galaxy) for galaxy in np.array_split(ids, shards)[shard]]
    batches = posterior.predict(
        model,
        stored.grey_reader(index, images, ids),
        ids,
        view,
        posterior.Sampling(options["augmentations"], options["masks"], options["draws"]),
        architecture.dropout,
        (question, seed, iteration, "predict"),
    )
    posterior.write_predictions(batches, output)
    logging.info("%d %s galaxies predicted", len(ids), role)


@command(
    flag("--strategy", choices=("bald", "random")),
    flag("--predictions", Path, nargs="+", default=()),
    LABELLED,
    SPLIT,
    QUESTION,
    SEED,
    ITERATION,
    OUTPUT,
)
def rank(strategy, predictions, labelled, split, question, seed, iteration, output):
    """Order the pool by how much its votes would teach the model, or at random."""
    import numpy as np

    from activezoo import acquisition, posterior, randomness, splitting, tables, votes

    done = tables.read(labelled, ["id", "N"])
    ids = splitting.galaxies_of(tables.read(split), "pool", done["id"].to_pylist())
    if strategy == "random":
        information = np.full(len(ids), np.nan)
        order = acquisition.at_random(ids, randomness.generator(question, seed, iteration, "random"))
        logging.info("%d galaxies, at random", len(ids))
    else:
        expected = acquisition.expected_votes(done["N"].to_numpy())
        shards = [posterior.read_predictions(path) for path in predictions]
        predicted = [galaxy for shard in shards for galaxy in shard.ids]
        if predicted != ids:
            raise InputError(f"{predictions[0]}: not the predictions of this pool; delete its folder and run again")
        information = np.concatenate(
            [votes.mutual_information(shard.rho_GT, expected, shard.weights_T) for shard in shards]
        )
        order = acquisition.by_information(ids, information)
        logging.info("%d galaxies, expecting %d votes", len(ids), expected)
    tables.write(
        {
            "id": np.asarray(ids)[order].tolist(),
            "rank": np.arange(len(ids), dtype=np.int32),
            "mutual_information": information[order],
        },
        output,
    )


@command(flag("--acquisition", Path), flag("--acquire", int), ITERATION, LABELLED, VOTES, QUESTION, OUTPUT)
def label(acquisition, acquire, iteration, labelled, votes, question, output):
    """Retrieve the votes of the galaxies ranked first."""
    import pyarrow as pa

    from activezoo import oracle, tables

    ranking = tables.read(acquisition, ["id", "rank"]).sort_by("rank")
    if len(ranking) < acquire:
        raise InputError(
            f"question {question!r}, iteration {iteration}: the pool has {len(ranking)} galaxies left of the {acquire} "
            f"to label; lower loop.iterations or questions.{question}.acquire"
        )
    new = oracle.label(ranking["id"][:acquire].to_pylist(), votes, question, iteration)
    tables.write(pa.concat_tables([tables.read(labelled), new]), output)
    logging.info("votes of %d more galaxies", len(new))


@command(
    flag("--predictions", Path),
    flag("--history", Path),
    LABELLED,
    VOTES,
    QUESTION,
    SEED,
    flag("--strategy"),
    ITERATION,
    flag("--galaxies", Path),
    flag("--metrics", Path),
)
def evaluate(predictions, history, labelled, votes, question, seed, strategy, iteration, galaxies, metrics):
    """Compare the predictions for the test set with its votes."""
    import numpy as np

    from activezoo import acquisition, evaluation, oracle, posterior, tables
    from activezoo.votes import mutual_information

    predicted = posterior.read_predictions(predictions)
    k, responses = oracle.retrieve_votes(votes, question, predicted.ids)
    done = tables.read(labelled, ["k", "N"])
    expected = acquisition.expected_votes(done["N"].to_numpy())
    result = {
        "question": question,
        "seed": seed,
        "strategy": strategy,
        "iteration": iteration,
        "labels": len(done),
        "training_loss": evaluation.training_loss(tables.read(history, ["loss"])["loss"].to_numpy()),
        **evaluation.test_metrics(predicted, k, responses),
        "rmse_mean_fraction": evaluation.rmse(np.mean(done["k"].to_numpy() / done["N"].to_numpy()), k, responses),
    }
    tables.write(
        {
            "id": predicted.ids,
            "k": k,
            "N": responses,
            "rho": predicted.rho_GT @ predicted.weights_T,
            "mutual_information": mutual_information(predicted.rho_GT, expected, predicted.weights_T),
        },
        galaxies,
    )
    tables.write({name: [value] for name, value in result.items()}, metrics)
    logging.info("%d labels: RMSE %.4f, test loss %.3f", result["labels"], result["rmse"], result["test_loss"])


def _start_tensorflow(threads: int, gpus: int) -> None:
    """Load TensorFlow for so many threads, one operation at a time and each with the same bits every time."""
    tensorflow = import_tensorflow()
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    tensorflow.config.experimental.enable_op_determinism()
    tensorflow.config.set_visible_devices(tensorflow.config.list_physical_devices("GPU")[:gpus], "GPU")
    for device in tensorflow.config.get_visible_devices("GPU"):
        tensorflow.config.experimental.set_memory_growth(device, True)


def _network_options(options: dict):
    from activezoo.augmentation import View
    from activezoo.network import Architecture

    return (
        Architecture(options["input_size"], tuple(options["filters"]), options["dense_units"], options["dropout"]),
        View(tuple(options["zoom"]), options["crop"], options["input_size"]),
    )


# --- posteriors -------------------------------------------------------------------------------------------------------

EXPERTS = flag("--experts", Path, default=None, help="experts' classes; the galaxies to evaluate are left out")
FOLDER = flag("--output", Path, help="folder")
NETWORKS = (flag("--networks", int, help="of each model"), flag("--draws", choices=("independent", "even")))
MODELS = (
    flag("--weights", Path, nargs="+", help="of each model"),
    flag("--seeds", int, nargs="+", help="of each model"),
)


@command(
    SPLIT,
    VOTES,
    QUESTION,
    flag("--held-out", float, default=0.0, help="fraction of the galaxies"),
    EXPERTS,
    LABELLED,
    flag("--held-out-output", Path),
)
def label_all(split, votes, question, held_out, experts, labelled, held_out_output):
    """Retrieve the votes of all galaxies but those of the test set, in two parts: to train on, and held out."""
    from activezoo import oracle, splitting, tables

    table = tables.read(split)
    left_out = _experts(experts, "evaluate")["id"].to_list() if experts else []
    ids = [galaxy for role in ("initial", "pool") for galaxy in splitting.galaxies_of(table, role, left_out)]
    held = splitting.hold_out(ids, question, held_out)
    for part, output in ((~held, labelled), (held, held_out_output)):
        chosen = [galaxy for galaxy, kept in zip(ids, part, strict=True) if kept]
        tables.write(oracle.label(chosen, votes, question, 0), output)
    logging.info("votes of %d galaxies, and of %d held out", (~held).sum(), held.sum())


@command(
    *MODELS,
    flag("--galaxies", Path, help="table with their ids"),
    flag("--role", default=None, help="of the galaxies, if the table is of several"),
    flag("--shard", int, default=0),
    flag("--shards", int, default=1),
    INDEX,
    IMAGES,
    QUESTION,
    ITERATION,
    *NETWORK,
    *NETWORKS,
    flag("--tuned-dropout", Path, default=None, help="from tune-dropout; instead of --dropout"),
    flag("--rescaling", Path, default=None, help="from fit-rescaling"),
    OUTPUT,
)
def predict_posteriors(
    weights, seeds, galaxies, role, shard, shards, index, images, question, iteration, rescaling, output, **options
):
    """Predict galaxies with the networks of one model or of several, mixed."""
    _start_tensorflow(options["threads"], options["gpus"])
    import pyarrow.compute as pc

    from activezoo import dropout_tuning, posterior, tables
    from activezoo import images as stored
    from activezoo import rescaling as rescalings

    architecture, view = _network_options(options)
    table = tables.read(galaxies, ["id", "role"] if role else ["id"])
    ids = (table.filter(pc.equal(table["role"], role)) if role else table)["id"]
    first, last = stored.shard_rows(len(ids), shards)[shard]
    ids = ids[first:last].to_pylist()
    read_grey = stored.grey_reader(index, images, ids)
    dropout = dropout_tuning.read(options["tuned_dropout"]) if options["tuned_dropout"] else architecture.dropout
    sampling = posterior.Sampling(options["networks"], 1, options["draws"])
    batches = posterior.mix(
        [
            posterior.predict(model, read_grey, ids, view, sampling, dropout, (question, seed, iteration, "predict"))
            for model, seed in zip(_models(architecture, weights), seeds, strict=True)
        ]
    )
    if rescaling:
        rescale = rescalings.read(rescaling)
        batches = (batch._replace(rho_GT=rescale.apply(batch.rho_GT)) for batch in batches)
    posterior.write_predictions(batches, output)
    logging.info("%d galaxies, %d networks", len(ids), len(weights) * sampling.augmentations)


@command(
    *MODELS,
    flag("--held-out", Path, help="galaxies with their votes"),
    INDEX,
    IMAGES,
    QUESTION,
    ITERATION,
    *NETWORK,
    *NETWORKS,
    TABLE,
)
def tune_dropout(weights, seeds, held_out, index, images, question, iteration, networks, draws, output, **options):
    """Find the dropout rate whose posteriors are calibrated best on held-out galaxies."""
    _start_tensorflow(options["threads"], options["gpus"])

    from activezoo import dropout_tuning, learning_curves, posterior, tables
    from activezoo import images as stored

    architecture, view = _network_options(options)
    table = tables.read(held_out, ["id", "k", "N"])
    ids = table["id"].to_pylist()
    predictions = dropout_tuning.predict_at_rates(
        _models(architecture, weights),
        stored.grey_reader(index, images, ids),
        ids,
        view,
        posterior.Sampling(networks, 1, draws),
        [(question, seed, iteration, "predict") for seed in seeds],
    )
    tuning = dropout_tuning.coverage_by_rate(predictions, table["k"].to_numpy(), table["N"].to_numpy())
    learning_curves.write(tuning, output)
    rate = dropout_tuning.read(output)
    if rate in (dropout_tuning.RATES[0], dropout_tuning.RATES[-1]):
        logging.warning("the dropout rate is the most extreme of those tried; posterior.held_out may be too small")
    logging.info("dropout rate %g, by %d held-out galaxies", rate, len(ids))


@command(flag("--predictions", Path), flag("--held-out", Path, help="galaxies with their votes"), OUTPUT)
def fit_rescaling(predictions, held_out, output):
    """Fit the rescaling of predicted vote fractions to the votes of held-out galaxies."""
    from activezoo import posterior, rescaling, tables

    predicted = posterior.read_predictions(predictions)
    table = tables.read(held_out, ["id", "k", "N"])
    if predicted.ids != table["id"].to_pylist():
        raise InputError(f"{predictions}: not the predictions of {held_out}; delete it and run again")
    found = rescaling.fit(predicted, table["k"].to_numpy(), table["N"].to_numpy())
    rescaling.write(found, output)
    logging.info("a = %.3f, b = %.3f, c = %.3f by %d held-out galaxies", *found, len(table))


@command(
    flag("--predictions", Path, nargs="+", help="of all shards, in order"),
    LABELLED,
    flag("--responses", int, default=None, help="number N of responses; by default the labelled galaxies' mean"),
    flag("--quantiles", int, default=None, help="of rho, instead of the value of each network"),
    OUTPUT,
)
def posterior_catalogue(predictions, labelled, responses, quantiles, output):
    """Write what the networks say about each galaxy, in a row."""
    from activezoo import acquisition, posterior, posterior_catalogue, tables

    responses = responses or acquisition.expected_votes(tables.read(labelled, ["N"])["N"].to_numpy())
    tables.write_stream(
        (
            posterior_catalogue.summarise(batch, responses, quantiles)
            for path in predictions
            for batch in posterior.stream_predictions(path)
        ),
        output,
    )
    logging.info("posteriors of %d responses", responses)


@command(
    flag("--predictions", Path, nargs="+", help="for the test set by each variant, in folders named for it"),
    VOTES,
    QUESTION,
    flag("--truth", Path, default=None, help="of the simulated survey"),
    FOLDER,
)
def calibrate(predictions, votes, question, truth, output):
    """Compare the posteriors of the test set with its votes."""
    import numpy as np

    from activezoo import calibration, classification, learning_curves, oracle, posterior_catalogue, tables

    variants = _variants(predictions)
    final = list(variants.values())[-1]
    k, responses = oracle.retrieve_votes(votes, question, final.ids)
    test = posterior_catalogue.summarise(final, responses)
    tables.write(test.append_column("k", [k]), output / "test.parquet")
    rho = _true_rho(truth, question, final.ids)
    fractions = final.rho_GT @ final.weights_T
    for name, table in {
        "calibration": calibration.coverage(variants, k, responses),
        "calibration_curve": calibration.coverage(variants, k, responses, np.arange(1, 101) / 200),
        "scores": calibration.scores(variants, k, responses),
        "interval_coverage": posterior_catalogue.interval_coverage(test.to_pandas(), rho, k),
        "classification": classification.metrics(fractions, k, responses),
    }.items():
        learning_curves.write(table, output / name)


@command(
    flag("--predictions", Path, nargs="+", help="for the test set by each variant, in folders named for it"),
    VOTES,
    QUESTION,
    flag("--curve", Path, help="calibration curve, parquet"),
    FOLDER,
)
def plot_calibration(predictions, votes, question, curve, output):
    """Plot calibration, distributions and classification of the test set."""
    from activezoo import calibration, figures, oracle, posterior_figures, tables

    variants = _variants(predictions)
    final = list(variants.values())[-1]
    k, responses = oracle.retrieve_votes(votes, question, final.ids)
    rho = final.rho_GT @ final.weights_T
    mixture = variants[calibration.MIXTURE]
    shown = {calibration.ONE: calibration.one_network(mixture), calibration.MIXTURE: mixture, list(variants)[-1]: final}
    for name, figure in {
        "calibration": posterior_figures.calibration(tables.read(curve).to_pandas(), question),
        "diagnostics": posterior_figures.diagnostics(
            {name: calibration.pit(predicted, k, responses) for name, predicted in shown.items()},
            {name: calibration.reliability(predicted, k, responses) for name, predicted in shown.items()},
            question,
        ),
        "distributions": posterior_figures.distributions(
            rho, calibration.estimate(final, responses), k, responses, question
        ),
        "classification": posterior_figures.classification(rho, k, responses, question),
    }.items():
        figures.save(figure, output / f"posterior_{name}.png")


@command(flag("--tuning", Path, help="table of tune-dropout, parquet"), QUESTION, FIGURE)
def plot_tuning(tuning, question, output):
    """Plot how calibration depends on the dropout rate."""
    from activezoo import dropout_tuning, figures, posterior_figures, tables

    table = tables.read(tuning).to_pandas()
    figures.save(posterior_figures.tuning(table, dropout_tuning.read(tuning), question), output)


@command(
    flag("--predictions", Path, help="for the test set by the final variant"),
    VOTES,
    INDEX,
    IMAGES,
    QUESTION,
    SEED,
    ITERATION,
    *NETWORK,
    *NETWORKS,
    flag("--number", int, default=6, help="of galaxies"),
    FIGURE,
)
def plot_posteriors(predictions, votes, index, images, question, seed, iteration, number, output, **options):
    """Show posteriors of randomly chosen test galaxies beside the images that the first network saw."""
    _start_tensorflow(options["threads"], options["gpus"])
    import numpy as np

    from activezoo import augmentation, figures, oracle, posterior, posterior_figures, randomness
    from activezoo import images as stored

    _, view = _network_options(options)
    predicted = posterior.read_predictions(predictions)
    rows = randomness.generator(question, "posteriors shown").permutation(len(predicted.ids))[:number]
    ids = [predicted.ids[row] for row in rows]
    grey = stored.grey_reader(index, images, ids)(slice(None))
    sampling = posterior.Sampling(options["networks"], 1, options["draws"])
    views = posterior.augmentations_of(ids, view, sampling, grey.shape[-1], (question, seed, iteration, "predict"))
    seen = augmentation.apply(grey, *(np.asarray(of)[:, 0] for of in views), view.input_size).numpy()[..., 0]
    k, responses = oracle.retrieve_votes(votes, question, ids)
    figures.save(posterior_figures.posteriors(seen, predicted.rho_GT[rows], responses, k, question), output)


@command(
    flag("--predictions", Path, help="for the test set by the final variant"),
    VOTES,
    flag("--catalogue", Path, help="of the survey"),
    flag("--id-column"),
    QUESTION,
    flag("--morphology", nargs="*", default=(), help="columns of the catalogue"),
    flag("--other", nargs="*", default=(), help="columns of the catalogue"),
    TABLE,
    flag("--figure", Path, help="image file; a .png and a .pdf of that name are written"),
)
def explain_surprise(predictions, votes, catalogue, id_column, question, morphology, other, output, figure):
    """Find what drives the surprise of the networks: morphology, or what should not."""
    import pandas as pd

    from activezoo import calibration, figures, learning_curves, oracle, posterior, posterior_figures, tables
    from activezoo import surprise as surprises
    from activezoo.catalogue import read_features

    predicted = posterior.read_predictions(predictions)
    surprise = calibration.surprise(predicted, *oracle.retrieve_votes(votes, question, predicted.ids))
    answered = tables.read(votes).to_pandas()
    fractions = answered.assign(fraction=answered.k / answered.N).pivot_table("fraction", "id", "question")
    fractions = fractions.add_prefix("vote fraction ")
    columns = read_features(catalogue, id_column, [*morphology, *other])
    features = pd.concat([table.reindex(predicted.ids) for table in (fractions, columns)], axis=1)
    groups = {name: "other" if name in other else "morphology" for name in features}
    try:
        importance = surprises.importance(surprise, features, groups)
        plot = posterior_figures.surprise(importance, len(surprise), question)
    except InputError as error:  # of a test set too small, or a catalogue too bare: no reason to stop a whole run
        logging.warning("%s", error)
        importance, plot = surprises.NOTHING, figures.message(str(error))
    learning_curves.write(importance, output)
    figures.save(plot, figure)
    logging.info("%d features of %d galaxies", len(importance), len(surprise))


def _variants(paths: list[Path]) -> dict:
    """Predictions by the name of their variant, that of their folder."""
    from activezoo import posterior

    return {path.parent.name.replace("_", " "): posterior.read_predictions(path) for path in paths}


def _models(architecture, weights: list[Path]) -> list:
    """Trained models of one architecture."""
    from activezoo import network

    models = [network.build(architecture) for _ in weights]
    for model, path in zip(models, weights, strict=True):
        network.load_weights(model, path)
    return models


def _true_rho(truth: Path | None, question: str, ids: list[str]):
    """The true vote probabilities of simulated galaxies, or None if they are not known."""
    from activezoo import tables

    if truth is None:
        return None
    table = tables.read(truth).to_pandas().set_index("id")
    return table[f"rho_{question}"].loc[ids].to_numpy() if f"rho_{question}" in table else None


def _experts(path: Path, role: str):
    """Experts' classes of the galaxies of a role, as a data frame."""
    from activezoo import tables

    table = tables.read(path).to_pandas()
    return table[table.role == role]


# --- experts ----------------------------------------------------------------------------------------------------------


@command(
    flag("--experts", Path, help="csv file of classes"),
    flag("--id-column"),
    flag("--class-column"),
    flag("--positive", nargs="+", help="classes"),
    SPLIT,
    VOTES,
    QUESTION,
    flag("--output", Path, help="all classes, with their role"),
    flag("--labelled", Path, help="those to fit, as votes of one expert"),
)
def split_experts(experts, id_column, class_column, positive, split, votes, question, output, labelled):
    """Divide the galaxies that experts classed, and volunteers answered about: to fit, and to evaluate."""
    from activezoo import experts as expert_classes
    from activezoo import oracle, tables

    classed = expert_classes.read_experts(experts, id_column, class_column, positive)
    known = classed[classed["id"].isin(tables.read(split, ["id"])["id"].to_pylist())]
    if known.empty:
        raise InputError(
            f"{experts}: none of the {len(classed)} ids in column {id_column!r} is a usable galaxy of question "
            f"{question!r} (the first is {classed['id'].iloc[0]!r}); correct posteriors.experts"
        )
    known = known.assign(role=expert_classes.split(known["id"].to_list(), question))
    if known[known["role"] == "fit"]["is_positive"].nunique() < 2 or (known["role"] != "evaluate").all():
        raise InputError(
            f"{experts}: the {len(known)} classes of usable galaxies of question {question!r} are too few or too much "
            "alike to fit anything to, and to evaluate it; give more, or none (posteriors.experts)"
        )
    known["k"], known["N"] = oracle.retrieve_votes(votes, question, known["id"].to_list())
    tables.write(known.to_dict("list"), output)
    fit = known[known["role"] == "fit"]
    tables.write({"id": fit["id"].to_list(), "k": fit["is_positive"].astype("int32"), "N": [1] * len(fit)}, labelled)
    logging.info("%d of %d classes are of usable galaxies: %d to fit", len(known), len(classed), len(fit))


@command(
    flag("--experts", Path, help="from split-experts"),
    flag("--classifier", Path, help="predictions by the network trained on the experts' classes"),
    flag("--posteriors", Path, help="predictions by the networks trained on votes"),
    QUESTION,
    FOLDER,
    flag("--figure", Path, help="image file; a .png and a .pdf of that name are written"),
)
def compare_experts(experts, classifier, posteriors, question, output, figure):
    """Compare ways to tell from images or votes what experts would say."""
    from activezoo import experts as expert_classes
    from activezoo import figures, learning_curves, posterior, posterior_figures

    fit, evaluate = (_experts(experts, role) for role in expert_classes.ROLES)
    rescaling = expert_classes.fit_rescaling(fit.k / fit.N, fit.is_positive)
    cnn, bayesian = (posterior.read_predictions(path) for path in (classifier, posteriors))
    if not cnn.ids == bayesian.ids == evaluate["id"].to_list():
        raise InputError(f"{classifier}: not the predictions of these galaxies; delete it and run again")
    probabilities = {
        "plain CNN": cnn.rho_GT @ cnn.weights_T,
        "volunteers, rescaled": rescaling.probability(evaluate.k / evaluate.N),
        "Bayesian CNN, rescaled": rescaling.probability(bayesian.rho_GT @ bayesian.weights_T),
    }
    comparison = expert_classes.compare(evaluate.is_positive.to_numpy(), probabilities)
    for name, table in comparison._asdict().items():
        learning_curves.write(table, output / f"experts_{name}")
    table = evaluate[["id", "is_positive"]].assign(**probabilities)
    figures.save(posterior_figures.experts(comparison.counts, comparison.curve, table, rescaling, question), figure)
    logging.info("%d galaxies; p = 1 / (1 + exp(-(%.2f v %+.2f)))", len(evaluate), *rescaling)


# --- report -----------------------------------------------------------------------------------------------------------


LAST_MODELS = flag("--models", Path, nargs="+", help="folder of the last model of each strategy and seed")


@command(flag("--metrics", Path, nargs="+", help="metrics.parquet of every model"), TABLE)
def metrics_table(metrics: list[Path], output: Path) -> None:
    """Collect the metrics of all models into one table."""
    from activezoo import learning_curves

    learning_curves.write(learning_curves.collect(metrics), output)


@command(flag("--metrics", Path, help="table of metrics, parquet"), TABLE)
def label_savings(metrics: Path, output: Path) -> None:
    """Compare strategies: how many fewer labels for the same RMSE."""
    from activezoo import learning_curves, tables

    learning_curves.write(learning_curves.label_savings(tables.read(metrics).to_pandas()), output)


@command(
    flag("--question"),
    flag("--metrics", Path, help="table of metrics, parquet"),
    flag("--savings", Path, help="table of label savings, parquet"),
    FIGURE,
)
def plot_learning_curves(question: str, metrics: Path, savings: Path, output: Path) -> None:
    """Plot losses and RMSE against labelled galaxies."""
    from activezoo import figures, tables

    figure = figures.learning_curves(tables.read(metrics).to_pandas(), tables.read(savings).to_pandas(), question)
    figures.save(figure, output)


@command(LAST_MODELS, FIGURE)
def plot_acquired_votes(models: list[Path], output: Path) -> None:
    """Plot the vote fractions of acquired galaxies, in total and by iteration."""
    from activezoo import figures, report

    figures.save(figures.acquired_votes(report.acquired(models)), output)


@command(
    LAST_MODELS,
    flag("--galaxies", Path, help="catalogue of galaxies, parquet"),
    flag("--column", default="redshift", help="column of the catalogue with the redshift"),
    FIGURE,
)
def plot_acquired_redshift(models: list[Path], galaxies: Path, column: str, output: Path) -> None:
    """Plot the redshifts of acquired galaxies."""
    from activezoo import figures, report

    figures.save(figures.acquired_redshift(report.with_redshift(report.acquired(models), galaxies, column)), output)


@command(
    flag("--model", Path, help="folder of the model"),
    IMAGES,
    flag("--number", int, default=16, help="galaxies of each kind"),
    FIGURE,
)
def plot_informative_galaxies(model: Path, images: Path, number: int, output: Path) -> None:
    """Show the test galaxies that would inform a model most and least."""
    from activezoo import figures, report

    most, least = report.most_and_least_informative(model, images, number)
    title = f"Test galaxies by mutual information ({report.describe(model)})"
    figures.save(figures.informative_galaxies(most, least, title), output)


@command(
    flag("--models", Path, nargs="+", help="folders of one run's models after the first, in order"),
    IMAGES,
    flag("--number", int, default=10, help="galaxies of each iteration"),
    FIGURE,
)
def plot_acquired_galaxies(models: list[Path], images: Path, number: int, output: Path) -> None:
    """Show the galaxies acquired in each iteration."""
    from activezoo import figures, report

    galleries = report.acquired_by_iteration(models, images, number)
    title = f"First {number} galaxies acquired in each iteration ({report.describe(models[-1])})"
    figures.save(figures.acquired_galaxies(galleries, title, number), output)


@command(
    flag("--survey", help="name of the survey"),
    flag("--metrics", Path, help="table of metrics, parquet"),
    flag("--savings", Path, help="table of label savings, parquet"),
    flag("--figures", Path, nargs="*", default=[], help="figures to show, in folders named for their question"),
    flag("--posteriors", default=None, help="page about posteriors, to link to"),
    flag("--headline", Path, help="text file for the headline alone"),
    flag("--output", Path, help="the page, Markdown"),
)
def results_page(
    survey: str,
    metrics: Path,
    savings: Path,
    figures: list[Path],
    posteriors: str | None,
    headline: Path,
    output: Path,
) -> None:
    """Write the headline and the page of results."""
    from activezoo import report, tables

    all_metrics, all_savings = (tables.read(path).to_pandas() for path in (metrics, savings))
    with tables.whole_file(headline) as partial:
        partial.write_text("\n".join(report.headline(all_metrics, all_savings)) + "\n", encoding="utf-8")
    with tables.whole_file(output) as partial:
        page = report.page(survey, all_metrics, all_savings, figures, output.parent, posteriors)
        partial.write_text(page, encoding="utf-8")


@command(
    flag("--survey", help="name of the survey"),
    flag("--folders", Path, nargs="+", help="<question>/posteriors of each question"),
    flag("--figures", Path, nargs="*", default=[], help="figures to show, in folders named for their question"),
    flag("--output", Path, help="the page, Markdown"),
)
def posteriors_page(survey: str, folders: list[Path], figures: list[Path], output: Path) -> None:
    """Write the page about posteriors."""
    from activezoo import posterior_report, tables

    with tables.whole_file(output) as partial:
        partial.write_text(posterior_report.page(survey, folders, figures, output.parent), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; return the exit status (1: bad input, 2: bad usage)."""
    parser = argparse.ArgumentParser(prog="activezoo", description="Active learning for galaxy surveys.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (function, flags) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=function.__doc__, description=function.__doc__)
        for flag_name, options in flags:
            subparser.add_argument(flag_name, **options)
    options = vars(parser.parse_args(arguments))
    function, _ = COMMANDS[options.pop("command")]
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        function(**options)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
