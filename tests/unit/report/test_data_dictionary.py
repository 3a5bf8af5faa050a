from dagster_project.report.data_dictionary import DICTIONARY, data_dictionary


def test_the_data_dictionary_is_true() -> None:
    assert DICTIONARY.read_text(encoding="utf-8") == data_dictionary(), "run `make dictionary`"
