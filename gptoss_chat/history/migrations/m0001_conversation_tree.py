"""Format 1: conversations, their tree of nodes, the routing of each reply, and a full-text index.

A reply that is being written ("streaming") is not in the index: it changes several times a second. The triggers index it when
its status settles and take it out when it is gone on with, so a node's text changes only while it is out of the index.
"""

STATEMENTS = (
    """
    CREATE TABLE IF NOT EXISTS conversations (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        model TEXT NOT NULL,
        date TEXT NOT NULL,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        leaf_id TEXT,
        deleted_at REAL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS conversations_by_update ON conversations (updated)",
    """
    CREATE TABLE IF NOT EXISTS nodes (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        parent_id TEXT REFERENCES nodes (id) ON DELETE CASCADE,
        role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
        text TEXT NOT NULL,
        reasoning TEXT NOT NULL,
        raw_ids BLOB NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('streaming', 'complete', 'stopped', 'failed')),
        model TEXT NOT NULL,
        effort TEXT NOT NULL,
        sampling TEXT NOT NULL,
        usage TEXT,
        created REAL NOT NULL,
        owner TEXT
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS nodes_by_parent ON nodes (conversation_id, parent_id)",
    "CREATE INDEX IF NOT EXISTS nodes_by_parent_only ON nodes (parent_id)",
    "CREATE INDEX IF NOT EXISTS nodes_streaming ON nodes (status) WHERE status = 'streaming'",
    """
    CREATE TABLE IF NOT EXISTS routes (
        node_id TEXT PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
        record BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE VIRTUAL TABLE IF NOT EXISTS nodes_fts USING fts5 (
        text, content = 'nodes', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 2'
    )
    """,
    """
    CREATE TRIGGER IF NOT EXISTS nodes_written AFTER INSERT ON nodes WHEN new.status <> 'streaming' BEGIN
        INSERT INTO nodes_fts (rowid, text) VALUES (new.seq, new.text);
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS nodes_settled AFTER UPDATE OF status ON nodes
    WHEN old.status = 'streaming' AND new.status <> 'streaming' BEGIN
        INSERT INTO nodes_fts (rowid, text) VALUES (new.seq, new.text);
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS nodes_reopened AFTER UPDATE OF status ON nodes
    WHEN old.status <> 'streaming' AND new.status = 'streaming' BEGIN
        INSERT INTO nodes_fts (nodes_fts, rowid, text) VALUES ('delete', old.seq, old.text);
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS nodes_deleted AFTER DELETE ON nodes WHEN old.status <> 'streaming' BEGIN
        INSERT INTO nodes_fts (nodes_fts, rowid, text) VALUES ('delete', old.seq, old.text);
    END
    """,
)
