"""Whether English lyrics sound happy or sad by their words: VADER, a lexicon with rules.

Hutto and Gilbert, "VADER: a parsimonious rule-based model for sentiment analysis of social media text" (ICWSM 2014).
Its lexicon is English: other languages score 0 there, which would be taken for neutral.
"""

import re
from collections.abc import Callable
from typing import Literal

LANGUAGE = "en"
NEUTRAL_BELOW = 0.05  # the paper's own bound, to either side
Sentiment = Literal["positive", "neutral", "negative"]
Score = Callable[[str], float | None]


def load_score() -> Score:
    """Return what scores an English text, -1 to 1, or None if there is nothing in it.

    It is the mean compound score of its lines and sentences: the score is made for one, and over a whole song it
    ends at -1 or 1.
    """
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()

    def score(text: str) -> float | None:
        sentences = [sentence for sentence in re.split(r"\n|(?<=[.!?])\s", text) if sentence.strip()]
        scores = [analyzer.polarity_scores(sentence)["compound"] for sentence in sentences]
        return float(sum(scores) / len(scores)) if scores else None

    return score


def sentiment_of(score: float) -> Sentiment:
    """The word for a score: neutral within 0.05 of 0."""
    if abs(score) < NEUTRAL_BELOW:
        return "neutral"
    return "positive" if score > 0 else "negative"
