from hypothesis import given
from hypothesis import strategies as st

from services.answers.text import CLAUSE_WORDS, bare, sentences, span
from tests.services.answers.speaking import say


def test_a_span_quotes_and_times_its_words() -> None:
    words = say("we shipped it on Friday")
    found = span(words[1:3])
    assert found.quote == "shipped it"
    assert (found.start_us, found.end_us) == (words[1].start_us, words[2].end_us)


def test_bare_leaves_letters_digits_and_apostrophes() -> None:
    assert bare("Don't,") == bare("Don’t") == "don't"
    assert bare("(42%)") == "42"
    assert bare("-") == ""


def test_sentences_end_at_full_stops() -> None:
    runs = sentences(say("We lost all data. I restored it from backups! Was it hard? It was fine."))
    assert [len(run) for run in runs] == [4, 5, 3, 3]


def test_a_long_run_without_full_stops_is_cut() -> None:
    runs = sentences(say("word " * 100))
    assert max(len(run) for run in runs) <= CLAUSE_WORDS


def test_a_comma_ends_a_clause_only_when_it_is_long() -> None:
    assert len(sentences(say("First, I looked at it."))) == 1
    long = "I looked at every single log file that we had kept since the last release, then I slept"
    assert len(sentences(say(long))) == 2


@given(st.text(max_size=400))
def test_no_word_is_lost_or_moved(text: str) -> None:
    words = say(text)
    assert [word for run in sentences(words) for word in run] == words
