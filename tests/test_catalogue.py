"""The galaxies of a survey: every row of a catalogue has an id and an image, or is rejected with the reason."""

import os
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activezoo import tables
from activezoo.cli import main
from activezoo.errors import InputError
from activezoo.survey.catalogue import FolderSurvey, read_catalogue
from activezoo.survey.layout import Columns

GALAXY_ZOO_2 = Columns("dr7objid", "sample", "objid", "asset_id")
ROW = {"sample": "original", "smooth": 27}


class Survey:
    """A small survey in a folder; each row is ROW, with an id of its own, changed as asked for."""

    def __init__(self, folder):
        self.catalogue = folder / "gz2_hart16.csv"
        self.filename_map = folder / "gz2_filename_mapping.csv"
        self.images = folder / "images_gz2" / "images"

    def write(self, *changes, rows=0):
        changes = [*changes, *({} for _ in range(rows))]
        frame = pd.DataFrame([{"dr7objid": str(587700000000000001 + i), **ROW, **c} for i, c in enumerate(changes)])
        frame.to_csv(self.catalogue, index=False)
        ids = frame["dr7objid"].dropna().unique()
        self.write_map({galaxy: f"asset{number}" for number, galaxy in enumerate(ids)})
        self.write_images(f"asset{number}.jpg" for number in range(len(ids)))
        return self

    def write_map(self, assets):
        entries = pd.DataFrame({"objid": assets.keys(), "sample": "original", "asset_id": assets.values()})
        entries.to_csv(self.filename_map, index=False)

    def write_images(self, names):
        for name in names:
            (self.images / name).parent.mkdir(parents=True, exist_ok=True)
            (self.images / name).touch()

    def read(self, columns=GALAXY_ZOO_2, **options):
        options = {"filename_map": self.filename_map, "max_rejected": 1.0, **options}
        return read_catalogue(self.catalogue, self.images, columns, **options)


@pytest.fixture
def survey(tmp_path):
    return Survey(tmp_path)


def test_good_rows_become_galaxies(survey):
    galaxies, rejected = survey.write(rows=2).read(max_rejected=0.0)
    assert galaxies.to_pylist() == [
        {"row": 2, "id": "587700000000000001", "image": str(survey.images / "asset0.jpg")},
        {"row": 3, "id": "587700000000000002", "image": str(survey.images / "asset1.jpg")},
    ]
    assert rejected.num_rows == 0
    assert rejected.column_names == ["row", "id", "column", "value", "reason", "defect"]


def test_missing_and_duplicate_ids(survey):
    twice = {"dr7objid": "587700000000000099"}
    galaxies, rejected = survey.write({}, {"dr7objid": None}, twice, {}, twice).read()
    assert [tuple(row.values()) for row in rejected.to_pylist()] == [
        (3, None, "dr7objid", None, "no id", True),
        (4, "587700000000000099", "dr7objid", None, "id in several rows", True),
        (6, "587700000000000099", "dr7objid", None, "id in several rows", True),
    ]
    assert galaxies["row"].to_pylist() == [2, 5]


def test_samples_are_a_selection_before_all_else(survey):
    survey.write({}, {"sample": "stripe82", "dr7objid": "587700000000000001"}, {"sample": None})
    galaxies, rejected = survey.read(samples=["original", "extra"], max_rejected=0.0)
    assert galaxies["id"].to_pylist() == ["587700000000000001"]
    assert [(row["row"], row["column"], row["value"], row["defect"]) for row in rejected.to_pylist()] == [
        (3, "sample", "stripe82", False),
        (4, "sample", None, False),
    ]
    with pytest.raises(InputError, match=r"no row has coadd in column 'sample'; it has original, stripe82"):
        survey.read(samples=["coadd"])


@pytest.mark.parametrize("written", ["True", "true", "TRUE"])
@pytest.mark.parametrize("asked", ["true", "True"])
def test_truth_values_are_one_sample_in_any_spelling(survey, written, asked):
    survey.write({"sample": written}, {"sample": "False"})
    galaxies, _ = survey.read(samples=[asked])
    assert galaxies["row"].to_pylist() == [2]
    frame = pd.read_csv(survey.catalogue, dtype={"dr7objid": str}).astype({"sample": bool})
    frame.to_parquet(survey.catalogue)
    assert survey.read(samples=[asked])[0]["row"].to_pylist() == [1]


