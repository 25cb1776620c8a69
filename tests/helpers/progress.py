"""A progress reporter for tests."""


class Recorder:
    """A reporter that keeps everything it gets."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int | None, str, int]] = []
        self.updates: list[tuple[int, str]] = []
        self.ended = 0
        self.messages: list[str] = []

    def begin(self, activity: str, total: int | None, unit: str, done: int = 0) -> None:
        self.begun.append((activity, total, unit, done))

    def update(self, done: int, note: str = "") -> None:
        self.updates.append((done, note))

    def end(self) -> None:
        self.ended += 1

    def message(self, text: str) -> None:
        self.messages.append(text)
