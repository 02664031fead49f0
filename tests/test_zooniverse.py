"""Exports of Zooniverse: which classifications are votes, and why others are not."""

import csv
import json

import pandas as pd
import pytest

from activezoo import tables
from activezoo.errors import InputError
from activezoo.steps import import_zooniverse, zooniverse_manifest
from activezoo.survey import volunteers, zooniverse
from activezoo.survey.decision_tree import Question

HEADER = [
    "classification_id",
    "user_name",
    "user_id",
    "user_ip",
    "workflow_id",
    "workflow_name",
    "workflow_version",
    "created_at",
    "gold_standard",
    "expert",
    "metadata",
    "annotations",
    "subject_data",
    "subject_ids",
]
SMOOTH = ["Smooth", "Features or Disk", "Star or Artifact"]
QUESTIONS = {"smooth": SMOOTH, "bar": ["Yes", "No"]}
TASKS = {"T0": "smooth", "T2": "bar"}


def row(value="Smooth", task="T0", **changes):
    """A classification, in cells as Zooniverse writes them."""
    cells = {
        "classification_id": "7",
        "user_name": "ann",
        "user_id": "12",
        "workflow_id": "5",
        "workflow_version": "3.1",
        "created_at": "2026-02-20 10:44:42 UTC",
        "metadata": json.dumps({"subject_selection_state": {"already_seen": False}}),
        "annotations": json.dumps([{"task": task, "task_label": "?", "value": value}]),
        "subject_data": json.dumps({"101": {"retired": None, "!galaxy_id": "g1"}}),
        "subject_ids": "101",
    }
    return dict.fromkeys(HEADER, "") | cells | changes


def write(path, *rows, mark=""):
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(mark)
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read(path, **options):
    votes, rejected = [], []
    for some, others in zooniverse.read_export(path, QUESTIONS, TASKS, **options):
        votes += some
        rejected += others
    return votes, [one.reason for one in rejected]


def test_a_classification_is_a_vote(tmp_path):
    votes, rejected = read(write(tmp_path / "e.csv", row()))
    assert votes == [("g1", "smooth", "user 12", "Smooth", "2026-02-20 10:44:42")]
    assert rejected == []


@pytest.mark.parametrize(
    "value",
    [
        "Features or Disk",
        "![disk.png](https://panoptes-uploads.zooniverse.org/x.png) Features or Disk",
        "Features or Disk ![a](b) ",
        "**Features or Disk**",
        "[Features or Disk](https://x.org)",
        "features  or\ndisk",
        "_Features or Disk_",
        1,
        [1],
        ["Features or Disk"],
    ],
)
def test_answers_match_by_text_without_markdown_or_by_place(tmp_path, value):
    votes, _ = read(write(tmp_path / "e.csv", row(value)))
    assert [vote[3] for vote in votes] == ["Features or Disk"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"annotations": "[{"}, "annotations is no JSON"),
        ({"annotations": ""}, "annotations is no JSON"),
        ({"annotations": "{}"}, "subject_data is no object, or annotations is no list"),
        ({"annotations": "[]"}, "no task that asks a question of the survey"),
        ({"annotations": '[{"task": "T9", "value": "Smooth"}]'}, "no task that asks a question of the survey"),
        ({"annotations": '["T0", null, 3]'}, "no task that asks a question of the survey"),
        ({"annotations": '[{"task": "T0", "value": null}]'}, "no answer"),
        ({"annotations": '[{"task": "T0"}]'}, "no answer"),
        (
            {"annotations": '[{"task": "T0", "value": "unknown answer label"}]'},
            "no such answer: 'unknown answer label'",
        ),
        ({"annotations": '[{"task": "T0", "value": "Glatt"}]'}, "no such answer: 'Glatt'"),
        ({"annotations": '[{"task": "T0", "value": 3}]'}, "no such answer: '3'"),
        ({"annotations": '[{"task": "T0", "value": -1}]'}, "no such answer: '-1'"),
        ({"annotations": '[{"task": "T0", "value": true}]'}, "no such answer: 'True'"),
        ({"annotations": '[{"task": "T0", "value": [0, 1]}]'}, "no such answer: '[0, 1]'"),
        ({"annotations": '[{"task": "T0", "value": {"a": 1}}]'}, "no such answer: \"{'a': 1}\""),
        ({"annotations": '[{"task": "T0", "value": 0.5}]'}, "no such answer: '0.5'"),
        ({"subject_data": "x"}, "subject_data is no JSON"),
        ({"subject_data": "[]"}, "subject_data is no object, or annotations is no list"),
        ({"subject_data": "{}"}, "0 subjects, and not one"),
        ({"subject_data": '{"1": {"galaxy_id": "a"}, "2": {"galaxy_id": "b"}}'}, "2 subjects, and not one"),
        ({"subject_data": '{"1": {"name": "a"}}'}, "the subject has no metadata 'galaxy_id'"),
        ({"subject_data": '{"1": {"galaxy_id": ""}}'}, "the subject has no metadata 'galaxy_id'"),
        ({"subject_data": '{"1": null}'}, "the subject has no metadata 'galaxy_id'"),
        ({"metadata": '{"subject_selection_state": {"already_seen": true}}'}, "the volunteer had seen this subject"),
        ({"metadata": '{"subject_selection_state":{"already_seen":true}}'}, "the volunteer had seen this subject"),
        ({"user_id": "", "user_name": ""}, "no volunteer"),
    ],
)
def test_what_is_no_vote_has_a_reason(tmp_path, changes, reason):
    votes, rejected = read(write(tmp_path / "e.csv", row(**changes), row()))
    assert len(votes) == 1
    assert rejected == [reason]


