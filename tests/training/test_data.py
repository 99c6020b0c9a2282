"""A data folder is read by its manifest."""

from pathlib import Path

import pytest

from training.data import DataError, manifest

COLUMNS = "file repo commit path_there licence tier bytes duration_s format shows"
HEADER = "\t".join([*COLUMNS.split(), "label_or_transcript", "sha256"]) + "\n"


def test_only_files_that_exist_are_listed(tmp_path: Path) -> None:
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "a.wav").touch()
    (tmp_path / "MANIFEST.tsv").write_text(
        HEADER
        + 'speech/a.wav\tr\tc\tp\tMIT\tA\t1\t2.50\tpcm (no audio)\tone "man\thello there\tx\n'
        + "speech/b.wav\tr\tc\tp\tMIT\tA\t1\t\tpcm\tone man\tgone\tx\n"
        + "video/c.mp4\tr\tc\tp\tMIT\tA\t1\t\tpcm\tone man\tgone\tx\n"
    )
    [entry] = manifest(tmp_path, "speech")
    assert (entry.label, entry.duration_s, entry.tier) == ("hello there", 2.5, "A")
    assert not entry.has_audio


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"MANIFEST\.tsv"):
        list(manifest(tmp_path))