@pytest.mark.parametrize("other", ["asset0", "asset0.jpg", "images/asset0.jpg", "/data/asset0"])
def test_an_image_of_several_galaxies_is_that_of_none(survey, other):
    survey.write(rows=3)
    survey.write_map({"587700000000000001": "asset0", "587700000000000002": "asset1", "587700000000000003": other})
    galaxies, rejected = survey.read()
    assert galaxies["row"].to_pylist() == [3]
    assert [(row["row"], row["reason"]) for row in rejected.to_pylist()] == [
        (2, "image of several galaxies"),
        (4, "image of several galaxies"),
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "b.jpg"],
        ["one/a", "two/b.jpg"],
        ["somewhere/else/one/a.jpg", "/old/disk/b.jpeg"],
        ["a.JPG", "./two/b.jpg"],
    ],
)
def test_names_may_have_suffixes_and_paths(survey, names):
    survey.write(rows=2)
    survey.write_images(["one/a.jpg", "two/b.jpg"])
    survey.write_map({f"58770000000000000{number}": name for number, name in enumerate(names, 1)})
    galaxies, _ = survey.read(max_rejected=0.0)
    assert galaxies["image"].to_pylist() == [f"{survey.images}/one/a.jpg", f"{survey.images}/two/b.jpg"]


