"""A password among the arguments is refused: everybody can read the list of processes."""

import pytest

ADDRESSES = [
    ("--ledger", "postgresql+psycopg://me:planted@127.0.0.1/db", "AUTOMTL_LEDGER"),
    ("--ledger", "postgresql+psycopg://me@127.0.0.1/db?password=planted", "AUTOMTL_LEDGER"),
    ("--mlflow", "http://me:planted@127.0.0.1:9", "AUTOMTL_MLFLOW"),
]


@pytest.mark.parametrize(("option", "address", "variable"), ADDRESSES)
def test_a_password_among_the_arguments_is_refused(
    option: str, address: str, variable: str, tmp_path, automtl
) -> None:
    folder = tmp_path / "study"
    line = automtl("search", "quickstart", "--folder", folder, option, address).refused()
    assert variable in line
    assert option in line
    assert "planted" not in line
    assert not folder.exists()


def test_so_it_is_where_a_search_is_asked_to_stop(automtl) -> None:
    option, address, variable = ADDRESSES[0]
    assert variable in automtl("stop", "mine", option, address).refused()
