"""Parts of a story: sample answers whose parts their authors named, and stories of our own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.answers.embedder import Embedder
from services.answers.star import NONE, PARTS, decode, star
from services.answers.text import sentences, span
from training.answers import f1, parts
from training.answers.scoring import AREA
from training.answers.spoken import spoken
from training.results import Comparison, Row, bootstrap, skipped

FOLDER = "text_interview"
METRIC = "situation, task, action, result: words in the right part, macro F1"
LETTERS = "STAR"
MIN_WORDS = 40
"""A sample of fewer words has parts that say nothing."""

QUARTERS = (0.17, 0.30, 0.70)
"""Where the baseline, which reads no word, ends the situation, the task and the action."""

Labels = npt.NDArray[np.float64]
Story = list[tuple[str, int]]
"""(text, part)"""


def rows(data: Path, embed: Embedder) -> list[Row]:
    stories = read(data)
    if not stories:
        return [skipped(AREA, METRIC, f"no {FOLDER}/*.md with named parts")]
    result = []
    for name, plain in (("all", False), ("no punctuation or capitals", True)):
        columns = [_columns(story, embed, plain=plain) for story in stories]
        low, high = bootstrap(columns, macro_f1)
        together = np.concatenate(columns)
        baseline = macro_f1(together[:, [0, 2]])
        result.append(
            Row(
                area=AREA, metric=METRIC, slice=name, value=macro_f1(together), low=low, high=high,
                n=len(stories), baseline=Comparison(name="by place alone", value=baseline),
                note="sample answers, all four parts in order: place alone is strong here",
            )
        )  # fmt: skip
    return [*result, _written(embed)]


def _written(embed: Embedder) -> Row:
    """Stories written for Greenroom, half of them with parts missing, by a head that was trained
    on the typical sentences alone."""
    head = parts.fit(embed, parts.typical())
    columns = []
    for story in parts.stories():
        words = spoken(" ".join(text for text, _ in story))
        runs = sentences(words)
        vectors = embed([span(run).quote for run in runs])
        lengths = np.array([len(run) for run in runs])
        told = np.repeat(decode(head.predict_log_proba(vectors), lengths)[0], lengths)
        truth = [part for text, part in story for _ in text.split()]
        columns.append(np.stack([truth, told, _by_place(len(words))], 1).astype(float))
    low, high = bootstrap(columns, macro_f1)
    together = np.concatenate(columns)
    return Row(
        area=AREA, metric=METRIC, slice="stories of our own, many with parts missing",
        value=macro_f1(together), low=low, high=high, n=len(columns),
        baseline=Comparison(name="by place alone", value=macro_f1(together[:, [0, 2]])),
        note="by a head that was not trained on them",
    )  # fmt: skip


def _by_place(words: int) -> npt.NDArray[np.int64]:
    """[words] the part that a word is in if all stories go alike."""
    return np.digitize(np.arange(words) / words, QUARTERS)


def read(data: Path) -> list[Story]:
    """Answers that name all four parts, in HTML lists or as bold letters."""
    stories: list[Story] = []
    for path in sorted((data / FOLDER).glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for answer in re.findall(r"<details>(.*?)</details>", text, re.DOTALL):
            found = re.findall(
                r"<b>\s*(Situation|Task|Action|Result)s?:?\s*</b>:?(.*?)</li>", answer, re.DOTALL
            )
            stories.append([(re.sub(r"<[^>]+>", " ", t), LETTERS.index(p[0])) for p, t in found])
        for found in re.findall(r"((?:\*\*[STAR]:\*\* \".*?\"\s*){4})", text):
            lines = re.findall(r"\*\*([STAR]):\*\* \"(.*?)\"", found)
            stories.append([(t, LETTERS.index(p)) for p, t in lines])
    return [
        story
        for story in stories
        if {part for _, part in story} == set(range(len(LETTERS)))
        and sum(len(text.split()) for text, _ in story) >= MIN_WORDS
    ]


def _columns(story: Story, embed: Embedder, *, plain: bool) -> Labels:
    """[words, (part, told part, part by place)]"""
    truth = [part for text, part in story for _ in spoken(text, plain=plain)]
    words = spoken(" ".join(text for text, _ in story), plain=plain)
    told = np.full(len(words), NONE)
    for result in star(embed, words):
        inside = [
            result.span.start_us <= word.start_us and word.end_us <= result.span.end_us
            for word in words
        ]
        told[inside] = PARTS.index(result.part)
    return np.stack([truth, told, _by_place(len(words))], 1).astype(float)


def macro_f1(columns: Labels) -> float:
    """Over the four parts; what is taken for none of them is missed."""
    return float(np.mean([f1.of_class(columns, part) for part in range(NONE)]))
