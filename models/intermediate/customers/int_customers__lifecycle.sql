-- Grain: one row per as_of_date × living customer: relationship stage, status, prospect stage.
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
        case
            when measured.purchase_days = 0
                then
                    case
                        when measured.open_deals > 0 or measured.two_way_contacts > 0
                            then 'exploration'
                        else 'not_applicable'
                    end
            when
                measured.recency_days > greatest(
                    cast(thresholds.decline_cadence_factor as double) * measured.cadence_days,
                    cast(thresholds.decline_min_days as double)
                )
                or (
                    measured.prior_purchase_days >= thresholds.decline_min_prior_days
                    and measured.prior_base > 0
                    and measured.recent_base
                    < cast(thresholds.decline_amount_ratio as decimal(9, 4)) * measured.prior_base
                )
                then 'decline'
            when
                measured.purchase_days <= thresholds.exploration_purchase_days
                or measured.tenure_days <= thresholds.exploration_tenure_days
                then 'exploration'
            when
                measured.purchase_days >= thresholds.maturity_purchase_days
                and measured.tenure_days >= thresholds.maturity_tenure_days
                and measured.recency_days
                <= cast(thresholds.maturity_cadence_factor as double) * measured.cadence_days
                then 'maturity'
            else 'formation'
        end as relationship_stage
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
    case
        when staged.purchase_days = 0 then 'prospect'
        when
            staged.recency_days > greatest(
                cast(thresholds.churn_min_days as double),
                cast(thresholds.churn_cadence_factor as double) * staged.cadence_days
            )
            then 'churned'
        when staged.tenure_days <= thresholds.new_tenure_days then 'new'
        when staged.relationship_stage = 'decline' then 'declining'
        when
            staged.prior_purchase_days >= thresholds.growth_min_prior_days
            and staged.prior_base > 0
            and staged.recent_purchase_days >= thresholds.growth_min_days
            and staged.recent_base
            >= cast(thresholds.growth_amount_ratio as decimal(9, 4)) * staged.prior_base
            then 'growing'
        else 'stable'
    end as customer_status,
    case
        when
            staged.window_purchase_days >= thresholds.loyal_purchase_days
            and staged.recency_days <= thresholds.loyal_recency_days
            then 'loyal'
        when staged.purchase_days >= 1 then 'purchase'
        when
            staged.open_deals > 0
            or staged.qualified_leads > 0
            or staged.intent_score >= thresholds.intent_stage_score
            then 'intent'
        else 'first_contact'
    end as prospect_stage
from staged
inner join thresholds on staged.as_of_date = thresholds.as_of_date
