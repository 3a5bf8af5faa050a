-- Grain: one row per as_of_date × lead known and created by then: how often it is in touch, what it
-- needs and how satisfied it is. Leads buy nothing, so that none is an occasional customer. What they
-- need is known of the newest date alone.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
),

leads as (
    select * from {{ ref('int_crm__leads') }}
    where life_status <> 'void'
),

party_kinds as (
    select * from {{ ref('int_behaviour__party_kinds') }}
    where party_type = 'lead'
),

summaries as (
    select * from {{ ref('int_behaviour__needs_summary') }}
    where party_type = 'lead'
),

feedback as (
    select * from {{ ref('int_behaviour__feedback') }}
    where party_type = 'lead'
),

sources as (
    select * from {{ source('raw', 'sources') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

totals as (
    select
        as_of_date,
        party_key,
        sum(interactions_30d) as interactions_30d,
        sum(interactions_90d) as interactions_90d,
        sum(two_way_contacts) as two_way_contacts,
        max(last_interaction_date) as last_interaction_date
    from party_kinds
    group by as_of_date, party_key
),

known_leads as (
    select
        run_context.as_of_date,
        leads.lead_key,
        leads.crm_source,
        {{ days_between(
            'coalesce(leads.created_date, leads.valid_from)', 'run_context.as_of_date'
        ) }} as age_days
    from leads
    inner join run_context on {{ is_known('leads', 'run_context.attribute_date') }}
    where coalesce(leads.created_date, run_context.as_of_date) <= run_context.as_of_date
)

select
    known_leads.as_of_date,
    known_leads.lead_key,
    coalesce(cast(totals.interactions_30d as bigint), 0) as interactions_30d,
    coalesce(cast(totals.two_way_contacts as bigint), 0) as two_way_contacts,
    totals.last_interaction_date,
    case
        when not coalesce(sources.delivers_activities, false) then 'unknown'
        when totals.interactions_30d >= thresholds.behavior_active_interactions then 'active'
        when
            coalesce(totals.interactions_90d, 0) = 0
            and known_leads.age_days > thresholds.behavior_dormant_days
            then 'dormant'
        else 'potential'
    end as behavior_class,
    coalesce(summaries.primary_need, 'unknown') as primary_need,
    coalesce(summaries.need_kind, 'unknown') as need_kind,
    coalesce(feedback.feedback_class, 'unknown') as feedback_class
from known_leads
inner join thresholds on known_leads.as_of_date = thresholds.as_of_date
left join sources on known_leads.crm_source = sources.crm_source
left join totals
    on known_leads.as_of_date = totals.as_of_date and known_leads.lead_key = totals.party_key
left join summaries
    on
        known_leads.as_of_date = summaries.as_of_date
        and known_leads.lead_key = summaries.party_key
left join feedback
    on known_leads.as_of_date = feedback.as_of_date and known_leads.lead_key = feedback.party_key
