"""Scored short answers, read in place: SciEntsBank and Beetle (SemEval-2013 task 7) and Mohler."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

FOLDER = "text_scored_answers"
LABELS = ("contradictory", "incorrect", "correct")
"""The task's three-way labels (Dzikovska et al. 2013); the index is the class."""

FOLDS = 5


@dataclass(frozen=True)
class Scored:
    """One answer to one question."""

    corpus: str
    """beetle, sciEntsBank or mohler."""
    question: str
    references: tuple[str, ...]
    answer: str
    label: int | None
    """Index into LABELS; None where only a score is given."""
    score: float | None
    """0..1; None where only a label is given."""

    @property
    def question_key(self) -> str:
        return key(self.corpus, self.question, *self.references)

    @property
    def answer_key(self) -> str:
        return key(self.corpus, self.question, self.answer)


def key(*parts: str) -> str:
    """Short and stable: says that two texts are the same without holding them."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def labelled(data: Path) -> list[Scored]:
    """Answers with three-way labels out of every archive of the folder, each once."""
    found: dict[str, Scored] = {}
    for path in sorted((data / FOLDER).glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".xml") and "2way" not in PurePosixPath(name).parts:
                    for item in _answers(archive.read(name), _corpus(name)):
                        found.setdefault(item.answer_key, item)
    return list(found.values())


def _corpus(name: str) -> str:
    return "beetle" if "beetle" in name.lower() else "sciEntsBank"


def _answers(content: bytes, corpus: str) -> Iterator[Scored]:
    root = ElementTree.fromstring(content)  # noqa: S314 - a data file, not from the network
    question = (root.findtext("questionText") or "").strip()
    references = tuple((node.text or "").strip() for node in root.iter("referenceAnswer"))
    for node in root.iter("studentAnswer"):
        text, label = (node.text or "").strip(), node.get("accuracy", "")
        if text and references and label in LABELS:
            yield Scored(corpus, question, references, text, LABELS.index(label), None)


def scored(data: Path) -> list[Scored]:
    """Answers with the mean of two persons' scores."""
    found = []
    for path in sorted((data / FOLDER).glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found += [
                Scored(
                    "mohler",
                    row["question"].strip(),
                    (row["desired_answer"].strip(),),
                    row["student_answer"].strip(),
                    None,
                    float(row["score_avg"]) / MOHLER_MOST,
                )
                for row in csv.DictReader(file)
            ]
    return found


MOHLER_MOST = 5.0


def folds(items: Sequence[Scored], count: int = FOLDS) -> npt.NDArray[np.int64]:
    """[n] fold of each answer: all answers to a question are in one."""
    keys = dict.fromkeys(item.question_key for item in items)
    order = sorted(keys)  # by hash: as good as shuffled, and the same everywhere
    place = {name: number % count for number, name in enumerate(order)}
    return np.array([place[item.question_key] for item in items], np.int64)
