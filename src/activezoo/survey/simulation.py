"""A simulated Galaxy Zoo 2: images of galaxies, and volunteers and experts who say what the images show.

The renderer is NumPy and works in Fourier space. There, components add up, and one product applies the optics to them.
Exponential discs, their thickness (exact for a transparent disc at any inclination), PSF, stars and neighbours have
analytic transforms. Bulge, bar and arms take an FFT each.

GalSim is not used. It has no arms and no bars. What it has costs more than the whole galaxy does here, about 20 ms:
9 ms for a Sérsic bulge, 5 ms for an inclined disc, 11 ms for an interpolated image of arms, all in three bands (GalSim
2.8, 150 pixels, one core).

A volunteer sees a feature with a probability that depends on its contrast in the noise-free, PSF-blurred image. The
thresholds were set to give the mean vote fractions of the published Galaxy Zoo 2 counts. Nothing else went into
them. Experts look at the same contrasts, not at the votes.
"""

from __future__ import annotations

import csv
import math
import multiprocessing.connection
import os
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numpy as np

from activezoo import tables
from activezoo.errors import InputError
from activezoo.randomness import generator

# Fluxes are in nanomaggies (1 nMgy has magnitude 22.5), surface brightness in nMgy per pixel of the SDSS camera.
MAGNITUDE_LIMIT, MINIMUM_RADIUS = 17.0, 3.0  # r, and petroR90 in arcsec: the cuts of Galaxy Zoo 2 (Willett et al. 2013)
RELEASE_SIZE, RELEASE_SCALE = 424, 0.02  # the release's cut-outs: pixels on a side, and petroR90 per pixel
PIXEL = 0.396  # arcsec
SKY_NOISE = np.float32([0.018, 0.028, 0.045])  # a pixel in g, r, i: photons of a sky of 21.9, 20.9, 20.2 mag / arcsec^2
ELECTRONS = 900.0  # per nMgy in an exposure of 54 s
HUBBLE, DECELERATION = 70.0, -0.55  # km / s / Mpc; a flat universe with 30 % of matter
LIGHT_SPEED = 299792.458  # km / s


class Galaxy(NamedTuple):
    """The latent parameters of one galaxy and its exposure. Angles in radians, lengths in kpc unless said otherwise."""

    morphology: str  # elliptical, lenticular or spiral
    redshift: float
    absolute_magnitude: float  # r band
    bulge_fraction: float  # of the light; 1 for an elliptical
    bulge_radius: float  # half-light
    bulge_sersic: float
    bulge_axis_ratio: float  # as seen
    disc_scale: float  # exponential scale length
    disc_thickness: float  # sech^2 scale height over scale length
    inclination: float  # 0 is face-on
    position_angle: float
    dust_lane: float  # share of the disc's light missing from its mid-plane
    bar_fraction: float  # of the light; 0 without a bar
    bar_length: float  # semi-major axis over disc scale
    bar_axis_ratio: float
    bar_angle: float  # in the plane of the disc
    arm_number: int
    arm_contrast: float  # 0 without arms
    arm_pitch: float  # the sign is the sense of winding
    arm_angle: float
    arm_sharpness: float  # concentration of the von Mises profile across an arm
    flocculence: float  # 0 grand design, 1 flocculent
    flocculent_pattern: int  # random key
    bulge_colour: float  # g - r, of the bar too
    disc_colour: float
    arm_colour: float
    psf_fwhm: float  # arcsec

    @property
    def magnitude(self) -> float:
        """Apparent r magnitude."""
        return self.absolute_magnitude + 25 + 5 * math.log10(luminosity_distance(self.redshift))

    @property
    def arcsec_per_kpc(self) -> float:
        """Apparent size of a kpc."""
        return 206.265 * (1 + self.redshift) ** 2 / luminosity_distance(self.redshift)

    @property
    def axis_ratio(self) -> float:
        """Apparent axis ratio: of bulge and disc, weighted by light."""
        disc = math.hypot(math.cos(self.inclination), 2 / 3 * self.disc_thickness * math.sin(self.inclination))
        return self.bulge_fraction * self.bulge_axis_ratio + (1 - self.bulge_fraction) * disc

    @property
    def petro_radius(self) -> float:
        """Radius in arcsec of 90 % of the light within two Petrosian radii, which are about four half-light radii."""
        from scipy.special import gammainc

        radius = np.geomspace(0.01, 100, 400)  # kpc
        n, scaled = self.bulge_sersic, radius / self.disc_scale
        bulge = gammainc(2 * n, sersic_b(n) * (radius / self.bulge_radius) ** (1 / n))
        disc = 1 - (1 + scaled) * np.exp(-scaled)
        light = self.bulge_fraction * bulge + (1 - self.bulge_fraction) * disc
        petrosian = np.interp(4 * np.interp(0.5, light, radius), radius, light)
        face_on = float(np.interp(0.9 * petrosian, light, radius)) * self.arcsec_per_kpc
        # An edge-on exponential disc holds 90 % of its light within 0.82 of the face-on radius.
        return math.hypot(face_on * (0.82 + 0.18 * self.axis_ratio), 0.6 * self.psf_fwhm)

    @property
    def log_stellar_mass(self) -> float:
        """Solar masses in stars, from rest-frame colour and light in r (Bell et al. 2003)."""
        colour = self.bulge_fraction * self.bulge_colour + (1 - self.bulge_fraction) * self.disc_colour
        return -0.4 * (self.absolute_magnitude - 4.65) - 0.456 + 1.097 * (colour - 1.6 * self.redshift)


