"""config.toml: its settings as values, and the file itself; who reads it is `gptoss_chat.settings`."""
