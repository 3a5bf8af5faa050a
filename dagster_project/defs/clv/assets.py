"""The predictions between the two dbt steps."""

from collections.abc import Sequence

from dagster import AssetKey, AssetsDefinition, MaterializeResult, asset

from dagster_project.defs.history.assets import CHUNKS
from dagster_project.defs.resources import Night
from dagster_project.night import predict


def build_clv_assets(records: Sequence[AssetKey]) -> list[AssetsDefinition]:
    """Build the asset that scores the customers.

    records: the assets whose rules must have passed before anything is predicted from them.
    Other dates come first: their predictions lie in the same tables.
    """

    @asset(
        deps=[*records, CHUNKS],
        group_name="clv",
        owners=["team:data"],
        kinds={"python"},
        description=(
            "Predicted value of every customer for 12 months, by BG/NBD and Gamma-Gamma on the "
            "judged records, with its parameters. 客户终身价值预测。"
        ),
    )
    def clv_predictions(night: Night) -> MaterializeResult:  # type: ignore[type-arg]
        predicted = predict(night.settings)
        return MaterializeResult(
            metadata={"dagster/row_count": predicted.scores, **predicted.dates}
        )

    return [clv_predictions]
