"""gptoss-chat: talk to, and look inside, gpt-oss models on your own machine."""

__version__ = "0.1.0"
