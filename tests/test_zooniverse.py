"""Exports of Zooniverse: which classifications are votes, and why others are not."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from activezoo import tables
from activezoo.errors import InputError
from activezoo.model.predictions import Predictions, write_predictions
from activezoo.steps import import_zooniverse, zooniverse_manifest, zooniverse_predictions, zooniverse_retire
from activezoo.survey import tree, volunteers, zooniverse
from activezoo.survey.asks import ASKED
from made_up_exports import row, write, write_subjects

SMOOTH = ["Smooth", "Features or Disk", "Star or Artifact"]
QUESTIONS = {"smooth": SMOOTH, "bar": ["Yes", "No"]}
TASKS = {"T0": "smooth", "T2": "bar"}


def read(path, **options):
    votes, rejected = [], []
    for some, others in zooniverse.read(path, zooniverse.Asked(QUESTIONS, TASKS, **options)):
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
    votes, rejected = volunteers.accept(volunteers.read(files), tree.parse({"smooth": {"answers": SMOOTH}}), ["g1"])
    assert sorted(votes["volunteer"]) == ["user 12", "user 13"]
    assert rejected.empty
    assert tables.read(survey / "results/own/zooniverse_rejected.parquet").column("row").to_pylist() == [3]
    with pytest.raises(InputError, match=r"'bar' is no question of loop\.questions"):
        import_zooniverse.run(path, configfile=[survey / "own.yaml"], tasks=["T2=bar"])


def test_an_export_that_has_lost_votes_is_refused(survey):
    export = write(survey / "export.csv", row(), row(user_id="13"))
    import_zooniverse.run(export, configfile=[survey / "own.yaml"], tasks=["T0=smooth"])
    write(export, row())
    with pytest.raises(InputError, match=r"1 votes, and 2 in the one taken before.*or delete results/own/votes/zoo"):
        import_zooniverse.run(export, configfile=[survey / "own.yaml"], tasks=["T0=smooth"])
    assert tables.read(survey / "results/own/votes/zooniverse.parquet").num_rows == 2


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "--tasks=T0=smooth"),
        (["T0"], "'' is no question"),
        (["T0=smooth", "T0=smooth"], "one task asks two questions"),
    ],
)
def test_tasks_are_checked(survey, tasks, message):
    with pytest.raises(InputError, match=message):
        import_zooniverse.run(write(survey / "e.csv", row()), configfile=[survey / "own.yaml"], tasks=tasks)


def test_answers_by_place_are_those_that_people_see_and_not_those_that_count(survey):
    config = (survey / "own.yaml").read_text().replace("unit:", "answers: [Artifact, Features or Disk, Smooth], unit:")
    (survey / "own.yaml").write_text(
        config.replace("[Smooth, Features or Disk, Star or Artifact]", "[Smooth, Artifact]")
    )
    import_zooniverse.run(write(survey / "e.csv", row(2)), configfile=[survey / "own.yaml"], tasks=["T0=smooth"])
    assert tables.read(survey / "results/own/votes/zooniverse.parquet")["answer"].to_pylist() == ["Smooth"]


@pytest.mark.parametrize(
    ("version", "counts"),
    [("3", [True, True, False, False]), ("3.1", [True, False, False, False]), (None, [True] * 4)],
)
def test_one_version_of_the_workflow(tmp_path, version, counts):
    rows = [row(workflow_version=of, user_id=of) for of in ("3.1", "3.10", "30.1", "")]
    votes, rejected = read(write(tmp_path / "e.csv", *rows), version=version)
    assert len(votes) == sum(counts)
    assert set(rejected) <= {"of another version of the workflow"}


@pytest.mark.parametrize(
    "change", [lambda text: text, lambda text: text.replace("\n", "\r\n"), lambda text: text + "\n\n"]
)
def test_ends_of_lines(tmp_path, change):
    path = write(tmp_path / "e.csv", row(), row(user_id="13"))
    path.write_bytes(change(path.read_bytes().decode().replace("\r\n", "\n")).encode())
    assert len(read(path)[0]) == 2


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_an_export_that_a_spreadsheet_has_saved(tmp_path, delimiter):
    path = write(tmp_path / "e.csv", row(), delimiter=delimiter)
    assert len(read(path)[0]) == 1


@pytest.mark.parametrize("kept", [30, 200])
def test_an_export_that_is_cut_off_in_a_row(tmp_path, kept):
    path = write(tmp_path / "e.csv", row(), row(user_id="13"))
    first, second = path.read_text().splitlines()[:2]
    path.write_text("\n".join([first, second, second[:kept]]))
    votes, rejected = read(path)
    assert len(votes) == len(rejected) == 1


def test_bytes_that_are_no_text(tmp_path):
    path = write(tmp_path / "e.csv", row("Smooth"), row("Smo oth"))
    path.write_bytes(path.read_bytes().replace(b"Smo oth", b"Smo\xff\x00th"))
    votes, rejected = read(path)
    assert len(votes) == 1
    assert "no JSON" in rejected[0]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-02-20 10:44:42 UTC", "2026-02-20T10:44:42+00:00"),
        ("2026-02-20T10:44:42.123Z", "2026-02-20T10:44:42.123000+00:00"),
        ("2026-02-20 10:44:42+05:30", "2026-02-20T05:14:42+00:00"),
        ("20/02/2026 10:44", None),
        ("", None),
    ],
)
def test_times(tmp_path, time, expected):
    votes, _ = read(write(tmp_path / "e.csv", row(created_at=time)))
    table = pd.DataFrame(votes, columns=volunteers.COLUMNS).assign(file="e", row=2, reason=None)
    counted, rejected = volunteers.accept(table, tree.parse({"smooth": {"answers": SMOOTH}}), ["g1"])
    assert [of.isoformat() for of in counted["time"]] == ([expected] if expected else [])
    assert rejected["reason"].tolist() == ([] if expected else ["no time, or none that can be read"])


def test_a_volunteer_who_changes_name_or_comes_back_counts_once(tmp_path):
    rows = [row(), row("Features or Disk", user_name="anna"), row(), row(user_id="", user_name="not-logged-in-1")]
    votes, _ = read(write(tmp_path / "e.csv", *rows))
    table = pd.DataFrame(votes, columns=volunteers.COLUMNS).assign(file="e", row=range(4), reason=None)
    counted, rejected = volunteers.accept(table, tree.parse({"smooth": {"answers": SMOOTH}}), ["g1"])
    assert sorted(counted["volunteer"]) == ["not-logged-in-1", "user 12"]
    assert len(rejected) == 2


@pytest.mark.parametrize(
    ("answers", "message"),
    [(["Yes", "*yes*"], "cannot be told apart"), (["Yes", "**"], "cannot be told apart")],
)
def test_answers_that_markdown_alone_tells_apart_are_refused(tmp_path, answers, message):
    with pytest.raises(InputError, match=message):
        list(zooniverse.read(write(tmp_path / "e.csv", row()), zooniverse.Asked({"bar": answers}, TASKS)))


# What panoptes_aggregation makes of an export.

EXTRACTS = "classification_id,user_name,user_id,workflow_id,task,created_at,subject_id,extractor,"
REDUCTIONS = "subject_id,workflow_id,task,reducer,"
SUBJECTS = {"101": "g1", "102": "g2"}


def table(path, header, *rows):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_extracts_are_votes(tmp_path):
    image = "data.http-x-org-a-png-star-or-artifact"
    header = f"{EXTRACTS}data.smooth,data.features-or-disk,{image},data.1,data.no,data.aggregation_version"
    path = table(
        tmp_path / "question_extractor.csv",
        header,
        "1,ann,12.0,5,T0,2017-05-31 12:33:46 UTC,101,question_extractor,1.0,,,,,4.1",
        "1,ann,12.0,5,T2,2017-05-31 12:33:46 UTC,101,question_extractor,,,,,1,4.1",
        "2,not-logged-in-7,,5,T0,2017-05-31 12:33:46 UTC,102,question_extractor,,,1,,,4.1",
        "3,bob,13,5,T0,2017-05-31 12:33:46 UTC,102,question_extractor,,,,1,,4.1",
    )
    votes, rejected = read(path, subjects=SUBJECTS)
    assert [vote[:4] for vote in votes] == [
        ("g1", "smooth", "user 12", "Smooth"),
        ("g1", "bar", "user 12", "No"),
        ("g2", "smooth", "not-logged-in-7", "Star or Artifact"),
        ("g2", "smooth", "user 13", "Features or Disk"),
    ]
    assert rejected == []


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("ann,12,5,T0,2017-05-31,103,e,1,,", "the subject export has no galaxy of this subject"),
        ("ann,12,5,T9,2017-05-31,101,e,1,,", "no task that asks a question of the survey"),
        ("ann,12,6,T0,2017-05-31,101,e,1,,", "of another workflow"),
        ("ann,12,5,T0,2017-05-31,101,e,,,", "no answer"),
        ("ann,12,5,T0,2017-05-31,101,e,,,1", "no answer"),
        ("ann,12,5,T0,2017-05-31,101,e,1,1,", "no such answer: 'glatt'"),
        ("ann,12,5,T0,2017-05-31,101,e,yes,,", "no count: 'yes'"),
        ("ann,12,5,T0,2017-05-31,101,e,0.5,,", "no count: '0.5'"),
        (",,5,T0,2017-05-31,101,e,1,,", "no volunteer"),
        ("ann,12,5,T0,2017-05-31,101,e,1,", "10 fields instead of 11"),
    ],
)
def test_extracts_that_are_no_votes(tmp_path, cells, reason):
    path = table(tmp_path / "e.csv", f"{EXTRACTS}data.smooth,data.glatt,data.None", f"1,{cells}")
    assert read(path, workflow="5", subjects=SUBJECTS) == ([], [reason])


def test_reductions_are_votes_of_people_without_names(tmp_path):
    header = f"{REDUCTIONS}data.smooth,data.features-or-disk,data.yes,data.no"
    reductions = ["101,5,T0,question_reducer,2.0,1.0,,", "101,5,T2,question_reducer,,,0,1", "102,5,T0,r,,,,"]
    votes, rejected = read(table(tmp_path / "r.csv", header, *reductions), subjects=SUBJECTS)
    assert [(vote[0], vote[1], vote[3]) for vote in votes] == [
        ("g1", "smooth", "Smooth"),
        ("g1", "smooth", "Smooth"),
        ("g1", "smooth", "Features or Disk"),
        ("g1", "bar", "No"),
    ]
    assert len({vote[2] for vote in votes}) == 4
    assert rejected == ["no answer"]
    # Later ones add what is new: what counted before comes with the same names and times.
    later, _ = read(table(tmp_path / "r.csv", header, "101,5,T0,question_reducer,3,2,,"), subjects=SUBJECTS)
    assert set(votes[:3]) < set(later)


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        (f"{EXTRACTS}data.smooth", {}, "give the project's subject export"),
        (f"{REDUCTIONS}data", {"subjects": SUBJECTS}, r"no column data\.…"),
        (f"{REDUCTIONS}data.smooth", {"subjects": SUBJECTS, "version": "3"}, "no column 'workflow_version'"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, header, options, message):
    with pytest.raises(InputError, match=message):
        read(table(tmp_path / "e.csv", header), **options)


def test_slugs_are_those_of_the_aggregation():
    assert list(map(zooniverse.slug, ["Features or Disk", "![x](y) Star/Artifact ", "Spirale à 2 bras"])) == [
        "features-or-disk",
        "star-artifact",
        "spirale-a-2-bras",
    ]


def test_subjects_have_a_galaxy_by_their_metadata(tmp_path):
    path = write_subjects(tmp_path / "s.csv", ("1", {"!galaxy_id": "g1"}), ("1", {"!galaxy_id": "g1"}), ("2", {}))
    assert zooniverse.read_subjects(path) == {"1": "g1"}
    with pytest.raises(InputError, match="no subject has metadata 'name'"):
        zooniverse.read_subjects(path, "name")
    with pytest.raises(InputError, match="no subject export"):
        zooniverse.read_subjects(write(tmp_path / "e.csv", row()))


# What goes out.


@pytest.fixture
def asked(survey):
    """An ask that is closed, of g1 and g2, and an open one of g2 and g3; g3 has what it wants."""
    manifest = {"questions": {"smooth": {"text": "?", "answers": SMOOTH}}}
    folder = survey / "results/own/asks"
    for number, ids in enumerate((["g1", "g2"], ["g2", "g3"])):
        rows = {"galaxy_id": ids, "image": [f"{id}.png" for id in ids], "question": "smooth", "votes": 1}
        tables.write(
            pa.Table.from_pandas(pd.DataFrame(rows).assign(why="random", score=0.0), ASKED, preserve_index=False),
            folder / f"ask_{number}/galaxies.parquet",
        )
        (folder / f"ask_{number}/manifest.json").write_text(json.dumps(manifest | {"ask": number}))
    tables.write(volunteers.VOTES.empty_table(), folder / "ask_0/votes.parquet")
    galaxy = json.dumps({"7": {"!galaxy_id": "g3"}})
    export = write(survey / "export.csv", row(subject_data=galaxy))
    import_zooniverse.run(export, configfile=[survey / "own.yaml"], tasks=["T0=smooth"])
    ids = [("11", "g1"), ("12", "g2"), ("13", "g3"), ("14", "g4"), ("15", "g3")]
    write_subjects(survey / "subjects.csv", *((subject, {"galaxy_id": galaxy}) for subject, galaxy in ids))
    return survey


def test_subjects_with_what_was_wanted_are_to_be_retired(asked):
    zooniverse_retire.run(configfile=[asked / "own.yaml"], subjects=asked / "subjects.csv", retire=asked / "retire.csv")
    assert (asked / "retire.csv").read_text().splitlines() == [
        "subject_id,galaxy_id,why",
        "11,g1,ask 0 is closed",
        "13,g3,it has what ask 1 wants",
        "15,g3,it has what ask 1 wants",
    ]


def predict(asked, **options):
    path = asked / "predictions.json"
    zooniverse_predictions.run(
        configfile=[asked / "own.yaml"],
        question="smooth",
        subjects=asked / "subjects.csv",
        predictions=path,
        **options,
    )
    return json.loads(path.read_text())


def test_predictions_have_the_shape_that_the_subject_assistant_reads(asked):
    model = asked / "results/own/smooth/seed_1/initial"
    rho_GT = np.array([[0.1, 0.9], [0.75, 0.85]])
    predictions = Predictions(["g1", "g3"], rho_GT, np.array([0.25, 0.75]))
    write_predictions([predictions], model / "pool_predictions/shard_0.parquet")
    described = predict(asked)
    assert described["schema"]["type"] == "zooniverse/subject_assistant"
    assert described["schema"]["version"] == 1
    assert described["data"] == {
        "11": {"0": [0, [0.7, 0.3]]},
        "12": {"0": [1, []]},
        "13": {"0": [1, [0.825, 0.175]]},
        "14": {"0": [0, []]},
        "15": {"0": [1, [0.825, 0.175]]},
    }
    # What KaDE does by itself: subjects of which volunteers would say something else in a fifth of the answers.
    assert predict(asked, bound=0.2)["data"] == {
        "11": {"0": [0.25, [0.7, 0.3]]},
        "13": {"0": [0.25, [0.825, 0.175]]},
        "15": {"0": [0.25, [0.825, 0.175]]},
    }


def test_of_a_strategy_without_predictions_the_ask_alone_is_told(asked):
    assert predict(asked)["data"]["12"] == {"0": [1, []]}
    with pytest.raises(InputError, match=r"--question=arms: not one of loop\.questions, smooth"):
        zooniverse_predictions.run(
            configfile=[asked / "own.yaml"], question="arms", subjects=asked / "subjects.csv", predictions=asked / "p"
        )


def test_the_manifest_has_the_newest_ask_and_hides_ids_from_volunteers(asked):
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(asked / "g3.png")
    Image.fromarray(rng.integers(0, 255, (800, 800, 3), np.uint8)).save(asked / "g2.png")
    assert (asked / "g2.png").stat().st_size > zooniverse.LARGEST
    zooniverse_manifest.run(configfile=[asked / "own.yaml"], manifest=asked / "up.csv")
    table = pd.read_csv(asked / "up.csv")
    assert table.columns.tolist() == ["!galaxy_id", "image", "#votes_wanted"]
    assert table["!galaxy_id"].tolist() == ["g2", "g3"]
    assert table["image"].tolist() == [str(asked / "up_images/0_g2.jpg"), str(asked / "g3.png")]
    assert (asked / "up_images/0_g2.jpg").stat().st_size <= zooniverse.LARGEST
    with pytest.raises(InputError, match="there is no ask 5"):
        zooniverse_manifest.run(configfile=[asked / "own.yaml"], ask=5, manifest=asked / "up.csv")
    (asked / "g3.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"g3.png: unreadable"):
        zooniverse_manifest.run(configfile=[asked / "own.yaml"], manifest=asked / "up.csv")


def test_zooniverse_is_for_live_surveys(survey):
    (survey / "own.yaml").write_text("survey: {name: own}")
    with pytest.raises(InputError, match=r"survey.kind is 'simulated', and people are asked in one that is 'live'"):
        import_zooniverse.run(survey / "e.csv", configfile=[survey / "own.yaml"], tasks=["T0=smooth"])
