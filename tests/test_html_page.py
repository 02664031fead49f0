"""The HTML page: one file, with all that the Markdown pages show."""

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from activezoo import cli
from activezoo.errors import InputError
from activezoo.report import html_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

RESULTS = """# Active learning on Tom & <i>Jerry</i>_2

smooth: BALD needed 23 % fewer labels (1,466 against 608).

See the [posteriors](posteriors.md), or [the paper](https://arxiv.org/abs/1905.07424).

## smooth

| strategy | saving | interval | labels |
| --- | --- | --- | --- |
| BALD | 31 % | 12 to 20 % | 1,352 |
| random | −8 % | 9 to 64 % | 510 |
| entropy | at least 100 % |  | ∞ |
| x<script>alert(1)</script> | not defined | 12 to 3 % | 96 |

All numbers: [savings](smooth/savings.csv), [all](smooth/large.csv), [records](provenance).

### Learning curves

![Curves <b>"a" & b</b>](figures/smooth/learning%20curves.png)

![A gallery](figures/smooth/gallery.png)
"""
POSTERIORS = "# Posteriors\n\n## smooth\n\n![Curves](figures/smooth/learning%20curves.png)\n"


class Tags(HTMLParser):
    """Tags of a page with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture
def folder(tmp_path):
    """Markdown pages with what they show."""
    rng = np.random.default_rng(1)
    figures = tmp_path / "figures/smooth"
    figures.mkdir(parents=True)
    drawn = np.full((200, 300, 3), 255, np.uint8)
    drawn[50:60] = 0
    Image.fromarray(drawn).save(figures / "learning curves.png")
    noise = rng.normal(0, 12, (300, 200, 3)) + np.linspace(50, 200, 200)[:, None]
    Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(figures / "gallery.png")
    (tmp_path / "smooth").mkdir()
    (tmp_path / "smooth/savings.csv").write_text("strategy,saving\nBALD,0.31\n")
    (tmp_path / "smooth/large.csv").write_text("0\n" * html_page.TABLE_LIMIT)
    (tmp_path / "README.md").write_text(RESULTS)
    (tmp_path / "posteriors.md").write_text(POSTERIORS)
    (tmp_path / "headline.txt").write_text(RESULTS.split("\n\n")[1] + "\n")
    return tmp_path


@pytest.fixture
def page(folder):
    html = folder / "results.html"
    pages = [f"--pages={folder / name}" for name in ("README.md", "posteriors.md")]
    assert cli.main(["html_page", *pages, f"--headline={folder / 'headline.txt'}", f"--html={html}"]) == 0
    return html.read_text()


def test_the_page_asks_for_no_other_file(page):
    tags = Tags(page)
    names = {"src", "srcset", "href", "data", "action", "poster", "background"}
    values = [(tag, value) for tag, attributes in tags.tags for name, value in attributes.items() if name in names]
    assert {tag for tag, _ in values} == {"a", "img"}
    ids = {attributes["id"] for _, attributes in tags.tags if "id" in attributes}
    for tag, value in values:
        assert value.startswith("data:") or (
            tag == "a" and (value[1:] in ids or value == "https://arxiv.org/abs/1905.07424")
        )
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style


def test_every_figure_is_there_without_visible_loss(page, folder):
    curves, gallery, again = Tags(page).of("img")
    assert curves["alt"] == 'Curves <b>"a" & b</b>'
    assert again["src"] == curves["src"]
    for shown, name, error in ((curves, "learning curves", 0), (gallery, "gallery", 12)):
        with (
            urlopen(shown["src"]) as content,
            Image.open(content) as image,
            Image.open(folder / f"figures/smooth/{name}.png") as original,
        ):
            assert (int(shown["width"]), int(shown["height"])) == image.size == original.size
            difference = np.subtract(image.convert("RGB"), original, dtype=float)
        assert np.abs(difference).mean() <= error


def test_text_is_text_and_the_headline_is_large(page):
    tags = Tags(page)
    assert not [tag for tag in ("i", "b") if tags.of(tag)]
    assert len(tags.of("script")) == 1
    assert "<title>Active learning on Tom &amp; &lt;i&gt;Jerry&lt;/i&gt;_2</title>" in page
    assert "<script>alert(1)</script>" in tags.text
    assert re.findall(r'<p class="headline">(.*?)</p>', page) == [RESULTS.split("\n\n")[1]]


def test_headings_are_in_the_contents(page):
    contents = re.findall(r'<li class="(h.)"><a href="#(.*?)">(.*?)</a>', page)
    assert [(tag, text) for tag, _, text in contents][1:] == [
        ("h2", "smooth"),
        ("h3", "Learning curves"),
        ("h1", "Posteriors"),
        ("h2", "smooth"),
    ]
    for tag, anchor, text in contents:
        assert f'<{tag} id="{anchor}">{text}</{tag}>' in page


def test_small_tables_can_be_saved_and_other_files_are_named(page, folder):
    (saved,) = (link for link in Tags(page).of("a") if "download" in link)
    assert saved["download"] == "smooth_savings.csv"
    assert base64.b64decode(saved["href"].partition("base64,")[2]) == (folder / "smooth/savings.csv").read_bytes()
    assert f"all (<code>{folder / 'smooth/large.csv'}</code>)" in page
    assert f"records (<code>{folder / 'provenance'}</code>)" in page
    assert '<a href="#posteriors">posteriors</a>' in page


def test_a_page_alone_gives_the_path_of_the_other(folder):
    assert f"posteriors (<code>{folder / 'posteriors.md'}</code>)" in html_page.page([folder / "README.md"])


def test_many_figures_are_made_smaller(folder, monkeypatch):
    large = len(html_page.page([folder / "README.md"]))
    monkeypatch.setattr(html_page, "FIGURES_LIMIT", 10_000)
    small = len(html_page.page([folder / "README.md"]))
    assert small < large / 2


def test_a_figure_of_very_many_rows_is_made_smaller(folder):
    Image.new("RGB", (40, 20_000)).save(folder / "figures/smooth/gallery.png")
    shown = Tags(html_page.page([folder / "README.md"])).of("img")[1]
    assert int(shown["height"]) == 16_383


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_a_figure_that_cannot_be_shown_is_named(folder, content):
    figure = folder / "figures/smooth/gallery.png"
    figure.unlink()
    if content is not None:
        figure.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(figure))):
        html_page.page([folder / "README.md"])


# In the browser: click on each header once and again, then on a figure.
CLICKS = """<script>{
const first = () => [...document.querySelectorAll("tbody tr")].map(row => row.textContent.trim()[0]).join("");
const order = {};
for (const button of document.querySelectorAll("th button")) {
  for (const click of ["up", "down"]) {
    button.click();
    order[`${button.textContent} ${click}`] = first();
  }
}
document.querySelector(".figure").click();
const enlarged = dialog.open && dialog.firstElementChild.src === document.querySelector("main img").src;
const sorted = document.querySelectorAll("[aria-sort]").length;
const found = document.createElement("pre");
found.textContent = JSON.stringify({order, enlarged, sorted});
document.body.append(found);
}</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium, in which the page is tried, is not here")
def test_tables_sort_and_figures_grow_in_a_browser(page, tmp_path):
    (tmp_path / "clicked.html").write_text(page.replace("</body>", CLICKS))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'chromium'}", "--dump-dom"]
    done = subprocess.run(
        [CHROMIUM, *options, (tmp_path / "clicked.html").as_uri()], capture_output=True, text=True, timeout=120
    )
    found = re.findall(r"<pre>(.*?)</pre>", done.stdout)
    assert found, done.stdout[-2000:] + done.stderr
    assert json.loads(found[0]) == {
        "order": {
            "strategy up": "Berx",
            "strategy down": "xreB",
            "saving up": "rBex",
            "saving down": "xeBr",
            "interval up": "rxBe",
            "interval down": "Bxre",  # what is empty stays last
            "labels up": "xrBe",
            "labels down": "eBrx",
        },
        "enlarged": True,
        "sorted": 1,
    }
