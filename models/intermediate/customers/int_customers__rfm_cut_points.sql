-- Grain: one row per as_of_date × measure × cut point: the value quantiles (type 7) of customers
-- with a purchase in the window; if nobody has one, of all. Where the seed rfm_cut_points has rows
-- in force for a measure, they are the cut points: fixed, or frozen for a period.
-- Found by counting values, so that every engine gives the same double and any number of bins works.
with buyers as (
    select
        *,
        max(window_purchase_days) over (partition by as_of_date) > 0 as has_window_buyers
    from {{ ref('int_customers__buyers') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

given_cut_points as (
    select
        run_context.as_of_date,
        rfm_cut_points.measure,
        rfm_cut_points.cut_number,
        cast(rfm_cut_points.cut_point as double) as cut_point
    from {{ ref('rfm_cut_points') }} as rfm_cut_points
    inner join {{ source('raw', 'run_context') }} as run_context
        on
            rfm_cut_points.valid_from <= run_context.as_of_date
            and coalesce(rfm_cut_points.valid_to, cast('9999-12-31' as date))
            >= run_context.as_of_date
),

given_measures as (
    select distinct
        as_of_date,
        measure
    from given_cut_points
),

measures as (
    select
        as_of_date,
        'recency' as measure,
        {{ rounded('recency_days') }} as value,
        count(*) as customers
    from buyers
    where window_purchase_days > 0 or not has_window_buyers
    group by as_of_date, recency_days
    union all
    select
        as_of_date,
        'frequency' as measure,
        {{ rounded('frequency') }} as value,
        count(*) as customers
    from buyers
    where window_purchase_days > 0 or not has_window_buyers
    group by as_of_date, frequency
    union all
    select
        as_of_date,
        'monetary' as measure,
        {{ rounded('rfm_monetary_base') }} as value,
        count(*) as customers
    from buyers
    where window_purchase_days > 0 or not has_window_buyers
    group by as_of_date, rfm_monetary_base
),

counted as (
    select
        as_of_date,
        measure,
        value,
        customers,
        sum(customers) over (
            partition by as_of_date, measure order by value nulls last
            rows between unbounded preceding and current row
        ) as customers_up_to,
        sum(customers) over (partition by as_of_date, measure) as customers_in_all
    from measures
),

numbers as (
    {%- for number in range(1, 10) %}
        select {{ number }} as cut_number
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

positions as (
    select distinct
        counted.as_of_date,
        counted.measure,
        numbers.cut_number,
        cast(floor(
            (counted.customers_in_all - 1) * numbers.cut_number
            / cast(nullif(run_settings.bins, 0) as double)
        ) as bigint) as lower_rank,
        cast(
            ((counted.customers_in_all - 1) * numbers.cut_number)
            % nullif(run_settings.bins, 0) as double
        ) / cast(nullif(run_settings.bins, 0) as double) as fraction
    from counted
    cross join run_settings
    inner join numbers on run_settings.bins > numbers.cut_number
)

select
    positions.as_of_date,
    positions.measure,
    positions.cut_number,
    {{ rounded(
        'lower_values.value + positions.fraction'
        ~ ' * (coalesce(upper_values.value, lower_values.value) - lower_values.value)'
        ~ " + case when run_settings.rfm_scoring = 'r_rfm' then 1 else 0 end"
    ) }} as cut_point
from positions
cross join run_settings
left join given_measures
    on
        positions.as_of_date = given_measures.as_of_date
        and positions.measure = given_measures.measure
inner join counted as lower_values
    on
        positions.as_of_date = lower_values.as_of_date
        and positions.measure = lower_values.measure
        and positions.lower_rank >= lower_values.customers_up_to - lower_values.customers
        and positions.lower_rank < lower_values.customers_up_to
left join counted as upper_values
    on
        positions.as_of_date = upper_values.as_of_date
        and positions.measure = upper_values.measure
        and positions.lower_rank + 1 >= upper_values.customers_up_to - upper_values.customers
        and positions.lower_rank + 1 < upper_values.customers_up_to
where given_measures.measure is null
union all
select
    as_of_date,
    measure,
    cut_number,
    cut_point
from given_cut_points
