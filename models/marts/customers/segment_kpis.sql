-- Grain: one row per as_of_date × dimension × class, replaced per as_of_date.
-- Became churned: churned now, not 30 days ago by the same cadence. The rate is over those who had
-- bought by then and were not churned.
{{ history_table() }}
{%- set dimensions = [
    'rfm_class', 'abc_tier', 'relationship_stage', 'customer_status', 'prospect_stage',
    'value_class', 'frequency_class', 'behavior_class', 'purchasing_power', 'loyalty_class',
    'feedback_class', 'satisfaction_level', 'primary_need', 'purchase_channel',
    'preferred_channel', 'relationship_closeness', 'decision_power', 'intent_class',
    'customer_type', 'company_size', 'industry', 'market', 'city_tier', 'region', 'north_south',
    'behavior_channel', 'source_channel', 'need_kind',
] %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_requested
),

-- The dates of the run, from where the classes are kept.
classes as (
    select history.*
    from {{ ref('customer_classification_history') }} as history
    inner join run_context on history.as_of_date = run_context.as_of_date
),

lifecycle as (
    select * from {{ ref('int_customers__lifecycle') }}
),

buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

measured as (
    select
        {%- for dimension in dimensions %}
            classes.{{ dimension }},
        {%- endfor %}
        classes.as_of_date,
        coalesce(buyers.window_purchase_days >= 1, false) as is_active,
        coalesce(buyers.window_purchase_days >= thresholds.kpi_repurchase_days, false)
            as has_repurchased,
        classes.source_channel = 'referral' as is_referral,
        coalesce(buyers.monetary_base, 0) as monetary_base,
        coalesce(buyers.window_orders, 0) as window_orders,
        classes.customer_status = 'churned'
        and lifecycle.recency_days - thresholds.kpi_churn_days <= greatest(
            cast(thresholds.churn_min_days as double),
            cast(thresholds.churn_cadence_factor as double) * lifecycle.cadence_days
        ) as became_churned,
        coalesce(
            {{ days_between('buyers.first_purchase_date', 'buyers.as_of_date') }}
            >= thresholds.kpi_churn_days
            and (
                classes.customer_status <> 'churned'
                or lifecycle.recency_days - thresholds.kpi_churn_days <= greatest(
                    cast(thresholds.churn_min_days as double),
                    cast(thresholds.churn_cadence_factor as double) * lifecycle.cadence_days
                )
            ),
            false
        ) as was_not_churned
    from classes
    inner join lifecycle
        on
            classes.as_of_date = lifecycle.as_of_date
            and classes.customer_key = lifecycle.customer_key
    inner join thresholds on classes.as_of_date = thresholds.as_of_date
    left join buyers
        on
            classes.as_of_date = buyers.as_of_date
            and classes.customer_key = buyers.customer_key
),

grouped as (
    select
        as_of_date,
        case
            {%- for dimension in dimensions %}
                when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
        end as dimension,
        coalesce(
            {%- for dimension in dimensions %}
                {{ dimension }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as class_code,
        count(*) as customers,
        count(*) filter (where is_active) as active_customers,
        count(*) filter (where has_repurchased) as repurchased_customers,
        count(*) filter (where is_referral) as referred_customers,
        count(*) filter (where became_churned) as churned_customers,
        count(*) filter (where was_not_churned) as customers_at_risk,
        sum(monetary_base) as monetary_base,
        sum(window_orders) as window_orders
    from measured
    group by
        grouping sets (
            {%- for dimension in dimensions %}
                (as_of_date, {{ dimension }}){{ ',' if not loop.last }}
            {%- endfor %}
        )
)

select
    as_of_date,
    dimension,
    class_code as value,
    customers,
    active_customers,
    {{ rounded(
        'cast(repurchased_customers as double) / cast(nullif(active_customers, 0) as double)'
    ) }} as repurchase_rate,
    {{ rounded(
        'cast(churned_customers as double) / cast(nullif(customers_at_risk, 0) as double)'
    ) }} as churn_rate,
    {{ rounded(
        'cast(referred_customers as double) / cast(nullif(customers, 0) as double)'
    ) }} as referral_share,
    cast(monetary_base as decimal(18, 2)) as net_base,
    {{ rounded(
        'cast(monetary_base as double) / cast(nullif(window_orders, 0) as double)'
    ) }} as average_order_base
from grouped
