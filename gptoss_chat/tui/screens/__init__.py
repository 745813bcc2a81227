"""The screens of the chat: the chat itself and the list of its keys."""
