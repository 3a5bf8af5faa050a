-- Grain: one row per period (days back) × crm_source × entity × family × owner: the share that passed on
-- the newest night at least that long ago, of the week before it.
{%- set history = earlier_nights('dq_scorecard') %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

periods as (
    {%- for days in [7, 30, 90] %}
        select {{ days }} as period_days
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

scores as (
    {%- if history is not none %}
        select
            scores.as_of_date,
            scores.crm_source,
            scores.entity,
            scores.family,
            scores.owner_key,
            scores.pass_rate
        from {{ history }} as scores
        inner join run_context on scores.as_of_date < run_context.as_of_date
    {%- else %}
        select
            as_of_date,
            cast(null as string) as crm_source,
            cast(null as string) as entity,
            cast(null as string) as family,
            cast(null as string) as owner_key,
            cast(null as double) as pass_rate
        from run_context
        where as_of_date is null
    {%- endif %}
)

select
    periods.period_days,
    scores.crm_source,
    scores.entity,
    scores.family,
    scores.owner_key,
    max_by(scores.pass_rate, scores.as_of_date) as pass_rate
from scores
cross join run_context
inner join periods
    on
        scores.as_of_date
        <= {{ add_days('run_context.as_of_date', '-periods.period_days') }}
        and scores.as_of_date
        > {{ add_days('run_context.as_of_date', '-periods.period_days - 7') }}
group by
    periods.period_days, scores.crm_source, scores.entity, scores.family, scores.owner_key
