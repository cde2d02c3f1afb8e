"""Requests to a platform's API: retries, rate limits, and errors in words that hold no secret.

Belongs here: what holds for every API. Does not: any platform's addresses or pages.
"""

import email.utils
import time
from collections.abc import Callable, Iterator

from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client import RESTClient
from pydantic import SecretStr
from requests import PreparedRequest, RequestException, Response
from requests.auth import AuthBase

from orchestration.fetch.page import Page

ATTEMPTS = (
    6  # the pauses between them double, from one second; `Retry-After` counts instead where it is given
)
LONGEST_PAUSE = 300  # seconds
AT_ONCE = 4  # requests of one account under way

_REMEDIES = {
    401: "the token was rejected; create a new one, or correct the variable or file that holds it",
    402: "the plan of this account does not include it",
    403: "the token lacks the right to read it; use the token of an administrator",
    404: "there is nothing at this address; check url and api_account in connections.toml",
    429: "the rate limit was still exceeded after several pauses; fetch less often",
}


class FetchError(Exception):
    """A fetch that cannot continue. The message names the request and the remedy, never a secret."""

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class Api:
    """The API of one account.

    - `url`: its base address
    - `header` and `value`: the header of every request that holds the token
    """

    def __init__(self, url: str, header: str, value: SecretStr):
        self.url = url
        session = Client(
            raise_for_status=False,
            request_max_attempts=ATTEMPTS,
            request_max_retry_delay=LONGEST_PAUSE,
            max_connections=AT_ONCE,
        ).session
        # Given here, the configuration is not looked up in files and variables of dlt's own.
        self._client = RESTClient(
            url, auth=_Header(header, value), session=session, config=RuntimeConfiguration()
        )
        self._clock_offset = 0.0  # seconds by which the server's clock is ahead of ours

    def now(self) -> float:
        """Return the server's time in unix seconds, by its last answer."""
        return time.time() + self._clock_offset

    def get(self, path: str, records: str = "", **params: object) -> Page:
        """Return the page at a path; `records` is where its records are, such as `data.payload`.

        Raises `FetchError`, with the status where there is an answer.
        """
        given = {name: value for name, value in params.items() if value is not None}
        try:
            # Other headers than Authorization would follow a redirect to any host.
            response = self._client.get(path, params=given, allow_redirects=False)
        except RequestException as error:
            raise FetchError(
                f"{self.url}/{path}: no answer ({type(error).__name__}); check url in connections.toml and"
                " the network; the next fetch continues here"
            ) from None
        self._note_time(response)
        if response.status_code != 200:
            raise FetchError(f"{self.url}/{path}: {_reason(response.status_code)}", response.status_code)
        return self._page(path, response, records)

    def _page(self, path: str, response: Response, place: str) -> Page:
        try:
            found = answer = response.json()
            for step in filter(None, place.split(".")):
                found = found[step]
        except (ValueError, KeyError, TypeError):
            found = answer = None
        if not isinstance(found, list) or not all(isinstance(one, dict) and "id" in one for one in found):
            raise FetchError(
                f"{self.url}/{path}: the answer holds no list of records; check url in connections.toml:"
                " it is the base address of the API"
            )
        return Page(response.content, found, answer)

    def _note_time(self, response: Response) -> None:
        try:
            server = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (KeyError, ValueError):
            return
        self._clock_offset = server - time.time()


def steady_pages(read: Callable[..., Page], number: int = 1) -> Iterator[tuple[int, Page]]:
    """Yield the pages of a list from `number` on, up to the first empty one, each with its number.

    The list keeps its order, but a record that is deleted while it is read moves all later ones up, and the
    first of the next page is on the page before. So where a page does not follow that one directly, that one
    is read again.
    """
    before: set = set()
    while True:
        page = read(page=number)
        if before and not (page.records and min(page.ids) == max(before) + 1):
            again = read(page=number - 1)
            if again.ids - before:
                yield number - 1, again
                before |= again.ids
                continue
        if not page.records:
            return
        yield number, page
        before = page.ids
        number += 1


class _Header(AuthBase):
    """The token, added to a request as it is sent: no log of requests shows it."""

    def __init__(self, name: str, value: SecretStr):
        self._name = name
        self._value = value

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers[self._name] = self._value.get_secret_value()
        return request


def _reason(status: int) -> str:
    if status in _REMEDIES:
        return f"{status}, {_REMEDIES[status]}"
    if 300 <= status < 400:
        return f"{status}, it redirects to another address; write that one into url in connections.toml"
    if status >= 500:
        return f"{status}, the server failed several times in a row; the next fetch continues here"
    return f"{status}, the server does not accept the request"
