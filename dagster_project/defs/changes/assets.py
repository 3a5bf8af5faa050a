"""What changed since the date before, once the classes are there."""

from collections.abc import Sequence

from dagster import AssetKey, AssetsDefinition, MaterializeResult, asset

from dagster_project.defs.resources import Night
from dagster_project.night import explain_changes


def build_change_assets(classes: Sequence[AssetKey]) -> list[AssetsDefinition]:
    """Build the asset of the changes of classes with their causes, and of the migrations.

    classes: the assets that must be there.
    """

    @asset(
        deps=list(classes),
        group_name="marts_customers",
        owners=["team:data"],
        kinds={"duckdb"},
        description=(
            "customer_class_changes, each with the cause that alone brings it, and "
            "class_migration: who went from what to what. 客户分类变动及原因。"
        ),
    )
    def customer_class_changes(night: Night) -> MaterializeResult:  # type: ignore[type-arg]
        return MaterializeResult(metadata={"changes": explain_changes(night.settings)})

    return [customer_class_changes]
