"""The marts with checks, in build order.

Belongs here: the list. Does not: any check.
"""

from orchestration.quality.marts import (
    conversations,
    csat,
    daily,
    delivery,
    dimensions,
    ingestion,
    messages,
    turns,
)

MARTS = (
    *ingestion.MARTS,
    *dimensions.MARTS,
    *conversations.MARTS,
    *messages.MARTS,
    *turns.MARTS,
    *daily.MARTS,
    *delivery.MARTS,
    *csat.MARTS,
)
