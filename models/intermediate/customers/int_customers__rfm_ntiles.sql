-- Grain: one row per as_of_date × buyer × measure where scores of equal counts are asked for; none
-- otherwise. For comparison with other tools only: customers with equal values may differ.
with buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
    where rfm_scoring = 'ntile'
),

ordered_buyers as (
    {%- for measure, value in [
        ('recency', '-buyers.recency_days'),
        ('frequency', 'buyers.frequency'),
        ('monetary', 'buyers.rfm_monetary_base'),
    ] %}
        select
            buyers.as_of_date,
            buyers.customer_key,
            '{{ measure }}' as measure,
            row_number() over (
                partition by buyers.as_of_date
                order by {{ value }} nulls last, buyers.customer_key nulls last
            ) - 1 as position,
            count(*) over (partition by buyers.as_of_date) as customers,
            run_settings.bins
        from buyers
        cross join run_settings
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

sized as (
    select
        *,
        cast(floor(customers / cast(nullif(bins, 0) as double)) as bigint) as small_size,
        customers % nullif(bins, 0) as large_bins
    from ordered_buyers
)

select
    as_of_date,
    customer_key,
    measure,
    1 + cast(
        floor(
            case
                when position < large_bins * (small_size + 1)
                    then position / cast(nullif(small_size + 1, 0) as double)
                else
                    large_bins
                    + (position - large_bins * (small_size + 1))
                    / cast(nullif(small_size, 0) as double)
            end
        ) as integer
    ) as score
from sized
