-- Grain: one row per as_of_date × living customer: relationship stage, status, prospect stage.
{%- set inputs = [
    'purchase_days', 'tenure_days', 'recency_days', 'cadence_days', 'window_purchase_days',
    'recent_base', 'recent_purchase_days', 'prior_base', 'prior_purchase_days', 'open_deals',
    'two_way_contacts', 'qualified_leads', 'intent_score',
] %}
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

abc as (
    select * from {{ ref('int_customers__abc') }}
),

cadences as (
    select * from {{ ref('int_purchases__cadences') }}
),

prospect_signals as (
    select * from {{ ref('int_customers__prospect_signals') }}
),

intent as (
    select * from {{ ref('int_customers__intent') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

tier_cadences as (
    select
        cadences.as_of_date,
        abc.abc_tier_raw,
        {{ median_of('cadences.cadence_days') }} as cadence_days
    from cadences
    inner join abc
        on cadences.as_of_date = abc.as_of_date and cadences.customer_key = abc.customer_key
    group by cadences.as_of_date, abc.abc_tier_raw
),

overall_cadences as (
    select
        cadences.as_of_date,
        {{ median_of('cadences.cadence_days') }} as cadence_days
    from cadences
    inner join abc
        on cadences.as_of_date = abc.as_of_date and cadences.customer_key = abc.customer_key
    group by cadences.as_of_date
),

measured as (
    select
        customers.as_of_date,
        customers.customer_key,
        coalesce(buyers.purchase_days, 0) as purchase_days,
        greatest(
            {{ days_between(
                'coalesce('
                ~ 'buyers.first_purchase_date, customers.created_date, customers.first_seen_on)',
                'customers.as_of_date'
            ) }},
            0
        ) as tenure_days,
        buyers.recency_days,
        coalesce(buyers.window_purchase_days, 0) as window_purchase_days,
        buyers.recent_base,
        buyers.recent_purchase_days,
        buyers.prior_base,
        buyers.prior_purchase_days,
        case
            when buyers.customer_key is not null
                then coalesce(
                    cadences.cadence_days,
                    tier_cadences.cadence_days,
                    overall_cadences.cadence_days,
                    cast(thresholds.default_cadence_days as double)
                )
        end as cadence_days,
        coalesce(prospect_signals.open_deals, 0) as open_deals,
        coalesce(prospect_signals.two_way_contacts, 0) as two_way_contacts,
        coalesce(prospect_signals.qualified_leads, 0) as qualified_leads,
        coalesce(intent.intent_score, 0) as intent_score
    from customers
    inner join thresholds on customers.as_of_date = thresholds.as_of_date
    left join buyers
        on
            customers.as_of_date = buyers.as_of_date
            and customers.customer_key = buyers.customer_key
    left join abc
        on customers.as_of_date = abc.as_of_date and customers.customer_key = abc.customer_key
    left join cadences
        on
            customers.as_of_date = cadences.as_of_date
            and customers.customer_key = cadences.customer_key
    left join tier_cadences
        on
            abc.as_of_date = tier_cadences.as_of_date
            and abc.abc_tier_raw = tier_cadences.abc_tier_raw
    left join overall_cadences on customers.as_of_date = overall_cadences.as_of_date
    left join prospect_signals
        on
            customers.as_of_date = prospect_signals.as_of_date
            and customers.customer_key = prospect_signals.customer_key
    left join intent
        on
            customers.as_of_date = intent.as_of_date
            and customers.customer_key = intent.customer_key
),

staged as (
    select
        measured.*,
        {{ relationship_stage_of(named_inputs('measured', inputs)) }} as relationship_stage
    from measured
    inner join thresholds on measured.as_of_date = thresholds.as_of_date
)

select
    staged.as_of_date,
    staged.customer_key,
    staged.purchase_days,
    staged.tenure_days,
    staged.cadence_days,
    staged.recency_days,
    staged.window_purchase_days,
    staged.recent_base,
    staged.recent_purchase_days,
    staged.prior_base,
    staged.prior_purchase_days,
    staged.open_deals,
    staged.two_way_contacts,
    staged.qualified_leads,
    staged.intent_score,
    staged.relationship_stage,
    {{ customer_status_of(named_inputs('staged', inputs)) }} as customer_status,
    {{ prospect_stage_of(named_inputs('staged', inputs)) }} as prospect_stage
from staged
inner join thresholds on staged.as_of_date = thresholds.as_of_date
