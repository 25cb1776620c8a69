"""The result of an exam: scores by set, how they were computed, and both as a table or as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fgbg_data.exam.depth_scores import DEPTH_SCORES
from fgbg_data.exam.scores import COUNTS, LOWER_IS_BETTER, MEAN, POOLED, PREFIX, SCORES, SYNTHETIC
from fgbg_data.text import text_table

TRIPLE = ("delta1", "abs_rel", "order")
"""Scores in a cell of the table that compares predictors."""
GAP = "gap "
"""Stands before the name of a score in rows that say how much worse real pictures are."""


@dataclass(frozen=True, kw_only=True)
class ExamReport:
    """Scores by set of pictures, and how they were computed. `str(report)` is a table."""

    exam: str
    """The folder or file of the exam."""
    columns: dict[str, dict[str, float]]
    """Set -> name -> number of pictures, or score; with several sets also `pooled` and `mean of sets`."""
    protocol: dict[str, str]
    """How the scores were computed, such as alignment and cap, in words."""
    notes: tuple[str, ...] = ()
    """What else the reader should know."""
    synthetic: dict[str, float] = field(default_factory=dict)
    """The same scores on a split of a dataset; empty if none was given."""

    @property
    def gap(self) -> dict[str, dict[str, float]]:
        """Synthetic to real gap: column -> score -> how much better the dataset scores; above 0 means that it does."""
        if not self.synthetic:
            return {}
        names = [name for name in SCORES if name in self.synthetic and name != "rmse"]  # rmse has a unit
        return {
            column: {
                name: (values[name] - self.synthetic[name]) * (1 if name in LOWER_IS_BETTER else -1)
                for name in names
                if name in values
            }
            for column, values in self.columns.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as nested dicts: `exam`, `sets`, `pooled`, `mean_of_sets`, `protocol`, `notes`.

        With a single set, `pooled` and `mean_of_sets` repeat it. With a dataset, `synthetic` and `gap` stand beside.
        """
        sets = {name: values for name, values in self.columns.items() if name not in (POOLED, MEAN)}
        only = next(iter(sets.values()))
        found: dict[str, Any] = {
            "exam": self.exam,
            "sets": sets,
            "pooled": self.columns.get(POOLED, only),
            "mean_of_sets": self.columns.get(MEAN, only),
        }
        if self.synthetic:
            found |= {"synthetic": self.synthetic, "gap": self.gap}
        return {**found, "protocol": self.protocol, "notes": list(self.notes)}

    def table(self, width: int | None = None) -> str:
        """Return a table with a row for each score and a column for each set, and below it the protocol.

        Args:
            width: columns of the terminal; a wider table becomes one paragraph for each row. With None, it stays a
                table.
        """
        columns: Mapping[str, Mapping[str, float]] = self.columns
        if self.synthetic:
            columns = {**columns, SYNTHETIC: self.synthetic}
        names = list(dict.fromkeys(name for column in columns.values() for name in column))
        order = [*COUNTS, *SCORES]
        names.sort(key=lambda name: order.index(name) if name in order else len(order))
        rows = [[_title(name), *(_cell(name, column.get(name)) for column in columns.values())] for name in names]
        for name in dict.fromkeys(name for column in self.gap.values() for name in column):
            cells = [f"{column[name]:.3f}" if name in column else "" for column in self.gap.values()]
            rows.append([GAP + name, *cells, ""])
        text = text_table(["score", *columns], rows, width)
        if self.gap:
            text += "\n\ngap: from synthetic to real pictures, above 0 where the synthetic ones score better"
        about = "\n".join(f"{name}: {what}" for name, what in self.protocol.items())
        notes = "".join(f"\nnote: {note}" for note in self.notes)
        return f"{text}\n\n{about}{notes}"

    def __str__(self) -> str:
        return self.table()


def _title(name: str) -> str:
    """Return the name of a row."""
    if name.startswith(PREFIX):
        return f"baseline {name.removeprefix(PREFIX)}"
    return name.replace("_", " ") if name in COUNTS else name


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if name in COUNTS else f"{value:.3f}"


def comparison_table(reports: Mapping[str, ExamReport], width: int | None = None) -> str:
    """Return the depth scores of several predictors as two tables, and below them the protocol.

    The first has a row for each predictor and a column for each set, with delta1, abs_rel and order in each cell. The
    second has all scores of depth, of all sets together.

    Args:
        reports: name of the predictor -> its report on the same exam.
        width: columns of the terminal; see `ExamReport.table`.
    """
    first = next(iter(reports.values()))
    together = MEAN if MEAN in first.columns else next(iter(first.columns))
    sets = [name for name in first.columns if name != POOLED]
    cells = [[name, *(_triple(report.columns[set_name]) for set_name in sets)] for name, report in reports.items()]
    shown = [name for name in DEPTH_SCORES if name in first.columns[together]]
    every = [[name, *(_cell(s, r.columns[together].get(s)) for s in shown)] for name, r in reports.items()]
    about = "\n".join(f"{name}: {what}" for name, what in first.protocol.items())
    notes = "".join(f"\nnote: {note}" for note in first.notes)
    tables = text_table([" / ".join(TRIPLE), *sets], cells, width), text_table([together, *shown], every, width)
    return "\n\n".join((*tables, about)) + notes


def _triple(values: Mapping[str, float]) -> str:
    """Return the scores of a cell, such as `.655 / .241 / .803`."""
    return " / ".join(f"{values[name]:.3f}".removeprefix("0") if name in values else "-" for name in TRIPLE)
