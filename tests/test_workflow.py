"""The workflow end to end, with real Snakemake, on the small survey of tests/config/smoke.yaml."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

import activezoo
from activezoo.model import description
from activezoo.model.information import information
from activezoo.model.predictions import read_predictions
from activezoo.report.galleries import read_pixels
from activezoo.survey import decoding
from workflow_runs import ROOT, command, overlay, planned, planned_of, snakemake

SAMPLE = ROOT.parent / "shared/data/gz2_sample"
RUN = Path("results/smoke/smooth")


def digests(folder):
    """Hash of every parquet file and of all weights of the models, but for what a killed job never finished."""
    files = [*folder.glob("results/smoke/**/[!.]*.parquet"), *folder.glob("results/smoke/**/[!.]*.h5")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder with a finished smoke run, not to be changed."""
    folder = tmp_path_factory.mktemp("smoke")
    (folder / "random.py").write_text("raise SystemExit('a script of the user, and no module')")
    (folder / "printed").write_text(snakemake(folder))
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    """A finished run to break."""
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def test_a_run_ends_with_its_answer_and_shows_its_progress(finished):
    printed = (finished / "printed").read_text()
    headline = (finished / "results/smoke/headline.txt").read_text().strip()
    assert headline in printed
    assert "More in results/smoke/results.html" in printed
    assert headline in (finished / "results/smoke/results.html").read_text()
    assert "RMSE" in printed
    assert "model 10 of 10" in printed
    # A line a step, and little else.
    assert len(printed.splitlines()) < 67 + 50


def test_every_model_has_its_metrics_and_the_sets_grow_as_configured(finished):
    metrics = pq.read_table(finished / "results/smoke/smooth/metrics.parquet").to_pandas()
    assert len(metrics) == 2 * 2 * 3
    assert (metrics.galaxies == 16 + 8 * metrics.iteration).all()
    assert (metrics.votes > 36 * metrics.galaxies).all()
    first = metrics[metrics.iteration == 0].groupby("seed").rmse
    assert (first.max() == first.min()).all()
    assert metrics[["rmse", "test_loss", "training_loss"]].notna().all(axis=None)


def test_labelled_galaxies_come_from_the_pool_and_test_galaxies_never(finished):
    for seed in (1, 2):
        split = pq.read_table(finished / RUN / f"seed_{seed}/split.parquet").to_pandas().set_index("id").role
        for strategy in ("bald", "random"):
            model = finished / RUN / f"seed_{seed}/{strategy}/iteration_2"
            labelled = pq.read_table(model / "labelled.parquet").to_pandas()
            assert labelled.id.is_unique
            assert set(labelled.id[labelled.iteration == 0]) == set(split.index[split == "initial"])
            assert (split[labelled.id[labelled.iteration > 0]] == "pool").all()
            assert len(labelled) == 32


def test_the_most_informative_galaxies_are_those_acquired(finished):
    folder = finished / RUN / "seed_1/bald/iteration_1"
    ranking = pq.read_table(folder / "acquisition.parquet").to_pandas()
    labelled = pq.read_table(folder / "labelled.parquet").to_pandas()
    assert list(ranking.id[:8]) == list(labelled.id[labelled.iteration == 1])
    assert ranking.score.is_monotonic_decreasing
    assert ranking.score.iloc[0] > ranking.score.iloc[-1]


def test_every_job_has_a_log_and_a_benchmark(finished):
    logs = {path.relative_to(finished / "logs/smoke") for path in finished.glob("logs/smoke/**/*.log")}
    folder = Path("smooth/seed_1/bald/iteration_1")
    assert {folder / f"{step}.log" for step in ("rank", "label", "train", "evaluate")} <= logs
    benchmarks = {
        path.relative_to(finished / "logs/smoke/benchmarks").with_suffix(".log")
        for path in finished.glob("logs/smoke/benchmarks/**/*.tsv")
    }
    assert benchmarks == logs


def test_a_second_run_does_nothing(finished):
    assert planned(finished) == {}


