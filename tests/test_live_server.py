"""The page as programs see it: what it answers, and what it refuses."""

import json
import re
import socket
from html.parser import HTMLParser

import httpx
import pytest

from activezoo import cli, tables
from activezoo.errors import InputError
from activezoo.live import limits, server
from activezoo.live.client import Client
from activezoo.live.limits import Rate
from activezoo.live.server import Page, votes_file
from activezoo.live.store import Refused, Store, database
from made_up_asks import QUESTIONS, running, write_ask

SCRIPT = "<script>alert(1)</script>"
JSON = {"Accept": "application/json"}


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "STRANGERS", 1000)
    write_ask(tmp_path / "survey/asks/ask_0")
    return tmp_path / "survey"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(limits, "HEAD_TIMEOUT", 0.3)
    monkeypatch.setattr(limits, "TIMEOUT", 0.6)


@pytest.fixture
def page(results):
    return Page(results, requests_per_second=1000)


@pytest.fixture
def url(page):
    with running(page) as url:
        yield url


@pytest.fixture
def votes(results):
    """The votes that are kept, without their time."""
    store = Store(database(results))
    yield lambda: [vote[:4] for vote in store.votes(0)]
    store.close()


def invitation(page, url, name="Ann", **role):
    store = Store(database(page.results))
    token = store.invite(name, **role)
    store.close()
    return f"{url}/join#{token}"


class Browser:
    """A person whose requests have cookie and form token, unless a test leaves them out."""

    def __init__(self, page, url, name="Ann", **role):
        self.http = httpx.Client(base_url=url, headers=JSON)
        joined = self.http.post("/join", data={"token": invitation(page, url, name, **role).partition("#")[2]})
        self.csrf = joined.json()["csrf"]

    def post(self, path, headers=None, **form):
        return self.http.post(path, data={"csrf": self.csrf} | form, headers=headers)

    def asked(self):
        shown = self.post("/next").json()
        return {name: shown[name] for name in ("ask", "galaxy", "question")}


@pytest.fixture
def ann(page, url):
    return Browser(page, url)


@pytest.fixture
def eve(page, url):
    return Browser(page, url, "Eve")


def test_a_program_answers_as_a_browser_does(page, url, votes):
    client = Client(invitation(page, url, "Ann & Bob"))
    assert client.name == "Ann & Bob"
    shown = client.next()
    assert (shown["state"], shown["galaxy"], shown["question"]) == ("question", "g0", "smooth")
    assert shown["answers"] == QUESTIONS["smooth"]["answers"]
    shown = client.answer(shown, "featured")
    assert (shown["galaxy"], shown["question"], shown["answered"]) == ("g0", "bar", {"smooth": "featured"})
    shown = client.answer(shown, None)
    assert (shown["galaxy"], shown["progress"]["own"]) == ("g1", 1)
    assert client.undo(0)["question"] == "bar"
    with pytest.raises(Refused, match="no answer 'maybe'"):
        client.answer(client.next(), "maybe")
    shown = client.answer(client.next(), "bar")
    for _ in range(2):
        shown = client.answer(shown, "smooth")
    assert shown["state"] == "done"
    assert votes() == [
        ("g0", "bar", "Ann & Bob", "bar"),
        ("g0", "smooth", "Ann & Bob", "featured"),
        ("g1", "smooth", "Ann & Bob", "smooth"),
        ("g2", "smooth", "Ann & Bob", "smooth"),
    ]


def test_a_link_that_is_not_known_is_said(url):
    with pytest.raises(InputError, match="not known"):
        Client(f"{url}/join#abc")


def test_without_javascript_it_is_plain_forms(page, url, votes):
    token = invitation(page, url).partition("#")[2]
    browser = httpx.Client(base_url=url, follow_redirects=True)
    answered = browser.post("/join", data={"token": token})
    for choice in ("featured", "no bar"):
        form = answered.text.partition('<form id="answers"')[2].partition("</form>")[0]
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', form))
        answered = browser.post("/answer", data=fields | {"answer": choice})
        assert answered.status_code == 200
        assert answered.history[0].status_code == 303
    assert votes() == [("g0", "bar", "Ann", "no bar"), ("g0", "smooth", "Ann", "featured")]


