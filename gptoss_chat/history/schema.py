"""The database's schema as numbered steps; each is applied once, in order, and never changed after a release."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE IF NOT EXISTS conversation (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        model TEXT NOT NULL,
        date TEXT NOT NULL,            -- stands in the system message for the conversation's whole life
        created REAL NOT NULL,         -- seconds since the epoch
        updated REAL NOT NULL,
        leaf_id TEXT,                  -- the node that is shown last
        deleted REAL                   -- when it was deleted; kept until purged, so that it can be undone
    ) STRICT;
    CREATE INDEX IF NOT EXISTS conversation_updated ON conversation (updated DESC) WHERE deleted IS NULL;
    CREATE TABLE IF NOT EXISTS node (
        seq INTEGER PRIMARY KEY,       -- order of creation; siblings are shown in it
        id TEXT NOT NULL UNIQUE,
        conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
        parent_id TEXT REFERENCES node (id) ON DELETE CASCADE,
        role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
        text TEXT NOT NULL DEFAULT '',
        reasoning TEXT NOT NULL DEFAULT '',
        raw_ids BLOB NOT NULL DEFAULT x'',  -- uint32, little-endian: every token of the reply as it was sampled
        status TEXT NOT NULL CHECK (status IN ('complete', 'streaming', 'stopped', 'failed')),
        owner TEXT,                    -- the process that is writing it, while status is 'streaming'
        model TEXT NOT NULL DEFAULT '',
        effort TEXT NOT NULL DEFAULT '',
        sampling TEXT NOT NULL DEFAULT '{}',
        usage TEXT,
        created REAL NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS node_parent ON node (parent_id);
    CREATE INDEX IF NOT EXISTS node_conversation ON node (conversation_id);
    CREATE INDEX IF NOT EXISTS node_streaming ON node (status) WHERE status = 'streaming';
    CREATE TABLE IF NOT EXISTS routes (
        node_id TEXT PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE,
        blob BLOB NOT NULL             -- apart from node, so that reading a conversation does not read it
    ) STRICT;
    CREATE VIRTUAL TABLE IF NOT EXISTS node_text USING fts5 (
        text, content='node', content_rowid='seq', tokenize='unicode61 remove_diacritics 2'
    );
    -- A reply that is being written changes several times a second: it is indexed only while its status is settled.
    CREATE TRIGGER IF NOT EXISTS node_text_insert AFTER INSERT ON node WHEN new.status <> 'streaming' BEGIN
        INSERT INTO node_text (rowid, text) VALUES (new.seq, new.text);
    END;
    CREATE TRIGGER IF NOT EXISTS node_text_settle AFTER UPDATE OF status ON node
    WHEN old.status = 'streaming' AND new.status <> 'streaming' BEGIN
        INSERT INTO node_text (rowid, text) VALUES (new.seq, new.text);
    END;
    CREATE TRIGGER IF NOT EXISTS node_text_reopen AFTER UPDATE OF status ON node
    WHEN old.status <> 'streaming' AND new.status = 'streaming' BEGIN
        INSERT INTO node_text (node_text, rowid, text) VALUES ('delete', old.seq, old.text);
    END;
    CREATE TRIGGER IF NOT EXISTS node_text_change AFTER UPDATE OF text ON node
    WHEN old.status <> 'streaming' AND new.status <> 'streaming' AND old.text <> new.text BEGIN
        INSERT INTO node_text (node_text, rowid, text) VALUES ('delete', old.seq, old.text);
        INSERT INTO node_text (rowid, text) VALUES (new.seq, new.text);
    END;
    CREATE TRIGGER IF NOT EXISTS node_text_delete AFTER DELETE ON node WHEN old.status <> 'streaming' BEGIN
        INSERT INTO node_text (node_text, rowid, text) VALUES ('delete', old.seq, old.text);
    END;
    """,
    """
    CREATE TABLE IF NOT EXISTS pin (   -- conversations kept at the top of the list
        conversation_id TEXT PRIMARY KEY REFERENCES conversation (id) ON DELETE CASCADE,
        since REAL NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE IF NOT EXISTS calls (   -- of tools, by the replies that made any
        node_id TEXT PRIMARY KEY REFERENCES node (id) ON DELETE CASCADE,
        calls TEXT NOT NULL            -- a JSON list of [name, arguments, result or null, text_at, reasoning_at]
    ) STRICT;
    """,
)

# The index over the settled texts, made anew from them.
REBUILD_INDEX = """
    INSERT INTO node_text (node_text) VALUES ('rebuild');
    INSERT INTO node_text (node_text, rowid, text) SELECT 'delete', seq, text FROM node WHERE status = 'streaming';
"""