def test_what_a_run_was_made_with_is_written_down(finished):
    (path,) = finished.glob("results/smoke/provenance/*.json")
    record = json.loads(path.read_text())
    assert record["version"] == activezoo.__version__
    assert record["config"]["loop"]["seeds"] == [1, 2]
    assert record["packages"]["snakemake"]
    assert f"activezoo | {activezoo.__version__}" in (finished / "results/smoke/README.md").read_text()


def test_the_report_of_snakemake_opens_on_the_answer(finished, tmp_path):
    snakemake(finished, "--report", str(tmp_path / "report.html"))
    report = (tmp_path / "report.html").read_text()
    description, categories, metadata = (
        json.loads(re.search(rf"var {name} = (.*);", report)[1]) for name in ("workflow_desc", "categories", "metadata")
    )
    # It opens on the description if there is any metadata; on a graph of rules if not.
    assert metadata
    assert "system-message" not in description
    headline = (finished / "results/smoke/headline.txt").read_text().strip()
    assert f"<strong>{headline}</strong>" in description
    assert "results['results/smoke/results.html']" in description
    answer = {path for paths in categories["★ The answer"].values() for path in paths}
    assert answer == {"results/smoke/headline.txt", "results/smoke/results.html"}


def test_results_of_two_versions_are_not_mixed_without_a_word(copy):
    (path,) = copy.glob("results/smoke/provenance/*.json")
    path.write_text(path.read_text().replace(f'"version": "{activezoo.__version__}"', '"version": "0.0.1"', 1))
    (copy / "results/smoke/headline.txt").unlink()
    printed = snakemake(copy)
    told = printed.index("holds results of activezoo 0.0.1")
    assert told < printed.index("[1/")
    assert len(list(copy.glob("results/smoke/provenance/*.json"))) == 2


def test_weights_can_be_pruned(copy):
    for weights in copy.glob("results/smoke/**/*.h5"):
        weights.unlink()
    assert planned(copy) == {}


def test_pruning_changes_no_plan(copy):
    configfiles = [
        overlay(copy),
        overlay(copy, loop={"iterations": 3}),
        overlay(copy, loop={"strategies": ["bald", "entropy", "random"]}),
    ]
    plans = [planned(copy, configfiles=of) for of in configfiles]
    assert plans[0] == {}
    assert plans[1]["train"] == 4
    before = len(list(copy.glob("results/smoke/**/*.h5")))
    assert "prune: 4 files deleted" in snakemake(copy, "prune")  # of two seeds and two strategies, the first iteration
    assert len(list(copy.glob("results/smoke/**/*.h5"))) == before - 4
    assert [planned(copy, configfiles=of) for of in configfiles] == plans
    assert len(list(copy.glob("results/smoke/provenance/*.json"))) == 1


def test_disk_use_of_a_run_is_told_before_it_starts(tmp_path):
    printed = snakemake(tmp_path, "disk_use")
    assert re.search(r"^\| stored images \| 0 \| 0.0 MB \| some 0.5 MB \|", printed, flags=re.MULTILINE)
    assert not (tmp_path / "results").exists()


def test_raising_the_iterations_runs_the_new_ones_only(copy):
    jobs = planned(copy, configfiles=overlay(copy, loop={"iterations": 3}))
    assert jobs["train"] == jobs["label"] == jobs["evaluate"] == 4
    assert jobs["predict_pool"] == 2 * 2
    assert jobs["check_pool"] == 2
    assert not {"split", "label_initial", "catalogue", "store_images", "simulate_survey"} & set(jobs)


def test_an_unrelated_key_runs_nothing_again(copy):
    assert planned(copy, configfiles=overlay(copy, survey={"release": {"catalogue": "elsewhere.csv"}})) == {}
    # Nor does one of something that this run does not make.
    assert planned(copy, configfiles=overlay(copy, posteriors={"experts": {"file": "nope.csv"}})) == {}


