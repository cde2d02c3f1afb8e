"""The marts that the gate guards, in the order in which they are built.

Belongs here: the list. Does not: any promise.
"""

from orchestration.quality import aggregates, conversations, intake, messages, people

MARTS = (*intake.MARTS, *people.MARTS, *conversations.MARTS, *messages.MARTS, *aggregates.MARTS)
