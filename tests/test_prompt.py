"""Prompts: sound sentences whatever is known, true to the columns; and what an endpoint may answer."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers.audio import Sound
from featurizers.featurizer import Inputs
from featurizers.prompt import Prompt
from featurizers.prompt_endpoint import API_KEY, EndpointError
from featurizers.prompt_templates import LANGUAGES, article
from schemas.fragments.prompt import PROMPT

FULL = {
    "genre_tag": "Indie Rock/Pop",
    "artist": "M.I.A.",
    "year": 1994,
    "energy": 0.8,
    "spectral_centroid_hz_mean": 1000.0,
    "key": "F# minor",
    "key_confidence": 0.9,
    "tempo_bpm": 127.6,
    "tempo_confidence": 0.8,
    "time_signature": "3/4",
    "has_vocals": True,
    "language": "pl",
    "sentiment": "negative",
    "time_signature_confidence": 0.9,
    "theory_confidence": 0.8,
    "progression": "I-V-vi-IV",
    "sections": [{"type": name, "confidence": 0.7} for name in ("intro", "verse", "chorus", "verse", "bridge")],
    "genres": [{"genre": "techno", "confidence": 0.9}],
}
TRACKS = [f"{number:032x}" for number in range(40)]
SHARE = st.floats(0, 1, width=32)
TEXT = "aZé演 &'+-./,;!?\"\n\t\0\u200b\u202e018"  # a few of every kind
COLUMNS = {
    "genre_tag": st.text(TEXT, max_size=60)
    | st.sampled_from(["Rock", "R&B/Soul", "None", "  ", "8-bit", "Other", "Música"]),
    "artist": st.sampled_from(["M.I.A.", "And So On...", "Sigur  Rós\n", "!!!", "Unknown", "\u202eB", "x" * 100]),
    "year": st.integers(-1, 9999),
    "energy": SHARE,
    "spectral_centroid_hz_mean": st.floats(0, 11025, width=32),
    "key": st.sampled_from(["C major", "Bb minor"]),
    "key_confidence": SHARE,
    "tempo_bpm": st.floats(30, 300, width=32),
    "tempo_confidence": SHARE,
    "time_signature": st.sampled_from(["3/4", "4/4"]),
    "has_vocals": st.booleans(),
    "language": st.sampled_from([*LANGUAGES, "xx"]),
    "sentiment": st.sampled_from(["positive", "neutral", "negative"]),
    "time_signature_confidence": SHARE,
    "theory_confidence": SHARE,
    "progression": st.sampled_from(["I-V-vi-IV", "12-bar blues"]),
    "sections": st.lists(
        st.fixed_dictionaries({"type": st.sampled_from(["intro", "verse", "chorus", "solo"]), "confidence": SHARE})
    ),
    "genres": st.lists(st.fixed_dictionaries({"genre": st.just("techno"), "confidence": SHARE}), max_size=1),
}
SOME_COLUMNS = st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in COLUMNS.items()})


def write(columns: dict[str, Any], track_id: str = TRACKS[0], **settings: Any) -> str:
    [row] = Prompt(**settings).load()([Inputs(Sound({}), columns, track_id)])
    assert row.keys() == set(PROMPT.names)
    return str(row["prompt"])


@given(SOME_COLUMNS, st.sampled_from(TRACKS), st.booleans())
def test_whatever_is_known_the_sentences_are_sound(columns: dict[str, Any], track_id: str, name_artist: bool) -> None:
    text = write(columns, track_id, name_artist=name_artist)
    assert re.match(r"(A|An|This is an?) \S", text)
    assert text.endswith(".")
    assert "  " not in text
    assert not re.search(r" [,.]|,,|, and |\.\.$|\bNone\b|\bnan\b| (in|at|with|by|from|and|of)\.", text)
    if not name_artist:
        assert 1 <= len(re.findall(r"\.(?: |$)", text)) <= 2
    assert write(columns, track_id, name_artist=name_artist) == text


@given(SOME_COLUMNS, st.sampled_from(TRACKS))
def test_what_is_said_is_what_the_columns_say(columns: dict[str, Any], track_id: str) -> None:
    text = write({**columns, "genre_tag": None}, track_id)
    known = {name: value for name, value in columns.items() if value is not None}
    tempo_known = known.get("tempo_confidence", 0) >= 0.5
    key_known = known.get("key_confidence", 0) >= 0.5
    tempi = [f"{round(known['tempo_bpm'])}"] if tempo_known and "tempo_bpm" in known else []
    assert re.findall(r"(\d+) BPM", text) == tempi
    metre_known = tempo_known and columns.get("time_signature_confidence", 1) is not None
    metre_known = metre_known and known.get("time_signature_confidence", 1) >= 0.5
    assert re.findall(r"\d/4", text) == ([known["time_signature"]] if metre_known and "time_signature" in known else [])
    chords = known.get("progression") if known.get("theory_confidence", 0) >= 0.5 else None
    assert [name for name in ("I-V-vi-IV", "12-bar blues") if name in text] == ([chords] if chords else [])
    sure = {section["type"] for section in known.get("sections", ()) if section["confidence"] >= 0.5} - {"intro"}
    parts = {"verse": "verses", "chorus": "choruses", "solo": "a solo"}
    assert {name for name, words in parts.items() if words in text} == (sure if len(sure) > 1 else set())
    assert ("techno" in text) == any(guess["confidence"] >= 0.5 for guess in known.get("genres", ()))
    assert re.findall(r"\S+ (?:major|minor)", text) == ([known["key"]] if key_known and "key" in known else [])
    assert ("instrumental" in text) == (known.get("has_vocals") is False)
    assert ("vocals" in text) == (known.get("has_vocals") is True)
    named = [language for language in LANGUAGES.values() if re.search(rf"\b{language}\b", text)]
    sung_in = LANGUAGES.get(known.get("language", "")) if known.get("has_vocals") else None
    assert named == ([sung_in] if sung_in else [])
    years = [int(year) for year in re.findall(r"from (?:the )?(\d{4})", text)]
    assert all(year in (known["year"], known["year"] // 10 * 10) for year in years)


def test_every_fact_is_said() -> None:
    for track_id in TRACKS:
        text = write(FULL, track_id, name_artist=True)
        for words in ("indie rock", "by M.I.A.", "199", "F# minor", "128 BPM", "3/4 time", "Polish", "negative"):
            assert words in text
        assert "the chords I-V-vi-IV" in text
        assert "verses, choruses and a bridge" in text
        assert "techno" not in text  # a tag outranks what is heard
        assert re.search(r"loud|energetic|powerful", text)
        assert re.search(r"dark|warm|mellow", text)
        assert re.search(r"mid-tempo|moderately paced", text)
        assert "M.I.A" not in write(FULL, track_id)


@pytest.mark.parametrize("columns", [FULL, {"genre_tag": "rock"}, {}], ids=["full", "genre", "nothing"])
def test_tracks_that_measure_the_same_are_worded_differently(columns: dict[str, Any]) -> None:
    assert len({write(columns, track_id) for track_id in TRACKS}) >= (30 if columns is FULL else 4)


@pytest.mark.parametrize(
    ("columns", "unsaid"),
    [
        ({"tempo_bpm": 120.0, "tempo_confidence": 0.49, "time_signature": "4/4"}, r"BPM|4/4|tempo|paced"),
        ({"tempo_bpm": 120.0, "tempo_confidence": None}, "BPM"),
        ({"tempo_confidence": 0.9, "time_signature": "4/4", "time_signature_confidence": 0.49}, "4/4"),
        ({"key": "C major", "key_confidence": 0.49}, "major"),
        ({"progression": "I-V-vi-IV", "theory_confidence": 0.49}, "I-V"),
        ({"sections": [{"type": "verse", "confidence": 0.9}, {"type": "chorus", "confidence": 0.4}]}, "verse|chorus"),
        ({"genres": [{"genre": "techno", "confidence": 0.49}]}, "techno"),
        ({"key": "C major"}, "major"),
        ({"language": "en", "sentiment": "positive"}, "English|positive"),
        ({"has_vocals": False, "language": "en", "sentiment": "positive"}, "English|positive|vocals"),
        ({"has_vocals": True, "sentiment": "neutral", "language": "xx"}, "neutral|xx"),
        ({"has_vocals": True, "genre_tag": "Instrumental"}, "instrumental"),
        ({"energy": 0.6, "spectral_centroid_hz_mean": 2000.0}, "loud|quiet|dark|bright"),
        ({"spectral_centroid_hz_mean": 0.0}, "dark|warm|mellow"),
        ({"genre_tag": "Unknown", "year": 0}, "unknown|from"),
        ({"genre_tag": "buy at www.example.com"}, "www"),
    ],
)
def test_what_is_uncertain_or_void_is_not_said(columns: dict[str, Any], unsaid: str) -> None:
    for track_id in TRACKS:
        assert not re.search(unsaid, write(columns, track_id))


@pytest.mark.parametrize(
    ("column", "fact", "words"),
    [
        ("tempo_bpm", "tempo", {79.4: "slow", 79.6: "mid-tempo", 129.4: "mid-tempo", 129.6: "fast"}),
        ("energy", "loudness", {0.44: "quiet", 0.45: None, 0.74: None, 0.75: "loud"}),
        ("spectral_centroid_hz_mean", "brightness", {1399: "dark", 1400: None, 2799: None, 2800: "bright"}),
    ],
)
def test_words_of_numbers_at_their_bounds(column: str, fact: str, words: dict[float, str | None]) -> None:
    for value, word in words.items():
        assert getattr(Prompt().facts({column: value, "tempo_confidence": 0.5}), fact) == word, value


def test_thresholds_are_settings() -> None:
    unsure = {"tempo_bpm": 120.0, "tempo_confidence": 0.2, "key": "C major", "key_confidence": 0.2}
    text = write(unsure, min_tempo_confidence=0.2, min_key_confidence=0.2)
    assert "120 BPM" in text
    assert "C major" in text


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("rock song", "a"),
        ("indie song", "an"),
        ("R&B song", "an"),
        ("EDM song", "an"),
        ("UK garage song", "a"),
        ("euro dance song", "a"),
        ("urban song", "an"),
        ("unhurried song", "an"),
        ("8-bit song", "an"),
        ("80s song", "an"),
        ("2-step song", "a"),
        ("Électro song", "an"),
        ("ópera song", "an"),
        ("演歌 song", "a"),
    ],
)
def test_articles(phrase: str, expected: str) -> None:
    assert article(phrase) == expected


# What an endpoint may do


Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """An OpenAI-compatible server on loopback that answers as it is told and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answer: Answer = lambda handler: None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append(
                    {"path": self.path, "key": self.headers.get("Authorization"), "body": json.loads(body)}
                )
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def send(body: str, status: int = 200) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        encoded = body.encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(encoded)))
        handler.end_headers()
        handler.wfile.write(encoded)

    return answer


