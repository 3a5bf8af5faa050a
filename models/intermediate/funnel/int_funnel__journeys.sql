-- Grain: one row per journey known on the published date: a lead with the deal it became, or a deal
-- alone.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

leads as (
    select
        leads.*,
        run_context.as_of_date
    from {{ ref('int_crm__leads') }} as leads
    inner join run_context on {{ is_known('leads', 'run_context.attribute_date') }}
    where
        leads.life_status <> 'void'
        and coalesce(leads.created_date, leads.valid_from) <= run_context.as_of_date
),

deals as (
    select
        deals.*,
        run_context.as_of_date
    from {{ ref('int_crm__deals') }} as deals
    inner join run_context on {{ is_known('deals', 'run_context.attribute_date') }}
    where
        deals.life_status <> 'void'
        and coalesce(deals.created_date, deals.valid_from) <= run_context.as_of_date
),

links as (
    select
        lead_key,
        converted_deal_key as deal_key
    from leads
    where converted_deal_key is not null
    union
    select
        deals.lead_key,
        deals.deal_key
    from deals
    inner join leads on deals.lead_key = leads.lead_key
    where leads.converted_deal_key is null
),

one_deal_a_lead as (
    select
        links.lead_key,
        min(links.deal_key) as deal_key
    from links
    inner join deals on links.deal_key = deals.deal_key
    group by links.lead_key
),

one_lead_a_deal as (
    select
        deal_key,
        min(lead_key) as lead_key
    from one_deal_a_lead
    group by deal_key
)

select
    leads.lead_key as journey_key,
    leads.as_of_date,
    leads.crm_source,
    leads.lead_key,
    one_lead_a_deal.deal_key,
    coalesce(leads.created_date, leads.valid_from) as started_date,
    coalesce(deals.owner_key, leads.owner_key) as owner_key,
    leads.source_channel_group,
    coalesce(deals.product_name, leads.intended_product) as product_name,
    leads.industry
from leads
left join one_lead_a_deal on leads.lead_key = one_lead_a_deal.lead_key
left join deals on one_lead_a_deal.deal_key = deals.deal_key
union all
select
    deals.deal_key as journey_key,
    deals.as_of_date,
    deals.crm_source,
    cast(null as string) as lead_key,
    deals.deal_key,
    coalesce(deals.created_date, deals.valid_from) as started_date,
    deals.owner_key,
    deals.source_channel_group,
    deals.product_name,
    cast(null as string) as industry
from deals
left join one_lead_a_deal on deals.deal_key = one_lead_a_deal.deal_key
where one_lead_a_deal.deal_key is null
