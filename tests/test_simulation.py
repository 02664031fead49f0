"""The simulated survey: files, physics, votes."""

from __future__ import annotations

import csv
import math
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import pytest
from PIL import Image
from scipy.integrate import quad

from activezoo import tables
from activezoo.cli import main
from activezoo.errors import InputError
from activezoo.randomness import generator
from activezoo.survey import simulation
from activezoo.survey.simulation import Galaxy, Visibility, simulate_survey

REAL_SURVEY = Path(__file__).parents[2] / "shared" / "data" / "gz2_sample"

SMOOTH = "t01_smooth_or_features_a01_smooth_count"
FEATURED = "t01_smooth_or_features_a02_features_or_disk_count"
ARTIFACT = "t01_smooth_or_features_a03_star_or_artifact_count"
EDGE_ON, NOT_EDGE_ON = "t02_edgeon_a04_yes_count", "t02_edgeon_a05_no_count"
BAR, NO_BAR = "t03_bar_a06_bar_count", "t03_bar_a07_no_bar_count"
SPIRAL, NO_SPIRAL = "t04_spiral_a08_spiral_count", "t04_spiral_a09_no_spiral_count"

DISC = Galaxy(
    morphology="spiral",
    redshift=0.03,
    absolute_magnitude=-21.0,
    bulge_fraction=0.15,
    bulge_radius=1.0,
    bulge_sersic=2.0,
    bulge_axis_ratio=0.9,
    disc_scale=3.5,
    disc_thickness=0.15,
    inclination=0.4,
    position_angle=0.7,
    dust_lane=0.0,
    bar_fraction=0.15,
    bar_length=1.3,
    bar_axis_ratio=0.3,
    bar_angle=1.0,
    arm_number=2,
    arm_contrast=0.5,
    arm_pitch=0.3,
    arm_angle=0.0,
    arm_sharpness=1.5,
    flocculence=0.2,
    flocculent_pattern=1,
    bulge_colour=0.75,
    disc_colour=0.5,
    arm_colour=0.3,
    psf_fwhm=1.3,
)


def column(survey: Path, name: str) -> np.ndarray:
    return pyarrow.csv.read_csv(survey / "gz2_hart16.csv").column(name).to_numpy()


def experts(survey: Path) -> dict[str, str]:
    with (survey / "experts.csv").open() as file:
        return {row["dr7objid"]: row["class"] for row in csv.DictReader(file)}


def seen(galaxy: Galaxy) -> Visibility:
    return simulation.render(galaxy, 32, generator("test"))[1]


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("survey")
    simulate_survey(200, image_size=64, seed=1, output=output, workers=2)
    return output


@pytest.mark.parametrize("n", [0.8, 1.0, 2.5, 4.0, 7.0])
def test_half_of_a_sersic_profile_is_within_its_radius(n):
    b = simulation.sersic_b(n)
    assert type(b) is float

    def light(low, high):
        """Over powers of the radius, in which the profile is smooth."""
        return quad(lambda root: np.exp(-b * root) * n * root ** (2 * n - 1), low, high, epsabs=0, epsrel=1e-11)[0]

    assert light(0, 1) / light(0, np.inf) == pytest.approx(0.5, abs=1e-9)


def test_galaxies_depend_on_seed_and_number_alone(survey, tmp_path):
    simulate_survey(20, image_size=64, seed=1, output=tmp_path, workers=1)
    with (survey / "gz2_hart16.csv").open() as long, (tmp_path / "gz2_hart16.csv").open() as short:
        assert long.readlines()[:21] == short.readlines()
    assert tables.read(survey / "truth.parquet").slice(0, 20).equals(tables.read(tmp_path / "truth.parquet"))
    last = str(column(survey, "dr7objid")[19])
    assert experts(tmp_path) == {galaxy: bar for galaxy, bar in experts(survey).items() if galaxy <= last}
    for number in range(1, 21):
        name = f"images_gz2/images/{number}.jpg"
        assert (survey / name).read_bytes() == (tmp_path / name).read_bytes()


def test_another_seed_is_another_survey(survey, tmp_path):
    simulate_survey(20, image_size=64, seed=2, output=tmp_path)
    assert not np.any(column(survey, "redshift")[:20] == column(tmp_path, "redshift"))