# What an edit runs again; docs/architecture.md tells the same.
EDITS = {
    "src/activezoo/model/votes.py": (
        "_CHUNK_VALUES = 500_000",
        "_CHUNK_VALUES = 400_000",
        {"evaluate", "predict_pool"},
    ),
    "src/activezoo/acquisition/bald.py": (
        'label="BALD"',
        'label="Bald"',
        {"rank"},
    ),
    "src/activezoo/report/figures/galleries.py": (
        "CAPTION = 128, 5",
        "CAPTION = 128, 6",
        {"plot_acquired_galaxies", "plot_informative_galaxies"},
    ),
    "src/activezoo/report/html_page.html": ("<!doctype html>", "<!DOCTYPE html>", {"html_page"}),
    "src/activezoo/survey/decoding.py": ("Resampling.HAMMING", "Resampling.BOX", {"check_images"}),
    "src/activezoo/steps/split.py": ('"%d galaxies: %s"', '"%d galaxies, %s"', {"split"}),
    "src/activezoo/model/training.py": ("np.empty((2, 0), np.int64)", "np.empty((2, 0), int)", {"train"}),
    "src/activezoo/posteriors/calibration.py": ("EPSILONS = (0.02", "EPSILONS = (0.03", set()),
}


@pytest.mark.parametrize("path", EDITS)
def test_an_edit_runs_again_what_it_can_change(finished, tmp_path, path):
    """By the reasons that Snakemake gives: what follows from a step that runs again is not counted."""
    for part in ("Snakefile", "workflow", "config", "envs", "src", "profiles"):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    old, new, expected = EDITS[path]
    text = (tmp_path / path).read_text()
    assert old in text
    (tmp_path / path).write_text(text.replace(old, new, 1))
    printed = snakemake(finished, "--dry-run", root=tmp_path)
    changed = re.search(r"params have changed since last execution:\n *(.*)", printed)
    assert set(changed[1].split(", ") if changed else []) == expected
    jobs = planned_of(printed)
    assert expected <= jobs.keys()
    if path.endswith("bald.py"):
        assert jobs["rank"] == 2 * 2  # of this strategy alone


def test_a_question_is_added_to_a_finished_run(copy):
    with_bar = overlay(copy, loop={"questions": ["smooth", "bar"]})
    printed = snakemake(copy, "--dry-run", "--verbose", configfiles=with_bar)
    made = re.findall(r"^ +output: (.*)$", printed, flags=re.MULTILINE)
    assert any("results/smoke/bar/" in output for output in made)
    assert not [output for output in made if "results/smoke/smooth/" in output or "/images/" in output]
    assert not [output for output in made if "/catalogue/" in output or "figures/smooth" in output]


def test_a_deleted_iteration_comes_back_with_the_same_bits(finished, copy):
    before = digests(copy)
    assert before == digests(finished)
    shutil.rmtree(copy / RUN / "seed_1/bald/iteration_1")
    jobs = planned(copy)
    assert jobs["train"] == 2
    snakemake(copy)
    assert digests(copy) == before


def test_pool_shards_change_nothing_but_rounding(finished, copy):
    shutil.rmtree(copy / RUN / "seed_2")
    snakemake(copy, configfiles=overlay(copy, pool={"shards": 3}))
    for iteration in (1, 2):
        name = RUN / f"seed_2/bald/iteration_{iteration}/acquisition.parquet"
        two, three = (pq.read_table(folder / name).to_pandas() for folder in (finished, copy))
        assert list(two.id) == list(three.id)
        np.testing.assert_allclose(two.score, three.score, rtol=1e-4, atol=1e-7)


def test_a_strategy_chooses_among_the_galaxies_that_are_scored(finished, copy):
    shutil.rmtree(copy / RUN / "seed_2")
    target = str(RUN / "seed_2/bald/iteration_2/labelled.parquet")
    snakemake(copy, target, configfiles=overlay(copy, pool={"shards": 2, "scored": 20}))
    for iteration in (1, 2):
        names = [RUN / f"seed_2/bald/iteration_{iteration}/{name}.parquet" for name in ("acquisition", "labelled")]
        asked, whole, labelled = (
            pq.read_table(folder / name).to_pandas()
            for folder, name in ((copy, names[0]), (finished, names[0]), (copy, names[1]))
        )
        assert len(labelled) == 16 + 8 * iteration
        assert set(labelled.id[labelled.iteration == iteration]) == set(asked.id[:8])
        if iteration == 1:  # the same model as in the whole run, which gives the same scores
            together = asked.merge(whole, on="id")
            assert len(together)
            np.testing.assert_allclose(together.score_x, together.score_y, rtol=1e-4, atol=1e-7)
            assert list(asked.id) != list(whole.id)


