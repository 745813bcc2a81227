"""What grows while an answer is written; it knows nothing of what that is."""

from __future__ import annotations

from textual.geometry import Size
from textual.reactive import Reactive
from textual.widget import Widget


class Growing(Widget):
    """Laid out once when it grows: a base beside a container's, and after it, for the toolkit takes styles from the first.

    The toolkit lays everything out again whenever the size inside a widget has changed; but all that hangs on it here is
    whether there is a scroll bar, and that asks for a layout itself.
    """

    virtual_size = Reactive(Size(0, 0), layout=False)