def test_image_size_changes_neither_votes_nor_the_view(survey, tmp_path):
    simulate_survey(3, image_size=424, seed=1, output=tmp_path)
    assert column(survey, SMOOTH)[:3].tolist() == column(tmp_path, SMOOTH).tolist()
    assert experts(tmp_path).items() <= experts(survey).items()
    for number in (1, 2, 3):
        name = f"images_gz2/images/{number}.jpg"
        with Image.open(tmp_path / name) as large, Image.open(survey / name) as small:
            assert large.size == (424, 424)
            resized = np.asarray(large.resize(small.size, Image.Resampling.BICUBIC), float)
            assert np.corrcoef(resized.ravel(), np.asarray(small, float).ravel())[0, 1] > 0.95


def test_files_have_the_layout_of_the_release(survey):
    with (survey / "gz2_filename_mapping.csv").open() as file:
        mapping = list(csv.DictReader(file))
    assert list(mapping[0]) == ["objid", "sample", "asset_id"]
    assert [row["objid"] for row in mapping] == [str(i) for i in column(survey, "dr7objid")]
    assert len({row["objid"] for row in mapping}) == 200
    assert {len(row["objid"]) for row in mapping} == {18}
    for row in mapping:
        with Image.open(survey / "images_gz2" / "images" / f"{row['asset_id']}.jpg") as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 64))
    assert tables.read(survey / "truth.parquet", ["id"])["id"].to_pylist() == [row["objid"] for row in mapping]


def test_no_other_files_are_left(survey):
    files = {path.name for path in survey.rglob("*") if path.is_file()} - {f"{i}.jpg" for i in range(1, 201)}
    assert files == {"gz2_hart16.csv", "gz2_filename_mapping.csv", "experts.csv", "truth.parquet"}


@pytest.mark.skipif(not REAL_SURVEY.is_dir(), reason=f"{REAL_SURVEY}: the sample of the release is not here")
def test_columns_are_those_of_the_release(survey):
    def columns(folder: Path) -> set[str]:
        return set((folder / "gz2_hart16.csv").open().readline().strip().split(","))

    needed = {name for name in columns(REAL_SURVEY) if name.endswith("_count") and name[:3] in ("t01", "t03")}
    assert {SMOOTH, FEATURED, ARTIFACT, BAR, NO_BAR} == needed
    covariates = {"redshift", "petro_mag_r", "axis_ratio", "petro_radius_arcsec", "log_stellar_mass"}
    # The sample lacks two questions that the release has.
    extra = {EDGE_ON, NOT_EDGE_ON, SPIRAL, NO_SPIRAL} | covariates
    assert columns(survey) - columns(REAL_SURVEY) <= extra
    assert needed <= columns(survey)


def test_votes_add_up_down_the_tree(survey):
    smooth, featured, artifact = (column(survey, name) for name in (SMOOTH, FEATURED, ARTIFACT))
    assert np.array_equal(smooth + featured + artifact, column(survey, "total_classifications"))
    assert np.array_equal(column(survey, EDGE_ON) + column(survey, NOT_EDGE_ON), featured)
    for yes, no in ((BAR, NO_BAR), (SPIRAL, NO_SPIRAL)):
        assert np.array_equal(column(survey, yes) + column(survey, no), column(survey, NOT_EDGE_ON))


def test_vote_fractions_are_those_of_galaxy_zoo_2(survey):
    """Means over the 19,761 galaxies of the Stripe 82 counts, and N of the main sample."""
    volunteers = column(survey, "total_classifications")
    assert volunteers.mean() == pytest.approx(42.7, abs=1)
    assert np.mean(volunteers < 36) == pytest.approx(0.09, abs=0.04)
    smooth = column(survey, SMOOTH) / volunteers
    assert smooth.mean() == pytest.approx(0.64, abs=0.05)
    assert np.mean(smooth > 0.8) > 0.25
    assert np.mean(smooth < 0.3) > 0.05
    assert np.mean(column(survey, ARTIFACT) / volunteers) == pytest.approx(0.04, abs=0.01)
    for yes, no, pooled in ((EDGE_ON, NOT_EDGE_ON, 0.19), (BAR, NO_BAR, 0.27), (SPIRAL, NO_SPIRAL, 0.55)):
        yes, no = column(survey, yes).sum(), column(survey, no).sum()
        assert yes / (yes + no) == pytest.approx(pooled, abs=0.08)


