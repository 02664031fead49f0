"""The report's figures and page, from a made-up run laid out as the workflow lays out a real one."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from scipy import stats

from activezoo import cli, tables
from activezoo.acquisition import registry
from activezoo.errors import InputError
from activezoo.report import galleries
from activezoo.report.acquired import acquired as acquired_galaxies_of
from activezoo.report.acquired import with_recorded_votes
from activezoo.report.figures import style
from activezoo.report.figures.acquired import acquired_redshift, acquired_votes, spent_votes
from activezoo.report.figures.galleries import acquired_galaxies
from activezoo.report.figures.learning_curves import learning_curves as draw_learning_curves
from activezoo.report.headline import interval
from activezoo.survey.columns import read_features
from activezoo.survey.image_shards import write_shard

INITIAL, ACQUIRE, TEST, SIDE = 40, 16, 40, 48


def galaxy_image(rng: np.random.Generator, smooth: float) -> np.ndarray:
    """A blurred ellipse, bluer and with a ring where it isn't smooth: (SIDE, SIDE, 3) uint8."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    turn = rng.uniform(0, np.pi)
    radius = np.hypot(x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) / rng.uniform(0.4, 1))
    light = np.exp(-4 * radius)[..., None] * [1.0, 0.8, 0.6]
    light = light + (1 - smooth) * np.exp(-60 * (radius - 0.5) ** 2)[..., None] * [0.3, 0.4, 0.6]
    return (255 * np.clip(light + rng.normal(0, 0.03, light.shape), 0, 1)).astype(np.uint8)


def votes(rng: np.random.Generator, size: int, centre: float) -> tuple[np.ndarray, np.ndarray]:
    responses = rng.integers(36, 46, size)
    return rng.binomial(responses, rng.beta(4 * centre, 4 * (1 - centre), size)).astype(np.int32), responses


def write_survey(folder, ids, rng: np.random.Generator, redshift: bool) -> None:
    """Lay down the survey's catalogue and the stored images of some galaxies."""
    paths = [folder / f"survey/{galaxy}.png" for galaxy in ids]
    paths[0].parent.mkdir(parents=True)
    for path in paths:
        Image.fromarray(galaxy_image(rng, rng.uniform())).save(path)
    columns = {"dr7objid": ids} | ({"redshift": rng.gamma(4, 0.02, len(ids))} if redshift else {})
    pd.DataFrame(columns).to_csv(folder / "survey/catalogue.csv", index=False)
    rows = {"row": range(2, len(ids) + 2), "id": ids, "image": list(map(str, paths))}
    tables.write(rows, folder / "catalogue/galaxies.parquet")
    shard = folder / "images/shard_0.tfrecord"
    others = [shard.with_name(f"{name}.parquet") for name in ("index", "rejected")]
    write_shard(folder / "catalogue/galaxies.parquet", 0, 1, SIDE, shard, *others)


