"""The page in a real browser: by mouse, by keys, on a phone."""

import re
import shutil
from contextlib import contextmanager

import pytest

from activezoo.live import server
from activezoo.live.server import Page
from activezoo.live.store import Store, database
from made_up_asks import running, write_ask

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox needs rights that containers lack; the pages are our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Site:
    """A page that is served, and browsers of people who follow their invitations."""

    def __init__(self, results, url, chromium):
        self.store, self.url, self.chromium = Store(database(results)), url, chromium
        self.errors = []

    @contextmanager
    def visitor(self, name, administrator=False, **device):
        context = self.chromium.new_context(**device)
        context.set_default_timeout(20_000)
        shown = context.new_page()
        shown.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        shown.on("pageerror", lambda error: self.errors.append(str(error)))
        shown.goto(f"{self.url}/join#{self.store.invite(name, administrator)}")
        shown.keyboard.press("Enter")  # the focus is on the button
        shown.wait_for_selector("#answers")
        shown.wait_for_load_state()  # its style sheet, too
        yield shown
        context.close()

    def votes(self):
        return [vote[:4] for vote in self.store.votes(0)]


@pytest.fixture
def site(tmp_path, monkeypatch, chromium):
    monkeypatch.setattr(server, "STRANGERS", 1000)
    write_ask(tmp_path / "survey/asks/ask_0", galaxies=12)
    with running(Page(tmp_path / "survey", requests_per_second=1000)) as url:
        site = Site(tmp_path / "survey", url, chromium)
        yield site
        site.store.close()
    assert site.errors == []


def galaxy(shown):
    return shown.locator("#answers [name=galaxy]").input_value()


def wait_for(shown, id, question):
    """Until the galaxy and the question are shown, with the image."""
    shown.wait_for_function(
        """([id, question]) => {
          const [form, image] = [document.querySelector("#answers"), document.querySelector("#image img")];
          return form && form.galaxy.value === id && form.question.value === question && image.complete;
        }""",
        arg=[id, question],
    )


def test_ten_galaxies_by_mouse(site):
    with site.visitor("Ann") as shown:
        for number in range(10):
            wait_for(shown, f"g{number}", "smooth")
            shown.get_by_role("button", name="smooth", exact=True).click()
        wait_for(shown, "g10", "smooth")
        assert "You: 10 galaxies" in shown.locator("footer").inner_text()
        assert shown.evaluate("document.querySelector('#image img').naturalWidth") == 32
    assert len(site.votes()) == 10


def test_ten_galaxies_down_the_tree_by_keys_alone(site):
    with site.visitor("Ann") as shown:
        for number in range(10):
            wait_for(shown, f"g{number}", "smooth")
            shown.keyboard.press("2")
            wait_for(shown, f"g{number}", "bar")
            assert shown.evaluate("document.activeElement.id") == "question"  # which a screen reader reads
            shown.keyboard.press("1" if number % 2 else "2")
        wait_for(shown, "g10", "smooth")
        shown.keyboard.press("0")
        wait_for(shown, "g11", "smooth")
        # Tab reaches the answers, too, and Enter gives one.
        for _ in range(20):
            shown.keyboard.press("Tab")
            if shown.evaluate("document.activeElement.value") == "artifact":
                break
        shown.keyboard.press("Enter")
        shown.get_by_role("heading", name="No galaxy wants you now").wait_for()
    votes = site.votes()
    assert len(votes) == 21
    assert ("g1", "bar", "Ann", "bar") in votes
    assert ("g2", "bar", "Ann", "no bar") in votes
    assert ("g11", "smooth", "Ann", "artifact") in votes
    assert not [vote for vote in votes if vote[0] == "g10"]


def test_undo_and_a_reload_in_the_middle(site):
    with site.visitor("Ann") as shown:
        wait_for(shown, "g0", "smooth")
        shown.keyboard.press("2")
        wait_for(shown, "g0", "bar")
        shown.reload()
        wait_for(shown, "g0", "bar")
        assert shown.locator(".path").inner_text() == "featured"
        shown.keyboard.press("1")
        wait_for(shown, "g1", "smooth")
        shown.keyboard.press("u")
        wait_for(shown, "g0", "bar")
        shown.get_by_role("button", name="Undo").click()
        wait_for(shown, "g0", "smooth")
        shown.keyboard.press("u")
        shown.get_by_text("There is no answer to undo.").wait_for()
        wait_for(shown, "g0", "smooth")
        shown.keyboard.press("1")
        wait_for(shown, "g1", "smooth")
    site.errors = [error for error in site.errors if "409" not in error]
    assert site.votes() == [("g0", "smooth", "Ann", "smooth")]


