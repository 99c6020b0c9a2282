"""The fold is pure: the same stream gives the same state, in whatever pieces it comes."""

import random

from greenroom.v1.common_pb2 import Kind
from greenroom.v1.report_pb2 import Coverage
from greenroom.v1.session_pb2 import SessionEvent
from greenroom.v1.signals_pb2 import FaceEvent, Signal, VoiceEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.coverage import coverage
from services.aggregator.fold import Fold
from services.aggregator.report import to_json, write
from services.aggregator.spans import Stretch
from services.aggregator.state import SessionState
from tests.services.aggregator.streams import (
    QUESTION,
    SECOND,
    SESSION,
    START_US,
    Message,
    account,
    ask,
    closing,
    connect,
    evaluated,
    event,
    fold,
    happened,
    lose,
    opening,
    pause,
    report,
    resume,
    sessions,
    speech,
    voice,
)

RANDOM = settings(max_examples=40)


def again(message: Message) -> Message:
    """As it comes off the wire."""
    return type(message).FromString(message.SerializeToString())


@RANDOM
@given(sessions())
def test_a_replay_gives_the_same_state_hints_and_bytes(stream: list[Message]) -> None:
    first, second = fold(stream), fold([again(message) for message in stream])
    assert first.state == second.state
    assert to_json(write(first.state, affect=True)) == to_json(write(second.state, affect=True))


@RANDOM
@given(sessions(), st.floats(0, 1))
def test_any_prefix_has_a_report_and_can_be_gone_on_with(
    stream: list[Message], share: float
) -> None:
    cut = round(share * len(stream))
    folded = fold(stream[:cut])
    to_json(write(folded.state, affect=True))
    for message in stream[cut:]:
        folded.take(message)
    assert folded.state == fold(stream).state


@RANDOM
@given(sessions())
def test_what_comes_twice_counts_once(stream: list[Message]) -> None:
    doubled = [message for message in stream for _ in range(2)]
    assert fold(doubled).state == fold(stream).state


MEDIA = tuple(
    f"{kind}_{what}" for kind in ("face", "gesture", "voice") for what in ("state", "event")
)


def body(message: Message) -> str:
    return str(message.WhichOneof("body"))


@RANDOM
@given(sessions(live_hints=False), st.integers(0, 1000))
def test_the_order_of_media_signals_does_not_matter(stream: list[Message], seed: int) -> None:
    """After a takeover an older signal may come after newer ones."""
    media = [message for message in stream if body(message) in MEDIA]
    ends = [message for message in stream if body(message) in ("ended", "closed")]
    before = [message for message in stream if body(message) not in (*MEDIA, "ended", "closed")]
    shuffled = random.Random(seed).sample(media, len(media))
    one, two = (report([*before, *middle, *ends]) for middle in (media, shuffled))
    assert to_json(one) == to_json(two)


def test_fields_and_events_of_a_newer_version_are_passed_over() -> None:
    unknown = b"\xfa\x7f\x03new"  # field 2047, length-delimited
    stream = [*opening(), *voice(0, 5), *closing(5)]
    newer = [type(m).FromString(m.SerializeToString() + unknown) for m in stream]
    newer.insert(5, happened(FaceEvent(type=4711), 1))  # type: ignore[arg-type]
    newer.insert(6, Signal.FromString(unknown))
    newer.insert(7, SessionEvent.FromString(unknown))
    assert to_json(report(newer)) == to_json(report(stream))


def test_nothing_counts_after_the_session_closed() -> None:
    stream = [*opening(), *voice(0, 5), *closing(5)]
    late = [ask(6, "late"), *voice(6, 9), event(9), account(Kind.KIND_VOICE, 99)]
    assert fold([*stream, *late]).state == fold(stream).state


def test_the_session_s_time_never_goes_back() -> None:
    folded = Fold(SESSION)
    times = []
    for message in [*opening(), *voice(10, 12), *voice(0, 2)]:
        folded.take(message)
        times.append(folded.state.now_us)
    assert times == sorted(times)


def state(*messages: Message) -> SessionState:
    return fold(messages).state


def test_a_pause_across_a_question_s_end_counts_for_both() -> None:
    got = report([*opening(), *voice(0, 40), pause(10), ask(20, "next"), resume(30), *closing(40)])
    seconds = [
        found.value for q in got.questions for found in q.measures if found.measure == "answer_time"
    ]
    assert seconds == [10, 10]


