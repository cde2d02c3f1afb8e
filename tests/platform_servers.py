"""HTTP servers with the documented behavior of the platforms' APIs, each with its own clock.

Belongs here: addresses, pages, sort orders, limits and errors of the APIs. Does not: the records
(`chatwoot_exports`), nor expected results.
"""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.chatwoot_exports import (
    ANNA,
    BRUNO,
    END,
    START,
    as_conversation,
    as_in_messages_api,
    as_pushed,
    iso,
    unix,
)

TOKEN = "planted-token-5f1d0c6b"  # noqa: S105


class Server:
    """A server on a free port, in a thread. `before` sees every request and can respond instead."""

    def __init__(self):
        self.requests: list[str] = []
        self.headers: list[dict] = []
        self.before: Callable[[Request], Response | None] = lambda request: None
        config = uvicorn.Config(
            self._app, host="127.0.0.1", port=0, interface="asgi3", log_level="error", date_header=False
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self):
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()

    def count(self, part: str) -> int:
        """Return the number of requests with this text in path and query."""
        return sum(part in request for request in self.requests)

    async def _app(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return
        request = Request(scope, receive)
        self.requests.append(f"{request.url.path}?{request.url.query}")
        self.headers.append(dict(request.headers))
        response = self.before(request) or self._authentication_error(request)
        if response is not None:
            response.headers["date"] = self.date()
            await response(scope, receive, send)
        else:
            await Starlette(routes=self.routes())(scope, receive, send)

    def date(self) -> str:
        return format_datetime(datetime.now(UTC), usegmt=True)

    def routes(self) -> list[Route]:
        return []

    def _authentication_error(self, request: Request) -> Response | None:
        return None

    def respond(self, content: object) -> Response:
        return JSONResponse(content, headers={"date": self.date()})


class Chatwoot(Server):
    """Chatwoot's API over a history of `chatwoot_exports`, as of `now` (seconds from its start)."""

    def __init__(self, history: list[dict], now: int = END, enterprise: bool = True):
        super().__init__()
        self.history = history
        self.now = now
        self.enterprise = enterprise
        self.updates_without_window = False  # an old version without the parameter `updated_within`
        self.agents = [{**agent, "role": "agent", "availability_status": "online"} for agent in (ANNA, BRUNO)]

    def date(self) -> str:
        return format_datetime(datetime.fromtimestamp(unix(self.now), UTC), usegmt=True)

    def _authentication_error(self, request: Request) -> Response | None:
        if request.headers.get("api_access_token") != TOKEN:
            return JSONResponse({"errors": ["Invalid Access Token"]}, status_code=401)
        return None

    def routes(self) -> list[Route]:
        base = "/api/v1/accounts/1"
        return [
            Route(f"{base}/conversations", self._conversations),
            Route(f"{base}/conversations/{{number:int}}/messages", self._messages),
            Route(f"{base}/conversations/{{number:int}}/reporting_events", self._events_of_one),
            Route(f"{base}/reporting_events", self._events),
            Route(f"{base}/contacts", self._contacts),
            Route(f"{base}/csat_survey_responses", self._ratings),
            Route(f"{base}/agents", lambda request: self.respond(self.agents)),
            Route(f"{base}/labels", lambda request: self.respond({"payload": [{"id": 1, "title": "vip"}]})),
            Route(f"{base}/teams", lambda request: self.respond([{"id": 3, "name": "Vendite"}])),
            Route(
                f"{base}/inboxes",
                lambda request: self.respond(
                    {
                        "payload": [
                            {
                                "id": 4,
                                "name": "WhatsApp",
                                "channel_type": "Channel::Whatsapp",
                                "provider_config": {"api_key": "an inbox's own key"},
                            }
                        ]
                    }
                ),
            ),
        ]

    # The data

    def started(self) -> list[dict]:
        return [one for one in self.history if one["at"] <= self.now]

    def messages_of(self, conversation: dict) -> list[dict]:
        return [one for one in conversation["messages"] if one["at"] <= self.now]

    def changed_at(self, conversation: dict) -> int:
        """Return the last change of a conversation: of a message, the status or the labels."""
        times = [conversation["at"], END]  # the labels
        times += [at for at, _ in conversation["statuses"]]
        for one in conversation["messages"]:
            times += [one["at"], *([one["later"][0]] if "later" in one else [])]
        return max(at for at in times if at <= self.now)

    def conversation(self, conversation: dict, messages: list[dict]) -> dict:
        now = min(self.now, END)
        last = {"updated_at": START.timestamp() + self.changed_at(conversation) + 0.25}
        return as_conversation(conversation, now, messages) | last

    def with_last(self, conversation: dict) -> dict:
        last = self.messages_of(conversation)[-1]
        return self.conversation(conversation, [as_pushed(conversation, last, self.now)])

    def contacts(self) -> list[dict]:
        found: dict[int, dict] = {}
        for one in sorted(self.started(), key=lambda one: one["at"]):
            contact = found.setdefault(one["contact"]["id"], one["contact"] | {"created_at": unix(one["at"])})
            active = max(message["at"] for message in self.messages_of(one))
            contact["last_activity_at"] = max(contact.get("last_activity_at", 0), unix(active))
        return list(found.values())

    def ratings(self) -> list[dict]:
        found = []
        for one in self.started():
            for message in self.messages_of(one):
                at, later = message.get("later", (END + 1, {}))
                values = later.get("content_attributes", {}).get("submitted_values")
                if values and message.get("content_type") == "input_csat" and at <= self.now:
                    found.append(
                        {
                            "id": 50_000 + message["id"],
                            "rating": values["csat_survey_response"]["rating"],
                            "account_id": 1,
                            "message_id": message["id"],
                            "conversation_id": one["id"],
                            "contact": one["contact"],
                            "assigned_agent": one.get("assignee"),
                            "created_at": unix(at),
                        }
                    )
        return sorted(found, key=lambda rating: rating["created_at"])

    def events_of(self, conversation: dict) -> list[dict]:
        """Return the reporting events. Only they have this internal id of the conversation."""
        found, closed = [], None
        statuses = [one for one in conversation["statuses"] if one[0] <= self.now]
        for (_, before), (at, status) in pairwise(statuses):
            names = {
                "conversation_resolved": status == "resolved",
                "conversation_opened": status == "open" and before != "open",
                "conversation_bot_handoff": (before, status) == ("pending", "open"),
            }
            for name in (name for name, applies in names.items() if applies):
                value = 0.0 if name == "conversation_opened" and closed is None else float(at - (closed or 0))
                event = {
                    "id": conversation["id"] * 100 + len(found),
                    "name": name,
                    "value": value,
                    "event_start_time": iso(0),
                    "event_end_time": iso(at),
                    "account_id": 1,
                    "user_id": 7,
                    "conversation_id": 9000 + conversation["id"],
                    "created_at": iso(at),
                }
                found.append(event)
            closed = at if status == "resolved" else closed
        return found

    # The responses

    def _conversations(self, request: Request) -> Response:
        query = request.query_params
        if (query.get("status"), query.get("assignee_type")) != ("all", "all"):
            return JSONResponse({"error": "the test requests all conversations"}, status_code=422)
        found = self.started()
        if query.get("sort_by") == "created_at_asc":
            found.sort(key=lambda one: one["id"])  # ids increase in order of creation
        else:
            found.sort(key=lambda one: max(m["at"] for m in self.messages_of(one)), reverse=True)
        total = len(found)
        if "updated_within" in query and not self.updates_without_window:
            found = [c for c in found if self.changed_at(c) > self.now - int(query["updated_within"])]
        else:
            found = _page(found, query, 25)
        payload = [self.with_last(one) for one in found]
        return self.respond({"data": {"meta": {"all_count": total}, "payload": payload}})

    def _messages(self, request: Request) -> Response:
        conversation = self._find(request)
        if conversation is None:
            return JSONResponse({"error": "Resource could not be found"}, status_code=404)
        before = int(request.query_params.get("before", 10**9))
        found = [one for one in self.messages_of(conversation) if one["id"] < before]
        found.sort(key=lambda one: (one["at"], one["id"]))
        payload = [as_in_messages_api(conversation, one, self.now) for one in found[-20:]]
        return self.respond({"meta": {}, "payload": payload})

    def _contacts(self, request: Request) -> Response:
        order = request.query_params["sort"]
        contacts = self.contacts()
        found = sorted(contacts, key=lambda one: one[order.lstrip("-")], reverse=order.startswith("-"))
        payload = _page(found, request.query_params, 15)
        return self.respond({"meta": {"count": len(contacts), "current_page": 1}, "payload": payload})

    def _ratings(self, request: Request) -> Response:
        query = request.query_params
        found = self.ratings()
        if "since" in query and "until" in query:
            found = [r for r in found if int(query["since"]) <= r["created_at"] < int(query["until"])]
        return self.respond(_page(found, query, 25))

    def _events(self, request: Request) -> Response:
        if not self.enterprise:
            return JSONResponse({"error": "Not found"}, status_code=404)
        found = [event for one in self.started() for event in self.events_of(one)]
        return self.respond(
            {"meta": {"count": len(found)}, "payload": _page(found, request.query_params, 25)}
        )

    def _events_of_one(self, request: Request) -> Response:
        conversation = self._find(request)
        if conversation is None or not self.enterprise:
            return JSONResponse({"error": "Resource could not be found"}, status_code=404)
        return self.respond(self.events_of(conversation))

    def _find(self, request: Request) -> dict | None:
        number = request.path_params["number"]
        return next((one for one in self.started() if one["id"] == number), None)


class ActiveCampaign(Server):
    """ActiveCampaign's WhatsApp API: paged lists, without a way to list only changes."""

    def __init__(self, conversations: list[dict], contacts: list[dict], agents: list[dict]):
        super().__init__()
        self.conversations, self.contacts, self.agents = conversations, contacts, agents

    def _authentication_error(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Token {TOKEN}":
            return JSONResponse({"detail": "Invalid token."}, status_code=401)
        return None

    def routes(self) -> list[Route]:
        return [
            Route("/api/inbox/conversation", lambda request: self._list(request, self.conversations)),
            Route("/api/contact", lambda request: self._list(request, self.contacts)),
            Route("/api/account-member", lambda request: self.respond(self.agents)),
        ]

    def _list(self, request: Request, records: list[dict]) -> Response:
        size, number = int(request.query_params["page_size"]), int(request.query_params["page"])
        found = records[(number - 1) * size : number * size]
        if number > 1 and not found:
            return JSONResponse({"detail": "Invalid page."}, status_code=404)
        following = f"{self.url}/?page={number + 1}" if number * size < len(records) else None
        page = {"count": len(records), "next": following, "previous": None, "results": found}
        return self.respond(page)


def once(part: str, response: Callable[[], Response]) -> Callable[[Request], Response | None]:
    """Return a `before` that responds to the first request with this text in its address."""
    left = [1]

    def before(request: Request) -> Response | None:
        if part in str(request.url) and left:
            left.pop()
            return response()
        return None

    return before


def _page(records: list, query, size: int) -> list:
    number = int(query.get("page", 1))
    return records[(number - 1) * size : number * size]


def json_bytes(content: object) -> bytes:
    return json.dumps(content).encode()
