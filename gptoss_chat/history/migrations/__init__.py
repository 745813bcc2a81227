"""The database's formats, oldest first: one module a step; it knows nothing of who opens the database.

A published step never changes: a new format is a new module. Each is idempotent and runs in one transaction.
"""

from __future__ import annotations

from gptoss_chat.history.migrations import m0001_conversation_tree

# The statements that lead from format n to n + 1 stand at index n; PRAGMA user_version holds the format.
STEPS: tuple[tuple[str, ...], ...] = (m0001_conversation_tree.STATEMENTS,)
LATEST = len(STEPS)
