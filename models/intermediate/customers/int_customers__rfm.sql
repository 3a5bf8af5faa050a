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

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

ntiles as (
    select
        as_of_date,
        customer_key,
        max(case when measure = 'recency' then score end) as r_score,
        max(case when measure = 'frequency' then score end) as f_score,
        max(case when measure = 'monetary' then score end) as m_score
    from {{ ref('int_customers__rfm_ntiles') }}
    group by as_of_date, customer_key
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
        buyers.rfm_monetary_base as monetary_base,
        coalesce(
            ntiles.r_score,
            run_settings.bins
            - ({{ cuts_below('recency', 'cast(buyers.recency_days as double)') }})
        ) as r_score,
        coalesce(
            ntiles.f_score,
            1 + {{ cuts_below('frequency', 'cast(buyers.frequency as double)') }}
        ) as f_score,
        coalesce(
            ntiles.m_score,
            1 + {{ cuts_below('monetary', 'cast(buyers.rfm_monetary_base as double)') }}
        ) as m_score,
        run_settings.bins,
        run_settings.rfm_split
    from buyers
    inner join cut_columns on buyers.as_of_date = cut_columns.as_of_date
    cross join run_settings
    left join ntiles
        on
            buyers.as_of_date = ntiles.as_of_date
            and buyers.customer_key = ntiles.customer_key
),

totals as (
    select
        as_of_date,
        count(*) as customers,
        sum(r_score) as r_total,
        sum(f_score) as f_total,
        sum(m_score) as m_total,
        sum(recency_days) as recency_total,
        sum(frequency) as frequency_total,
        sum(monetary_base) as monetary_total
    from scored
    group by as_of_date
),

split as (
    select
        scored.*,
        case scored.rfm_split
            when 'value_mean' then scored.recency_days * totals.customers < totals.recency_total
            when 'fixed' then scored.recency_days <= thresholds.rfm_split_recency_days
            else scored.r_score * totals.customers > totals.r_total
        end as is_recent,
        case scored.rfm_split
            when 'value_mean' then scored.frequency * totals.customers > totals.frequency_total
            when 'fixed' then scored.frequency >= thresholds.rfm_split_frequency
            else scored.f_score * totals.customers > totals.f_total
        end as is_frequent,
        case scored.rfm_split
            when 'value_mean' then scored.monetary_base * totals.customers > totals.monetary_total
            when 'fixed' then scored.monetary_base >= thresholds.rfm_split_monetary_base
            else scored.m_score * totals.customers > totals.m_total
        end as is_high_value
    from scored
    inner join totals on scored.as_of_date = totals.as_of_date
    inner join thresholds on scored.as_of_date = thresholds.as_of_date
)

select
    split.as_of_date,
    split.customer_key,
    split.last_purchase_date,
    split.recency_days,
    split.frequency,
    split.monetary_base,
    split.r_score,
    split.f_score,
    split.m_score,
    cast(split.r_score as string)
    || case when split.bins > 9 then '-' else '' end
    || cast(split.f_score as string)
    || case when split.bins > 9 then '-' else '' end
    || cast(split.m_score as string) as rfm_code,
    rfm_classes.rfm_class
from split
inner join rfm_classes
    on
        split.is_recent = rfm_classes.is_recent
        and split.is_frequent = rfm_classes.is_frequent
        and split.is_high_value = rfm_classes.is_high_value