@pytest.mark.parametrize(
    ("changes", "vote"),
    [
        ({"user_id": "", "user_name": "not-logged-in-0a1b"}, {"volunteer": "not-logged-in-0a1b"}),
        ({"user_id": "", "user_name": "名前"}, {"volunteer": "名前"}),
        ({"metadata": "broken {"}, {}),
        ({"subject_data": '{"1": {"#galaxy_id": 587739505552785605}}'}, {"galaxy_id": "587739505552785605"}),
        ({"subject_data": '{"1": {"%galaxy_id ": " g2 "}}'}, {"galaxy_id": "g2"}),
        ({"subject_data": '{"1": {"galaxy_id": "-17"}}'}, {"galaxy_id": "-17"}),
        ({"subject_data": '{"1": {"retired": {"id": 3}, "galaxy_id": "é/ü"}}'}, {"galaxy_id": "é/ü"}),
    ],
)
def test_odd_rows_that_are_votes(tmp_path, changes, vote):
    votes, rejected = read(write(tmp_path / "e.csv", row(**changes)))
    assert rejected == []
    expected = {"galaxy_id": "g1", "question": "smooth", "volunteer": "user 12", "answer": "Smooth"} | vote
    assert dict(zip(volunteers.COLUMNS, votes[0], strict=True)) | expected == dict(
        zip(volunteers.COLUMNS, votes[0], strict=True)
    )


def test_several_tasks_of_one_classification(tmp_path):
    annotations = [
        {"task": "T0", "value": "Features or Disk"},
        {"task": "T2", "value": "No"},
        {"task": "T5", "value": 2},
    ]
    votes, _ = read(write(tmp_path / "e.csv", row(annotations=json.dumps(annotations)), mark="\ufeff"))
    assert [(vote[1], vote[3]) for vote in votes] == [("smooth", "Features or Disk"), ("bar", "No")]


def test_one_workflow_of_several(tmp_path):
    path = write(tmp_path / "e.csv", row(), row(workflow_id="6"))
    assert len(read(path)[0]) == 2
    votes, rejected = read(path, workflow="6")
    assert len(votes) == 1
    assert rejected == ["of another workflow"]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "subject_id,workflow_id,task,data.yes\n1,2,T0,3\n"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(InputError, match="it is no classification export of Zooniverse"):
        read(tmp_path / "e.csv")


@pytest.fixture
def survey(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(
        "survey: {name: own, kind: live, release: {images: images}}\n"
        "questions: {smooth: {text: '?', positive: [Smooth], responses: [Smooth, Features or Disk, Star or Artifact], "
        "unit: votes, initial: 8, acquire: 8, few_votes: 4}}\n"
        "loop: {questions: [smooth], seeds: 1}\nposteriors: {questions: [smooth]}\n"
    )
    return tmp_path


def test_a_longer_export_takes_the_place_of_the_one_before(survey):
    for rows in ([row()], [row(), row("Glatt"), row(user_id="13")]):
        path = write(survey / "export.csv", *rows)
        import_zooniverse.run(path, configfile=[survey / "own.yaml"], tasks=["T0=smooth"])
    files = volunteers.files(survey / "results/own/votes")
    votes, rejected = volunteers.accept(volunteers.read(files), {"smooth": Question(SMOOTH)}, ["g1"])
    assert sorted(votes["volunteer"]) == ["user 12", "user 13"]
    assert rejected.empty
    assert tables.read(survey / "results/own/zooniverse_rejected.parquet").column("row").to_pylist() == [3]
    with pytest.raises(InputError, match=r"'bar' is no question of loop\.questions"):
        import_zooniverse.run(path, configfile=[survey / "own.yaml"], tasks=["T2=bar"])


def test_the_manifest_hides_the_id_from_volunteers(tmp_path):
    asked = {"galaxy_id": ["g1", "g2", "g2"], "image": ["a.png", "b.png", "b.png"], "votes": [8, 4, 8]}
    tables.write(asked, tmp_path / "galaxies.parquet")
    zooniverse_manifest.run(tmp_path, manifest=tmp_path / "manifest.csv")
    table = pd.read_csv(tmp_path / "manifest.csv")
    assert table.columns.tolist() == ["!galaxy_id", "image", "#votes_wanted"]
    assert table["!galaxy_id"].tolist() == ["g1", "g2"]
    assert table["#votes_wanted"].tolist() == [8, 8]
    assert table["image"].str.startswith("/").all()
