import pytest

from services.voice import tokenizer


def test_the_vocabulary_is_whole() -> None:
    vocabulary = tokenizer.vocabulary()
    assert len(vocabulary) == 32_768
    assert vocabulary[tokenizer.BEGIN] == b"<s>"
    assert vocabulary[tokenizer.END] == b"</s>"


def test_tokens_become_text_without_special_ones() -> None:
    vocabulary = tokenizer.vocabulary()
    ids = [vocabulary.index("▁for".encode()), vocabulary.index("▁the".encode()), tokenizer.END]
    assert tokenizer.decode(ids) == "for the"
    assert tokenizer.starts_word(ids[0])


def test_long_tokens_have_two_length_bytes() -> None:
    token = b"x" * 300
    stored = bytes([300 % 128 + 128, 300 // 128]) + token
    assert tokenizer.parse(b"\x01a" + stored) == [b"a", token]


@pytest.mark.parametrize("data", [b"\x05ab", b"\x80"])
def test_a_cut_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="ends inside"):
        tokenizer.parse(data)