# Attacks. Each gets two people who have signed in, and returns the answers to what the second one tries.


def forged_token(ann, eve):
    tokens = ["", "x" * 43, eve.csrf, eve.http.cookies["activezoo-survey"], "' OR 1=1 --", "é" * 43]
    return [eve.http.post("/join", data={"token": token}) for token in tokens]


def forged_session(ann, eve):
    eve.http.cookies.clear()
    cookies = ["", "x" * 43, "' OR 1=1 --", ann.csrf]
    return [eve.http.post("/next", headers={"Cookie": f"activezoo-survey={cookie}"}) for cookie in cookies]


def no_session(ann, eve):
    eve.http.cookies.clear()
    paths = ["/next", "/answer", "/undo", "/leave", "/admin"]
    return [*map(eve.post, paths), *map(eve.http.get, ["/", "/image/0/0", "/admin", "/figure/smooth"])]


def no_form_token(ann, eve):
    return [
        eve.http.post(path, data=eve.asked() | {"answer": "smooth", "csrf": token})
        for path in ("/answer", "/undo", "/next", "/leave")
        for token in ("", "x", ann.csrf, "é")
    ]


def form_as_json(ann, eve):
    return [eve.http.post("/answer", json=eve.asked() | {"answer": "smooth", "csrf": eve.csrf})]


def cross_site_post(ann, eve):
    headers = [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": str(eve.http.base_url).replace("127.0.0.1", "127.0.0.1.evil.example")},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": str(eve.http.base_url).rstrip("/")},
        {"Sec-Fetch-Site": "none"},
    ]
    return [eve.post("/answer", header, **eve.asked(), answer="smooth") for header in headers]


def change_by_get(ann, eve):
    asked = eve.asked() | {"answer": "smooth", "csrf": eve.csrf}
    return [eve.http.get(path, params=asked) for path in ("/answer", "/undo", "/next", "/leave")]


def what_was_not_asked(ann, eve):
    asked = eve.asked()
    changes = [
        {"ask": "7"},
        {"ask": "-1"},
        {"ask": "0 OR 1=1"},
        {"ask": "9" * 5000},
        {"ask": "٣"},
        {"galaxy": "g1"},
        {"galaxy": "g0' OR '1'='1"},
        {"galaxy": "g0\x00"},
        {"galaxy": "'; DROP TABLE votes; --"},
        {"question": "bar"},
        {"question": "smooth' --"},
        {"answer": "Smooth"},
        {"answer": "smooth'); DELETE FROM votes; --"},
    ]
    incomplete = [{name: asked[name] for name in asked if name != left_out} for left_out in asked]
    tried = [asked | {"answer": "smooth"} | change for change in changes]
    return [eve.post("/answer", **form) for form in [*tried, *incomplete, asked]]


def path_traversal(ann, eve):
    eve.asked()
    paths = [
        "/image/0/..%2f..%2f..%2fetc%2fpasswd",
        "/image/..%2f..%2fvotes.sqlite/0",
        "/image/0/%2e%2e",
        "/image/%2fetc%2fpasswd/0",
        "/static/..%2f..%2fserver.py",
        "/static/%2e%2e/page.html",
        "/static/....//base.html",
        "/static/%2fetc/passwd",
        "/figure/..%2f..%2f..%2fetc%2fpasswd",
        "/votes.sqlite",
    ]
    return [eve.http.get(path) for path in paths]


def image_of_another(ann, eve):
    """Galaxies that were not shown to this person, or are none."""
    eve.asked()
    return [
        eve.http.get(f"/image/{place}") for place in ("0/1", "0/2", "0/99", "1/0", "0/-1", f"0/{'9' * 30}", "0/0x0")
    ]