def test_a_pause_that_never_ends_ends_with_the_session() -> None:
    assert state(*opening(), pause(10), *closing(40)).pauses == [
        (START_US + 10 * SECOND, START_US + 40 * SECOND)
    ]


def answered_s(*messages: Message) -> float:
    (found,) = [m.value for m in report(messages).measures if m.measure == "answer_time"]
    return float(found)


def test_a_lost_connection_is_no_part_of_the_answer() -> None:
    """From the last media on, though the loss was noticed later."""
    begun = [*opening(), connect(0), *voice(0, 50)]
    assert answered_s(*begun, lose(54), *closing(81)) == 50
    assert answered_s(*begun, lose(54), connect(75), *voice(75, 85), *closing(85)) == 60
    unsaid = [*begun, connect(75), *voice(75, 85), *closing(85)]
    assert answered_s(*unsaid) == 60, "a gateway that died says nothing"
    assert answered_s(*begun, lose(54), pause(52), resume(60), *closing(81)) == 50, "once"
    assert answered_s(*begun, connect(0.1), lose(0.05), *closing(50)) == 50, "of the one before"


def test_without_a_connection_or_analysis_no_time_is_taken_away() -> None:
    never = [*opening(), lose(5), *voice(10, 20), *closing(50)]
    assert answered_s(*never) == 50
    unanalysed = [*opening(), connect(0), *voice(0, 5), lose(100), *closing(110)]
    assert answered_s(*unanalysed) == 100


def test_an_interim_evaluation_does_not_replace_the_final_one() -> None:
    got = state(*opening(), evaluated(30, final=True, words=70), evaluated(20, final=False))
    assert got.asked[0].evaluation
    assert got.asked[0].evaluation.words == 70


def test_evaluations_go_to_the_attempt_that_they_speak_of() -> None:
    first, second = (evaluated(30, attempt=n, words=10 * n + 50) for n in (0, 1))
    got = state(*opening(), ask(20, QUESTION.id, 1), second, first, evaluated(30, attempt=2))
    assert [asked.evaluation.words for asked in got.asked if asked.evaluation] == [50, 60]


def test_a_later_text_of_an_utterance_replaces_the_earlier() -> None:
    got = state(*opening(), speech(1, 120, 3), speech(1, 120, 4, "a new text here"))
    assert [word.text for word in got.words] == ["a", "new", "text", "here"]


def test_an_older_accounting_does_not_replace_a_newer_one() -> None:
    newer, older = account(Kind.KIND_FACE, 20), account(Kind.KIND_FACE, 10, final=False)
    got = state(*opening(), newer, older)
    assert [account_.received for account_ in got.accounting.values()] == [20]
    assert got.analyzers_done == [Kind.KIND_FACE]


def test_what_a_dead_worker_held_is_told_as_lost() -> None:
    first = account(Kind.KIND_FACE, 10, final=False, lease=1, pending=2)
    whole = Stretch(START_US, START_US + 60 * SECOND)

    def covered(*accounts: Signal) -> Coverage:
        found = coverage(state(*opening(), *accounts), whole)
        return next(each for each in found if each.kind == Kind.KIND_FACE)

    before = covered(first)
    assert before.accounting.pending == 2
    second = account(Kind.KIND_FACE, 30, lease=5)
    after = covered(first, second)
    assert (after.accounting.received, after.accounting.processed) == (40, 38)
    assert dict(after.accounting.dropped) == {"worker_lost": 2}
    assert after.accounting.pending == 0


def test_a_session_whose_end_was_never_said_ends_with_its_last_media() -> None:
    stream = [*opening(), *voice(0, 12), closing(99)[1]]
    assert report(stream).duration_ms == 12_000


def test_events_stay_in_order_of_time() -> None:
    got = state(
        *opening(), *(happened(VoiceEvent(type=VoiceEvent.PAUSE), at) for at in (9, 3, 6, 3))
    )
    assert [(each.start_us - START_US) // SECOND for each in got.events] == [3, 6, 9]


def test_a_real_session_replays_alike(talk: list[Message]) -> None:
    first, second = fold(talk), fold([again(message) for message in talk])
    assert first.state == second.state
    assert first.state.hints == second.state.hints
