"""The entities of platform `activecampaign`, with the field names and enums of its public API."""

from orchestration.ingest.platforms.schema import Entity, Field, Platform

PERSON = ("id", "first_name", "last_name", "email")

CONVERSATIONS = Entity(
    "conversations",
    (
        Field("id", "id", required=True),
        Field("created_on", "instant", required=True),
        Field("contact", "id"),
        Field("status"),
        Field("source"),
        Field("assigned", "objects", members=PERSON, named_by=("id", "first_name")),
        Field("assigned_team"),
        Field("tags", "objects", members=("id", "name"), named_by=("name",)),
        Field("channel"),
        Field("last_updated_on", "instant"),
        Field("closed_on", "instant"),
    ),
    # A fetch writes the first message as a separate message.
    ignored=("first_message",),
    contact_fields=("contact",),
    aged_by=("created_on",),
    description="Conversations: start, end, status, tags and agents.",
)

MESSAGES = Entity(
    "messages",
    (
        Field("id", "id", required=True),
        Field("timestamp", "instant", required=True, is_past=True),
        Field("conversation", "id"),
        Field("contact", "id"),
        Field("direction", required=True, values=("INBOUND", "OUTBOUND")),
        Field("source"),
        Field("msg_type"),
        Field("status"),
        Field("queued_on", "instant"),
        Field("accepted_on", "instant"),
        Field("sent_on", "instant"),
        Field("delivered_on", "instant"),
        Field("read_on", "instant"),
        Field("failed_on", "instant"),
        Field("sent_by", "object", members=(*PERSON, "role"), named_by=("id", "first_name")),
        Field("whatsapp_template"),
        Field("provider_error_code"),
        Field("last_updated_on", "instant"),
    ),
    # Personal data: message texts and phone numbers stay in landing.
    ignored=(
        *("body", "content", "content_type", "content_url", "from_number", "to_number", "provider_id"),
        *("provider_error_message", "failed_attempts", "is_deleted"),
    ),
    contact_fields=("contact",),
    aged_by=("timestamp",),
    description="Messages: time, sender and conversation, without the text.",
)

CONTACTS = Entity(
    "contacts",
    (
        Field("id", "id", required=True),
        Field("tags", "objects", members=("id", "name"), named_by=("name",)),
        Field("source"),
        Field("created_on", "instant"),
        Field("last_updated_on", "instant"),
    ),
    # Personal data that no report needs: names, addresses and phone numbers stay in landing.
    ignored=(
        *(
            "first_name",
            "last_name",
            "email",
            "phone",
            "canonical_phone",
            "external_url",
            "meta",
            "created_by",
        ),
    ),
    contact_fields=("id",),
    description="Contacts and their tags, without personal data.",
)

AGENTS = Entity(
    "agents",
    (
        Field("id", "id", required=True),
        Field("first_name"),
        Field("last_name"),
        Field("email"),
        Field("teams", "texts"),
        Field("role"),
    ),
    ignored=("account", "profile_image", "date_joined", "user_permissions", "available_channels"),
    description="Agents and their teams.",
)

SURVEYS = Entity(
    "surveys",
    (
        Field("id", "id", required=True),
        Field("conversation", "id", required=True),
        Field("contact", "id"),
        Field("agent", "id"),
        Field("sent_on", "instant"),
        Field("responded_on", "instant"),
        Field("rating", "rating"),
        Field("last_updated_on", "instant"),
    ),
    ignored=("comment",),
    contact_fields=("contact",),
    aged_by=("sent_on", "responded_on", "last_updated_on"),
    description="Satisfaction surveys: time sent, time answered and rating.",
)

CONVERSATION_EVENTS = Entity(
    "conversation_events",
    (
        Field("id", "id", required=True),
        Field("conversation", "id", required=True),
        Field(
            "type",
            required=True,
            values=("assigned", "unassigned", "handed_off", "closed", "reopened"),
        ),
        Field("occurred_on", "instant", required=True),
        Field("agent", "id"),
        Field("reason"),
    ),
    aged_by=("occurred_on",),
    description="Events of conversations: assigned, handed off, closed, reopened.",
)

PLATFORM = Platform(
    "activecampaign",
    (CONVERSATIONS, MESSAGES, CONTACTS, AGENTS, SURVEYS, CONVERSATION_EVENTS),
)
