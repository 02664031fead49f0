"""The loop that one would write without activezoo: Keras, pandas and Pillow, one process for the runs of a seed.

    python tests/benchmark/plain_loop.py SURVEY CONFIG SEED

It does the work of the workflow, on the files of a survey (its votes, its images): the same network, as many steps on
as many images, as many predictions of the pool and of the test set, BALD and random. Randomness is Keras's own.
"""

import csv
import sys
from pathlib import Path

import keras
import numpy as np
import plain_survey
import tensorflow as tf
from scipy import stats

seed = int(sys.argv[3])
config, survey = plain_survey.read(Path(sys.argv[1]), sys.argv[2], seed)
question, network, training = config["question"], config["network"], config["training"]
side, stored, views = network["input_size"], config["stored_size"], config["augmentations"]
images, k, n = survey.images[..., None], survey.k, survey.n
keras.utils.set_random_seed(seed)
rng = np.random.default_rng(seed)
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


class Crop(keras.layers.Layer):
    """Zoom, crop and flip at once: cheaper than three layers, and than turning the large image."""

    def call(self, batch):
        number = tf.shape(batch)[0]
        zoom = tf.random.uniform([number, 1], *question["zoom"])
        low, high = 0.5 - 0.5 / zoom, 0.5 + 0.5 / zoom
        flip = tf.random.uniform([number, 2]) < 0.5
        corners = tf.where(flip, tf.concat([low, low], 1), tf.concat([high, high], 1))
        boxes = tf.concat([corners, 1 - corners], 1)
        return tf.image.crop_and_resize(batch, boxes, tf.range(number), (side, side))

    def compute_output_shape(self, shape):
        return shape[0], side, side, 1


def new_model():
    layers = [keras.Input((stored, stored, 1)), Crop(), keras.layers.RandomRotation((0, 0.25))]
    layers += [keras.layers.RandomContrast(0.02, value_range=(0, 1))]
    for filters in network["filters"]:
        layers += [keras.layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(2)]
        layers += [keras.layers.MaxPooling2D(2)]
    layers += [keras.layers.Flatten(), keras.layers.Dense(network["dense_units"])]
    layers += [keras.layers.Dropout(network["dropout"]), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    averaging = {"use_ema": True, "ema_momentum": training["weight_averaging"]}
    model.compile(keras.optimizers.Adam(training["learning_rate"], **averaging), loss)
    return model


def loss(votes, logits):
    log_rho = tf.nn.log_softmax(logits)
    return -tf.reduce_sum(tf.cast(votes, tf.float32) * log_rho, axis=-1)


def train(model, labelled, steps):
    rows = np.array(labelled)
    data = tf.data.Dataset.from_tensor_slices((images[rows], np.stack([k, n - k], 1)[rows]))
    data = data.shuffle(len(rows)).repeat().batch(training["batch_size"], drop_remainder=True).prefetch(2)
    model.fit(data, steps_per_epoch=steps, epochs=1, verbose=0)


def forward_of(model):
    return tf.function(lambda batch: tf.nn.softmax(model(batch, training=True))[:, 0], reduce_retracing=True)


def predict(forward, rows):
    """ρ of galaxies, a column for each pass with a view and a mask of its own."""
    passes = [[forward(images[part]) for part in np.array_split(rows, -(-len(rows) // 256))] for _ in range(views)]
    return np.stack([np.concatenate(parts) for parts in passes], 1)


def mutual_information(rho, responses=40):
    pmf = stats.binom.pmf(np.arange(responses + 1), responses, rho[..., None])
    return stats.entropy(pmf.mean(axis=1), axis=-1) - stats.entropy(pmf, axis=-1).mean(axis=1)


start = new_model()
train(start, survey.initial, training["first_steps"])
start.save_weights(f"start_{seed}.weights.h5")
with open(f"plain_{seed}.csv", "w", newline="") as file:
    results = csv.writer(file)
    for strategy in config["strategies"]:
        model = new_model()
        model.load_weights(f"start_{seed}.weights.h5")
        forward = forward_of(model)
        labelled, left = list(survey.initial), survey.pool
        for iteration in range(config["iterations"] + 1):
            if iteration:
                bald = strategy == "bald"
                score = mutual_information(predict(forward, left)) if bald else rng.random(len(left))
                chosen = np.argsort(-score)[: config["acquire"]]
                labelled, left = labelled + list(left[chosen]), np.delete(left, chosen)
                train(model, labelled, training["steps"])
            rmse = np.sqrt(np.mean((predict(forward, survey.test).mean(axis=1) - k[survey.test] / n[survey.test]) ** 2))
            results.writerow([strategy, iteration, len(labelled), rmse])