def administration_by_a_volunteer(ann, eve):
    actions = [eve.post("/admin", ask=0, action=action) for action in ("pause", "close", "export")]
    return [eve.http.get("/admin"), eve.http.get("/figure/smooth"), *actions]


def huge_body(ann, eve):
    large, form = b"x" * (limits.LARGEST_BODY + 1), {"content-type": "application/x-www-form-urlencoded"}
    return [
        eve.http.post("/answer", content=large),
        eve.http.post("/join", content=large),
        eve.http.post("/answer", content=iter([large[:9000], large]), headers=form),  # does not say how large it is
    ]


def odd_forms(ann, eve):
    form = {"content-type": "application/x-www-form-urlencoded"}
    parts = {"content-type": "multipart/form-data; boundary=x"}
    return [
        eve.http.post("/answer", content="&".join(f"a{i}=1" for i in range(99)), headers=form),
        eve.http.post("/answer", content="csrf=%ff%fe&ask=%", headers=form),
        eve.http.post("/answer", content="--x\r\nnonsense", headers=parts),
        eve.http.post("/answer", data={"csrf": eve.csrf}, files={"galaxy": b"g0"}),
    ]


ATTACKS = [
    (forged_token, {403}),
    (forged_session, {401}),
    (no_session, {401}),
    (no_form_token, {403}),
    (form_as_json, {403}),
    (cross_site_post, {403}),
    (change_by_get, {405}),
    (what_was_not_asked, {400, 409}),
    (path_traversal, {400, 403, 404}),
    (image_of_another, {400, 404}),
    (administration_by_a_volunteer, {403}),
    (huge_body, {413}),
    (odd_forms, {400, 403}),
]


