"""The preview of changed rules: the right customers move, and nothing of the night is touched."""

import csv
import hashlib
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from dagster_project.lock import NightIsRunningError, one_writer
from dagster_project.rules.faults import RulesError
from dagster_project.rules.overlay import PreviewError
from dagster_project.rules.preview import preview
from dagster_project.rules.seeds import declared_seeds
from dagster_project.settings import Settings
from tests.support import NOW, demo_settings, published, query, run_command


@pytest.fixture(scope="module")
def settings(first_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("preview") / "home"
    shutil.copytree(first_home, home, symlinks=True)
    return demo_settings(home)


def change(folder: Path, seed: str, edit: Callable[[str], str]) -> None:
    folder.mkdir(exist_ok=True)
    before = declared_seeds()[seed].path.read_text(encoding="utf-8")
    after = edit(before)
    assert after != before
    (folder / f"{seed}.csv").write_text(after, encoding="utf-8")


def hashes(settings: Settings) -> dict[Path, str]:
    """What a preview must leave alone: the published files and the working database."""
    files = [settings.work_db, *(p for p in settings.published_dir.rglob("*") if p.is_file())]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def moves_in(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_lower_threshold_moves_those_between_the_two(settings: Settings, tmp_path: Path) -> None:
    change(
        tmp_path,
        "class_thresholds",
        lambda text: text.replace("loyalty_high,0.6", "loyalty_high,0.4"),
    )
    expected = query(
        published(settings.home),
        "select customer_key, monetary_base, historic_clv_base from customer_value "
        "join customer_abc using (customer_key) "
        "where loyalty_score >= 0.4 and loyalty_score < 0.6 order by 1",
    )
    before = hashes(settings)

    code, said = run_command(settings, "preview", "--rules", str(tmp_path))

    assert code == 0, said
    assert "loyalty_high: 0.6 → 0.4" in said
    assert "低忠诚 Not loyal" in said
    (report,) = settings.report_dir.glob("preview_*.csv")
    moves = moves_in(report)
    assert expected
    assert {move["dimension"] for move in moves} == {"loyalty_class"}
    assert [
        (move["record_key"], move["net_window_base"], move["net_lifetime_base"])
        for move in sorted(moves, key=lambda move: move["record_key"])
    ] == [(key, str(net), str(lifetime)) for key, net, lifetime in expected]
    assert {(move["from_code"], move["to_code"]) for move in moves} == {("low", "high")}
    assert hashes(settings) == before
    assert not (settings.work_dir / "preview").exists()


def test_segments_mappings_tags_and_labels_by_the_rules_of_a_later_day(
    settings: Settings, tmp_path: Path
) -> None:
    change(
        tmp_path,
        "segment_rules",
        lambda text: text.replace("klaviyo,24,inactive", "klaviyo,24,recent"),
    )
    change(
        tmp_path,
        "class_labels",
        lambda text: text.replace("churned,流失,Churned", "churned,沉默,Silent"),
    )
    change(tmp_path, "city_tiers", lambda text: text.replace(",tier_1,", ",tier_2,"))
    change(
        tmp_path,
        "tag_rules",
        lambda text: text.replace(
            "churned,customer_status,churned,1900-01-01,,1",
            "churned,customer_status,churned,1900-01-01,2029-12-31,1",
        ),
    )
    inactive = {
        row[0]
        for row in query(
            published(settings.home),
            "select customer_key from customer_segments "
            "where preset = 'klaviyo' and rfm_code = '111'",
        )
    }
    first_tier = query(
        published(settings.home),
        "select count(*) from customer_classification where city_tier = 'tier_1'",
    )[0][0]
    tagged = query(
        published(settings.home), "select count(*) from customer_tags where tag = 'churned'"
    )[0][0]
    assert inactive
    assert first_tier
    assert tagged

    found = preview(settings, tmp_path, now=NOW, on=date(2030, 1, 1))

    moves = moves_in(found.moves_file)
    of = {
        dimension: [m for m in moves if (m["subject"], m["dimension"]) == ("customer", dimension)]
        for dimension in {move["dimension"] for move in moves}
    }
    assert set(of) == {"segment klaviyo", "city_tier", "tag churned"}
    assert {move["record_key"] for move in of["segment klaviyo"]} == inactive
    assert {move["to_label_zh"] for move in of["segment klaviyo"]} == {"近期购买"}
    assert len(of["city_tier"]) == first_tier
    assert len(of["tag churned"]) == tagged
    assert "沉默 Silent" in found.summary


def test_a_faulty_folder_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    change(
        tmp_path,
        "class_thresholds",
        lambda text: text.replace("loyalty_high,0.6", "loyalty_high,6"),
    )
    before = hashes(settings)

    with pytest.raises(
        RulesError, match=r"class_thresholds.csv line \d+, value: found 6 for loyal"
    ):
        preview(settings, tmp_path, now=NOW)

    assert hashes(settings) == before


def test_without_a_night_the_message_says_to_run_one(tmp_path: Path) -> None:
    change(
        tmp_path / "rules",
        "class_thresholds",
        lambda text: text.replace("loyalty_high,0.6", "loyalty_high,0.4"),
    )

    with pytest.raises(PreviewError, match="run `make run` first"):
        preview(demo_settings(tmp_path / "home"), tmp_path / "rules", now=NOW)


def test_a_preview_needs_a_folder_with_changed_seeds(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(PreviewError, match="is no folder"):
        preview(settings, tmp_path / "nowhere", now=NOW)
    with pytest.raises(PreviewError, match="has no CSV file"):
        preview(settings, tmp_path, now=NOW)


def test_a_preview_waits_for_no_night_and_leaves_no_trace_of_one(
    settings: Settings, tmp_path: Path
) -> None:
    change(
        tmp_path,
        "class_thresholds",
        lambda text: text.replace("loyalty_high,0.6", "loyalty_high,0.4"),
    )

    with one_writer(settings.work_dir, now=NOW), pytest.raises(NightIsRunningError):
        preview(settings, tmp_path, now=NOW)


def test_a_killed_preview_is_no_unfinished_night(tmp_path: Path) -> None:
    owner = tmp_path / "kefen.lock.owner.json"
    with one_writer(tmp_path, now=NOW, purpose="preview"):
        left = owner.read_text(encoding="utf-8")
    owner.write_text(left, encoding="utf-8")

    with one_writer(tmp_path, now=NOW) as unfinished:
        assert unfinished is None


def test_a_preview_keeps_what_says_that_a_night_was_killed(tmp_path: Path) -> None:
    owner = tmp_path / "kefen.lock.owner.json"
    with one_writer(tmp_path, now=NOW):
        left = owner.read_text(encoding="utf-8")
    owner.write_text(left, encoding="utf-8")

    with one_writer(tmp_path, now=NOW, purpose="preview"):
        pass

    with one_writer(tmp_path, now=NOW) as unfinished:
        assert unfinished == NOW
