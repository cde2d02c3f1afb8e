"""The marts that the gate guards, in the order in which they are built.

Belongs here: the list. Does not: any promise.
"""

from orchestration.quality.marts import aggregates, conversations, dimensions, ingestion, messages

MARTS = (*ingestion.MARTS, *dimensions.MARTS, *conversations.MARTS, *messages.MARTS, *aggregates.MARTS)
