"""The `gptoss-chat` command."""
