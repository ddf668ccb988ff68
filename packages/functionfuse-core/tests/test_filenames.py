# ruff: noqa: RUF001  The letters are meant.
"""Names as file names: nothing is lost, nothing meets, nothing a file system can't hold."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functionfuse.storage.filenames import CUT_MARK, decode_filename, encode_filename

AWKWARD = [
    "", ".", "..", "a/b", "/", "\\", "NUL\0", "CON", "con", "con.txt", "Aux ", "com1", "COM¹",
    "lpt9.x", "conin$", "trailing.", "trailing ", "...", " ", "%", "%2F", "%2f", "%~", "a%~b",
    "é", "e\u0301", "É", "Z\u030a", "%5A\u030a", ":\u030a", "ß", "SS", "ı", "I", "İ", "\u212b",
    "Å", "\u1e9e",
    "ﬁ", "fi", "\ud800", "\ud83d\ude00", "😀", "模型", "n" * 200, "n" * 201,
    "n" * 300, "N" * 300, "é" * 100, "é" * 101,
    "a" * 199 + "/", "\u0301", "Model", "model", "MODEL",
]  # fmt: skip
names = st.one_of(
    st.text(st.characters(), max_size=30),
    st.text(st.sampled_from("aAzZ%25F./ ~\u0301\u030aéßıİ\ud800"), max_size=8),
    st.text(st.characters(), min_size=190, max_size=300),
    st.sampled_from(AWKWARD),
)


def fold(filename):
    """What a file system that is blind to case and to the form of accents takes names for."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", filename).casefold())


@pytest.mark.parametrize("folds_case", [False, True])
@given(name=names)
@example("Z\u030a")
def test_any_text_is_encoded_and_read_back(folds_case, name):
    filename = encode_filename(name, folds_case=folds_case)
    assert 0 < len(filename.encode()) <= 200
    assert CUT_MARK in filename or decode_filename(filename) == name
    assert CUT_MARK not in filename or len(name) > 16


@given(name=names)
def test_file_names_hold_nothing_that_some_file_system_forbids(name):
    filename = encode_filename(name)
    assert not set(filename) & set('\0\n"*/:<>?\\|')
    assert filename[0] != "."
    assert filename[-1] not in ". "
    assert filename.partition(".")[0].rstrip().lower() not in {"con", "prn", "aux", "nul", "com1"}
    assert unicodedata.is_normalized("NFC", filename)


@given(first=names, second=names)
def test_two_names_never_have_one_file_name(first, second):
    assert (encode_filename(first) == encode_filename(second)) == (first == second)


@given(first=names, second=names)
def test_two_names_never_meet_where_case_and_accents_are_folded(first, second):
    filenames = [fold(encode_filename(name, folds_case=True)) for name in (first, second)]
    assert (filenames[0] == filenames[1]) == (first == second)


@given(name=names)
def test_twins_in_case_or_form_of_accents_never_meet(name):
    twins = {name, name.upper(), name.lower(), name.swapcase(), name.title(), name.casefold()}
    twins |= {
        unicodedata.normalize(form, twin) for form in ("NFC", "NFD", "NFKC") for twin in twins
    }
    filenames = {encode_filename(twin, folds_case=True) for twin in twins}
    assert len({fold(filename) for filename in filenames}) == len(twins)
    assert len({encode_filename(twin) for twin in twins}) == len(twins)


def test_all_awkward_names_differ_from_each_other():
    for folds_case in (False, True):
        filenames = {fold(encode_filename(name, folds_case=folds_case)) for name in AWKWARD}
        assert len(filenames) == len(set(AWKWARD)) or not folds_case
    assert len({encode_filename(name) for name in AWKWARD}) == len(set(AWKWARD))


@pytest.mark.parametrize(
    "name",
    ["model", "Model", "score, digits, Nearest Neighbors", "train_0000", "a-b=c(1)",
     "x.pkl", "é", "模型", "n" * 200, "f.[g]", "~", "a~b"],
)  # fmt: skip
def test_portable_names_are_themselves(name):
    assert encode_filename(name) == name


@pytest.mark.parametrize(
    ("name", "filename"),
    [("a/b", "a%2Fb"), ("..", "%2E%2E"), (".hidden", "%2Ehidden"), ("CON", "%43ON"), ("", "%"),
     ("<lambda>_0000", "%3Clambda%3E_0000"), ("e\u0301", "e%CC%81"), ("\ud800", "%ED%A0%80"),
     ("trailing.", "trailing%2E"), ("100%", "100%25")],
)  # fmt: skip
def test_the_encoding_stays_what_it_was(name, filename):
    """Results saved by an older version must be found."""
    assert encode_filename(name) == filename
    assert decode_filename(filename) == name


def test_only_lower_case_letters_stay_where_case_is_folded():
    assert encode_filename("Model é", folds_case=True) == "%4Dodel é"


def test_names_that_are_cut_differ_by_their_ends():
    long = ["n" * 250 + end for end in "abc"]
    filenames = {encode_filename(name) for name in long}
    assert len(filenames) == 3
    assert all(filename.startswith("nnn") for filename in filenames)


@pytest.mark.parametrize("filename", ["%FF", "a%C3", "%ED%B0%80%FF"])
def test_what_no_name_is_encoded_as_is_not_decoded(filename):
    with pytest.raises(UnicodeDecodeError):
        decode_filename(filename)