class Visibility(NamedTuple):
    """What an image shows of a galaxy's structure; contrasts are rms, relative to the light beneath and the noise."""

    arm_visibility: float
    bar_visibility: float
    apparent_axis_ratio: float  # of a faint isophote
    resolution: float  # petroR90 in widths of the PSF
    signal_to_noise: float  # of all light within petroR90


class Grid(NamedTuple):
    """Pixels and frequencies of a square image with a margin, which takes up what the FFT wraps round."""

    margin: int
    scale: float  # arcsec per pixel
    x: np.ndarray  # arcsec from the centre, shape (1, P)
    y: np.ndarray  # (P, 1)
    kx: np.ndarray  # cycles per arcsec, (1, P // 2 + 1)
    ky: np.ndarray  # (P, 1)


def luminosity_distance(redshift: float) -> float:
    """Mpc, to second order in redshift."""
    return LIGHT_SPEED / HUBBLE * redshift * (1 + 0.5 * (1 - DECELERATION) * redshift)


def sersic_b(n: float) -> float:
    """The constant by which a Sérsic profile's radius encloses half of the light (Ciotti & Bertin 1999, Eq. 1)."""
    from scipy.special import gammaincinv

    return float(gammaincinv(2 * n, 0.5))  # a float of NumPy would make float32 arrays float64


def draw_galaxy(rng: np.random.Generator) -> Galaxy:
    """Draw from a survey limited in magnitude until a galaxy is large enough."""
    while (galaxy := draw_candidate(rng)).petro_radius < MINIMUM_RADIUS:
        pass
    return galaxy