def test_covariates_are_of_a_survey_limited_in_magnitude_and_size(survey):
    assert column(survey, "petro_mag_r").max() <= 17
    assert column(survey, "petro_radius_arcsec").min() >= 3
    assert 0.06 < np.median(column(survey, "redshift")) < 0.1
    assert np.all((column(survey, "axis_ratio") > 0.05) & (column(survey, "axis_ratio") <= 1))
    assert 10 < np.median(column(survey, "log_stellar_mass")) < 11


def test_truth_holds_probabilities(survey):
    truth = tables.read(survey / "truth.parquet")
    for name in ("rho_smooth", "rho_artifact", "rho_edge_on", "rho_bar", "rho_spiral"):
        rho = truth[name].to_numpy()
        assert np.all((rho > 0) & (rho < 1)), name
    assert set(Galaxy._fields) | set(Visibility._fields) < set(truth.column_names)


def test_votes_are_binomial_with_the_true_probabilities():
    rho = {"rho_smooth": 0.5, "rho_artifact": 0.1, "rho_edge_on": 0.3, "rho_bar": 0.6, "rho_spiral": 0.8}
    votes = [simulation.cast_votes(rho, generator("votes", i)) for i in range(2000)]
    for yes, no, probability in (
        (SMOOTH, (FEATURED, ARTIFACT), 0.5),
        (ARTIFACT, (SMOOTH, FEATURED), 0.1),
        (EDGE_ON, (NOT_EDGE_ON,), 0.3),
        (BAR, (NO_BAR,), 0.6),
        (SPIRAL, (NO_SPIRAL,), 0.8),
    ):
        k = np.array([v[yes] for v in votes])
        n = k + sum(np.array([v[name] for v in votes]) for name in no)
        chi_square = np.sum((k - n * probability) ** 2 / np.maximum(n * probability * (1 - probability), 1e-9))
        assert chi_square == pytest.approx(np.sum(n > 0), abs=4 * math.sqrt(2 * 2000)), yes


@pytest.mark.parametrize("over_dispersion", [0.0, 0.1, 0.5])
def test_volunteers_scatter_as_much_as_is_asked_about_the_same_mean(over_dispersion):
    rho = {"rho_smooth": 0.3, "rho_artifact": 0.1, "rho_edge_on": 0.2, "rho_bar": 0.4, "rho_spiral": 0.6}
    votes = pd.DataFrame([simulation.cast_votes(rho, generator("votes", i), over_dispersion) for i in range(3000)])
    for column, of, probability in (
        ("t01_smooth_or_features_a01_smooth_count", votes.total_classifications, 0.3),
        ("t03_bar_a06_bar_count", votes.t03_bar_a06_bar_count + votes.t03_bar_a07_no_bar_count, 0.4),
    ):
        asked = of > 0
        scaled = (votes[column] - of * probability)[asked] ** 2 / (of * (1 + (of - 1) * over_dispersion))[asked]
        assert scaled.mean() == pytest.approx(probability * (1 - probability), rel=0.1)
        assert (votes[column] / of)[asked].mean() == pytest.approx(probability, abs=0.03)


def test_survey_votes_scatter_about_the_truth_as_binomials(survey):
    truth = tables.read(survey / "truth.parquet")
    for yes, total, rho in ((SMOOTH, "total_classifications", "rho_smooth"), (BAR, NOT_EDGE_ON, "rho_bar")):
        k, n, rho = column(survey, yes), column(survey, total), truth[rho].to_numpy()
        chi_square = np.sum((k - n * rho)[n > 0] ** 2 / (n * rho * (1 - rho))[n > 0])
        assert chi_square == pytest.approx(np.sum(n > 0), abs=4 * math.sqrt(2 * 200))


def test_distance_hides_features():
    visible = [seen(DISC._replace(redshift=z)) for z in (0.02, 0.04, 0.08, 0.16)]
    for name in ("arm_visibility", "bar_visibility", "resolution", "signal_to_noise"):
        assert np.all(np.diff([getattr(v, name) for v in visible]) < 0), name
    rho = [simulation.vote_probabilities(v) for v in visible]
    assert np.all(np.diff([r["rho_smooth"] for r in rho]) > 0)
    assert np.all(np.diff([r["rho_bar"] for r in rho]) < 0)


