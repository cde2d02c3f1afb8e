"""The entities of platform `chatwoot`, with the field names and enums of its API and webhooks.

The API and the webhooks have the time, sender and conversation of a message at different paths. Both are
read. The webhook of a message contains its conversation, and that of a conversation its last message. Each is
a record.
"""

from orchestration.ingest.platforms.schema import Entity, Field, Nested, Platform

YES_OR_NO = ("true", "false")
MESSAGE_EVENTS = ("event", ("message_created", "message_updated"))
CONVERSATION_EVENTS = (
    "event",
    (
        "conversation_created",
        "conversation_updated",
        "conversation_status_changed",
        "conversation_opened",
        "conversation_resolved",
    ),
)

CONVERSATIONS = Entity(
    "conversations",
    (
        Field("id", "id", required=True),
        Field("created_at", "instant", required=True),
        Field("status"),
        Field("inbox_id", "id"),
        Field("contact_id", "id", path="meta.sender.id"),
        Field(
            "assignee",
            "object",
            members=("id", "name", "type"),
            named_by=("id", "name"),
            path="meta.assignee",
        ),
        Field("assignee_type", path="meta.assignee_type"),
        Field("team_id", "id", path="meta.team.id"),
        Field("labels", "objects", members=("id", "name"), named_by=("name",)),
        Field("last_activity_at", "instant"),
        Field("updated_at", "instant"),
    ),
    # Wait and first response times are computed from the entity messages.
    ignored=(
        *("messages", "last_non_activity_message", "waiting_since", "first_reply_created_at", "timestamp"),
        *("uuid", "account_id", "additional_attributes", "custom_attributes", "contact_inbox", "channel"),
        *("agent_last_seen_at", "assignee_last_seen_at", "contact_last_seen_at", "unread_count", "can_reply"),
        *("muted", "snoozed_until", "priority", "sla_policy_id", "applied_sla", "sla_events"),
        *("event", "changed_attributes", "account"),
    ),
    contact_fields=("contact_id",),
    aged_by=("created_at",),
    description="Conversations: start, end, status, tags and agents.",
    nested=(
        Nested("webhooks", where=CONVERSATION_EVENTS),
        Nested("webhooks", elements="$.conversation", where=MESSAGE_EVENTS),
    ),
)

MESSAGES = Entity(
    "messages",
    (
        Field("id", "id", required=True),
        Field("created_at", "instant", required=True, is_past=True),
        Field(
            "message_type",
            required=True,
            values=("0", "1", "2", "3", "incoming", "outgoing", "activity", "template"),
        ),
        Field("conversation_id", "id"),
        Field("conversation_in_webhook", "id", path="conversation.id"),
        Field("private", values=YES_OR_NO),
        Field("content_type"),
        Field("status"),
        Field("sender_type"),
        Field("sender_id", "id"),
        Field("webhook_sender_type", path="sender.type"),
        Field("webhook_sender_id", "id", path="sender.id"),
        # The sender of an inbound message is a contact; the name stays in landing.
        Field("agent_name", path="sender.name", only_if=("message_type", ("1", "outgoing"))),
        Field("campaign_id", "id", path="additional_attributes.campaign_id"),
        Field("template_name", path="additional_attributes.template_params.name"),
        Field("automation_rule_id", path="content_attributes.automation_rule_id"),
        Field("deleted", values=YES_OR_NO, path="content_attributes.deleted"),
        Field("external_echo", values=YES_OR_NO, path="content_attributes.external_echo"),
        Field(
            "csat_rating", "rating", path="content_attributes.submitted_values.csat_survey_response.rating"
        ),
        Field("updated_at", "instant"),
        Field("conversation_updated_at", "instant", path="conversation.updated_at"),
    ),
    # Personal data: message texts stay in landing.
    ignored=(
        *("content", "processed_message_content", "attachments", "sentiment", "source_id"),
        *("external_source_ids", "echo_id", "inbox_id", "inbox", "account_id", "account", "contact", "event"),
    ),
    contact_fields=("sender_id", "webhook_sender_id"),
    contact_if=("message_type", ("0", "incoming")),
    aged_by=("created_at",),
    description="Messages: time, sender and conversation, without the text.",
    nested=(
        Nested("conversations", elements="$.messages[*]"),
        Nested("webhooks", where=MESSAGE_EVENTS),
        Nested("webhooks", elements="$.conversation.messages[*]", where=MESSAGE_EVENTS),
        Nested("webhooks", elements="$.messages[*]", where=CONVERSATION_EVENTS),
    ),
)