def test_two_people_at_once(site):
    with site.visitor("Ann") as ann, site.visitor("Bob") as bob, site.visitor("Cem") as cem:
        assert [galaxy(shown) for shown in (ann, bob, cem)] == ["g0", "g0", "g1"]
        ann.keyboard.press("1")
        bob.keyboard.press("3")
        wait_for(ann, "g1", "smooth")
        wait_for(bob, "g2", "smooth")
    assert site.votes() == [("g0", "smooth", "Ann", "smooth"), ("g0", "smooth", "Bob", "artifact")]


def test_zoom_and_inversion_stay_from_galaxy_to_galaxy(site):
    with site.visitor("Ann") as shown:
        width = "document.querySelector('#image img').clientWidth / document.querySelector('#image').clientWidth"
        shown.wait_for_function(f"{width} > 0")  # the image has come
        assert shown.evaluate(width) == pytest.approx(1, abs=0.05)
        shown.keyboard.press("z")
        shown.keyboard.press("i")
        shown.keyboard.press("1")
        wait_for(shown, "g1", "smooth")
        assert shown.evaluate(width) == pytest.approx(2, abs=0.05)
        assert "invert" in shown.evaluate("getComputedStyle(document.querySelector('#image img')).filter")
        assert shown.get_by_role("button", name="Invert").get_attribute("aria-pressed") == "true"
        shown.get_by_role("group", name="Image of the galaxy").click()
        assert shown.evaluate(width) == pytest.approx(4, abs=0.1)


def test_keys_can_be_turned_off(site):
    with site.visitor("Ann") as shown:
        shown.get_by_label("Keys").uncheck()
        shown.keyboard.press("1")
        shown.reload()
        assert not shown.get_by_label("Keys").is_checked()
        assert galaxy(shown) == "g0"
    assert site.votes() == []


def test_a_phone_shows_image_and_answers_without_scrolling_sideways(site):
    with site.visitor("Ann", **PHONE) as shown:
        for question in ("smooth", "bar"):
            wait_for(shown, "g0", question)
            assert shown.evaluate("document.documentElement.scrollWidth") <= 390
            answers = shown.locator("#answers button").all()
            for button in answers:
                box = button.bounding_box()
                assert box["height"] >= 44
                assert box["y"] + box["height"] <= shown.locator("footer").bounding_box()["y"]
            answers[1].tap()
        wait_for(shown, "g1", "smooth")
    assert len(site.votes()) == 2


def luminance(color):
    channels = [int(value) / 255 for value in re.findall(r"\d+", color)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_all_text_has_contrast_and_all_controls_a_name(site, scheme):
    with site.visitor("Ann", color_scheme=scheme) as shown:
        texts = shown.evaluate(
            """() => [...document.querySelectorAll("header *, main *, footer *")].filter(element =>
                [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
                && element.getClientRects().length).map(element => {
              let back = element;
              const clear = () => /, 0\\)|transparent/.test(getComputedStyle(back).backgroundColor);
              while (back && clear()) back = back.parentElement;
              return [element.textContent, getComputedStyle(element).color,
                      getComputedStyle(back || document.body).backgroundColor];
            })"""
        )
        assert len(texts) > 10
        for text, color, back in texts:
            dark, light = sorted([luminance(color), luminance(back)])
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, color, back)
        names = shown.locator("button, input:visible, progress").evaluate_all(
            "all => all.map(of => of.innerText || of.labels?.[0]?.innerText || of.ariaLabel)"
        )
        assert all(names)
        assert shown.locator("h1").count() == 1
        assert shown.title() == shown.locator("h1").inner_text()


def test_the_administrator_closes_an_ask_after_a_question(site):
    with site.visitor("Ann") as ann, site.visitor("Chief", administrator=True) as chief:
        ann.keyboard.press("1")
        wait_for(ann, "g1", "smooth")
        chief.get_by_role("link", name="Administration").click()
        chief.once("dialog", lambda dialog: dialog.dismiss())
        chief.get_by_role("button", name="Close").click()
        assert chief.get_by_role("heading", name="Ask 0 is open").is_visible()
        chief.once("dialog", lambda dialog: dialog.accept())
        chief.get_by_role("button", name="Close").click()
        chief.get_by_role("heading", name="Ask 0 is closed").wait_for()
        ann.keyboard.press("1")
        ann.get_by_role("heading", name="There are no galaxies now").wait_for()
        assert "Ask 0 is closed." in ann.locator("#notice").inner_text()
    site.errors = [error for error in site.errors if "409" not in error]