def draw_candidate(rng: np.random.Generator) -> Galaxy:
    """Draw one galaxy of a survey limited in magnitude alone."""
    # In Euclidean space a luminosity L is seen in a volume that goes as L^1.5: a Schechter function (M* = -20.44 +
    # 5 log h and slope -1.05: Blanton et al. 2003) becomes a gamma distribution, and fluxes fall with a power of -1.5.
    absolute_magnitude = -21.21 - 2.5 * math.log10(rng.gamma(2.5 - 1.05) + 1e-3)
    magnitude = MAGNITUDE_LIMIT + 2.5 / 1.5 * math.log10(1 - rng.random())
    distance = 10 ** (0.2 * (magnitude - absolute_magnitude) - 5) * HUBBLE / LIGHT_SPEED  # in Hubble lengths
    redshift = (math.sqrt(1 + 2 * (1 - DECELERATION) * distance) - 1) / (1 - DECELERATION)

    # Ellipticals and S0s: each nearly a fifth at M*, fewer among fainter galaxies (as in Nair & Abraham 2010).
    early = 0.05 + 0.45 / (1 + math.exp(absolute_magnitude + 20))
    morphology = str(rng.choice(["elliptical", "lenticular", "spiral"], p=[early / 2, early / 2, 1 - early]))
    spiral = morphology == "spiral"

    # Half-light radii: Shen et al. 2003, equations 14 to 16.
    bright = 10 ** (-0.4 * (absolute_magnitude + 20.52))
    late_type = -0.084 * absolute_magnitude + 0.32 * math.log10(1 + bright) - 1.31
    early_type = -0.24 * max(absolute_magnitude, -23) - 4.63
    half_light = 10 ** (late_type if spiral else early_type) * rng.lognormal(0, 0.25 + 0.23 / (1 + bright**2))

    # From stage 0 (Sa) to 1 (Sd) bulges shrink (Graham & Worley 2008), arms open and colours turn blue.
    stage = rng.beta(1.6, 1.6)
    inclination = math.acos(rng.random())
    if morphology == "elliptical":
        bulge_fraction, bulge_radius, bulge_axis_ratio = 1.0, half_light, 0.4 + 0.6 * rng.beta(5, 2)
        bulge_sersic = min(max(rng.normal(4.2, 0.9), 2.0), 7.0)
    else:
        bulge_fraction = 0.02 + 0.45 * (1 - stage) ** 1.5 * rng.uniform(0.5, 1) if spiral else rng.uniform(0.25, 0.6)
        bulge_radius = 0.13 * half_light * (1 + 2 * bulge_fraction) * rng.lognormal(0, 0.35)
        bulge_axis_ratio = math.hypot(math.cos(inclination), 0.65 * math.sin(inclination))
        bulge_sersic = min(max(1 + 5 * bulge_fraction + rng.normal(0, 0.6), 0.8), 5.0)

    # Bars: in two thirds of spirals, weak ones counted (Eskridge et al. 2000), and in fewer S0s; lengths as in Erwin
    # 2005, shapes and light as in Gadotti 2011.
    barred = morphology != "elliptical" and rng.random() < (0.65 if spiral else 0.45)

    # The red sequence, in the observer's frame; discs are bluer, and redder again where dust is seen edge-on.
    red = 0.68 + 1.6 * redshift - 0.02 * (absolute_magnitude + 21) + rng.normal(0, 0.03)
    blue = 0.10 + 0.36 * stage + rng.normal(0, 0.05) - 0.12 * math.sin(inclination) ** 4 if spiral else 0.04
    return Galaxy(
        morphology=morphology,
        redshift=redshift,
        absolute_magnitude=absolute_magnitude,
        bulge_fraction=bulge_fraction,
        bulge_radius=bulge_radius,
        bulge_sersic=bulge_sersic,
        bulge_axis_ratio=bulge_axis_ratio,
        disc_scale=half_light / 1.68 * (1 + 0.6 * bulge_fraction),
        disc_thickness=rng.uniform(0.12, 0.22) if spiral else rng.uniform(0.2, 0.35),  # Kregel et al. 2002
        inclination=inclination,
        position_angle=rng.uniform(0, math.pi),
        dust_lane=rng.uniform(0, 0.35) if spiral and rng.random() < 0.5 else 0.0,
        bar_fraction=0.4 * (1 - bulge_fraction) * rng.beta(2, 3) if barred else 0.0,
        bar_length=rng.uniform(0.8, 1.8),
        bar_axis_ratio=rng.uniform(0.2, 0.45),
        bar_angle=rng.uniform(0, math.pi),
        arm_number=int(rng.choice([2, 3, 4], p=[0.65, 0.2, 0.15])),
        # Arm to inter-arm ratios from 1 to about 5, mostly 1.5 to 3 (Elmegreen et al. 2011).
        arm_contrast=0.9 * rng.beta(1.8, 1.8) if spiral else 0.0,
        # 10 to 30 degrees (Hart et al. 2017).
        arm_pitch=math.radians(min(max(rng.normal(13 + 12 * stage, 4), 6), 40)) * (1 if rng.random() < 0.5 else -1),
        arm_angle=rng.uniform(0, 2 * math.pi),
        arm_sharpness=rng.uniform(0.8, 2.5),
        flocculence=rng.beta(1.2, 1.2),
        flocculent_pattern=int(rng.integers(2**31)),
        bulge_colour=red,
        disc_colour=red - blue,
        arm_colour=red - blue - 0.25,
        psf_fwhm=1.32 * rng.lognormal(0, 0.1),  # the seeing of SDSS in r
    )


def field_of_view(galaxy: Galaxy) -> Grid:
    """The release's cut-out, 8.48 petroR90 wide, in pixels of the camera or, if larger, of the release."""
    from scipy.fft import next_fast_len

    width, margin = RELEASE_SIZE * RELEASE_SCALE * galaxy.petro_radius, 8
    padded = next_fast_len(min(math.ceil(width / PIXEL), RELEASE_SIZE) + 2 * margin, real=True)
    scale = width / (padded - 2 * margin)
    x = np.float32((np.arange(padded) - (padded - 1) / 2) * scale)
    kx, ky = np.float32(np.fft.rfftfreq(padded, scale)), np.float32(np.fft.fftfreq(padded, scale))
    return Grid(margin, scale, x[None, :], x[:, None], kx[None, :], ky[:, None])


