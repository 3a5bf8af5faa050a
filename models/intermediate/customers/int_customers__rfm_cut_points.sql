-- Grain: one row per as_of_date × measure × cut point: the value quantiles (type 7) of customers
-- with a purchase in the window; if nobody has one, of all.
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
        {{ rounded('monetary_base') }} as value,
        count(*) as customers
    from buyers
    where window_purchase_days > 0 or not has_window_buyers
    group by as_of_date, monetary_base
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
    ) }} as cut_point
from positions
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
