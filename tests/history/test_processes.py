"""Real processes: one killed while it writes, two that write at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from gptoss_chat.history import Store

WRITES_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from gptoss_chat.history import Store
store = Store.open(Path(sys.argv[1]))
talk = store.new_conversation("killed", date="2026-01-02")
user = store.add_user(talk.id, None, "a question")
reply = store.begin_reply(talk.id, user.id, "tiny", "low", "{}")
for n in range(1, 6):
    store.save_partial(reply.id, "answer " * n, "reasoning " * n, list(range(n)))
print(reply.id, flush=True)
time.sleep(60)
"""

WRITES_AND_LEAVES = """
import sys
from pathlib import Path
from gptoss_chat.history import Store
store = Store.open(Path(sys.argv[1]))
talk = store.new_conversation(sys.argv[2], date="2026-01-02")
for n in range(10):
    user = store.add_user(talk.id, store.conversation(talk.id).leaf_id, f"{sys.argv[2]} {n}")
    reply = store.begin_reply(talk.id, user.id, "tiny", "low", "{}")
    store.save_partial(reply.id, "part", "", [n])
    store.finish_reply(reply.id, status="complete", final=f"answer {n}")
store.close()
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Another Python on this script."""
    return subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True)


def test_killed_writer_leaves_prompt_and_partial_answer(path: Path) -> None:
    """kill -9 in the middle of an answer: what was saved is there, as a stopped answer that can be searched for."""
    writer = start(WRITES_UNTIL_KILLED, str(path))
    assert writer.stdout is not None
    reply_id = writer.stdout.readline().strip()
    beside = Store.open(path)  # while it lives, the answer is its own
    assert beside.node(reply_id).status == "streaming"
    beside.close()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    store = Store.open(path)
    user, reply = store.path_to(reply_id)
    assert user.text == "a question"
    assert (reply.status, reply.text, reply.raw_ids) == ("stopped", "answer " * 5, (0, 1, 2, 3, 4))
    assert reply.reasoning == "reasoning " * 5
    assert [hit.node_id for hit in store.search("answer")] == [reply_id]
    assert store.notice is None
    store.close()


def test_two_processes_write_at_once(path: Path) -> None:
    """Nothing is lost and neither touches the other's conversation; they even create the file at once."""
    writers = [start(WRITES_AND_LEAVES, str(path), name) for name in ("left", "right")]
    for writer in writers:
        writer.communicate(timeout=60)
    assert [writer.returncode for writer in writers] == [0, 0]
    store = Store.open(path)
    assert sorted(c.title for c in store.conversations()) == ["left", "right"]
    for talk in store.conversations():
        assert talk.leaf_id is not None
        nodes = store.path_to(talk.leaf_id)
        assert [n.text for n in nodes[::2]] == [f"{talk.title} {n}" for n in range(10)]
        assert {n.status for n in nodes} == {"complete"}
    store.close()