def chat(content: str | None, finish_reason: str = "stop", **message: Any) -> Answer:
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason}
    return send(json.dumps({"choices": [choice]}))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv(API_KEY, raising=False)
    with Server() as running:
        yield running


def test_an_endpoint_words_the_same_facts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answer = chat(' "A sad song\n in F# minor." ')
    extract = Prompt(endpoint=server.url, endpoint_model="tiny").load()
    inputs = Inputs(Sound({}), FULL | {"tempo_confidence": 0.1}, TRACKS[7])
    assert extract([inputs, inputs]) == [{"prompt": "A sad song in F# minor.", "prompt_source": "endpoint:tiny"}] * 2
    first, second = server.requests
    assert first == second
    assert first["path"] == "/v1/chat/completions"
    assert first["key"] is None
    body = first["body"]
    assert (body["model"], body["temperature"], body["seed"]) == ("tiny", 0, 0)
    facts = json.loads(body["messages"][1]["content"])
    assert (facts["key"], facts["language"], facts["year"]) == ("F# minor", "Polish", 1994)
    assert not {"tempo_bpm", "tempo", "time_signature", "artist"} & facts.keys()
    monkeypatch.setenv(API_KEY, "secret")
    extract([inputs])
    assert server.requests[-1]["key"] == "Bearer secret"