def test_folders_tell_images_of_one_name_apart(survey):
    survey.write(rows=3)
    survey.write_images(["one/a.jpg", "two/a.jpg", "two/one/b.jpg", "b.jpg"])
    ids = [f"58770000000000000{number}" for number in (1, 2, 3)]
    survey.write_map(dict(zip(ids, ["data/two/a.jpg", "one/a", "b"], strict=True)))
    galaxies, rejected = survey.read()
    assert galaxies["image"].to_pylist() == [f"{survey.images}/two/a.jpg", f"{survey.images}/one/a.jpg"]
    assert [row["reason"] for row in rejected.to_pylist()] == ["several image files of this name"]


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", b"\xff\xfe.png", b"deep\xe9/a.jpg"])
def test_file_names_that_are_no_text(survey, name):
    survey.write(rows=2)
    path = os.path.join(os.fsencode(survey.images), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb"):
        pass
    assert survey.read(max_rejected=0.0)[0].num_rows == 2
    galaxies, rejected = FolderSurvey(survey.images, max_rejected=0.5).read()
    assert galaxies["id"].to_pylist() == ["asset0", "asset1"]
    assert [row["reason"] for row in rejected.to_pylist()] == ["file name that is not UTF-8"]
    tables.write(rejected, survey.images.parent / "rejected.parquet")


@pytest.mark.parametrize(
    "ids", [["587700000000000001"] * 3, ["1", "1", None], ["1", "1", "2"]], ids=["one", "some", "mostly one"]
)
def test_where_nothing_is_left_the_reasons_are_counted(survey, ids):
    survey.write(*({"dr7objid": galaxy} for galaxy in ids))
    if "2" in ids:
        (survey.images / "asset1.jpg").rename(survey.images / "other.jpg")
    with pytest.raises(InputError, match=r"no usable galaxy among 3 rows: \d (id in several rows|no id)"):
        survey.read()


def test_a_catalogue_without_a_sample_column_is_kept_whole(survey):
    galaxies, _ = survey.write(rows=2).read(GALAXY_ZOO_2._replace(sample=None), samples=["extra"])
    assert galaxies.num_rows == 2


def test_ids_without_image(survey):
    survey.write(rows=5)
    first = 587700000000000001
    survey.write_map({str(first + number): f"asset{number}" for number in (0, 2, 3)} | {str(first + 4): "absent"})
    with survey.filename_map.open("a") as file:
        file.write(f"{first + 2},original,asset7\n{first},original,asset0\n")
    survey.write_images(["more/asset3.png"])
    _, rejected = survey.read()
    assert [(row["row"], row["value"], row["reason"]) for row in rejected.to_pylist()] == [
        (3, None, "id not in the filename map"),
        (4, None, "id with several entries in the filename map"),
        (5, "asset3", "several image files of this name"),
        (6, "absent", "no image file"),
    ]
    assert all(rejected["defect"].to_pylist())


def test_images_lie_at_any_depth_with_any_suffix(survey):
    survey.write(rows=3)
    for image in survey.images.iterdir():
        image.unlink()
    survey.write_images(["asset0.png", "dr5/J081/asset1.JPEG", "part.2/asset2.jpg", "._asset0.jpg", "asset1.txt"])
    galaxies, _ = survey.read()
    expected = ["asset0.png", "dr5/J081/asset1.JPEG", "part.2/asset2.jpg"]
    assert [str(Path(image).relative_to(survey.images)) for image in galaxies["image"].to_pylist()] == expected


def test_without_a_filename_map_the_id_names_the_image(survey):
    survey.write({"dr7objid": "J081412.47+220853.0"})
    survey.write_images(["J081/J081412.47+220853.0.png"])
    galaxies, _ = survey.read(filename_map=None)
    (image,) = galaxies["image"].to_pylist()
    assert image.endswith("J081/J081412.47+220853.0.png")


def test_too_many_defects_stop_with_a_count_of_the_reasons(survey):
    twice = {"dr7objid": "587700000000000099"}
    survey.write({"dr7objid": None}, twice, twice, {"sample": "stripe82"}, rows=7)
    galaxies, rejected = survey.read(samples=["original"], max_rejected=0.3)
    assert (galaxies.num_rows, rejected.num_rows) == (7, 4)
    message = (
        r"3 of 10 rows have a defect, more than the fraction 0.29 allowed: "
        r"1 no id \(first: row 2, column dr7objid\); "
        r"2 id in several rows \(first: row 3, id 587700000000000099, column dr7objid\)"
    )
    with pytest.raises(InputError, match=message):
        survey.read(samples=["original"], max_rejected=0.29)


def test_no_usable_galaxy(survey):
    survey.write(rows=2).write_map({"1": "asset0"})
    with pytest.raises(InputError, match=r"among 2 rows: 2 id not in the filename map \(first: [^;]*$"):
        survey.read()


@pytest.mark.parametrize("name", ["catalogue", "filename_map"])
def test_missing_file_names_its_neighbours(survey, name):
    path = getattr(survey.write(rows=1), name)
    setattr(survey, name, path.with_name(path.name.replace("gz2", "gz")))
    with pytest.raises(InputError, match=rf"gz_.*csv: no such file; did you mean {path.name}"):
        survey.read()


def test_missing_image_folder_and_empty_image_folder(survey):
    survey.write(rows=1)
    images, survey.images = survey.images, survey.images.with_name("pictures")
    with pytest.raises(InputError, match="pictures: no such folder"):
        survey.read()
    survey.images.mkdir()
    with pytest.raises(InputError, match=r"pictures: no image \(.jpg, .jpeg, .png, .*\)"):
        survey.read()
    survey.images = images
    assert survey.read()[0].num_rows == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "objid7"}, r"hart16.csv: no column 'objid7'; did you mean dr7objid"),
        ({"map_id": "objjd"}, r"mapping.csv: no column 'objjd'; did you mean objid"),
        ({"map_image": "asset"}, r"mapping.csv: no column 'asset'; did you mean asset_id"),
        ({"sample": "survey"}, r"no column 'survey'; it has dr7objid, sample"),
    ],
)
def test_missing_column_names_the_nearest(survey, change, message):
    survey.write(rows=1)
    with pytest.raises(InputError, match=message):
        survey.read(GALAXY_ZOO_2._replace(**change), samples=["original"])


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet"])
def test_formats_agree(survey, suffix):
    expected, expected_rejected = survey.write({}, {"dr7objid": None}, {"dr7objid": "1"}, {"dr7objid": "1"}, {}).read()
    frame = pd.read_csv(survey.catalogue, dtype={"dr7objid": "Int64"})
    survey.catalogue = survey.catalogue.with_suffix("").with_suffix(suffix)
    if suffix == ".parquet":
        frame.to_parquet(survey.catalogue)
    else:
        frame.to_csv(survey.catalogue, index=False)
    galaxies, rejected = survey.read()
    shift = 1 if suffix == ".parquet" else 0  # a parquet file has no line with the header
    for found, table in ((galaxies, expected), (rejected, expected_rejected)):
        assert [row + shift for row in found["row"].to_pylist()] == table["row"].to_pylist()
        assert found.drop_columns("row").equals(table.drop_columns("row"))