CONTACTS = Entity(
    "contacts",
    (
        Field("id", "id", required=True),
        Field("labels", "objects", members=("id", "name"), named_by=("name",)),
        Field("created_at", "instant"),
        Field("last_activity_at", "instant"),
        Field("updated_at", "instant"),
    ),
    # Personal data that no report needs: names, addresses and phone numbers stay in landing.
    ignored=(
        *("name", "email", "phone_number", "identifier", "thumbnail", "additional_attributes"),
        *("custom_attributes", "availability_status", "contact_inboxes", "blocked"),
    ),
    contact_fields=("id",),
    description="Contacts and their tags, without personal data.",
)

AGENTS = Entity(
    "agents",
    (Field("id", "id", required=True), Field("name"), Field("role")),
    ignored=(
        *("email", "available_name", "account_id", "availability_status", "auto_offline", "confirmed"),
        *("provider", "thumbnail", "custom_attributes", "custom_role_id"),
    ),
    description="Agents.",
)

LABELS = Entity(
    "labels",
    (Field("id", "id"), Field("title", required=True)),
    ignored=("description", "color", "show_on_sidebar"),
    description="The catalogue of labels. Conversations list their labels.",
)

TEAMS = Entity(
    "teams",
    (Field("id", "id", required=True), Field("name")),
    ignored=("description", "allow_auto_assign", "account_id", "is_member"),
    description="The catalogue of teams. Conversations refer to them by id.",
)

INBOXES = Entity(
    "inboxes",
    (Field("id", "id", required=True), Field("name"), Field("channel_type")),
    description="The catalogue of inboxes. Conversations refer to them by id.",
)

CSAT_SURVEY_RESPONSES = Entity(
    "csat_survey_responses",
    (
        Field("id", "id", required=True),
        Field("conversation_id", "id", required=True),
        Field("message_id", "id"),
        Field("agent_id", "id", path="assigned_agent.id"),
        Field("rating", "rating", required=True),
        Field("created_at", "instant", required=True),
        Field("updated_at", "instant"),
    ),
    ignored=("feedback_message", "contact", "account_id"),
    aged_by=("created_at",),
    description="Answers to satisfaction surveys: time and rating.",
)

REPORTING_EVENTS = Entity(
    "reporting_events",
    (
        Field("id", "id", required=True),
        Field("name", required=True),
        Field("conversation_id", "id"),
        Field("conversation_display_id", "id"),
        Field("user_id", "id"),
        Field("value"),
        Field("event_end_time", "instant", required=True),
    ),
    ignored=(
        *("event_start_time", "value_in_business_hours", "account_id", "inbox_id", "created_at"),
        "updated_at",
    ),
    aged_by=("event_end_time",),
    description="Conversation events of the platform's reports: resolved, opened, handed off.",
)

STATUS_CHANGES = Entity(
    "status_changes",
    (
        Field("id", "id", required=True),
        Field("updated_at", "instant"),
        Field("last_activity_at", "instant"),
        Field("previous_value"),
        Field("current_value"),
    ),
    aged_by=("updated_at", "last_activity_at"),
    description="Changes of a conversation's status, reported by webhooks.",
    nested=(
        Nested(
            "webhooks",
            elements="$.changed_attributes[*].status",
            context={name: name for name in ("id", "updated_at", "last_activity_at")},
            where=CONVERSATION_EVENTS,
        ),
    ),
    has_files=False,
)

PLATFORM = Platform(
    "chatwoot",
    (
        CONVERSATIONS,
        MESSAGES,
        CONTACTS,
        AGENTS,
        LABELS,
        TEAMS,
        INBOXES,
        CSAT_SURVEY_RESPONSES,
        REPORTING_EVENTS,
        STATUS_CHANGES,
    ),
)
