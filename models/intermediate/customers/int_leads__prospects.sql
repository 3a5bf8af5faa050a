-- Grain: one row per as_of_date × open lead: how near it is to a deal, with the parts of the score.
-- An open lead is neither converted, lost nor void on that date.
with leads as (
    select * from {{ ref('int_crm__leads') }}
    where life_status <> 'void' and lead_stage <> 'lost'
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

behaviour as (
    select * from {{ ref('int_leads__behaviour') }}
),

open_leads as (
    select
        run_context.as_of_date,
        leads.lead_key,
        leads.crm_source,
        leads.lead_name,
        leads.company,
        leads.crm_status,
        leads.lead_stage,
        leads.owner_key,
        leads.budget
    from leads
    inner join run_context on {{ is_known('leads', 'run_context.attribute_date') }}
    where
        coalesce(leads.created_date, run_context.as_of_date) <= run_context.as_of_date
        and not (
            leads.is_converted
            and coalesce(leads.converted_date, leads.created_date, leads.valid_from)
            <= run_context.as_of_date
        )
),

parts as (
    select
        open_leads.as_of_date,
        open_leads.lead_key,
        open_leads.crm_source,
        open_leads.lead_name,
        open_leads.company,
        open_leads.crm_status,
        open_leads.lead_stage,
        open_leads.owner_key,
        open_leads.budget,
        cast(0 as double) as probability_part,
        case
            when open_leads.lead_stage = 'intent' then cast(thresholds.intent_lead_intent as double)
            when open_leads.lead_stage = 'prospect'
                then cast(thresholds.intent_lead_prospect as double)
            else 0
        end as lead_part,
        coalesce(behaviour.interactions_30d, 0) as interactions_30d,
        coalesce(behaviour.two_way_contacts, 0) as two_way_contacts,
        case when open_leads.budget is not null then 1 else 0 end as stated_part
    from open_leads
    inner join thresholds on open_leads.as_of_date = thresholds.as_of_date
    left join behaviour
        on
            open_leads.as_of_date = behaviour.as_of_date
            and open_leads.lead_key = behaviour.lead_key
),

scored as (
    select
        parts.*,
        {{ intent_score('parts') }} as intent_score
    from parts
    inner join thresholds on parts.as_of_date = thresholds.as_of_date
)

select
    scored.as_of_date,
    scored.lead_key,
    scored.crm_source,
    scored.lead_name,
    scored.company,
    scored.crm_status,
    scored.lead_stage,
    scored.owner_key,
    scored.budget,
    scored.probability_part,
    scored.lead_part,
    scored.interactions_30d,
    scored.two_way_contacts,
    scored.stated_part,
    scored.intent_score,
    {{ intent_class_of({'intent_score': 'scored.intent_score'}) }} as intent_class,
    case
        when
            scored.lead_stage = 'intent'
            or scored.intent_score >= thresholds.intent_stage_score
            then 'intent'
        else 'first_contact'
    end as prospect_stage
from scored
inner join thresholds on scored.as_of_date = thresholds.as_of_date