@pytest.mark.parametrize(("attack", "statuses"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_an_attack_is_refused_and_leaves_no_trace(attack, statuses, ann, eve, votes):
    ann.post("/answer", **ann.asked(), answer="featured")
    before = votes()
    answers = attack(ann, eve)
    assert {answer.status_code for answer in answers} <= statuses, [(str(a.url), a.status_code) for a in answers]
    for answer in answers:
        assert answer.headers["content-security-policy"] == limits.HEADERS["Content-Security-Policy"]
        assert "root:" not in answer.text
    assert votes() == before == [("g0", "smooth", "Ann", "featured")]
    assert ann.post("/next").json()["question"] == "bar"


def test_a_replayed_vote_counts_once(eve, votes):
    asked = eve.asked() | {"answer": "smooth"}
    assert [eve.post("/answer", **asked).status_code for _ in range(3)] == [200, 200, 200]
    assert eve.post("/answer", **asked | {"answer": "featured"}).status_code == 409
    assert votes() == [("g0", "smooth", "Eve", "smooth")]


def test_an_answer_for_another_person_is_ones_own(ann, eve, votes):
    asked = ann.asked()
    eve.asked()
    assert eve.post("/answer", **asked, answer="smooth", person=1, name="Ann").status_code == 200
    assert votes() == [("g0", "smooth", "Eve", "smooth")]


class Scripts(HTMLParser):
    """Scripts of a page that are no files of the server, and attributes that run something."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "script" and dict(attributes).get("src") != "/static/page.js":
            self.found.append(tag)
        self.found += [name for name, value in attributes if name.startswith("on") or "javascript:" in (value or "")]


def test_names_and_questions_are_text_and_no_markup(results, page, url):
    texts = {"text": SCRIPT, "help": SCRIPT, "answers": ['"><img src=x onerror=alert(1)>', SCRIPT], "asked_if": None}
    folder = write_ask(results / "asks/ask_1", 1, galaxy_id=['"><script>', "b", "c"], question=[SCRIPT] * 3)
    (folder / "manifest.json").write_text(json.dumps({"ask": 1, "questions": {SCRIPT: texts}}))
    page.watcher.look()
    browser = Browser(page, url, f'{SCRIPT}" onclick="alert(1)', administrator=True)
    browser.post("/next")
    for path in ("/", "/admin", "/join", "/nothing", f"/admin?ask={SCRIPT}"):
        shown = browser.http.get(path, headers={"Accept": "text/html"})
        assert Scripts(shown.text).found == []
    assert SCRIPT.replace("<", "&lt;").replace(">", "&gt;") in browser.http.get("/", headers={"Accept": "*/*"}).text


def test_every_answer_has_the_headers_that_protect_it(ann):
    for path in ("/", "/join", "/static/page.css", "/nothing", "/image/0/0"):
        headers = ann.http.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    joined = ann.http.post("/join", data={"token": "x"})
    assert "set-cookie" not in joined.headers


def test_the_cookie_is_for_this_site_and_for_no_script(page, url):
    token = invitation(page, url).partition("#")[2]
    cookie = httpx.post(f"{url}/join", data={"token": token}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert token not in cookie


def exchange(url, *parts):
    """All that comes back on one connection, until the server ends it."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        try:
            while more := connection.recv(65536):
                received += more
        except ConnectionResetError:
            pass
    return received


SLOW = [b"", b"POST /answer HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b"]


@pytest.mark.parametrize("head", SLOW, ids=["nothing", "a line", "half a header"])
@pytest.mark.usefixtures("impatient")
def test_a_client_whose_request_does_not_come_is_cut_off(url, head):
    assert exchange(url, head) == b""


def test_a_client_whose_body_does_not_come_is_told_so(ann, impatient):
    cookie = f"activezoo-survey={ann.http.cookies['activezoo-survey']}"
    head = f"POST /answer HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Length: 100\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\ncsrf="
    assert exchange(str(ann.http.base_url), head.encode()).startswith(b"HTTP/1.1 408 ")


def test_a_head_without_end_is_cut_off(url):
    assert exchange(url, b"GET / HTTP/1.1\r\n", b"X-Long: " + b"a" * (2 * limits.LARGEST_HEAD)) == b""


def test_requests_are_counted_by_person_and_those_of_strangers_by_address(results, monkeypatch):
    monkeypatch.setattr(server, "STRANGERS", 0.3)
    page = Page(results, requests_per_second=0.3)
    with running(page) as url:
        browser = Browser(page, url)
        assert {browser.http.get("/").status_code for _ in range(4)} == {200, 429}
        lies = [browser.http.get("/join", headers={"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(8)]
        assert {answer.headers.get("retry-after") for answer in lies if answer.status_code == 429} == {"1"}


def test_a_rate_allows_a_burst_and_then_so_many_a_second():
    now = [0.0]
    rate = Rate(2, clock=lambda: now[0])
    assert [rate.allows("a") for _ in range(21)] == [True] * 20 + [False]
    assert rate.allows("b")
    now[0] = 1
    assert [rate.allows("a") for _ in range(3)] == [True, True, False]


def test_behind_a_proxy_that_is_trusted(results):
    page = Page(results, requests_per_second=1000, root_path="/votes")
    with running(page, trusted_proxy="127.0.0.1") as url:
        token = invitation(page, url).partition("#")[2]
        joined = httpx.post(f"{url}/join", data={"token": token}, headers={"X-Forwarded-Proto": "https"})
        assert joined.headers["location"] == "/votes/"
        assert "Secure" in joined.headers["set-cookie"]
        assert "Path=/votes/" in joined.headers["set-cookie"]
        assert 'action="/votes/join"' in httpx.get(f"{url}/join").text
        assert httpx.get(f"{url}/static/page.css").status_code == 200


def test_an_image_is_shown_to_whom_it_is_for(ann):
    ann.asked()
    image = ann.http.get("/image/0/0")
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert image.content.startswith(b"\x89PNG")


def test_an_image_that_browsers_do_not_show_is_converted_and_a_broken_one_said(results, ann):
    from PIL import Image

    path = results / "images/0.png"
    Image.new("RGB", (8, 8), "red").save(path, "TIFF")
    ann.asked()
    assert ann.http.get("/image/0/0").content.startswith(b"\x89PNG")
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    assert ann.http.get("/image/0/0").status_code == 404
    path.unlink()
    assert ann.http.get("/image/0/0").status_code == 404


def test_an_administrator_pauses_closes_and_exports(results, page, url, ann):
    chief = Browser(page, url, "Chief <1>", administrator=True)
    ann.post("/answer", **ann.asked(), answer="smooth")
    shown = chief.http.get("/admin", headers={"Accept": "text/html"}).text
    assert "Chief &lt;1&gt;" in shown
    assert "1 of 6 looks" in shown
    chief.post("/admin", ask=0, action="pause")
    assert ann.post("/leave").status_code == 303
    late = Browser(page, url, "Late")
    assert late.post("/next").json()["state"] == "paused"
    chief.post("/admin", ask=0, action="resume")
    asked = late.asked()
    chief.post("/admin", ask=0, action="close")
    assert late.post("/answer", **asked, answer="smooth").json() == {"error": "Ask 0 is closed."}
    assert late.post("/next").json()["state"] == "waiting"
    assert tables.read(votes_file(results / "votes", 0)).num_rows == 1
    assert chief.post("/admin", ask=0, action="resume").status_code == 409
    assert chief.post("/admin", ask=0, action="burn").status_code == 400
    assert chief.post("/admin", ask=3, action="close").status_code == 409


def test_an_ask_whose_votes_were_taken_is_closed_and_the_next_one_taken_up(results, page, url, ann):
    ann.post("/answer", **ann.asked(), answer="smooth")
    tables.write({"galaxy_id": ["g0"]}, results / "asks/ask_0/votes.parquet")
    page.watcher.look()
    assert ann.post("/next").json()["state"] == "waiting"
    assert tables.read(votes_file(results / "votes", 0)).num_rows == 1
    write_ask(results / "asks/ask_1", 1)
    page.watcher.look()
    assert ann.asked() == {"ask": 1, "galaxy": "g1", "question": "smooth"}
    write_ask(results / "asks/ask_2", 2, galaxies=0)
    page.watcher.look()
    assert ann.post("/next").json() == {"state": "finished"}


def test_votes_are_written_where_the_workflow_looks_for_them(results, tmp_path):
    page = Page(results, tmp_path / "elsewhere")
    page.watcher.export()
    assert tables.read(tmp_path / "elsewhere/page_ask_0.parquet").num_rows == 0


def test_beside_a_single_table_of_votes_no_other_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("survey: {name: mine}\nlive: {votes: all.csv}")
    assert cli.main(["serve", "--configfile=mine.yaml"]) == 1
    assert "live.votes: all.csv is a table of votes" in capsys.readouterr().err


def test_the_votes_of_a_complete_ask_are_written_at_once(results, page, url):
    for name in ("Ann", "Bob"):
        client = Client(invitation(page, url, name))
        shown = client.next()
        while shown["state"] == "question":
            shown = client.answer(shown, "smooth")
    page.watcher.look()
    assert tables.read(votes_file(results / "votes", 0)).num_rows == 6


def test_a_person_is_invited_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("survey: {name: mine}")
    assert cli.main(["invite", "Ann", "--configfile=mine.yaml", "--url=https://host/votes/"]) == 0
    link, token = capsys.readouterr().out.strip().split("#")
    assert link == "https://host/votes/join"
    store = Store(database(tmp_path / "results/mine"))
    assert store.person(store.sign_in(token)).name == "Ann"
    assert cli.main(["invite", "Ann", "--configfile=mine.yaml"]) == 1
    assert "--renew" in capsys.readouterr().err
    assert cli.main(["invite", "Bob", "--configfile=other.yaml"]) == 1
    assert "other.yaml: no such file" in capsys.readouterr().err