def test_the_seed_follows_from_the_track(server: Server) -> None:
    server.answer = chat("A song.")
    for track_id in ("f" * 32, "0000002" + "0" * 25):
        write({}, track_id, endpoint=server.url)
    assert [request["body"]["seed"] for request in server.requests] == [0xFFFFFFF, 2]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (send("oh no", 500), "answered 500 Internal Server Error"),
        (send("", 404), "answered 404 Not Found"),
        (send('{"choices": [{"mess'), "something that is no JSON"),
        (send("[]"), "no chat completion"),
        (send('{"choices": []}'), "no chat completion"),
        (send('{"choices": [{"message": {"content": 3}}]}'), "no chat completion"),
        (chat(""), "an empty text"),
        (chat(None), "an empty text"),
        (chat(" \n "), "an empty text"),
        (chat("I'm sorry, but I can't help with that."), "refused: I'm sorry"),
        (chat(None, refusal="Not about music."), "refused: Not about music."),
        (chat("", "content_filter"), "refused: content_filter"),
        (chat("A song that", "length"), "no caption: 11 characters, ended by length"),
        (chat("la " * 500), "no caption: 1499 characters"),
    ],
)
def test_an_endpoint_without_a_caption_is_an_error_of_one_sentence(
    server: Server, answer: Answer, sentence: str
) -> None:
    server.answer = answer
    with pytest.raises(EndpointError, match=re.escape(sentence)) as caught:
        write(FULL, endpoint=server.url)
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_hangs_is_an_error(server: Server) -> None:
    server.answer = lambda handler: time.sleep(0.5)
    with pytest.raises(EndpointError, match=r"no answer within 0\.05 s"):
        write(FULL, endpoint=server.url, timeout_s=0.05)


def test_an_endpoint_that_is_not_there_is_an_error(server: Server) -> None:
    with Server() as gone:
        url = gone.url
    with pytest.raises(EndpointError, match="could not be reached: ConnectionError"):
        write(FULL, endpoint=url)


@pytest.mark.parametrize("url", ["localhost:11434", "", "http://me:secret@host/v1", "https://host/v1?key=secret"])
def test_an_endpoint_that_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="endpoint") as caught:
        Prompt(endpoint=url)
    assert "secret" not in str(caught.value)
