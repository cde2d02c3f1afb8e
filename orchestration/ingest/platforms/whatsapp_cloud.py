"""The entities of platform `whatsapp_cloud`: the contents of the webhook envelopes of the WhatsApp Cloud API.

All files are in the folder `webhooks`, with one archived envelope per record. Messages that the business
sends through the API appear only as statuses.
"""

from functools import cache

from jinja2 import Template

from orchestration.ingest.platforms.schema import Entity, Field, Nested, Platform
from orchestration.settings import PROJECT

MACROS = PROJECT / "dbt_project" / "macros" / "whatsapp_cloud.sql"

CHANGES = "$.entry[*].changes[*]"
OF_CHANGE = {"change_field": "field", "metadata": "value.metadata"}


def _nested(elements: str) -> Nested:
    return Nested("webhooks", CHANGES, f"$.value.{elements}[*]", OF_CHANGE)


# The history of a number consists of threads, one per customer.
_THREADS = Nested("webhooks", CHANGES, "$.value.history[*].threads[*]", OF_CHANGE)
HISTORY = Nested(
    "webhooks",
    _THREADS,
    "$.messages[*]",
    {"change_field": "change_field", "metadata": "metadata", "thread": "id"},
)

CHANGE_FIELD = Field("change_field")
PHONE_NUMBER_ID = Field("phone_number_id", path="metadata.phone_number_id")

# The content of a message is in the field named after its type.
CONTENTS = (
    "audio",
    "button",
    "contacts",
    "document",
    "edit",
    "image",
    "interactive",
    "location",
    "order",
    "reaction",
    "request_welcome",
    "revoke",
    "sticker",
    "system",
    "template",
    "text",
    "unsupported",
    "video",
)

MESSAGES = Entity(
    "messages",
    (
        Field("id", required=True),
        Field("timestamp", "instant", required=True, is_past=True),
        Field("sender", path="from"),
        Field("from_user_id"),
        Field("type"),
        Field("new_wa_id", path="system.wa_id"),
        Field("recipient", path="to"),
        Field("thread"),
        Field("is_from_business", values=("true", "false"), path="history_context.from_me"),
        Field("group_id"),
        CHANGE_FIELD,
        PHONE_NUMBER_ID,
        Field("business_number", path="metadata.display_phone_number"),
    ),
    ignored=(*CONTENTS, "context", "referral", "errors", "identity", "from_parent_user_id"),
    contact_fields=("sender", "from_user_id", "new_wa_id", "recipient", "thread"),
    has_ids_with_number=True,
    aged_by=("timestamp",),
    description="Messages of customers, and the history of both sides: time and type, without the text.",
    nested=(_nested("messages"), HISTORY),
    has_files=False,
)

MESSAGE_ECHOES = Entity(
    "message_echoes",
    (
        Field("id", required=True),
        Field("timestamp", "instant", required=True, is_past=True),
        Field("recipient", path="to"),
        Field("to_user_id"),
        Field("type"),
        Field("group_id"),
        CHANGE_FIELD,
        PHONE_NUMBER_ID,
    ),
    ignored=(*CONTENTS, "from", "context", "errors", "to_parent_user_id"),
    contact_fields=("recipient", "to_user_id"),
    has_ids_with_number=True,
    aged_by=("timestamp",),
    description="Messages that agents sent from the WhatsApp Business app.",
    nested=(_nested("message_echoes"),),
    has_files=False,
)

STATUSES = Entity(
    "statuses",
    (
        Field("id", required=True),
        Field("status", required=True),
        Field("timestamp", "instant", required=True),
        Field("recipient_id"),
        Field("recipient_user_id"),
        Field("pricing_category", path="pricing.category"),
        Field("billable", values=("true", "false"), path="pricing.billable"),
        Field("errors", "objects", members=("code",)),
        Field("type"),
        Field("recipient_type"),
        CHANGE_FIELD,
        PHONE_NUMBER_ID,
    ),
    ignored=(
        # Meta's conversation is a billing unit. Conversations are derived from messages instead.
        "conversation",
        "biz_opaque_callback_data",
        "recipient_identity_key_hash",
        "recipient_logical_id",
        "recipient_parent_user_id",
        "recipient_participant_id",
        "recipient_participant_user_id",
        "payment",
        "from",
    ),
    contact_fields=("recipient_id", "recipient_user_id"),
    has_ids_with_number=True,
    aged_by=("timestamp",),
    description="Delivery statuses of messages to customers: sent, delivered, read, failed, and their price.",
    nested=(_nested("statuses"),),
    has_files=False,
)

CONTACTS = Entity(
    "contacts",
    (Field("wa_id"), Field("user_id")),
    # Personal data that no report needs: names stay in landing.
    ignored=("profile", "identity_key_hash", "parent_user_id"),
    contact_fields=("wa_id", "user_id"),
    description="The two ids of a customer: the phone number, and the user id that replaces a hidden number.",
    nested=(_nested("contacts"),),
    has_files=False,
)

CHANGES_BY_FIELD = Entity(
    "changes",
    (Field("field"),),
    ignored=("value",),
    description="The changes in the envelopes by field, without their values.",
    nested=(Nested("webhooks", "$.entry[*]", "$.changes[*]"),),
    has_files=False,
)

VALUE = (
    *("messaging_product", "metadata", "contacts", "messages", "message_echoes", "statuses", "errors"),
    "history",
)
ENVELOPE = (
    ("$", ("object", "entry")),
    ("$.entry[*]", ("id", "time", "changes")),
    ("$.entry[*].changes[*]", ("field", "value")),
    ("$.entry[*].changes[*].value", VALUE),
    ("$.entry[*].changes[*].value.history[*]", ("metadata", "threads", "errors")),
    ("$.entry[*].changes[*].value.history[*].threads[*]", ("id", "messages", "context")),
)


@cache
def canonical_id(value: str) -> str:
    """Return the SQL of a phone number in canonical form, from the macro that the dbt models use."""
    return Template(MACROS.read_text()).module.whatsapp_number(value)


PLATFORM = Platform(
    "whatsapp_cloud",
    (MESSAGES, MESSAGE_ECHOES, STATUSES, CONTACTS, CHANGES_BY_FIELD),
    envelopes={"webhooks": ENVELOPE},
    canonical_id=canonical_id,
)
