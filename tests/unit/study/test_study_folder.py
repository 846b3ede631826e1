"""Settings: whole, for the owner alone, and back as they were."""

import stat

import pytest

from automtl.errors import AutomtlError
from automtl.study.folder import Settings, StudyFolder, load_settings, save_settings, write_text

SETTINGS = Settings(study="s", ledger="postgresql+psycopg://me:pass@host/db", slots=3)


def test_settings_come_back_and_only_the_owner_reads_them(tmp_path):
    folder = StudyFolder(tmp_path / "study")
    for _ in range(2):
        save_settings(folder, SETTINGS)
        assert load_settings(folder) == SETTINGS
        assert stat.S_IMODE(folder.settings.stat().st_mode) == 0o600
    assert [path.name for path in folder.root.iterdir()] == ["settings.json"]


def test_a_part_that_a_crash_left_is_no_obstacle(tmp_path):
    (tmp_path / "a.txt.part").write_text("half of a much longer text than the new one")
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_folder_without_a_study_says_what_to_do(tmp_path):
    with pytest.raises(AutomtlError, match="automtl search"):
        load_settings(StudyFolder(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"study": "s", "turbo": 3}', "another version of automtl: its settings have turbo"),
        ('{"study": "s"', "holds no settings"),
        ("[]", "holds no settings"),
        ("\xff", "holds no settings"),
    ],
)
def test_settings_that_are_not_understood_are_a_mistake_of_one_line(tmp_path, text, words):
    folder = StudyFolder(tmp_path)
    folder.settings.write_text(text, encoding="latin-1")
    with pytest.raises(AutomtlError, match=words) as caught:
        load_settings(folder)
    assert len(str(caught.value).splitlines()) == 1


def test_settings_of_an_earlier_version_have_the_defaults_of_what_is_new(tmp_path):
    folder = StudyFolder(tmp_path)
    folder.settings.write_text('{"study": "s", "dispatcher": "local"}')
    assert load_settings(folder) == Settings(study="s", dispatcher="local")