def test_stronger_features_are_seen_by_more():
    bars = [simulation.vote_probabilities(seen(DISC._replace(bar_fraction=f))) for f in (0.0, 0.05, 0.1, 0.2)]
    assert np.all(np.diff([rho["rho_bar"] for rho in bars]) > 0)
    arms = [simulation.vote_probabilities(seen(DISC._replace(arm_contrast=c))) for c in (0.0, 0.2, 0.4, 0.8)]
    assert np.all(np.diff([rho["rho_spiral"] for rho in arms]) > 0)
    assert np.all(np.diff([rho["rho_smooth"] for rho in arms]) < 0)


def test_worse_seeing_hides_features():
    sharp, blurred = seen(DISC._replace(psf_fwhm=1.0)), seen(DISC._replace(psf_fwhm=2.0))
    assert blurred.arm_visibility < sharp.arm_visibility
    assert blurred.bar_visibility < sharp.bar_visibility


def test_tilted_discs_look_edge_on():
    visible = [seen(DISC._replace(inclination=math.radians(i), arm_contrast=0.0)) for i in (0, 50, 70, 80, 90)]
    assert np.all(np.diff([v.apparent_axis_ratio for v in visible]) < 0)
    rho = [simulation.vote_probabilities(v)["rho_edge_on"] for v in visible]
    assert rho[0] < 0.05
    assert rho[-1] > 0.8


def classes(galaxy: Galaxy, number: int = 400) -> list[str | None]:
    visible = seen(galaxy)
    return [simulation.expert_class(galaxy, visible, generator("experts", i)) for i in range(number)]


def barred_fraction(galaxy: Galaxy) -> float:
    found = [of for of in classes(galaxy) if of]
    return 1 - found.count("none") / len(found)


def test_experts_class_half_of_the_discs_that_are_not_tilted(survey):
    truth = {row["id"]: row for row in tables.read(survey / "truth.parquet").to_pylist()}
    classed = experts(survey)
    discs = {
        galaxy
        for galaxy, of in truth.items()
        if of["morphology"] != "elliptical" and of["inclination"] <= math.radians(60)
    }
    assert classed.keys() < discs
    assert len(classed) / len(discs) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(len(discs)))
    assert set(classed.values()) <= {"none", "weak", "intermediate", "strong"}
    assert not any(classes(DISC._replace(inclination=1.1)))
    assert not any(classes(DISC._replace(morphology="elliptical")))


@pytest.mark.parametrize(("bar_fraction", "name"), [(0.08, "weak"), (0.15, "intermediate"), (0.3, "strong")])
def test_experts_grade_bars_by_their_light(bar_fraction, name):
    assert set(classes(DISC._replace(redshift=0.02, bar_fraction=bar_fraction))) <= {None, "none", name}
    assert barred_fraction(DISC._replace(redshift=0.02, bar_fraction=bar_fraction)) > 0.8


def test_experts_see_weaker_bars_than_volunteers_do():
    """Where a fifth of the volunteers see a bar, half of the experts do; where there is none, hardly any."""
    weak = DISC._replace(bar_fraction=0.04, redshift=0.05)
    assert simulation.vote_probabilities(seen(weak))["rho_bar"] == pytest.approx(0.18, abs=0.02)
    assert barred_fraction(weak) == pytest.approx(0.5, abs=0.1)
    assert barred_fraction(DISC._replace(bar_fraction=0.0)) < 0.05


def test_distance_hides_bars_from_experts():
    fractions = [barred_fraction(DISC._replace(bar_fraction=0.08, redshift=z)) for z in (0.02, 0.05, 0.1)]
    assert np.all(np.diff(fractions) < 0)


@pytest.mark.parametrize("inclination", [0.0, 0.8, 1.5])
@pytest.mark.parametrize("dust_lane", [0.0, 0.3])
def test_light_is_conserved_and_positive(inclination, dust_lane):
    """Components share out the galaxy's flux, wherever structure moves it; none of them digs a hole."""
    galaxy = DISC._replace(inclination=inclination, dust_lane=dust_lane, flocculence=0.0)
    grid = simulation.field_of_view(galaxy)
    light = simulation.surface_brightness(galaxy, grid)
    total = sum(light[name] for name in ("bulge", "disc", "arms", "bar"))
    assert total[0, 0].real == pytest.approx(1, abs=0.03)
    image = np.fft.irfft2(total * simulation.optics(galaxy, grid), (grid.y.size, grid.x.size))
    assert image.min() > -1e-3 * image.max()
    y, x = np.unravel_index(image.argmax(), image.shape)
    assert (x, y) == pytest.approx(((grid.x.size - 1) / 2,) * 2, abs=1)


