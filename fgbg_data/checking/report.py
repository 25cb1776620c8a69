"""The report of `verify`: problems, notes, and what was done about bad shards."""

from dataclasses import dataclass, field

from fgbg_data.runtime.locations import Location
from fgbg_data.text import counted


@dataclass(frozen=True)
class VerifyProblem:
    """One thing that is wrong with a dataset. `str(problem)` is the line that `fgbg-data verify` prints."""

    where: str
    """The file or split, relative to the folder of the dataset."""
    text: str
    """What is wrong."""
    key: str | None = None
    """Key of the sample that the problem is about, or None."""

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.text}" if self.key else f"{self.where}: {self.text}"


@dataclass(repr=False)
class VerifyReport:
    """What `verify` found."""

    path: Location
    """Folder or URL of the dataset."""
    problems: list[VerifyProblem] = field(default_factory=list)
    """All problems, sorted by file and sample."""
    notes: list[str] = field(default_factory=list)
    """What could not be checked, and files that do not belong to the dataset but do no harm."""
    samples: int = 0
    """Number of samples that were checked."""
    rerendered: int = 0
    """Number of samples that were rendered again and compared."""
    shards: int = 0
    """Number of shards that were checked."""
    bad_shards: set[tuple[str, int]] = field(default_factory=set)
    """(split, index) of every shard with a problem; the build can make these again."""
    has_manifest: bool = False
    """Whether it has a `dataset.json`. Without it no command can make bad shards again."""
    discarded: list[Location] = field(default_factory=list)
    """Records that were removed, so that the build makes their shards again."""

    def __repr__(self) -> str:
        found = "OK" if self.ok else counted(len(self.problems), "problem")
        shown = f": {self.problems[0]}" if self.problems else ""
        checked = f"{counted(self.samples, 'sample')} in {counted(self.shards, 'shard')}"
        return f"VerifyReport({str(self.path)!r}, {checked}, {found}{shown})"

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems

    def add(self, where: str, text: str, key: str | None = None) -> None:
        """Add a problem that is not about one shard."""
        self.problems.append(VerifyProblem(where, text, key))

    def add_to_shard(self, split: str, index: int, problem: VerifyProblem) -> None:
        """Add a problem of a shard, which is bad then."""
        self.problems.append(problem)
        self.bad_shards.add((split, index))
