-- Grain: one row per as_of_date × living customer with a purchase: measures, scores and class.
-- A score is a function of the value alone, so that equal values always share it.
with buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

cut_points as (
    select * from {{ ref('int_customers__rfm_cut_points') }}
),

rfm_classes as (
    select * from {{ ref('rfm_classes') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

cut_columns as (
    select
        {%- for measure in ['recency', 'frequency', 'monetary'] %}
            {%- for number in range(1, 10) %}
                max(
                    case
                        when measure = '{{ measure }}' and cut_number = {{ number }} then cut_point
                    end
                )
                    as {{ measure }}_cut_{{ number }},
            {%- endfor %}
        {%- endfor %}
        as_of_date
    from cut_points
    group by as_of_date
),

scored as (
    select
        buyers.as_of_date,
        buyers.customer_key,
        buyers.last_purchase_date,
        buyers.recency_days,
        buyers.frequency,
        buyers.monetary_base,
        run_settings.bins - (
            {{ cuts_below('recency', 'cast(buyers.recency_days as double)') }}
        ) as r_score,
        1 + {{ cuts_below('frequency', 'cast(buyers.frequency as double)') }} as f_score,
        1 + {{ cuts_below('monetary', 'cast(buyers.monetary_base as double)') }} as m_score,
        run_settings.bins
    from buyers
    inner join cut_columns on buyers.as_of_date = cut_columns.as_of_date
    cross join run_settings
),

totals as (
    select
        as_of_date,
        count(*) as customers,
        sum(r_score) as r_total,
        sum(f_score) as f_total,
        sum(m_score) as m_total
    from scored
    group by as_of_date
)

select
    scored.as_of_date,
    scored.customer_key,
    scored.last_purchase_date,
    scored.recency_days,
    scored.frequency,
    scored.monetary_base,
    scored.r_score,
    scored.f_score,
    scored.m_score,
    cast(scored.r_score as string)
    || case when scored.bins > 9 then '-' else '' end
    || cast(scored.f_score as string)
    || case when scored.bins > 9 then '-' else '' end
    || cast(scored.m_score as string) as rfm_code,
    rfm_classes.rfm_class
from scored
inner join totals on scored.as_of_date = totals.as_of_date
inner join rfm_classes
    on
        (scored.r_score * totals.customers > totals.r_total) = rfm_classes.is_recent
        and (scored.f_score * totals.customers > totals.f_total) = rfm_classes.is_frequent
        and (scored.m_score * totals.customers > totals.m_total) = rfm_classes.is_high_value
