-- Grain: one row per as_of_date × measure × score that somebody has.
-- A score covers lower_bound < value <= upper_bound; null: no bound on that side.
{{ history_table() }}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_requested
),

rfm as (
    select all_dates.*
    from {{ ref('int_customers__rfm') }} as all_dates
    inner join run_context on all_dates.as_of_date = run_context.as_of_date
),

cut_points as (
    select * from {{ ref('int_customers__rfm_cut_points') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

scores as (
    select
        as_of_date,
        'recency' as measure,
        r_score as score,
        count(*) as customers
    from rfm
    group by as_of_date, r_score
    union all
    select
        as_of_date,
        'frequency' as measure,
        f_score as score,
        count(*) as customers
    from rfm
    group by as_of_date, f_score
    union all
    select
        as_of_date,
        'monetary' as measure,
        m_score as score,
        count(*) as customers
    from rfm
    group by as_of_date, m_score
),

positioned as (
    select
        scores.*,
        case
            when scores.measure = 'recency' then run_settings.bins - scores.score
            else scores.score - 1
        end as cuts_below
    from scores
    cross join run_settings
)

select
    positioned.as_of_date,
    positioned.measure,
    cast(positioned.score as integer) as score,
    max(case when cut_points.cut_number = positioned.cuts_below then cut_points.cut_point end)
        as lower_bound,
    max(case when cut_points.cut_number = positioned.cuts_below + 1 then cut_points.cut_point end)
        as upper_bound,
    positioned.customers
from positioned
left join cut_points
    on
        positioned.as_of_date = cut_points.as_of_date
        and positioned.measure = cut_points.measure
group by
    positioned.as_of_date,
    positioned.measure,
    positioned.score,
    positioned.customers
