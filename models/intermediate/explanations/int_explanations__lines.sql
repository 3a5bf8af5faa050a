-- Grain: one row per published date: the values at which R, F and M turn high and tiers change,
-- as whole days, counts and cents; null where the class is no function of the value.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

rfm as (
    select * from {{ ref('int_customers__rfm') }}
),

abc as (
    select * from {{ ref('int_customers__abc') }}
),

means as (
    select
        rfm.as_of_date,
        cast(count(*) as double) as customers,
        cast(sum(rfm.r_score) as double) as r_total,
        cast(sum(rfm.f_score) as double) as f_total,
        cast(sum(rfm.m_score) as double) as m_total,
        cast(sum(rfm.recency_days) as double) as recency_total,
        cast(sum(rfm.frequency) as double) as frequency_total,
        cast(sum(rfm.monetary_base) as double) as monetary_total
    from rfm
    inner join run_context on rfm.as_of_date = run_context.as_of_date
    group by rfm.as_of_date
),

-- A score is above the mean from this many cut points passed on (R: while fewer are passed).
critical_cuts as (
    select
        means.*,
        run_settings.bins,
        run_settings.rfm_scoring,
        run_settings.rfm_split,
        ceil(run_settings.bins - means.r_total / cast(nullif(means.customers, 0) as double))
            as recency_cut,
        floor(means.f_total / cast(nullif(means.customers, 0) as double)) as frequency_cut,
        floor(means.m_total / cast(nullif(means.customers, 0) as double)) as monetary_cut
    from means
    cross join run_settings
),

cut_points as (
    select
        critical_cuts.as_of_date,
        max(
            case
                when cuts.measure = 'recency' and cuts.cut_number = critical_cuts.recency_cut
                    then cuts.cut_point
            end
        ) as recency_point,
        max(
            case
                when cuts.measure = 'frequency' and cuts.cut_number = critical_cuts.frequency_cut
                    then cuts.cut_point
            end
        ) as frequency_point,
        max(
            case
                when cuts.measure = 'monetary' and cuts.cut_number = critical_cuts.monetary_cut
                    then cuts.cut_point
            end
        ) as monetary_point
    from critical_cuts
    left join {{ ref('int_customers__rfm_cut_points') }} as cuts
        on critical_cuts.as_of_date = cuts.as_of_date
    group by critical_cuts.as_of_date
),

rfm_lines as (
    select
        critical_cuts.as_of_date,
        case
            when critical_cuts.rfm_split = 'value_mean'
                then
                    ceil(
                        {{ rounded(
                            'critical_cuts.recency_total / cast(nullif(critical_cuts.customers, 0) as double)'
                        ) }}
                    ) - 1
            when critical_cuts.rfm_split = 'fixed' then floor(thresholds.rfm_split_recency_days)
            when critical_cuts.rfm_scoring = 'ntile' then null
            when critical_cuts.recency_cut >= critical_cuts.bins then 999999
            when critical_cuts.recency_cut < 1 then -1
            when critical_cuts.rfm_scoring = 'r_rfm' then ceil(cut_points.recency_point) - 1
            else floor(cut_points.recency_point)
        end as recency_max,
        case
            when critical_cuts.rfm_split = 'value_mean'
                then
                    floor(
                        {{ rounded(
                            'critical_cuts.frequency_total / cast(nullif(critical_cuts.customers, 0) as double)'
                        ) }}
                    ) + 1
            when critical_cuts.rfm_split = 'fixed' then ceil(thresholds.rfm_split_frequency)
            when critical_cuts.rfm_scoring = 'ntile' then null
            when critical_cuts.frequency_cut >= critical_cuts.bins then 999999999
            when critical_cuts.rfm_scoring = 'r_rfm' then ceil(cut_points.frequency_point)
            else floor(cut_points.frequency_point) + 1
        end as frequency_min,
        case
            when critical_cuts.rfm_split = 'value_mean'
                then
                    floor(
                        {{ rounded(
                            '100 * critical_cuts.monetary_total'
                            ~ ' / cast(nullif(critical_cuts.customers, 0) as double)'
                        ) }}
                    ) + 1
            when critical_cuts.rfm_split = 'fixed'
                then ceil(100 * thresholds.rfm_split_monetary_base)
            when critical_cuts.rfm_scoring = 'ntile' then null
            when critical_cuts.monetary_cut >= critical_cuts.bins then 99999999999999
            when critical_cuts.rfm_scoring = 'r_rfm'
                then ceil({{ rounded('100 * cut_points.monetary_point') }})
            else floor({{ rounded('100 * cut_points.monetary_point') }}) + 1
        end as monetary_min_cents
    from critical_cuts
    inner join cut_points on critical_cuts.as_of_date = cut_points.as_of_date
    inner join thresholds on critical_cuts.as_of_date = thresholds.as_of_date
),

abc_lines as (
    select
        abc.as_of_date,
        min(case when abc.abc_tier_raw = 'A' then abc.monetary_base end) as a_min,
        min(case when abc.abc_tier_raw in ('A', 'B') then abc.monetary_base end) as b_min
    from abc
    inner join run_context on abc.as_of_date = run_context.as_of_date
    cross join run_settings
    where run_settings.abc_preset = 'share'
    group by abc.as_of_date
)

select
    run_context.as_of_date,
    cast(floor(rfm_lines.recency_max) as bigint) as recency_max,
    cast(floor(rfm_lines.frequency_min) as bigint) as frequency_min,
    cast({{ rounded('rfm_lines.monetary_min_cents * 0.01') }} as decimal(18, 2)) as monetary_min,
    abc_lines.a_min,
    abc_lines.b_min
from run_context
left join rfm_lines on run_context.as_of_date = rfm_lines.as_of_date
left join abc_lines on run_context.as_of_date = abc_lines.as_of_date