def test_closer_looks_go_to_the_galaxies_that_told_most_in_the_look_before(finished, copy):
    """Of each of two shards, a third, and a third of that; the last look at a galaxy gives its score."""
    shutil.rmtree(copy / RUN / "seed_2")
    target = str(RUN / "seed_2/bald/iteration_2/metrics.parquet")
    configfiles = overlay(copy, pool={"shards": 2, "closer_looks": [7, 12]})
    snakemake(copy, target, "--notemp", configfiles=configfiles)
    before = digests(copy)
    for iteration, labelled in ((1, 16), (2, 24)):
        model = copy / RUN / ("seed_2/initial" if iteration == 1 else "seed_2/bald/iteration_1")
        scores, pool = {}, set()
        responses = description.read(model / "model.json").expected_responses
        known = set(pq.read_table(model / "labelled.parquet")["id"].to_pylist())
        assert len(known) == labelled
        for shard in range(2):
            names = [f"pool_predictions/shard_{shard}{look}.parquet" for look in ("", "_look_1", "_look_2")]
            looks = [read_predictions(model / name) for name in names]
            assert [len(look.weights_T) for look in looks] == [9 * views for views in (3, 7, 12)]
            for look, closer in pairwise(looks):
                told = information(look, responses)
                third = round(len(look.ids) / 3)
                assert closer.ids == [look.ids[row] for row in np.sort(np.argsort(-told)[:third])]
            for look in looks:
                scores |= dict(zip(look.ids, information(look, responses), strict=True))
            pool |= set(looks[0].ids)
        assert bool(pool & known) == (iteration == 1)  # the first model serves strategies that ask again, too
        asked = pq.read_table(copy / RUN / f"seed_2/bald/iteration_{iteration}/acquisition.parquet").to_pandas()
        assert list(asked.id) == sorted(asked.id, key=lambda galaxy: (-scores[galaxy], galaxy))
        np.testing.assert_allclose(asked.score, [scores[galaxy] for galaxy in asked.id])
    shutil.rmtree(copy / RUN / "seed_2")
    snakemake(copy, target, "--notemp", configfiles=configfiles)
    assert digests(copy) == before


def test_a_budget_of_votes_is_spent_by_every_strategy_and_again_to_the_same_bits(copy):
    """Strategies ask for all votes of a galaxy, or for a few, and some again; the first model is the same for all."""
    strategies = ["random", "bald", "bald_few", "bald_per_vote"]
    shutil.rmtree(copy / RUN / "seed_1")

    def configfiles(shards):
        votes = {"unit": "votes", "few_votes": 4, "initial": 64, "acquire": 50}
        loop = {"strategies": strategies, "seeds": [1]}
        return overlay(copy, questions={"smooth": votes}, loop=loop, pool={"shards": shards})

    targets = [str(RUN / f"seed_1/{strategy}/iteration_2/metrics.parquet") for strategy in strategies]
    snakemake(copy, *targets, configfiles=configfiles(1))
    recorded = pq.read_table(copy / RUN / "votes.parquet").to_pandas().set_index("id")
    for strategy in strategies:
        model = copy / RUN / f"seed_1/{strategy}/iteration_2"
        labelled = pq.read_table(model / "labelled.parquet").to_pandas()
        assert labelled.id.is_unique
        assert labelled.N.sum() == 64 + 2 * 50
        metrics = pq.read_table(model / "metrics.parquet").to_pylist()[0]
        assert (metrics["votes"], metrics["galaxies"]) == (64 + 2 * 50, len(labelled))
        rows = recorded.loc[labelled.id]
        assert (labelled.N.to_numpy() <= rows.N).all()
        assert (labelled.k.to_numpy() <= rows.k).all()
        assert (labelled.N - labelled.k <= (rows.N - rows.k).to_numpy()).all()
        new = labelled[labelled.iteration > 0]
        # All that there are, or a few, but of the last of each iteration; or a few again and again.
        whole = {"random": new.N > 30, "bald": new.N > 30, "bald_few": new.N == 4, "bald_per_vote": new.N % 4 == 0}
        assert whole[strategy].sum() >= len(new) - 2
    before = digests(copy)
    shutil.rmtree(copy / RUN / "seed_1/bald_per_vote/iteration_1")
    jobs = planned(copy, *targets, configfiles=configfiles(3))
    assert jobs["train"] == 2 * 3  # of those that choose by predictions, which other shards make again
    snakemake(copy, *targets, configfiles=configfiles(3))
    after = digests(copy)
    assert after.keys() == before.keys()
    # Scores are the same but for rounding; the choice, and so the models, to the bit.
    assert {name for name in after if after[name] != before[name]} <= {n for n in after if "acquisition" in n}


