-- Grain: one row per segment preset × living buyer, on the published date: the scores that the preset
-- goes by. r_rfm, klaviyo and pymc have their own lifetime measures and bins; any other preset of the
-- seed segment_rules goes by the scores of customer_rfm.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

own_presets as (
    select distinct segment_rules.preset
    from {{ ref('segment_rules') }} as segment_rules
    inner join run_context
        on
            segment_rules.valid_from <= run_context.as_of_date
            and coalesce(segment_rules.valid_to, cast('9999-12-31' as date))
            >= run_context.as_of_date
    where segment_rules.preset not in ('r_rfm', 'klaviyo', 'pymc')
),

rfm as (
    select * from {{ ref('int_customers__rfm') }}
),

buyers as (
    select
        all_buyers.as_of_date,
        all_buyers.customer_key,
        cast(all_buyers.recency_days as double) as recency,
        cast(all_buyers.orders as double) as orders,
        cast(all_buyers.purchase_days as double) as purchase_days,
        cast(all_buyers.lifetime_base as double) as net_sum,
        {{ rounded(
            'cast(all_buyers.lifetime_base as double)'
            ~ ' / cast(nullif(all_buyers.purchase_days, 0) as double)'
        ) }} as net_mean
    from {{ ref('int_customers__buyers') }} as all_buyers
    inner join run_context on all_buyers.as_of_date = run_context.as_of_date
),

cut_points as (
    select
        {%- for measure in ['recency', 'orders', 'net_sum'] %}
            {%- for number in range(1, 5) %}
                {{ percentile_of(measure, number / 5) }}
                + 1 as r_rfm_{{ measure }}_{{ number }},
            {%- endfor %}
        {%- endfor %}
        {%- for measure in ['orders', 'net_sum'] %}
            {%- for number in range(1, 3) %}
                {{ percentile_of(measure, number / 3) }}
                    as klaviyo_{{ measure }}_{{ number }},
            {%- endfor %}
        {%- endfor %}
        {%- for measure in ['recency', 'purchase_days', 'net_mean'] %}
            {%- for number in range(1, 4) %}
                {{ percentile_of(measure, number / 4) }}
                    as pymc_{{ measure }}_{{ number }},
            {%- endfor %}
        {%- endfor %}
        count(*) as customers
    from buyers
)

select
    'r_rfm' as preset,
    buyers.as_of_date,
    buyers.customer_key,
    5 - ({{ cuts_reached('r_rfm_recency', 'buyers.recency', 4, '<=') }}) as r_score,
    1 + {{ cuts_reached('r_rfm_orders', 'buyers.orders', 4, '<=') }} as f_score,
    1 + {{ cuts_reached('r_rfm_net_sum', 'buyers.net_sum', 4, '<=') }} as m_score
from buyers
cross join cut_points
union all
select
    'klaviyo' as preset,
    buyers.as_of_date,
    buyers.customer_key,
    case
        when buyers.recency <= thresholds.klaviyo_recent_days then 3
        when buyers.recency <= thresholds.klaviyo_lapsing_days then 2
        else 1
    end as r_score,
    1 + {{ cuts_reached('klaviyo_orders', 'buyers.orders', 2, '<') }} as f_score,
    1 + {{ cuts_reached('klaviyo_net_sum', 'buyers.net_sum', 2, '<') }} as m_score
from buyers
inner join thresholds on buyers.as_of_date = thresholds.as_of_date
cross join cut_points
union all
select
    'pymc' as preset,
    buyers.as_of_date,
    buyers.customer_key,
    4 - ({{ cuts_reached('pymc_recency', 'buyers.recency', 3, '<') }}) as r_score,
    1 + {{ cuts_reached('pymc_purchase_days', 'buyers.purchase_days', 3, '<') }} as f_score,
    1 + {{ cuts_reached('pymc_net_mean', 'buyers.net_mean', 3, '<') }} as m_score
from buyers
cross join cut_points
union all
select
    own_presets.preset,
    rfm.as_of_date,
    rfm.customer_key,
    rfm.r_score,
    rfm.f_score,
    rfm.m_score
from rfm
inner join run_context on rfm.as_of_date = run_context.as_of_date
cross join own_presets
