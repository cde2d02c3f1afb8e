"""Fetching one account: the connection, the module of its platform, and the result.

Belongs here: the mapping of platforms to modules, and the result. Does not: the endpoints of a platform.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from orchestration.fetch import activecampaign, chatwoot
from orchestration.fetch.client import Api, FetchError
from orchestration.fetch.connections import ConnectedAccount
from orchestration.fetch.landing import Pages
from orchestration.fetch.progress import ProgressFile, fetch_lock
from orchestration.fetch.session import Session
from orchestration.settings import Settings


@dataclass(frozen=True)
class FetchResult:
    """The result of a fetch: records by entity, files in landing, and notes on data missing in the API."""

    account_id: str
    records: dict[str, int]
    files: list[str]
    notes: list[str]


def fetch_account(settings: Settings, account: ConnectedAccount, log: Callable[[str], None]) -> FetchResult:
    """Fetch the changes of an account into landing.

    Raises `FetchError` if the API fails before the end. The files fetched so far stay in landing, and the
    next fetch continues from there. Raises `SettingsError` if a secret or the folder is missing.
    """
    token = account.secret("token")
    with fetch_lock(settings, account.account_id):
        session = Session(
            _api(account, token),
            Pages(settings, account.account_id),
            ProgressFile(settings, account.account_id),
            lambda text: log(f"{account.account_id}: {text}"),
        )
        try:
            {"chatwoot": chatwoot.fetch, "activecampaign": activecampaign.fetch}[account.platform](session)
        except FetchError as error:
            raise FetchError(f"{account.account_id}: {error}", error.status) from None
        return FetchResult(
            account.account_id, dict(session.pages.records), session.pages.files, session.notes
        )


def _api(account: ConnectedAccount, token: SecretStr) -> Api:
    connection = account.connection
    if account.platform == "chatwoot":
        return Api(f"{connection.url}/api/v1/accounts/{connection.api_account}", "api_access_token", token)
    return Api(connection.url, "Authorization", SecretStr(f"Token {token.get_secret_value()}"))