def test_the_oracle_is_blind(finished, tmp_path):
    """The loop gives the same bits if the votes of a galaxy exist only from the moment when they are retrieved."""
    folder = tmp_path / "blind"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("seed_*", "figures", "tables"))
    votes = folder / "results/smoke/smooth/votes.parquet"
    all_votes = pq.read_table(votes)
    seen = set()

    def reveal(ids):
        """Write the votes of these galaxies and no others, under the old time stamp."""
        seen.update(ids)
        time = votes.stat().st_mtime_ns
        pq.write_table(all_votes.filter(pc.is_in(all_votes["id"], pa.array(seen, pa.string()))), votes)
        os.utime(votes, ns=(time, time))

    def column(path, name="id"):
        return pq.read_table(folder / path)[name].to_pylist()

    # The catalogue as the volunteers' answers would stand in it before any was given.
    survey = folder / "results/smoke/survey/gz2_hart16.csv"
    time = survey.stat().st_mtime_ns
    rows = pd.read_csv(survey, dtype=str)
    rows[[column for column in rows if column.endswith("_count")]] = "0"
    rows.to_csv(survey, index=False)
    os.utime(survey, ns=(time, time))
    reveal([])
    assert len(pq.read_table(votes)) == 0

    splits = [str(RUN / f"seed_{seed}/split.parquet") for seed in (1, 2)]
    snakemake(folder, *splits)
    for path in splits:
        roles = dict(zip(column(path), column(path, "role"), strict=True))
        reveal(galaxy for galaxy, role in roles.items() if role in ("test", "initial"))
    for iteration in (1, 2):
        rankings = [
            str(RUN / f"seed_{seed}/{strategy}/iteration_{iteration}/acquisition.parquet")
            for seed in (1, 2)
            for strategy in ("bald", "random")
        ]
        snakemake(folder, *rankings)
        for path in rankings:
            reveal(column(path)[:8])
    snakemake(folder)
    assert len(seen) < len(all_votes["id"].unique())
    blind = {name: digest for name, digest in digests(folder).items() if "votes" not in name}
    assert blind == {name: digest for name, digest in digests(finished).items() if "votes" not in name}


def test_a_run_that_is_killed_and_then_interrupted_resumes_to_the_same_bits(finished, tmp_path):
    """tests/reliability/soak.py does such things many times more."""
    folder = tmp_path / "interrupted"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("seed_*", "figures", "tables"))
    left: list[set] = []
    for number in (signal.SIGKILL, signal.SIGINT):
        running = subprocess.Popen(
            command(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        for line in running.stdout:
            if "train" in line and "step" in line:
                os.killpg(running.pid, number)
                break
        running.communicate()
        assert running.returncode != 0
        left.append(set(folder.glob("results/**/.partial-*")))
    assert left[0] == left[1]  # an interrupt leaves nothing that is not finished; a kill may
    assert 0 < len(list(folder.glob("results/**/training.parquet"))) < 10
    assert "--unlock" not in snakemake(folder)
    assert digests(folder) == digests(finished)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loop": {"questions": ["spiral"]}}, "loop.questions: 'spiral' is not one of the questions"),
        ({"loop": {"strategies": ["guess"]}}, "'guess' is not allowed, it must be one of bald"),
        ({"loop": {"iteration": 3}}, "loop.iteration: unknown key; did you mean 'iterations'?"),
        ({"survey": {"kind": "release"}}, "no such file. It is survey.release.catalogue of the configuration"),
    ],
)
def test_a_wrong_configuration_stops_before_any_job(tmp_path, change, message):
    printed = snakemake(tmp_path, configfiles=overlay(tmp_path, **change), succeeds=False)
    assert message in printed
    assert "Traceback (most recent call last)" not in printed
    assert not (tmp_path / "results").exists()


