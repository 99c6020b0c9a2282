"""What is said of a measure, and the drill that changes it.

Written for a nervous reader: what was seen and heard, no blame, no guess at feelings.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences by where the value lies. {value} is its figure with its unit, {usual} the usual
    range, {your_answer} "your answer" or "your answers", {average} " on average" for several.

    Blinks have none: nobody needs to think of their eyelids in an interview.
    """

    good: str = ""
    low: str = ""
    high: str = ""
    aim: str = ""
    """What to practise, and how: the drill."""
    drill: str = ""
    drill_for: str = ""
    """low or high: where the drill would make the other worse."""
    importance: float = 1.0


WORDS: dict[str, Words] = {
    "completeness": Words(
        aim="Make the points that a good answer holds",
        good="{Your_answer} covered most of what a good answer holds ({value}).",
        low="Of the points that a good answer holds, {value} were found in {your_answer}.",
        drill="Write down the points you want to make, three words each, then answer aloud and "
        "tick off what you said.",
        importance=1.6,
    ),
    "relevance": Words(
        aim="Stay close to the question",
        good="You spoke to the question that was asked ({value}).",
        low="Parts of {your_answer} were some way from the question ({value} relevance; {usual} is "
        "usual).",
        drill="Begin your next answer by repeating the question in your own words, and end it by "
        "returning to it.",
        importance=1.6,
    ),
    "star_parts": Words(
        aim="Tell the whole story: situation, task, action, result",
        good="Of a story's four parts (situation, task, action, result), {value}{average} could be "
        "found in {your_answer}.",
        low="Of a story's four parts (situation, task, action, result), {value}{average} could be "
        "found in {your_answer}.",
        drill="Tell one story in four sentences: what it was like, what you had to do, what you "
        "did, what came of it. Then add detail to the third.",
        importance=1.4,
    ),
    "specificity": Words(
        aim="Give numbers and names",
        good="You gave concrete details: numbers and names.",
        low="There were few numbers and names in {your_answer}.",
        drill="Find one number and one name for each story you tell: how many, how long, which "
        "tool, which customer.",
        importance=1.2,
    ),
    "speech_rate": Words(
        aim="Find an easy pace",
        good="You spoke at a pace that is easy to follow ({value}).",
        low="You spoke rather slowly ({value}; {usual} is usual).",
        high="You spoke fast ({value}; {usual} is usual).",
        drill="Read a paragraph aloud in one minute: 150 words. Feel that pace, then answer a "
        "question in it.",
        importance=1.3,
    ),
    "filled_pauses": Words(
        aim="Let a silent pause stand for an 'um'",
        good="You used few or no 'um's and 'uh's ({value}).",
        high="'Um' or 'uh' came up {value}; {usual} is usual.",
        drill="Answer a question for one minute, and each time an 'um' wants to come, close your "
        "mouth and wait for a breath instead. A silent pause sounds thoughtful.",
        importance=1.2,
    ),
    "filler_words": Words(
        aim="Leave fillers out",
        high="Fillers such as 'like' or 'you know' came up {value}; {usual} is usual.",
        drill="Record one answer, count the fillers, and give the same answer again with half.",
        importance=1.0,
    ),
    "pause_mean": Words(
        aim="Keep pauses to a breath",
        good="Your pauses were short enough to keep the thread ({value} on average).",
        high="Your pauses were long ({value} on average; {usual} is usual).",
        drill="Say the first sentence of your answer, pause for one breath, and go on. Practise "
        "until one breath is all you need.",
        importance=0.9,
    ),
    "eye_contact": Words(
        aim="Rest your eyes on the camera while you speak",
        good="You looked towards the camera for much of your speaking ({value}).",
        low="You looked towards the camera for {value} of your speaking time.",
        drill="Put a small mark beside the camera. Finish each sentence looking at it; while you "
        "think, look where you like.",
        importance=1.3,
    ),
    "looking_away": Words(
        aim="Come back to the camera sooner",
        high="You looked away from the camera {value}; {usual} is usual.",
        drill="Keep your notes next to the camera, so that a look at them is a small one.",
        importance=0.9,
    ),
    "fidgeting": Words(
        aim="Give your hands a place to rest",
        good="Your hands moved with purpose: there was little fidgeting ({value} of the time they "
        "were in view).",
        high="Your hands made small repeated movements {value} of the time they were in view.",
        drill="Lay your hands loosely on the table between gestures, and let them come up only "
        "to show something.",
        importance=1.1,
    ),
    "self_touch": Words(
        aim="Keep your hands away from your face",
        high="A hand was at your face or hair {value} of the time.",
        drill="Hold a pen in the hand that wanders, for one answer; then do without it.",
        importance=1.0,
    ),
    "pitch_variation": Words(
        aim="Let your voice rise and fall",
        good="Your voice was lively ({value} of variation in pitch).",
        low="Your voice stayed near one pitch ({value} of variation; {usual} is usual).",
        high="Your pitch moved a great deal ({value}; {usual} is usual).",
        drill="Read a children's story aloud and overdo it. Then give your answer with half of "
        "that.",
        drill_for="low",
        importance=0.9,
    ),
    "loudness": Words(
        aim="Find a good level for the microphone",
        low="Your voice came through softly.",
        high="Your voice was very loud for the microphone.",
        drill="Sit a hand's length closer to the microphone, or further away, and check the level "
        "bar before you start.",
        importance=0.8,
    ),
    "phonation_ratio": Words(
        aim="Speak more and search less",
        low="There was much silence in {your_answer}: you spoke {value} of the time.",
        drill="Outline the answer in ten seconds: three key words. Then speak from word to word.",
        importance=0.8,
    ),
    "face_in_view": Words(
        aim="Stay in the picture",
        low="Your face was in view {value} of the time.",
        drill="Move the camera to eye height and sit so that head and shoulders are in the "
        "picture.",
        importance=0.7,
    ),
    "response_delay": Words(
        aim="Begin a little sooner",
        good="You began to answer without a long wait ({value}{average}).",
        high="It took {value}{average} before you began to answer.",
        drill="Buy time aloud: 'That is a good question; let me think of an example.' Then begin.",
        importance=0.8,
    ),
    "answer_time": Words(
        aim="Take one to two minutes for an answer",
        good="{Your_answer} had a good length ({value}{average}).",
        low="{Your_answer} took {value}{average}; one to two minutes is usual.",
        high="{Your_answer} took {value}{average}; one to two minutes is usual.",
        drill="Set a timer to 90 seconds and stop with your result when it rings.",
        importance=0.9,
    ),
    "disfluencies": Words(
        aim="Finish one sentence before the next",
        high="You started over or repeated words {value}; {usual} is usual.",
        drill="Think the sentence to its end before you begin it; short sentences are easier.",
        importance=0.9,
    ),
}