def test_edge_on_disc_has_a_sech2_profile():
    """The analytic transform against the profile that it stands for."""
    galaxy = DISC._replace(
        inclination=math.pi / 2,
        position_angle=0.0,
        bulge_fraction=0.0,
        bar_fraction=0.0,
        arm_contrast=0.0,
        redshift=0.01,
    )
    grid = simulation.field_of_view(galaxy)
    disc = np.fft.irfft2(simulation.surface_brightness(galaxy, grid)["disc"], (grid.y.size, grid.x.size))
    height = galaxy.disc_scale * galaxy.disc_thickness * galaxy.arcsec_per_kpc
    profile = 1 / np.cosh(np.clip(grid.y[:, 0] / height, -40, 40)) ** 2
    measured = disc.sum(axis=1)
    assert measured / measured.max() == pytest.approx(profile / profile.max(), abs=0.02)


@pytest.mark.parametrize(("name", "value"), [("galaxies", 0), ("image_size", 8), ("workers", 0)])
def test_numbers_that_are_too_small_are_refused(tmp_path, name, value):
    options = {"galaxies": 1, "image_size": 64, "seed": 1, "output": tmp_path, "workers": 1} | {name: value}
    with pytest.raises(InputError, match=rf"{name.replace('_', ' ')} {value} is too small"):
        simulate_survey(**options)
    assert not list(tmp_path.iterdir())


def test_step(tmp_path):
    catalogue = tmp_path / "survey" / "gz2_hart16.csv"
    flags = [
        "--galaxies=2",
        "--image-size=32",
        "--over-dispersion=0",
        "--seed=5",
        "--threads=1",
        f"--catalogue={catalogue}",
    ]
    assert main(["simulate_survey", *flags]) == 0
    assert len(column(catalogue.parent, "dr7objid")) == 2


@pytest.mark.parametrize("inclination", [0.2, 1.2, 1.5])
@pytest.mark.parametrize("bar_axis_ratio", [0.3, 0.05, 0.001])
@pytest.mark.parametrize("redshift", [0.02, 0.25])
def test_a_bar_narrower_than_a_pixel_keeps_its_light(inclination, bar_axis_ratio, redshift):
    """The grid has no pixel at the centre, so the bar may pass between two rows of them."""
    barred = DISC._replace(
        inclination=inclination, bar_axis_ratio=bar_axis_ratio, bar_angle=0.0, position_angle=0.0, redshift=redshift
    )
    light = simulation.surface_brightness(barred, simulation.field_of_view(barred))
    assert light["bar"][0, 0].real == pytest.approx(barred.bar_fraction, rel=1e-4)
    assert light["lens"][0, 0].real == pytest.approx(barred.bar_fraction, rel=1e-4)


@pytest.mark.parametrize("position_angle", [0.0, math.pi / 2, 0.7])
@pytest.mark.parametrize("redshift", [0.02, 0.06, 0.25])
@pytest.mark.parametrize("bulge_fraction", [0.001, 0.5])
def test_volunteers_can_judge_the_thinnest_disc(position_angle, redshift, bulge_fraction):
    """Seen edge-on, it may pass between two rows of pixels."""
    thin = DISC._replace(
        inclination=math.pi / 2, disc_thickness=0.02, disc_scale=1.6, bar_length=0.2, psf_fwhm=0.9, bulge_axis_ratio=0.2
    )._replace(position_angle=position_angle, redshift=redshift, bulge_fraction=bulge_fraction)
    assert all(0 < rho < 1 for rho in simulation.vote_probabilities(seen(thin)).values())


WORKING_FOR_EVER = """
import os, signal, sys
from activezoo.survey import simulation

def observe(*_, **__):
    os.write(1, b"working\\n")
    signal.pause()

simulation.observe = observe
simulation.simulate_survey(40, 16, 1, sys.argv[1], workers=2)
"""


def test_workers_end_when_the_job_is_killed(tmp_path):
    command = [sys.executable, "-c", WORKING_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(simulation.__file__).parents[2]) as job:
        assert [job.stdout.readline() for _ in range(2)] == [b"working\n"] * 2
        job.kill()
        job.wait()
        # The end of the file: no worker holds the other end of the pipe any more.
        assert select.select([job.stdout], [], [], 60)[0]
        assert job.stdout.read() == b""
