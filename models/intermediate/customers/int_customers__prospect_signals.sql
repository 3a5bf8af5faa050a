-- Grain: one row per as_of_date × customer with an open deal, a two-way contact or a qualified lead.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

deals as (
    select * from {{ ref('int_crm__deals') }}
),

activities as (
    select * from {{ ref('int_crm__activities') }}
    where is_two_way and party_key is not null
),

leads as (
    select * from {{ ref('int_crm__leads') }}
    where converted_account_key is not null and (is_converted or lead_stage = 'intent')
),

signals as (
    select
        run_context.as_of_date,
        deals.party_key,
        1 as open_deals,
        0 as two_way_contacts,
        0 as qualified_leads,
        coalesce(deals.probability, 0) as probability_pct,
        coalesce(deals.amount_base, 0) as amount_base,
        case when deals.amount_base is not null and deals.close_date is not null then 1 else 0 end
            as is_stated
    from deals
    inner join run_context
        on {{ is_known('deals', 'run_context.attribute_date') }}
    where
        deals.life_status <> 'void'
        and coalesce(deals.created_date, deals.valid_from) <= run_context.as_of_date
        and (
            deals.stage not in ('won', 'lost')
            or coalesce(deals.close_date, deals.stage_changed_date, deals.valid_from)
            > run_context.as_of_date
        )
    union all
    select
        run_context.as_of_date,
        activities.party_key,
        0 as open_deals,
        1 as two_way_contacts,
        0 as qualified_leads,
        0 as probability_pct,
        0 as amount_base,
        0 as is_stated
    from activities
    inner join run_context
        on
            activities.activity_date <= run_context.as_of_date
            and {{ is_known('activities', 'run_context.knowledge_date') }}
    union all
    select
        run_context.as_of_date,
        leads.converted_account_key as party_key,
        0 as open_deals,
        0 as two_way_contacts,
        1 as qualified_leads,
        0 as probability_pct,
        0 as amount_base,
        case when leads.budget is not null then 1 else 0 end as is_stated
    from leads
    inner join run_context
        on {{ is_known('leads', 'run_context.attribute_date') }}
    where
        coalesce(leads.converted_date, leads.created_date, leads.valid_from)
        <= run_context.as_of_date
)

select
    signals.as_of_date,
    source_map.customer_key,
    {{ sum_of_counts('signals.open_deals') }} as open_deals,
    {{ sum_of_counts('signals.two_way_contacts') }} as two_way_contacts,
    {{ sum_of_counts('signals.qualified_leads') }} as qualified_leads,
    max(signals.probability_pct) as best_probability_pct,
    max(signals.is_stated) as is_stated,
    sum(cast(signals.amount_base as double) * cast(signals.probability_pct as double)) / 100
        as expected_amount_base
from signals
inner join source_map on signals.party_key = source_map.record_key
group by signals.as_of_date, source_map.customer_key