def make_run(folder, question="smooth", strategies=("bald", "random"), seeds=(1, 2, 3), iterations=4, redshift=True):
    """Lay down a run in which BALD reaches an RMSE with about half the votes of random."""
    rng = np.random.default_rng(len(question))
    ids = np.array([f"galaxy_{n:05d}" for n in range(TEST + INITIAL + iterations * ACQUIRE)])
    write_survey(folder, ids, rng, redshift)
    models = {}
    for seed, strategy in product(seeds, strategies):
        labelled = [ids[TEST : TEST + INITIAL], *votes(rng, INITIAL, 0.7), np.zeros(INITIAL, int)]
        pool = rng.permutation(ids[TEST + INITIAL :])
        for iteration in range(iterations + 1):
            active = strategy == "bald" and iteration > 0
            model = (
                folder / question / f"seed_{seed}" / (f"{strategy}/iteration_{iteration}" if iteration else "initial")
            )
            if iteration:
                new, pool = pool[:ACQUIRE], pool[ACQUIRE:]
                added = (
                    new,
                    *votes(rng, ACQUIRE, 0.3 + 0.02 * iteration if active else 0.7),
                    np.full(ACQUIRE, iteration),
                )
                labelled = [np.concatenate(both) for both in zip(labelled, added, strict=True)]
                # Ranks are of the whole pool, of which the first are labelled.
                ranked = {"id": [*new, *pool], "rank": np.arange(len(new) + len(pool))}
                tables.write(ranked, model / "acquisition.parquet")
            tables.write(dict(zip(("id", "k", "N", "iteration"), labelled, strict=True)), model / "labelled.parquet")
            k, N = votes(rng, TEST, 0.6)
            tested = {
                "id": ids[:TEST],
                "k": k,
                "N": N,
                "rho": (k + 1) / (N + 2),
                "mutual_information": rng.random(TEST),
            }
            tables.write(tested, model / "evaluation.parquet")
            fall = np.exp(-iteration / (3 if strategy == "bald" else 6))
            metrics = {
                "question": question, "seed": seed, "strategy": strategy if iteration else "initial",
                "iteration": iteration, "votes": int(np.sum(labelled[2])), "galaxies": INITIAL + iteration * ACQUIRE,
                "training_loss": 18 + 2 * fall + 3 * active, "test_loss": 17 + 6 * fall + rng.normal(0, 0.2),
                "rmse": 0.1 + 0.1 * fall + rng.normal(0, 0.002), "rmse_of_rho": 0.08 + 0.1 * fall,
                "rmse_mean_fraction": 0.24,
            }  # fmt: skip
            tables.write({name: [value] for name, value in metrics.items()}, model / "metrics.parquet")
            models[seed, strategy if iteration else "initial", iteration] = model
    k, N = votes(np.random.default_rng(1), len(ids), 0.6)
    tables.write({"id": ids, "k": k, "N": N + 46}, folder / question / "votes.parquet")
    return SimpleNamespace(
        folder=folder, question=question, ids=ids, models=list(models.values()),
        last=[models[seed, strategy, iterations] for seed, strategy in product(seeds, strategies)],
        one_run=[models[seeds[0], strategies[0], iteration] for iteration in range(1, iterations + 1)],
    )  # fmt: skip


def step(name: str, **flags) -> None:
    """Run a step by the command line, which must succeed."""
    values = [(flag, value) for flag, of in flags.items() for value in (of if isinstance(of, list) else [of])]
    assert cli.main([name, *(f"--{flag.replace('_', '-')}={value}" for flag, value in values)]) == 0


