"""Requests to a platform's API: retries, rate limits, and error messages without secrets.

Belongs here: what all APIs have in common. Does not: the endpoints or pages of a platform.
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

ATTEMPTS = 6  # with pauses that double from one second, unless the answer has `Retry-After`
MAX_PAUSE = 300  # seconds
MAX_PARALLEL_REQUESTS = 4  # per account

_REMEDIES = {
    401: "the token was rejected; create a new one, or correct its variable or file",
    402: "the plan of this account does not include it",
    403: "the token has no permission to read it; use an administrator's token",
    404: "not found; check url and api_account in connections.toml",
    429: "the rate limit is still exceeded after several retries; fetch less often",
}


class FetchError(Exception):
    """A fetch that cannot continue. The message has the request and the remedy, but no secret."""

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class Api:
    """The API of one account.

    - `url`: base address
    - `header` and `value`: name and value of the header with the token
    """

    def __init__(self, url: str, header: str, value: SecretStr):
        self.url = url
        session = Client(
            raise_for_status=False,
            request_max_attempts=ATTEMPTS,
            request_max_retry_delay=MAX_PAUSE,
            max_connections=MAX_PARALLEL_REQUESTS,
        ).session
        # An explicit configuration keeps dlt from reading its own files and variables.
        self._client = RESTClient(
            url, auth=_Header(header, value), session=session, config=RuntimeConfiguration()
        )
        self._clock_offset = 0.0  # in seconds, positive if the server's clock is ahead

    def now(self) -> float:
        """Return the server's time in unix seconds, estimated from its last answer."""
        return time.time() + self._clock_offset

    def get(self, path: str, records: str = "", **params: object) -> Page:
        """Return the page at a path. `records` is the location of the records in it, such as `data.payload`.

        Raises `FetchError`, with the HTTP status if there is an answer.
        """
        given = {name: value for name, value in params.items() if value is not None}
        try:
            # Redirects would send headers other than Authorization to any host.
            response = self._client.get(path, params=given, allow_redirects=False)
        except RequestException as error:
            raise FetchError(
                f"{self.url}/{path}: no answer ({type(error).__name__}); check url in connections.toml and"
                " the network; the next fetch continues from here"
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
                f"{self.url}/{path}: the answer has no list of records; check url in connections.toml:"
                " it is the base address of the API"
            )
        return Page(response.content, found, answer)

    def _note_time(self, response: Response) -> None:
        try:
            server = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (KeyError, ValueError):
            return
        self._clock_offset = server - time.time()


def stable_pages(read: Callable[..., Page], number: int = 1) -> Iterator[tuple[int, Page]]:
    """Yield the pages of a list from `number` up to the first empty one, each with its number.

    The order of the list is fixed, but deleting a record during the read moves all later ones up, so that the
    first one of the next page moves to the previous page. If a page does not directly follow the previous
    page, that page is read again.
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
    """Adds the token when a request is sent, so that logs of requests do not contain it."""

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
        return f"{status}, it redirects to another address; set url in connections.toml to that one"
    if status >= 500:
        return f"{status}, the server failed several times; the next fetch continues from here"
    return f"{status}, the server does not accept the request"
