"""Pictures of the page, for docs/live.md; they take Chromium and Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

DESK = {"viewport": {"width": 900, "height": 560}}
PHONE = {"viewport": {"width": 360, "height": 720}, "has_touch": True, "is_mobile": True}
# Of the palette of a picture, which makes its file small.
COLOURS = 200


@contextmanager
def _opened(address: str, **device) -> Iterator:
    """A page in a browser."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        # The sandbox needs rights that containers lack; the pages are our own.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        shown = browser.new_context(**device).new_page()
        shown.set_default_timeout(120_000)
        shown.goto(address)
        yield shown
        browser.close()


def _take(shown, path: Path, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shown.screenshot(path=path, animations="disabled", **options)
    with Image.open(path) as picture:
        smaller = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    smaller.save(path, optimize=True)


def of_volunteer(link: str, folder: Path) -> None:
    """The page with a galaxy, on a desk in the dark and on a phone in the light."""
    for name, device in (("page", DESK | {"color_scheme": "dark"}), ("phone", PHONE | {"color_scheme": "light"})):
        with _opened(link, **device) as shown:
            shown.get_by_role("button", name="Start").click()
            shown.wait_for_selector("#answers")
            shown.wait_for_function("document.querySelector('#image img').complete")
            _take(shown, folder / f"{name}.png")


def of_administrator(link: str, folder: Path) -> None:
    """The administrator's page."""
    with _opened(link, color_scheme="light", **DESK) as shown:
        shown.get_by_role("button", name="Start").click()
        shown.get_by_role("link", name="Administration").click()
        shown.get_by_role("heading", name="People").wait_for()
        _take(shown, folder / "administrator.png", full_page=True)