def rotate(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along and across an axis at `angle`, of positions or frequencies."""
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def shift(grid: Grid, x: float, y: float) -> np.ndarray:
    """Transform of a point source at a distance of x, y arcsec from the centre of the first pixel."""
    return np.exp(-2j * math.pi * x * grid.kx) * np.exp(-2j * math.pi * y * grid.ky)


def exponential(k_major: np.ndarray, k_minor: np.ndarray, scale: float, axis_ratio: float) -> np.ndarray:
    """Transform of an elliptical exponential profile of unit flux."""
    return (1 + (2 * math.pi * scale) ** 2 * (k_major**2 + (axis_ratio * k_minor) ** 2)) ** -1.5


def optics(galaxy: Galaxy, grid: Grid) -> np.ndarray:
    """Transfer function: a PSF of two Gaussians, like the model of the SDSS pipeline, and the response of a pixel."""
    sigma = max(galaxy.psf_fwhm / 2.45, 0.8 * grid.scale)  # narrower than the pixels of the largest galaxies would ring
    k2 = -2 * math.pi**2 * (grid.kx**2 + grid.ky**2)
    psf = 0.8 * np.exp(k2 * sigma**2) + 0.2 * np.exp(k2 * (2.2 * sigma) ** 2)
    return psf * np.sinc(grid.kx * grid.scale) * np.sinc(grid.ky * grid.scale)


def arm_pattern(galaxy: Galaxy, radius: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
    """Relative over-density of logarithmic arms in the plane of the disc: at least -1, of mean about 0.

    The radius is in scale lengths.
    """
    from scipy.special import i0e

    winding = np.log(radius) / math.tan(galaxy.arm_pitch)
    phase = galaxy.arm_number * (azimuth - winding - galaxy.arm_angle)
    grand_design = np.exp(galaxy.arm_sharpness * (np.cos(phase) - 1)) / float(i0e(galaxy.arm_sharpness)) - 1
    # Flocculent arms are log-normal noise made of waves that wind about as the arms do.
    rng = generator("flocculence", galaxy.flocculent_pattern)
    waves = [(int(rng.integers(2, 9)), rng.uniform(0.6, 1.4), rng.uniform(0, 2 * math.pi)) for _ in range(8)]
    noise = sum(np.cos(number * (azimuth - tightness * winding) + phase) for number, tightness, phase in waves)
    flocculent = np.exp(0.4 * noise - 0.32) - 1  # the noise has a variance of 4
    start = 0.8 * galaxy.bar_length if galaxy.bar_fraction else 0.5  # arms start where the bar ends
    contrast = galaxy.arm_contrast * (1 - np.exp(-((radius / start) ** 3)))
    return contrast * ((1 - galaxy.flocculence) * grand_design + galaxy.flocculence * flocculent)


def surface_brightness(galaxy: Galaxy, grid: Grid) -> dict[str, np.ndarray]:
    """Transforms of a galaxy's components before the optics; their fluxes add up to about 1.

    Returns
    -------
    Complex arrays of shape (P, P // 2 + 1): `bulge`, `disc`, `arms` (light moved from between the arms into them) and
    `bar`; and `lens`, not a component: the light of the bar spread evenly over the disc that it sweeps.
    """
    from scipy.fft import rfft2

    def component(profile: np.ndarray, flux: float) -> np.ndarray:
        return rfft2(profile * (flux / float(profile.sum())))

    kpc = galaxy.arcsec_per_kpc
    major, minor = rotate(grid.x, grid.y, galaxy.position_angle)
    # Softening by half a pixel stands in for the mean of the cusp over its pixel.
    radius = np.sqrt(major**2 + (minor / galaxy.bulge_axis_ratio) ** 2 + (0.5 * grid.scale) ** 2)
    radius /= galaxy.bulge_radius * kpc
    profile = np.exp(-sersic_b(galaxy.bulge_sersic) * radius ** (1 / galaxy.bulge_sersic))
    light = {"bulge": component(profile, galaxy.bulge_fraction)}
    if galaxy.bulge_fraction == 1:
        return light

    # A thick disc is the thin one, projected, and smeared along its minor axis by the vertical profile.
    scale, tilt = galaxy.disc_scale * kpc, math.cos(galaxy.inclination)
    k_major, k_minor = rotate(grid.kx, grid.ky, galaxy.position_angle)
    height = math.pi**2 * scale * galaxy.disc_thickness * math.sin(galaxy.inclination) * np.abs(k_minor) + 1e-6
    sech2, lane = (h / np.sinh(np.minimum(h, 50)) for h in (height, 0.45 * height))
    thickness = (sech2 - galaxy.dust_lane * lane) / (1 - galaxy.dust_lane)
    # Half of a bar's light was swept from the disc (the "star formation desert" of James & Percival 2018).
    flux = 1 - galaxy.bulge_fraction - 0.5 * galaxy.bar_fraction
    centre = -float(grid.x[0, 0])
    light["disc"] = flux * exponential(k_major, k_minor, scale, tilt) * thickness * shift(grid, centre, centre)

    tilt = max(tilt, 0.1)  # thinner than a pixel
    major, minor = major / scale, minor / (tilt * scale)  # in the plane of the disc, in scale lengths
    radius = np.hypot(major, minor) + 1e-3
    if galaxy.arm_contrast:
        density = flux * grid.scale**2 / (2 * math.pi * tilt * scale**2)
        arms = np.exp(-radius) * arm_pattern(galaxy, radius, np.arctan2(minor, major))
        light["arms"] = rfft2(density * arms) * thickness
    if galaxy.bar_fraction:
        along, across = rotate(major, minor, galaxy.bar_angle)
        for name, bar_radius in (("bar", np.hypot(along, across / galaxy.bar_axis_ratio)), ("lens", radius)):
            fall = (1.3 / galaxy.bar_length * bar_radius) ** 3
            # Relative to the brightest pixel, as a bar much narrower than a pixel would have no light in any.
            profile = np.exp(fall.min() - fall)
            light[name] = component(profile, galaxy.bar_fraction) * thickness
        light["disc"] -= 0.5 * light["lens"]
    return light


def neighbours(grid: Grid, faintest: float, rng: np.random.Generator) -> np.ndarray:
    """Transforms in g, r, i of the other galaxies and stars in the field, before the optics: (3, P, P // 2 + 1)."""
    width = grid.x.size * grid.scale
    light = np.zeros((3, grid.ky.size, grid.kx.size), np.complex64)
    # Per square arcmin to r = 22, at high galactic latitude: 5 galaxies with counts as 10^(0.4 r) (Yasuda et al. 2001),
    # 2.5 stars with counts as 10^(0.2 r).
    for density, slope, star in ((5.0, 0.4, False), (2.5, 0.2, True)):
        for _ in range(rng.poisson((width / 60) ** 2 * density * 10 ** (slope * (faintest - 22)))):
            magnitude = max(faintest + math.log10(1 - rng.random()) / slope, 13.5)
            if star:
                dwarf = rng.random() < 0.12 * (magnitude - 15.5)  # M dwarfs are faint
                colour = rng.normal(1.4, 0.08) if dwarf else rng.uniform(0.2, 0.9)
                reach, profile = 0.0, 1.0
            else:
                colour = rng.normal(0.75, 0.25)
                scale = 0.35 * 10 ** (0.12 * (22 - magnitude)) * rng.lognormal(0, 0.3)
                reach = min(3 * scale, width / 3)  # keeps its halo from wrapping round
                along, across = rotate(grid.kx, grid.ky, rng.uniform(0, math.pi))
                profile = exponential(along, across, scale, rng.uniform(0.3, 1))
            source = profile * shift(grid, rng.uniform(reach, width - reach), rng.uniform(reach, width - reach))
            light += band_fluxes(magnitude, colour)[:, None, None] * source.astype(np.complex64)
    return light


def band_fluxes(magnitude: float, colour: float) -> np.ndarray:
    """Fluxes in g, r, i of a source of this r magnitude and g - r, on the locus of stars and galaxies in SDSS."""
    magnitudes = np.array([magnitude + colour, magnitude, magnitude - (0.6 * colour - 0.1)])
    return np.float32(10 ** (-0.4 * (magnitudes - 22.5)))


def stretch(gri: np.ndarray) -> np.ndarray:
    """SDSS colours (Lupton et al. 2004), of (3, P, P) surface brightness: uint8 (P, P, 3).

    The mean of the bands is stretched by an asinh, their ratios stay. The constants give the sky, the profiles and the
    colours that galaxies have in the images of the release.
    """
    rgb = np.moveaxis(gri[::-1], 0, -1) * np.float32([0.86, 1.0, 1.37]) + np.float32(0.004)
    mean = np.maximum(np.abs(rgb.mean(axis=-1, keepdims=True)), 1e-3)
    return np.uint8(np.clip(rgb * (0.155 * np.arcsinh(10 * mean) / mean), 0, 1) * 255)


def render(galaxy: Galaxy, image_size: int, rng: np.random.Generator) -> tuple[np.ndarray, Visibility]:
    """Observe a galaxy, with noise and neighbours, and show it as the survey's web page would.

    It is drawn at the resolution of the camera whatever the `image_size`, to which it is then resized.

    Returns
    -------
    uint8 (image_size, image_size, 3), and what can be seen in it.
    """
    from PIL import Image
    from scipy.fft import irfft2

    grid = field_of_view(galaxy)
    inside = slice(grid.margin, -grid.margin)
    per_pixel = (PIXEL / grid.scale) ** 2
    transfer = optics(galaxy, grid) * per_pixel

    def image(transform: np.ndarray) -> np.ndarray:
        return irfft2(transform * transfer, (grid.y.size, grid.x.size))[..., inside, inside]

    light = surface_brightness(galaxy, grid)
    components = {"bulge": galaxy.bulge_colour, "disc": galaxy.disc_colour, "arms": galaxy.arm_colour}
    components = {name: colour for name, colour in (components | {"bar": galaxy.bulge_colour}).items() if name in light}
    # Neighbours that have less than 1 % of the galaxy's light, or vanish in the noise, are left out.
    bands = neighbours(grid, min(galaxy.magnitude + 5, 21.5), rng)
    for name, colour in components.items():
        bands += band_fluxes(galaxy.magnitude, colour)[:, None, None] * light[name]
    gri = image(bands)
    variance = (SKY_NOISE[:, None, None] ** 2 + np.maximum(gri, 0) / ELECTRONS) * per_pixel
    picture = Image.fromarray(stretch(gri + rng.standard_normal(gri.shape, np.float32) * np.sqrt(variance)))
    picture = np.asarray(picture.resize((image_size, image_size), Image.Resampling.BICUBIC))

    flux = float(band_fluxes(galaxy.magnitude, 0.0)[1])
    whole = flux * image(sum(light[name] for name in components))
    arms = flux * image(light["arms"]) if "arms" in light else np.zeros_like(whole)
    bar = flux * image(light["bar"] - light["lens"]) if "bar" in light else np.zeros_like(whole)
    return picture, visibility(galaxy, grid, whole, arms, bar)


def visibility(galaxy: Galaxy, grid: Grid, whole: np.ndarray, arms: np.ndarray, bar: np.ndarray) -> Visibility:
    """Measure noise-free r images: of the whole galaxy, of what arms add to it, and of what the bar adds."""
    inside = slice(grid.margin, -grid.margin)
    major, minor = rotate(grid.x[:, inside], grid.y[inside], galaxy.position_angle)
    elliptical_radius = np.hypot(major, minor / galaxy.axis_ratio)
    # Bright light is judged by ratios; faint light drowns in the noise, for which two sigma of a pixel stand.
    background = np.hypot(whole, 2 * SKY_NOISE[1])

    def contrast(feature: np.ndarray, extent: float) -> float:
        # At least the pixel in the middle: a disc seen edge-on can pass between the centres of pixels.
        area = elliptical_radius <= max(extent, galaxy.psf_fwhm, elliptical_radius.min())
        return math.sqrt(np.mean((feature / background)[area] ** 2))

    # Moments of the area that stands out from the noise.
    area = (whole / background) ** 2
    shape = math.sqrt(np.sum(area * minor**2) / np.sum(area * major**2))
    aperture = np.hypot(major, minor) < galaxy.petro_radius
    pixels = (grid.scale / PIXEL) ** 2  # of the camera, per pixel
    signal = float(whole[aperture].sum()) * pixels
    noise = math.sqrt(float(aperture.sum()) * pixels * float(SKY_NOISE[1]) ** 2 + signal / ELECTRONS)
    return Visibility(
        arm_visibility=contrast(arms, galaxy.petro_radius),
        bar_visibility=contrast(bar, 1.2 * galaxy.bar_length * galaxy.disc_scale * galaxy.arcsec_per_kpc),
        apparent_axis_ratio=min(shape, 1 / shape),
        resolution=galaxy.petro_radius / galaxy.psf_fwhm,
        signal_to_noise=signal / noise,
    )


def detection(contrast: float, threshold: float, slope: float) -> float:
    """Probability of seeing a feature: logistic in the logarithm of its contrast, 1/2 at the threshold."""
    return contrast**slope / (contrast**slope + threshold**slope)


def vote_probabilities(seen: Visibility) -> dict[str, float]:
    """The true probability of the positive answer to each question, by what the image shows.

    Psychometric functions, with guesses and lapses (Wichmann & Hill 2001). `rho_smooth` and `rho_artifact` are shares
    of all volunteers, `rho_edge_on` of those who saw features, `rho_bar` and `rho_spiral` of those who saw a disc that
    is not edge-on.
    """
    arms = detection(seen.arm_visibility, 0.14, 2.8)
    # A bar is told by its shape in the plane of the disc, which a tilt hides.
    bar = detection(seen.bar_visibility * seen.apparent_axis_ratio, 0.12, 3.0)
    flat = 1 / (1 + math.exp((seen.apparent_axis_ratio - 0.33) / 0.08))
    edge_on = 1 / (1 + math.exp((seen.apparent_axis_ratio - 0.30) / 0.04))
    # Featured to whoever sees any one feature; but a flat galaxy can pass for a smooth, cigar-shaped one.
    featured = 0.09 + 0.89 * (1 - (1 - arms) * (1 - 0.8 * bar) * (1 - 0.6 * flat))
    artifact = 0.035 + 0.15 * math.exp(-seen.resolution)  # barely resolved galaxies pass for stars
    return {
        "rho_smooth": (1 - artifact) * (1 - featured),
        "rho_artifact": artifact,
        "rho_edge_on": 0.04 + 0.92 * edge_on,
        "rho_bar": 0.08 + 0.88 * bar,
        "rho_spiral": 0.12 + 0.84 * detection(seen.arm_visibility, 0.08, 3.0),
    }


def scattered(probabilities: Sequence[float], over_dispersion: float, rng: np.random.Generator) -> np.ndarray:
    """Probabilities of answers to one question about one galaxy, as its volunteers happen to see it.

    Drawn from a Dirichlet distribution about those given, such that the answers of two volunteers are correlated by
    `over_dispersion`. 0 leaves them as they are.
    """
    if not over_dispersion:
        return np.asarray(probabilities)
    return rng.dirichlet(np.asarray(probabilities) * (1 / over_dispersion - 1))


def cast_votes(rho: dict[str, float], rng: np.random.Generator, over_dispersion: float = 0.0) -> dict[str, int]:
    """Votes of one galaxy's volunteers down the decision tree, by column of the release.

    The first question's N is 43 +- 5, and under 36 for a tenth of the galaxies, as in the release; each later question
    goes to those whose answers lead there.
    """
    volunteers = int(np.clip(np.rint(rng.normal(42.7, 5.4)), 20, 70))
    smooth, artifact = rho["rho_smooth"], rho["rho_artifact"]

    def answers(number: int, *probabilities: float) -> list[int]:
        return rng.multinomial(number, scattered(probabilities, over_dispersion, rng)).tolist()

    def yes(number: int, probability: float) -> int:
        return int(rng.binomial(number, scattered((probability, 1 - probability), over_dispersion, rng)[0]))

    smooth, featured, artifact = answers(volunteers, smooth, 1 - smooth - artifact, artifact)
    edge_on = yes(featured, rho["rho_edge_on"])
    face_on = featured - edge_on
    bar, spiral = yes(face_on, rho["rho_bar"]), yes(face_on, rho["rho_spiral"])
    return {
        "total_classifications": volunteers,
        "total_votes": volunteers + featured + 2 * face_on,
        "t01_smooth_or_features_a01_smooth_count": smooth,
        "t01_smooth_or_features_a02_features_or_disk_count": featured,
        "t01_smooth_or_features_a03_star_or_artifact_count": artifact,
        "t02_edgeon_a04_yes_count": edge_on,
        "t02_edgeon_a05_no_count": face_on,
        "t03_bar_a06_bar_count": bar,
        "t03_bar_a07_no_bar_count": face_on - bar,
        "t04_spiral_a08_spiral_count": spiral,
        "t04_spiral_a09_no_spiral_count": face_on - spiral,
    }


def expert_class(galaxy: Galaxy, seen: Visibility, rng: np.random.Generator) -> str | None:
    """The bar in the words of Nair & Abraham 2010: none, weak, intermediate or strong; None if they did not look.

    They have time for half of the galaxies, and look for bars in discs inclined by less than 60 degrees.
    """
    chosen, found = rng.random(2)
    if galaxy.morphology == "elliptical" or galaxy.inclination > math.radians(60) or chosen > 0.5:
        return None
    # Experts need half the contrast that volunteers need. There a fifth of the volunteers see the bar, as they do the
    # weak bars of Nair & Abraham (Masters et al. 2012). Looking twice, experts are steadier, and seldom wrong.
    if found > 0.01 + 0.97 * detection(seen.bar_visibility * seen.apparent_axis_ratio, 0.06, 6.0):
        return "none"
    # A strong bar dominates, a weak one adds little; a typical one has a tenth of the light (Gadotti 2011).
    return "weak" if galaxy.bar_fraction < 0.1 else "intermediate" if galaxy.bar_fraction < 0.2 else "strong"


def observe(
    number: int, seed: int, image_size: int, images: Path, over_dispersion: float
) -> tuple[dict, dict, str | None]:
    """Write the image of galaxy `number`; return its rows of the catalogue and of the truth, and the experts' class."""
    from PIL import Image

    key = ("survey", seed, number)
    galaxy = draw_galaxy(generator(*key, "galaxy"))
    picture, seen = render(galaxy, image_size, generator(*key, "image"))
    Image.fromarray(picture).save(images / f"{number + 1}.jpg", quality=90)
    rho = vote_probabilities(seen)
    position = generator(*key, "position")
    row = {
        "dr7objid": 587722981736120320 + number,
        "ra": round(position.uniform(120, 240), 5),  # the northern galactic cap, more or less
        "dec": round(math.degrees(math.asin(position.uniform(0, math.sin(math.radians(60))))), 5),
        "sample": "original",
        **cast_votes(rho, generator(*key, "votes"), over_dispersion),
        "redshift": round(galaxy.redshift, 5),
        "petro_mag_r": round(galaxy.magnitude, 3),
        "axis_ratio": round(galaxy.axis_ratio, 3),
        "petro_radius_arcsec": round(galaxy.petro_radius, 3),
        "log_stellar_mass": round(galaxy.log_stellar_mass, 3),
    }
    truth = {"id": str(row["dr7objid"]), **rho, **seen._asdict(), **galaxy._asdict()}
    return row, truth, expert_class(galaxy, seen, generator(*key, "experts"))


def simulate_survey(
    galaxies: int, image_size: int, seed: int, output: str | Path, workers: int = 1, over_dispersion: float = 0.0
) -> None:
    """Write a survey in the layout of the Galaxy Zoo 2 release.

    Two files go beside it: the truth behind it (`truth.parquet`), and experts' classes of the bars of some galaxies
    (`experts.csv`: dr7objid, class). Galaxy i depends on `seed` and i alone. What volunteers and experts say of it does
    not depend on the image size. The catalogue is written last, when the images are on the disk.

    Parameters
    ----------
    galaxies
        Their number.
    image_size
        Pixels on a side; 424 in the release. The field of view is the same.
    seed
        Names the survey.
    output
        The folder to write to.
    workers
        Processes; they do not change the result.
    over_dispersion
        Correlation of the answers that volunteers give on one galaxy, beyond what its image tells: at least 0, below 1.

    Raises
    ------
    InputError
        One of the numbers is too small.
    """
    import pyarrow as pa

    for name, value, least in (("galaxies", galaxies, 1), ("image size", image_size, 16), ("workers", workers, 1)):
        if value < least:
            raise InputError(f"simulated survey: {name} {value} is too small, give at least {least}")
    output = Path(output)
    images = output / "images_gz2" / "images"
    images.mkdir(parents=True, exist_ok=True)
    task = partial(observe, seed=seed, image_size=image_size, images=images, over_dispersion=over_dispersion)
    with ProcessPoolExecutor(workers, initializer=_end_with_parent) as pool:
        rows, truths, classes = zip(*pool.map(task, range(galaxies), chunksize=16), strict=True)
    os.sync()  # thousands of images: one by one, this would take longer than drawing them
    tables.write(pa.Table.from_pylist(list(truths)), output / "truth.parquet")
    mapping = [{"objid": row["dr7objid"], "sample": row["sample"], "asset_id": i + 1} for i, row in enumerate(rows)]
    write_csv(mapping[0], mapping, output / "gz2_filename_mapping.csv")
    experts = [{"dr7objid": row["dr7objid"], "class": of} for row, of in zip(rows, classes, strict=True) if of]
    write_csv(("dr7objid", "class"), experts, output / "experts.csv")
    write_csv(rows[0], rows, output / "gz2_hart16.csv")


def _end_with_parent() -> None:
    """Let this worker end when the process that started it does, even if that is killed, and not wait for ever."""

    def wait() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def write_csv(columns: Collection[str], rows: Sequence[dict], path: Path) -> None:
    """Write rows that have these columns."""
    with tables.whole_file(path) as partial_file, partial_file.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
