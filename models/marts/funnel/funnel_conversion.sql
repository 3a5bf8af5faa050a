-- Grain: one row per period type × period × mode × step × slice.
-- Cohorts group journeys by the month of their first event; entered periods by the month in which
-- they entered the stage.
with steps as (
    select * from {{ ref('int_funnel__journey_steps') }}
),

journeys as (
    select * from {{ ref('int_funnel__journeys') }}
),

owners as (
    select * from {{ ref('int_crm__owner_directory') }}
),

journey_slices as (
    select
        journey_key,
        as_of_date,
        'all' as slice_dimension,
        'all' as slice_value
    from journeys
    union all
    select
        journeys.journey_key,
        journeys.as_of_date,
        'owner' as slice_dimension,
        coalesce(owners.owner_name, 'unknown') as slice_value
    from journeys
    left join owners on journeys.owner_key = owners.owner_key
    union all
    select
        journey_key,
        as_of_date,
        'source_channel' as slice_dimension,
        source_channel_group as slice_value
    from journeys
    union all
    select
        journey_key,
        as_of_date,
        'product' as slice_dimension,
        coalesce(product_name, 'unknown') as slice_value
    from journeys
    union all
    select
        journey_key,
        as_of_date,
        'industry' as slice_dimension,
        coalesce(industry, 'unknown') as slice_value
    from journeys
),

step_periods as (
    select
        steps.*,
        'all' as period_type,
        cast(null as date) as period
    from steps
    union all
    select
        steps.*,
        'cohort' as period_type,
        {{ month_of('steps.started_date') }} as period
    from steps
    union all
    select
        steps.*,
        'entered' as period_type,
        {{ month_of('steps.entered_date') }} as period
    from steps
),

counted as (
    select
        journey_slices.as_of_date,
        step_periods.period_type,
        step_periods.period,
        step_periods.mode,
        journey_slices.slice_dimension,
        journey_slices.slice_value,
        step_periods.stage,
        step_periods.next_stage,
        step_periods.stage_order,
        count(*) as entered,
        count(*) filter (where step_periods.is_advanced) as advanced,
        count(*) filter (where step_periods.is_lost) as lost,
        count(*) filter (where step_periods.is_open) as open,
        {{ median_of('step_periods.days_in_stage') }} as median_days,
        {{ percentile_of('step_periods.days_in_stage', 0.9) }} as p90_days
    from step_periods
    inner join journey_slices on step_periods.journey_key = journey_slices.journey_key
    where step_periods.period_type = 'all' or journey_slices.slice_dimension = 'all'
    group by
        journey_slices.as_of_date,
        step_periods.period_type,
        step_periods.period,
        step_periods.mode,
        journey_slices.slice_dimension,
        journey_slices.slice_value,
        step_periods.stage,
        step_periods.next_stage,
        step_periods.stage_order
),

first_steps as (
    select
        period_type,
        period,
        mode,
        slice_dimension,
        slice_value,
        max_by(entered, -stage_order) as entered_first
    from counted
    group by period_type, period, mode, slice_dimension, slice_value
)

select
    counted.as_of_date,
    counted.period_type,
    coalesce(substr(cast(counted.period as string), 1, 7), 'all') as period,
    counted.mode,
    counted.slice_dimension,
    counted.slice_value,
    counted.stage_order,
    counted.stage,
    counted.next_stage,
    counted.entered,
    counted.advanced,
    counted.lost,
    counted.open,
    {{ rounded('counted.advanced / cast(nullif(counted.entered, 0) as double)') }} as conversion,
    {{ wilson_bound('counted.advanced', 'counted.entered', '-') }} as conversion_low,
    {{ wilson_bound('counted.advanced', 'counted.entered', '+') }} as conversion_high,
    {{ rounded('counted.advanced / cast(nullif(first_steps.entered_first, 0) as double)') }}
        as cumulative_conversion,
    counted.median_days,
    counted.p90_days
from counted
inner join first_steps
    on
        counted.period_type = first_steps.period_type
        and coalesce(counted.period, date '1900-01-01')
        = coalesce(first_steps.period, date '1900-01-01')
        and counted.mode = first_steps.mode
        and counted.slice_dimension = first_steps.slice_dimension
        and counted.slice_value = first_steps.slice_value
