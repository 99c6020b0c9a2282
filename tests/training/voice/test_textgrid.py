from pathlib import Path

import pytest

from training.voice.textgrid import Interval, tiers

SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
2
"IntervalTier"
"words"
0
1.5
2
0
1
"so ""it"""
1
1.5
""
"TextTier"
"marks"
0
1.5
1
0.5
"click"
'''

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1
            text = "so ""it"""
        intervals [2]:
            xmin = 1
            xmax = 1.5
            text = ""
'''


@pytest.mark.parametrize("content", [SHORT, LONG])
def test_both_forms(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.TextGrid"
    path.write_text(content)
    assert tiers(path) == {"words": [Interval(0, 1, 'so "it"'), Interval(1, 1.5, "")]}


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.TextGrid"
    path.write_text("hello")
    with pytest.raises(ValueError, match="no TextGrid"):
        tiers(path)
