-- Grain: one row per pair of presets × pair of their segments, on the published date: how many buyers
-- are in both, and their lifetime money. The eight RFM classes count as a preset.
with segments as (
    select
        customer_key,
        preset,
        segment
    from {{ ref('customer_segments') }}
    union all
    select
        customer_key,
        'eight_classes' as preset,
        rfm_class as segment
    from {{ ref('customer_rfm') }}
),

customer_values as (
    select * from {{ ref('customer_value') }}
)

select
    customer_values.as_of_date,
    first_segments.preset as preset_a,
    first_segments.segment as segment_a,
    second_segments.preset as preset_b,
    second_segments.segment as segment_b,
    count(*) as customers,
    cast(sum(customer_values.historic_clv_base) as decimal(18, 2)) as historic_clv_base
from segments as first_segments
inner join segments as second_segments
    on
        first_segments.customer_key = second_segments.customer_key
        and first_segments.preset < second_segments.preset
inner join customer_values on first_segments.customer_key = customer_values.customer_key
group by
    customer_values.as_of_date,
    first_segments.preset,
    first_segments.segment,
    second_segments.preset,
    second_segments.segment
