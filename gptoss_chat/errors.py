"""The one tree of errors that a person may see; it knows nothing of where they are shown."""


class GptossChatError(Exception):
    """A problem told to the user: one clear sentence, a remedy, and the exit code of the command.

    Anything that is not a GptossChatError and reaches the top is a defect of ours.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class UsageError(GptossChatError):
    """A flag, value or combination that makes no sense."""

    exit_code = 2


class CheckpointError(GptossChatError):
    """A model folder that is missing, truncated, corrupt, mislabelled or of another architecture."""


class ModelNotFoundError(GptossChatError):
    """A model name that no folder or cache holds."""


class MemoryLimitError(GptossChatError):
    """The machine's memory or disk can't hold what was asked for."""


class DeviceMemoryError(MemoryLimitError):
    """The GPU's memory can't hold what was asked for."""


class DeviceLostError(GptossChatError):
    """The GPU failed: nothing can be computed on it until the program is started again."""


class ContextFullError(GptossChatError):
    """The prompt does not fit the model's context."""


class HistoryError(GptossChatError):
    """The history database can't be read or written."""


class SettingsError(GptossChatError):
    """The configuration file holds something that makes no sense."""

    exit_code = 2