def release(finished, folder):
    """The configuration of a release made of the smoke run's simulated survey, in files to break."""
    shutil.copytree(finished / "results/smoke/survey", folder / "release")
    files = {
        "catalogue": str(folder / "release/gz2_hart16.csv"),
        "filename_map": str(folder / "release/gz2_filename_mapping.csv"),
        "images": str(folder / "release/images_gz2/images"),
    }
    return overlay(folder, survey={"name": "smoke", "kind": "release", "release": files})


def test_bad_rows_and_images_are_counted_and_the_others_used(finished, tmp_path):
    configfiles = release(finished, tmp_path)
    rows = (tmp_path / "release/gz2_hart16.csv").read_text().splitlines()
    (tmp_path / "release/gz2_hart16.csv").write_text("\n".join([*rows, rows[-1]]) + "\n")
    usable = pq.read_table(finished / "results/smoke/catalogue/galaxies.parquet")["image"][0].as_py()
    image = tmp_path / "release/images_gz2/images" / Path(usable).name
    image.write_bytes(image.read_bytes()[:300])
    snakemake(tmp_path, "results/smoke/images/index.parquet", configfiles=configfiles)
    rejected = pq.read_table(tmp_path / "results/smoke/catalogue/rejected.parquet").to_pandas()
    assert len(set(rejected.id[rejected.defect])) == 1
    unusable = pq.read_table(tmp_path / "results/smoke/images/rejected.parquet").to_pandas()
    assert len(unusable) == 1
    assert "unreadable" in unusable.reason[0]
    assert "1 rejected" in (tmp_path / "logs/smoke/images/index_images.log").read_text()


def test_a_missing_column_stops_the_run_and_is_named_on_the_screen(finished, tmp_path):
    configfiles = release(finished, tmp_path)
    path = tmp_path / "release/gz2_hart16.csv"
    path.write_text(path.read_text().replace("t01_smooth_or_features_a01_smooth_count", "smooth", 1))
    printed = snakemake(tmp_path, configfiles=configfiles, succeeds=False)
    assert "no column 't01_smooth_or_features_a01_smooth_count'" in printed
    assert "Traceback" not in printed


def test_a_pool_too_small_stops_before_training(finished, tmp_path):
    printed = snakemake(
        tmp_path,
        configfiles=(*release(finished, tmp_path), *overlay(tmp_path, loop={"iterations": 50})),
        succeeds=False,
    )
    assert "50 iterations of 8 galaxies need 400" in printed
    assert not list(tmp_path.glob("results/smoke/**/*.h5"))


