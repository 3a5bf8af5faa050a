{{ config(meta={'dagster': {'ref': {'name': 'funnel_conversion'}}}) }}
-- Journeys that entered a step in strict mode did so in any, and those in imputed; by month of entry
-- the modes date a step differently, so that only cohorts and the whole compare.
with modes as (
    select
        period_type,
        period,
        slice_dimension,
        slice_value,
        stage,
        sum(entered) filter (where mode = 'strict') as strict_entered,
        sum(entered) filter (where mode = 'any') as any_entered,
        sum(entered) filter (where mode = 'imputed') as imputed_entered
    from {{ ref('funnel_conversion') }}
    where period_type <> 'entered'
    group by period_type, period, slice_dimension, slice_value, stage
)

select *
from modes
where
    coalesce(strict_entered, 0) > coalesce(any_entered, 0)
    or coalesce(any_entered, 0) > coalesce(imputed_entered, 0)
