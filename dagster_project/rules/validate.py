"""The check of all rules: every fault at once, before a run begins and before a preview."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dagster_project.rules import cells, class_rules
from dagster_project.rules.faults import Fault, RulesError
from dagster_project.rules.seeds import (
    SEEDS_DIR,
    Declared,
    Seed,
    changed_files,
    declared_seeds,
    read_seed,
)
from dagster_project.rules.thresholds import threshold_faults

DEFAULT_BINS = 5


def check_rules(
    seeds_dir: Path = SEEDS_DIR, *, changed: Path | None = None, bins: int = DEFAULT_BINS
) -> None:
    """Raise RulesError naming every fault of the seeds, with the changed ones laid over them."""
    faults = find_faults(seeds_dir, changed=changed, bins=bins)
    if faults:
        raise RulesError(faults)


def find_faults(
    seeds_dir: Path = SEEDS_DIR, *, changed: Path | None = None, bins: int = DEFAULT_BINS
) -> list[Fault]:
    """Find every fault of the seeds, with the changed ones laid over them.

    bins: of customer_rfm, by which presets of one's own and fixed cut points go.
    """
    declared = declared_seeds(seeds_dir)
    faults: list[Fault] = []
    overlay: dict[str, Path] = {}
    for path in changed_files(changed) if changed else []:
        if path.stem not in declared:
            faults.append(_unknown_file(path, declared))
        elif path.stem in overlay:
            faults.append(_file_twice(path))
        else:
            overlay[path.stem] = path

    seeds: dict[str, Seed] = {}
    for name, entry in declared.items():
        path = overlay.get(name, entry.path)
        label = str(path) if name in overlay else f"seeds/{path.relative_to(seeds_dir)}"
        seed, found = read_seed(entry, path, label=label)
        if seed and not found:
            found = list(cells.cell_faults(seed))
        faults += found
        # What builds on a seed is judged only if its own values can be read.
        if seed and not found:
            seeds[name] = seed
    return sorted({*faults, *_meaning_faults(seeds, bins=bins)})


def _meaning_faults(seeds: Mapping[str, Seed], *, bins: int) -> Iterable[Fault]:
    labels = seeds.get("class_labels")
    labelled = class_rules.labelled_codes(labels)
    for seed in seeds.values():
        key_faults = list(cells.key_faults(seed))
        yield from key_faults
        if labels:
            yield from cells.code_faults(seed, seeds, labelled=labelled)
        special = _special_checks(labelled, bins=bins).get(seed.declared.name)
        # Whether ranges meet cannot be said where two rows hold at once.
        if special and labels and not key_faults:
            yield from special(seed)


def _special_checks(
    labelled: Mapping[str, set[str]], *, bins: int
) -> dict[str, Callable[[Seed], Iterable[Fault]]]:
    return {
        "class_labels": class_rules.label_faults,
        "class_thresholds": threshold_faults,
        "enum_map": lambda seed: class_rules.enum_faults(seed, labelled=labelled),
        "segment_rules": lambda seed: class_rules.segment_faults(seed, bins=bins),
        "rfm_classes": class_rules.rfm_class_faults,
        "rfm_cut_points": lambda seed: class_rules.cut_point_faults(seed, bins=bins),
        "company_sizes": lambda seed: class_rules.size_faults(seed, labelled=labelled),
        "age_bands": class_rules.age_faults,
        "tag_rules": lambda seed: class_rules.tag_faults(seed, labelled=labelled),
        "service_policy": class_rules.policy_faults,
        "need_sources": class_rules.weight_faults,
        "prospect_next_steps": class_rules.next_step_faults,
        "funnel_stages": class_rules.stage_faults,
    }


def _unknown_file(path: Path, declared: Mapping[str, Declared]) -> Fault:
    return Fault(
        file=str(path),
        found="a file that is no seed",
        expected="the name of one of " + ", ".join(f"{name}.csv" for name in sorted(declared)),
        action="rename or remove it",
    )


def _file_twice(path: Path) -> Fault:
    return Fault(
        file=str(path),
        found="a second file of this name",
        expected="each seed once in the folder",
        action="remove one of them",
    )