@pytest.mark.skipif(not SAMPLE.exists(), reason=f"{SAMPLE}, a sample of real galaxies, is not here")
def test_real_galaxies_are_shown_beside_their_own_votes(tmp_path):
    files = {
        "catalogue": str(SAMPLE / "gz2_hart16.csv"),
        "filename_map": str(SAMPLE / "gz2_filename_mapping.csv"),
        "images": str(SAMPLE / "images_gz2/images"),
    }
    shorter = overlay(
        tmp_path,
        survey={"release": files},
        loop={"seeds": [1], "iterations": 1},
        training={"first_steps": 5, "steps": 5},
        sampling={"augmentations": 2},
    )[1]
    snakemake(tmp_path, configfiles=(ROOT / "tests/config/gz2_sample.yaml", shorter))
    results = tmp_path / "results/gz2-sample"
    config = yaml.safe_load((ROOT / "tests/config/gz2_sample.yaml").read_text())
    catalogue = pd.read_csv(files["catalogue"], dtype={"dr7objid": str}).set_index("dr7objid")
    image_of = pd.read_csv(files["filename_map"], dtype=str).set_index("objid").asset_id
    answers = {
        "smooth": ("t01_smooth_or_features_a01_smooth", "a02_features_or_disk", "a03_star_or_artifact"),
        "bar": ("t03_bar_a06_bar", "a07_no_bar"),
    }
    for question, (positive, *others) in answers.items():
        task = positive.rpartition("_a0")[0]
        labelled = pq.read_table(results / f"{question}/seed_1/bald/iteration_1/labelled.parquet").to_pandas()
        rows = catalogue.loc[labelled.id]
        negative = rows[[f"{task}_{other}_count" for other in others]].sum(axis=1).to_numpy()
        recorded = pq.read_table(results / f"{question}/votes.parquet").to_pandas().set_index("id").loc[labelled.id]
        assert (recorded.k.to_numpy() == rows[f"{positive}_count"]).all()
        assert (recorded.N.to_numpy() == rows[f"{positive}_count"] + negative).all()
        assert (labelled.k.to_numpy() <= recorded.k).all()
        assert ((labelled.N - labelled.k).to_numpy() <= negative).all()
        assert labelled.N[labelled.iteration == 1].sum() == config["questions"][question]["acquire"]
        pixels = read_pixels(list(labelled.id[:20]), results / "images/index.parquet")
        for galaxy, stored in zip(labelled.id[:20], pixels, strict=True):
            path = Path(files["images"]) / f"{image_of[galaxy]}.jpg"
            np.testing.assert_array_equal(stored, decoding.decode(path, stored.shape[0])[0])
        for figure in ("learning_curves", "informative_galaxies", "acquired_galaxies_bald"):
            assert (results / f"figures/{question}/{figure}.png").stat().st_size > 10_000


def test_the_release_can_be_fetched_where_nothing_is_yet(tmp_path):
    configfiles = (ROOT / "config/gz2.yaml",)
    printed = snakemake(tmp_path, "--dry-run", "--printshellcmds", "download", configfiles=configfiles)
    assert "python -m activezoo download --catalogue=data/gz2/gz2_hart16.csv.gz" in printed
    assert planned_of(printed) == {"download": 1, "total": 1}


@pytest.mark.parametrize("missing", ["catalogue", "filename_map"])
def test_a_file_of_the_survey_that_has_gone_is_named_when_nothing_is_left_to_do(tmp_path, missing):
    """Snakemake would not ask for it any more."""
    files = {"catalogue": tmp_path / "cat.csv", "filename_map": tmp_path / "map.csv", "images": tmp_path / "images"}
    done = tmp_path / "results/own/catalogue/galaxies.parquet"
    for path in (*files.values(), done):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    files[missing].unlink()
    config = {"survey": {"name": "own", "kind": "release", "release": {key: str(path) for key, path in files.items()}}}
    (tmp_path / "own.yaml").write_text(json.dumps(config))
    said = snakemake(
        tmp_path, "-n", str(done.relative_to(tmp_path)), configfiles=[tmp_path / "own.yaml"], succeeds=False
    )
    assert f"{files[missing]}: no such file. It is survey.release.{missing} of the configuration" in said


def test_the_plan_of_the_paper(tmp_path):
    """Four seeds × twenty iterations × two strategies × two questions of the full release."""
    for name in ("gz2_hart16.csv.gz", "gz2_filename_mapping.csv", "images_gz2/images/1.jpg"):
        (tmp_path / "data/gz2" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/gz2" / name).touch()
    jobs = planned(tmp_path, configfiles=(ROOT / "config/gz2.yaml",))
    assert jobs["train"] == jobs["evaluate"] == 2 * 4 * (1 + 2 * 20)
    assert jobs["rank"] == jobs["label"] == 2 * 4 * 2 * 20
    assert jobs["predict_pool"] == 2 * 4 * 20


def test_the_linter_of_snakemake_is_content(tmp_path):
    assert "good condition" in snakemake(tmp_path, "--lint")
