"""Types of sections whose form is written down here, rule by rule."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers.section_types import ALONE, SILENCE, Part, Verdict, section_types

TYPES = {"intro", "verse", "chorus", "bridge", "solo", "break", "outro", "silence"}
SHE_SAID = "she said the tide would bring the harbour lights back home"
OTHER = ("winter came early on the northern line", "nobody answers when the telephone rings", "six miles of copper")


def parts(*sections: dict[str, Any]) -> list[Part]:
    """Sections of 20 s, unless they say otherwise, one after another."""
    found, start_s = [], 0.0
    for section in sections:
        end_s = start_s + section.get("s", 20.0)
        known = {name: value for name, value in section.items() if name != "s"}
        found.append(Part(start_s, end_s, **known))
        start_s = end_s
    return found


def part(cluster: int, energy: float | None, has_vocals: bool | None = None, **more: Any) -> dict[str, Any]:
    return {"cluster": cluster, "energy": energy, "has_vocals": has_vocals} | more


def types(*sections: dict[str, Any]) -> list[str]:
    return [verdict.type for verdict in section_types(parts(*sections))]


INTRO, VERSE, CHORUS, BRIDGE = (
    part(0, 0.4, False, s=8.0),
    part(1, 0.6, True),
    part(2, 0.7, True),
    part(3, 0.5, True),
)
SONG = (INTRO, VERSE, CHORUS, VERSE, CHORUS, BRIDGE, CHORUS, part(4, 0.45, False, s=8.0))


def unheard(section: dict[str, Any]) -> dict[str, Any]:
    return section | {"has_vocals": None}


@pytest.mark.parametrize("song", [SONG, tuple(map(unheard, SONG))], ids=["with stems", "without"])
def test_a_song_with_everything(song: tuple[dict[str, Any], ...]) -> None:
    assert types(*song) == ["intro", "verse", "chorus", "verse", "chorus", "bridge", "chorus", "outro"]


def test_stems_make_it_surer() -> None:
    heard, guessed = section_types(parts(*SONG)), section_types(parts(*map(unheard, SONG)))
    assert all(one.confidence >= other.confidence for one, other in zip(heard, guessed, strict=True))
    assert sum(verdict.confidence for verdict in heard) > sum(verdict.confidence for verdict in guessed)


def test_how_sure_each_rule_is() -> None:
    heard, guessed = section_types(parts(*SONG)), section_types(parts(*map(unheard, SONG)))
    assert [verdict.confidence for verdict in heard] == [0.9, 0.5, 0.7, 0.5, 0.7, 0.6, 0.7, 0.9]
    assert [verdict.confidence for verdict in guessed] == [0.7, 0.5, 0.5, 0.5, 0.5, 0.6, 0.5, 0.7]


LOUD, SOFTER = part(2, 0.7), part(1, 0.6)
EDGE = {"s": 8.0}


@pytest.mark.parametrize(
    ("first", "verdict"),
    [
        (part(0, 0.4, **EDGE), ("intro", 0.7)),
        (part(0, 0.68, **EDGE), ("verse", 0.4)),  # hardly quieter than what follows
        (part(1, 0.56, **EDGE), ("verse", 0.5)),  # comes back
        (part(1, 0.4, **EDGE), ("intro", 0.5)),  # and is much quieter than most
        (part(2, 0.4, **EDGE), ("chorus", 0.5)),
    ],
)
def test_what_a_short_first_part_is(first: dict[str, Any], verdict: tuple[str, float]) -> None:
    assert section_types(parts(first, LOUD, SOFTER, LOUD, SOFTER, LOUD))[0][:2] == verdict


def test_a_sung_first_part_is_no_intro() -> None:
    assert types(part(0, 0.4, True, **EDGE), CHORUS, VERSE, CHORUS, VERSE)[0] == "verse"


def test_what_the_last_part_is() -> None:
    song = [SOFTER, LOUD, SOFTER, LOUD]
    quiet = part(3, 0.5)
    assert section_types(parts(*song, quiet, part(4, 0.5, **EDGE)))[-1][:2] == ("outro", 0.7)  # much below the chorus
    assert section_types(parts(*song, part(4, 0.5, s=40.0)))[-1][:2] == ("outro", 0.3)  # too long to be sure


def test_a_drop_on_one_side_or_by_little_is_no_break() -> None:
    for energy, after in ((0.6, 0.7), (0.3, 0.35)):
        assert types(SOFTER, LOUD, part(5, energy, s=5.0), part(1, after), LOUD)[2] != "break"


def test_a_quiet_part_that_is_heard_elsewhere_is_a_break_however_long() -> None:
    assert types(SOFTER, LOUD, part(1, 0.3), part(3, 0.6), LOUD)[2] == "break"
    riff, sung = part(0, 0.4, False), part(1, 0.7, True)
    song = [part(4, 0.3, False), sung, riff, part(5, 0.42, False), sung, riff]
    assert section_types(parts(*song))[2] == Verdict("break", 0.5, "heard elsewhere, nobody sings")


def test_silence_before_the_song_changes_nothing() -> None:
    silent = part(9, 0.0, s=200.0, is_silent=True)
    for song in (SONG, (SOFTER, LOUD, part(5, 0.6), SOFTER, LOUD, SOFTER, LOUD)):
        assert section_types(parts(silent, *song))[1:] == section_types(parts(*song))


def test_the_words_of_a_verse_are_its_own() -> None:
    sung = CHORUS | {"lyrics": SHE_SAID}
    assert section_types(parts(VERSE, sung, VERSE, sung))[0][:2] == ("verse", 0.5)


def test_a_bridge_is_late_and_after_a_chorus() -> None:
    once = part(5, 0.6)
    assert section_types(parts(SOFTER, LOUD, SOFTER, LOUD, once, SOFTER, LOUD))[4][:2] == ("bridge", 0.6)
    assert section_types(parts(SOFTER, LOUD, once, SOFTER, LOUD, SOFTER, LOUD))[2][:2] == ("verse", 0.4)
    assert types(SOFTER, SOFTER, SOFTER, once, LOUD, LOUD)[3] == "verse"


def test_a_chorus_is_sung_more_than_once_and_is_the_peak_of_all_if_nothing_comes_back() -> None:
    riff, sung = part(0, 0.9, True), part(1, 0.6, True)
    assert types(riff, sung, riff | {"has_vocals": False}, sung) == ["verse", "chorus", "solo", "chorus"]
    once = [part(0, 0.5, True), part(1, 0.6, True), part(2, 0.9, False), part(3, 0.5, True)]
    assert "chorus" not in types(*once)
    assert "chorus" not in types(part(0, 0.9), part(1, 0.6), part(2, 0.6))


def test_half_of_the_words_in_order_are_the_same_lyrics() -> None:
    quiet, loud = part(0, 0.5, True), part(1, 0.7, True)
    for last, chorus in (("a b c d e x", 0), ("a b x y z w", 1)):
        song = [quiet | {"lyrics": "A b c d e f"}, loud, quiet | {"lyrics": last}, loud]
        assert types(*song)[chorus] == "chorus"


def test_the_same_words_outweigh_energy() -> None:
    quiet, loud = part(0, 0.6, True, lyrics=SHE_SAID), part(1, 0.75, True)
    song = [loud | {"lyrics": OTHER[0]}, quiet, loud | {"lyrics": OTHER[1]}, quiet, loud | {"lyrics": OTHER[2]}]
    verdicts = section_types(parts(*song))
    assert [verdict.type for verdict in verdicts] == ["verse", "chorus", "verse", "chorus", "verse"]
    assert verdicts[1] == Verdict("chorus", 0.9, "comes back with the same words, the most energetic such")
    assert "other words" in verdicts[0].rule


def test_the_chorus_is_sung_where_anybody_sings() -> None:
    riff, sung = part(0, 0.9, False), part(1, 0.6, True)
    verdicts = section_types(parts(sung, riff, sung, riff, sung))
    assert [verdict.type for verdict in verdicts] == ["chorus", "solo", "chorus", "solo", "chorus"]
    assert "is sung" in verdicts[0].rule


def test_of_equal_energies_the_part_that_comes_most_often_is_the_chorus() -> None:
    verse, chorus = part(0, 0.6), part(1, 0.6)
    assert types(verse, chorus, verse, chorus, part(2, 0.6), chorus)[:4] == ["verse", "chorus", "verse", "chorus"]


def test_an_unsung_part_between_sung_ones_is_a_solo_if_energetic_and_a_bridge_if_not() -> None:
    assert types(VERSE, CHORUS, VERSE, CHORUS, part(5, 0.65, False), CHORUS)[4] == "solo"
    assert types(VERSE, CHORUS, VERSE, CHORUS, part(5, 0.4, False), CHORUS)[4] == "bridge"


def test_a_short_drop_is_a_break() -> None:
    assert types(VERSE, CHORUS, part(5, 0.3, s=5.0), VERSE, CHORUS)[2] == "break"
    assert types(VERSE, CHORUS, part(5, 0.3, True, s=5.0), VERSE, CHORUS)[2] != "break"


def test_the_verse_played_without_the_singer_is_a_break() -> None:
    assert types(VERSE, CHORUS, part(1, 0.45, False), VERSE, CHORUS)[2] == "break"


def test_where_nothing_comes_back_the_peak_is_the_chorus() -> None:
    verdicts = section_types(parts(part(0, 0.4, s=8.0), part(1, 0.6), part(2, 0.7), part(3, 0.5), part(4, 0.55, s=8.0)))
    assert [verdict.type for verdict in verdicts] == ["intro", "verse", "chorus", "bridge", "outro"]
    assert max(verdict.confidence for verdict in verdicts[1:4]) <= 0.4


def test_without_a_peak_there_is_no_chorus() -> None:
    assert "chorus" not in types(part(0, 0.6), part(1, 0.6), part(2, 0.61))


def test_several_late_parts_that_come_once_are_uncertain_bridges() -> None:
    verdicts = section_types(parts(VERSE, CHORUS, VERSE, CHORUS, part(5, 0.6), part(6, 0.6), CHORUS))
    assert [verdict.type for verdict in verdicts[4:6]] == ["bridge", "bridge"]
    assert all(verdict.confidence == 0.3 for verdict in verdicts[4:6])


def test_silence_and_a_single_section() -> None:
    silent = part(1, 0.0, is_silent=True)
    assert section_types(parts(part(0, 0.5), silent)) == [ALONE, SILENCE]
    assert section_types(parts(silent)) == [SILENCE]
    assert section_types([]) == []
    assert types(VERSE, CHORUS, part(9, 0.0, is_silent=True), VERSE, CHORUS)[2] == "silence"


def test_a_long_first_part_is_no_intro() -> None:
    assert types(part(0, 0.3, s=100.0), part(1, 0.6), part(1, 0.6))[0] != "intro"


energies = st.one_of(st.none(), st.floats(0, 1))
sections = st.fixed_dictionaries(
    {
        "cluster": st.integers(0, 4),
        "energy": energies,
        "has_vocals": st.sampled_from([True, False, None]),
        "lyrics": st.sampled_from([None, "", SHE_SAID, *OTHER]),
        "is_silent": st.booleans(),
        "s": st.floats(0.5, 60),
    }
)


@given(st.lists(sections, max_size=12))
def test_every_part_gets_one_verdict(song: list[dict[str, Any]]) -> None:
    found = parts(*song)
    verdicts = section_types(found)
    assert len(verdicts) == len(found)
    for section, verdict in zip(found, verdicts, strict=True):
        assert verdict.type in TYPES
        assert 0 < verdict.confidence <= 1
        assert verdict.rule
        assert (verdict.type == "silence") == section.is_silent
