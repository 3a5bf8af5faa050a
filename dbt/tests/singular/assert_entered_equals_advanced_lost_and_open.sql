{{ config(meta={'dagster': {'ref': {'name': 'funnel_conversion'}}}) }}
select
    mode,
    slice_dimension,
    slice_value,
    stage,
    entered,
    advanced,
    lost,
    open
from {{ ref('funnel_conversion') }}
where entered <> advanced + lost + open
