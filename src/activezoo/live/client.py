"""The page's interface for programs: what a person's browser does, without the browser.

All requests are those of the page's forms; with `Accept: application/json`, the answers are JSON (`Page.state`).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from activezoo.errors import InputError
from activezoo.live.store import Refused

# Seconds, of a request.
TIMEOUT = 30
# What has not been done may be tried again: the server was busy, or not there yet.
RETRY = Retry(connect=5, read=0, status=20, status_forcelist=[429], allowed_methods=None, backoff_factor=0.1)


class Client:
    """A person who answers.

    Parameters
    ----------
    invitation
        The link that `activezoo invite` prints.

    Raises
    ------
    InputError
        The invitation is not known.
    """

    def __init__(self, invitation: str):
        link = urlsplit(invitation)
        self.url = f"{link.scheme}://{link.netloc}{link.path.removesuffix('/join')}"
        self._session = requests.Session()
        self._session.mount(self.url, HTTPAdapter(max_retries=RETRY))
        self._session.headers["Accept"] = "application/json"
        try:
            joined = self._post("join", token=link.fragment)
        except Refused as error:
            raise InputError(f"{self.url}: {error}") from None
        self.name = joined["name"]
        self._session.headers["X-CSRF"] = joined["csrf"]

    def next(self) -> dict[str, Any]:
        """The galaxy and question to answer, `state` being "question"; or "waiting", "paused" or "done"."""
        return self._post("next")

    def answer(self, question: dict[str, Any], answer: str | None) -> dict[str, Any]:
        """Answer a question that was shown; None is "I can't tell". Return what is shown next.

        An answer may be sent again, if it is not known whether it arrived; it counts once.

        Raises
        ------
        Refused
            The page does not take it, and says why.
        """
        shown = {name: question[name] for name in ("ask", "galaxy", "question")}
        return self._post("answer", **shown, answer=answer or "")

    def undo(self, ask: int) -> dict[str, Any]:
        """Take back the last answer in an ask; return what is shown next, its question."""
        return self._post("undo", ask=ask)

    def _post(self, path: str, **form) -> dict[str, Any]:
        response = self._session.post(f"{self.url}/{path}", data=form, timeout=TIMEOUT)
        if response.status_code >= 500:
            response.raise_for_status()
        if not response.ok:
            raise Refused(response.json()["error"])
        return response.json()
