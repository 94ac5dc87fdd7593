"""What a run found: one line for each figure, with its goal and a verdict."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Line:
    goal_no: str
    what: str
    figure: str
    goal: str
    is_good: bool | None

    @property
    def verdict(self) -> str:
        return {True: "ok", False: "NOT MET", None: "–"}[self.is_good]


@dataclass
class Report:
    facts: dict[str, object]
    lines: list[Line] = field(default_factory=list)
    # Differences in words, with what is needed to see them again.
    differences: list[str] = field(default_factory=list)

    def add(self, goal_no: str, what: str, figure: str, goal: str = "", is_good: bool | None = None) -> None:
        line = Line(goal_no, what, figure, goal, is_good)
        self.lines.append(line)
        print(f"{goal_no:3} {what:66} {figure:>34} {goal:>12}  {line.verdict}", flush=True)

    def differ(self, goal_no: str, differences: list[str]) -> None:
        self.differences += [f"{goal_no}: {text}" for text in differences]
        for text in differences[:20]:
            print(f"{goal_no:3} !! {text}", flush=True)

    @property
    def is_good(self) -> bool:
        return not self.differences and all(line.is_good is not False for line in self.lines)

    def write(self, path: Path) -> None:
        told = {
            "facts": self.facts,
            "lines": [{**asdict(line), "verdict": line.verdict} for line in self.lines],
            "differences": self.differences,
        }
        path.write_text(json.dumps(told, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