def test_step(survey, tmp_path, capsys):
    survey.write({}, {"dr7objid": None}, {"sample": "stripe82"})
    flags = {
        "catalogue": survey.catalogue,
        "filename-map": survey.filename_map,
        "images": survey.images,
        "id": "dr7objid",
        "sample": "sample",
        "map-id": "objid",
        "map-image": "asset_id",
        "max-rejected": 0.5,
        "galaxies": tmp_path / "galaxies.parquet",
        "rejected": tmp_path / "rejected.parquet",
    }
    command = ["catalogue", *(f"--{flag}={value}" for flag, value in flags.items())]
    assert main([*command, "--samples=original", "--samples=extra"]) == 0
    expected = survey.read(samples=["original", "extra"])
    for name, table in zip(("galaxies", "rejected"), expected, strict=True):
        assert tables.read(tmp_path / f"{name}.parquet").equals(table)
    assert main([*command, "--samples=coadd"]) == 1
    assert f"error: {survey.catalogue}: no row has coadd" in capsys.readouterr().err


@settings(max_examples=25, deadline=None)
@given(ids=st.lists(st.sampled_from([None, "1", "2", "3", "4"]), min_size=1, max_size=8))
def test_every_row_is_used_or_rejected_once(tmp_path_factory, ids):
    survey = Survey(tmp_path_factory.mktemp("survey"))
    survey.write({"dr7objid": "0"}, *({"dr7objid": galaxy} for galaxy in ids))
    galaxies, rejected = survey.read()
    expected = ["0", *(galaxy for galaxy in ids if galaxy and ids.count(galaxy) == 1)]
    assert galaxies["id"].to_pylist() == expected
    rows = [table["row"].to_pylist() for table in (galaxies, rejected)]
    assert rows == [sorted(set(of)) for of in rows]
    assert sorted([*rows[0], *rows[1]]) == list(range(2, len(ids) + 3))


def test_a_folder_of_images_is_a_survey_of_galaxies_of_their_names(tmp_path):
    (tmp_path / "deeper").mkdir()
    for name in ("b.png", "deeper/a.JPG", "c.jpg", "deeper/c.jpeg", "._b.png", "notes.txt"):
        (tmp_path / name).touch()
    galaxies, rejected = FolderSurvey(tmp_path, max_rejected=0.5).read()
    paths = [str(tmp_path / name) for name in ("b.png", "deeper/a.JPG")]
    assert galaxies.select(["id", "image"]).to_pydict() == {"id": ["b", "a"], "image": paths}
    assert rejected["id"].to_pylist() == ["c", "c"]
    assert set(rejected["value"].to_pylist()) == {str(tmp_path / "c.jpg"), str(tmp_path / "deeper/c.jpeg")}
    with pytest.raises(InputError, match=r"2 of 4 rows have a defect.*2 several image files of this name"):
        FolderSurvey(tmp_path, max_rejected=0.4).read()


def test_folders_take_little_memory_each(tmp_path):
    peaks = []
    for folders in (10, 10, 210):  # the first call imports
        for number in range(folders):
            (tmp_path / str(number)).mkdir(exist_ok=True)
            (tmp_path / str(number) / f"{number}.png").touch()
        tracemalloc.start()
        assert sum(map(len, FolderSurvey(tmp_path, max_rejected=0).galaxies())) == folders
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 200 * 1000


def test_step_for_a_folder_of_images(tmp_path):
    (tmp_path / "a.png").touch()
    outputs = [tmp_path / "galaxies.parquet", tmp_path / "rejected.parquet"]
    flags = dict(zip(("galaxies", "rejected"), outputs, strict=True)) | {"images": tmp_path, "max-rejected": 0}
    assert main(["list_images", *(f"--{flag}={value}" for flag, value in flags.items())]) == 0
    for output, table in zip(outputs, FolderSurvey(tmp_path, max_rejected=0).read(), strict=True):
        assert tables.read(output).equals(table)