def make_report(run, galleries: bool = True) -> list:
    """Run the steps of the report, as the workflow does; return the figures."""
    results = run.folder / run.question
    metrics, savings = results / "metrics.parquet", results / "savings.parquet"
    index, catalogue = run.folder / "images/index.parquet", run.folder / "survey/catalogue.csv"
    names = ["learning_curves", "acquired_votes", "spent_votes", "acquired_redshift"]
    names += ["informative_galaxies", "acquired_galaxies"]
    folder = run.folder / "figures" / run.question
    folder.mkdir(parents=True)
    paths = [folder / f"{name}.png" for name in names]
    curves, acquired_votes, spent_votes, redshifts, informative, acquired = paths
    labelled = [model / "labelled.parquet" for model in run.last]
    step("metrics_table", metrics=[model / "metrics.parquet" for model in run.models], parquet=metrics)
    step(
        "savings", metrics=metrics, evaluations=[model / "evaluation.parquet" for model in run.models], parquet=savings
    )
    step("plot_learning_curves", question=run.question, metrics=metrics, savings=savings, png=curves)
    step("plot_acquired_votes", labelled=labelled, votes=results / "votes.parquet", png=acquired_votes)
    step("plot_spent_votes", labelled=labelled, votes=results / "votes.parquet", png=spent_votes)
    step(
        "plot_acquired_redshift", labelled=labelled, catalogue=catalogue,
        galaxies=run.folder / "catalogue/galaxies.parquet", redshift="redshift", png=redshifts,
    )  # fmt: skip
    if galleries:
        step("plot_informative_galaxies", metrics=run.last[0] / "metrics.parquet", index=index, png=informative)
        one_run = [model / "metrics.parquet" for model in run.one_run]
        step("plot_acquired_galaxies", metrics=one_run, index=index, png=acquired)
    split = {"id": run.ids, "role": ["test"] * TEST + ["pool"] * (len(run.ids) - TEST)}
    tables.write(split, results / "seed_1/split.parquet")
    plan = {"galaxies": 1000, "votes_per_day": 500}
    step(
        "plan", survey="made-up", metrics=metrics, splits=results / "seed_1/split.parquet", rmse=[0.15, 0.01], **plan,
        benchmarks=run.folder / "logs", csv=run.folder / "plan.csv", page=run.folder / "plan.md",
    )  # fmt: skip
    step(
        "results_page", survey="made-up", metrics=metrics, savings=savings, figures=paths, **plan,
        planned=run.folder / "plan.csv",
        provenance=run.folder / "provenance", headline=run.folder / "headline.txt", page=run.folder / "README.md",
    )  # fmt: skip
    return paths if galleries else paths[:4]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A made-up run of three seeds with its report."""
    made = make_run(tmp_path_factory.mktemp("run"))
    made.figures = make_report(made)
    return made


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def drawn_texts(figure: Figure, monkeypatch) -> list[Text]:
    """The texts that are drawn: not, for example, labels of ticks beyond the axis."""
    drawn, draw = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, renderer: (drawn.append(text), draw(text, renderer)))
    with rc_context(style.STYLE):
        FigureCanvasAgg(figure).draw()
    assert drawn
    return [text for text in drawn if text.get_visible() and text.get_text().strip()]


def test_every_figure_is_written_as_png_and_pdf(run):
    for path in run.figures:
        with Image.open(path) as image:
            assert image.size[0] > 600
        assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_saving_twice_gives_the_same_bytes(tmp_path):
    figure = style.message("no galaxies")
    style.save(figure, tmp_path / "one.png")
    style.save(figure, tmp_path / "two.png")
    for suffix in (".png", ".pdf"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def tables_of(run) -> tuple[pd.DataFrame, pd.DataFrame]:
    return tuple(pd.read_parquet(run.folder / run.question / f"{name}.parquet") for name in ("metrics", "savings"))


def test_learning_curves_show_means_bands_and_savings(run):
    metrics, savings = tables_of(run)
    figure = draw_learning_curves(metrics, savings, "smooth")
    axes = figure.axes[0]
    bald = metrics[metrics.strategy == "bald"].set_index(["iteration", "seed"]).unstack()  # noqa: PD010
    (mean,) = (line for line in axes.lines if np.array_equal(line.get_ydata(), bald.rmse.mean(axis=1)))
    assert mean.get_color() == registry.load("bald").colour
    np.testing.assert_array_equal(mean.get_xdata(), bald.votes.mean(axis=1))
    assert any(np.array_equal(line.get_ydata(), bald.rmse_of_rho.mean(axis=1)) for line in axes.lines)
    vertices = axes.collections[0].get_paths()[0].vertices[:, 1]
    expected = stats.t.interval(0.95, 2, bald.rmse.mean(axis=1), stats.sem(bald.rmse, axis=1))
    assert set(np.concatenate(expected).round(9)) <= set(vertices.round(9))
    (row,) = savings.query("seed == 'all' and currency == 'votes'").itertuples()
    shown = f"BALD: {100 * row.saving:.0f} % fewer votes ({interval(row)})"
    assert shown in texts(figure)


@pytest.mark.parametrize("seeds", [1, 2])
def test_learning_curves_of_few_seeds_are_legible(run, seeds, monkeypatch):
    metrics, savings = tables_of(run)
    figure = draw_learning_curves(metrics[metrics.seed <= seeds], savings, "smooth")
    assert ("range of the seeds" in texts(figure)) == (seeds == 2)
    boxes = [text.get_window_extent() for text in drawn_texts(figure, monkeypatch)]
    for one, other in combinations(boxes, 2):
        assert not one.shrunk(0.9, 0.9).overlaps(other.shrunk(0.9, 0.9))


@pytest.mark.parametrize("others", [[], ["bald_few"], ["entropy", "random_few", "bald_few", "bald_per_vote"]])
@pytest.mark.parametrize("name", ["learning_curves", "acquired_votes", "spent_votes", "acquired_redshift"])
def test_texts_are_inside_the_figure_and_do_not_overlap(run, name, others, monkeypatch):
    metrics, savings = tables_of(run)
    acquired = acquired_galaxies_of(run.last)
    metrics, savings, acquired = (
        pd.concat([table, *(table[table.strategy == "bald"].assign(strategy=other) for other in others)])
        for table in (metrics, savings, acquired)
    )
    galaxies = tables.read(run.folder / "catalogue/galaxies.parquet")
    features = read_features(run.folder / "survey/catalogue.csv", galaxies, ["redshift"])
    figure = {
        "learning_curves": lambda: draw_learning_curves(metrics, savings, "smooth"),
        "acquired_votes": lambda: acquired_votes(acquired),
        "spent_votes": lambda: spent_votes(acquired.assign(votes=acquired.N), acquired),
        "acquired_redshift": lambda: acquired_redshift(acquired.assign(redshift=acquired["id"].map(features.redshift))),
    }[name]()
    boxes = [text.get_window_extent() for text in drawn_texts(figure, monkeypatch)]
    width, height = figure.bbox.size
    inside = [box for box in boxes if box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1]
    assert len(inside) == len(boxes)
    for one, other in combinations(boxes, 2):
        assert not one.shrunk(0.9, 0.9).overlaps(other.shrunk(0.9, 0.9))


def test_acquired_galaxies_are_those_beyond_the_initial_ones(run):
    acquired = acquired_galaxies_of(run.last)
    assert len(acquired) == 3 * 2 * 4 * ACQUIRE
    assert set(acquired.iteration) == {1, 2, 3, 4}
    assert set(acquired.strategy) == {"bald", "random"}
    assert not set(acquired.id) & set(run.ids[: TEST + INITIAL])


def test_votes_on_the_edge_of_a_bin_all_count_to_the_bin_above():
    k, N = np.arange(11), np.full(11, 10)
    frame = pd.DataFrame({"question": "bar", "strategy": "random", "seed": 1, "iteration": 1, "k": k, "N": N})
    (stairs,) = acquired_votes(frame).axes[0].patches
    np.testing.assert_allclose(stairs.get_data().values, np.array([1] * 9 + [2]) / 11)


def test_kinds_of_acquired_galaxies_are_told_by_all_their_votes(tmp_path):
    acquired = pd.DataFrame({"id": ["a", "b"], "k": [1, 8], "N": [8, 8], "iteration": [1, 2]})
    tables.write({"id": ["c", "b", "a"], "k": [1, 20, 30], "N": [2, 40, 41]}, tmp_path / "votes.parquet")
    found = with_recorded_votes(acquired, tmp_path / "votes.parquet")
    assert found[["id", "votes", "k", "N"]].to_numpy().tolist() == [["a", 8, 30, 41], ["b", 8, 20, 40]]


def test_votes_are_spent_on_galaxies_and_kinds():
    rows = {"question": "bar", "strategy": "random", "seed": 1, "k": [0, 5, 9], "N": [10, 10, 10], "votes": [4, 4, 12]}
    survey = pd.DataFrame({"k": [0, 0, 10, 5], "N": [10, 10, 10, 10]})
    left, right = spent_votes(pd.DataFrame(rows), survey).axes
    (amounts,) = left.patches
    values, edges, _ = amounts.get_data()
    assert {edges[place] + 0.5: values[place] for place in np.flatnonzero(values)} == {4: 2 / 3, 12: 1 / 3}
    spent, everything = (stairs.get_data()[0] for stairs in right.patches)
    np.testing.assert_allclose(spent, np.array([4, 0, 0, 0, 0, 4, 0, 0, 0, 12]) / 20)
    np.testing.assert_allclose(everything, np.array([2, 0, 0, 0, 0, 1, 0, 0, 0, 1]) / 4)


def test_galleries_show_the_right_galaxies_beside_their_votes(run):
    model = run.last[0]
    tested = pd.read_parquet(model / "evaluation.parquet").sort_values("mutual_information")
    most, least = galleries.most_and_least_informative(model, run.folder / "images/index.parquet", 5)
    for gallery, expected in ((most, tested.iloc[::-1].head(5)), (least, tested.head(5))):
        for pixels, caption, row in zip(gallery.pixels, gallery.captions, expected.itertuples(), strict=True):
            np.testing.assert_array_equal(pixels, np.asarray(Image.open(run.folder / f"survey/{row.id}.png")))
            assert caption == f"{row.k}/{row.N}  ρ̂ = {row.rho:.2f}"


def test_acquired_galleries_follow_the_rank(run):
    by_iteration = galleries.acquired_by_iteration(run.one_run, run.folder / "images/index.parquet", 4)
    assert list(by_iteration) == [1, 2, 3, 4]
    for iteration, gallery in by_iteration.items():
        model = run.one_run[iteration - 1]
        ranked = pd.read_parquet(model / "acquisition.parquet").sort_values("rank").id.head(4)
        votes = pd.read_parquet(model / "labelled.parquet").set_index("id").loc[ranked]
        assert gallery.captions == [f"{row.k}/{row.N}" for row in votes.itertuples()]
        expected = [np.asarray(Image.open(run.folder / f"survey/{galaxy}.png")) for galaxy in ranked]
        np.testing.assert_array_equal(gallery.pixels, expected)


def test_more_columns_than_acquired_galaxies_leave_blanks(run):
    by_iteration = galleries.acquired_by_iteration(run.one_run, run.folder / "images/index.parquet", ACQUIRE + 5)
    assert len(by_iteration[1].captions) == ACQUIRE
    acquired_galaxies(by_iteration, "title", ACQUIRE + 5)


def test_a_galaxy_without_an_image_is_named(run):
    with pytest.raises(InputError, match="no image of galaxy unheard-of"):
        galleries.read_pixels([run.ids[0], "unheard-of"], run.folder / "images/index.parquet")


def test_the_page_links_to_files_that_are_there_and_begins_with_the_headline(run):
    page = (run.folder / "README.md").read_text()
    headline = (run.folder / "headline.txt").read_text().strip()
    assert page.split("\n\n")[1] == headline
    assert headline.startswith("smooth: for the same RMSE, BALD needed ")
    links = re.findall(r"\]\((.*?)\)", page)
    assert len(links) == len(run.figures) + 2
    assert all((run.folder / link).exists() for link in links)


def test_the_html_page_has_every_figure_and_number_of_the_page(run):
    html, page = run.folder / "results.html", run.folder / "README.md"
    step("html_page", pages=page, headline=run.folder / "headline.txt", html=html)
    markdown = re.sub(r"\]\(.*?\)", "]", page.read_text())
    text = re.sub(r"<script>.*</script>|<[^>]*>", " ", html.read_text(), flags=re.DOTALL)
    numbers = [Counter(re.findall(r"[−\d.,]*\d", words)) for words in (markdown, text)]
    assert numbers[0].total() > 50
    assert numbers[0] <= numbers[1]
    assert html.read_text().count("data:image/webp") == len(run.figures)
    assert html.stat().st_size < 1_400_000
    assert (run.folder / "headline.txt").read_text().strip() in text


@pytest.mark.parametrize(
    ("case", "headline"),
    [
        ({"seeds": (1,), "redshift": False}, "one seed: a taste"),
        ({"seeds": (1, 2), "iterations": 1}, "2 seeds) and "),
        ({"seeds": (1,), "strategies": ("bald",)}, "only BALD ran"),
        ({"seeds": (1,), "strategies": ("random",)}, "only random ran"),
    ],
)
def test_small_runs_make_a_whole_report(tmp_path, monkeypatch, case, headline):
    # Drawing each figure once is enough here, and takes a third of the time.
    monkeypatch.setattr(style, "save", lambda figure, path: (figure.draw_without_rendering(), path.touch()))
    run = make_run(tmp_path, **{"iterations": 2} | case)
    assert all(path.exists() for path in make_report(run, galleries=headline.startswith("one seed")))
    assert headline in (tmp_path / "headline.txt").read_text()
