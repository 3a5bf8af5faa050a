-- Grain: one row per party (customer or lead) × day × kind of interaction × run of exports in which
-- that was known (known_from <= K < known_to): what passed between the party and us.
-- contacts: calls, visits, meetings and messages, whatever came of them; attempts: what we began
-- (calls, messages and mails sent, visits, meetings); successes: what of it was answered or held.
with activities as (
    select * from {{ ref('int_crm__activities') }}
),

web_sessions as (
    select * from {{ ref('int_crm__web_sessions') }}
),

email_events as (
    select * from {{ ref('int_crm__email_events') }}
),

purchase_days as (
    select * from {{ ref('int_purchases__customer_days') }}
    where customer_key <> 'unknown' and orders > 0
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

interaction_kinds as (
    select * from {{ ref('interaction_kinds') }}
    where is_contact
),

events as (
    select
        activities.party_key,
        activities.lead_key,
        activities.activity_date as event_date,
        activities.manner_group as interaction_kind,
        case when activities.is_two_way then 1 else 0 end as interactions,
        case when activities.is_two_way then 1 else 0 end as two_way_contacts,
        1 as contacts,
        case
            when activities.manner_group in ('visit', 'meeting') or not activities.is_inbound then 1
            else 0
        end as attempts,
        case
            when activities.manner_group = 'call' and activities.is_inbound then 0
            when activities.is_two_way then 1
            else 0
        end as successes,
        activities.valid_from,
        activities.valid_to
    from activities
    inner join interaction_kinds on activities.manner_group = interaction_kinds.interaction_kind
    union all
    select
        party_key,
        lead_key,
        occurred_date as event_date,
        case when is_web_form then 'web_form' else 'web_session' end as interaction_kind,
        1 as interactions,
        case when is_web_form then 1 else 0 end as two_way_contacts,
        0 as contacts,
        0 as attempts,
        0 as successes,
        valid_from,
        valid_to
    from web_sessions
    union all
    select
        party_key,
        lead_key,
        occurred_date as event_date,
        case when event_group = 'reply' then 'email' else 'campaign_email' end as interaction_kind,
        case when event_group = 'sent' then 0 else 1 end as interactions,
        case when event_group = 'reply' then 1 else 0 end as two_way_contacts,
        case when event_group = 'reply' then 1 else 0 end as contacts,
        case when event_group = 'sent' then 1 else 0 end as attempts,
        case when event_group = 'sent' then 0 else 1 end as successes,
        valid_from,
        valid_to
    from email_events
    where event_group in ('sent', 'click', 'reply')
),

party_events as (
    select
        'customer' as party_type,
        source_map.customer_key as party_key,
        events.event_date,
        events.interaction_kind,
        events.interactions,
        events.two_way_contacts,
        events.contacts,
        events.attempts,
        events.successes,
        events.valid_from,
        events.valid_to
    from events
    inner join source_map on events.party_key = source_map.record_key
    union all
    select
        'lead' as party_type,
        lead_key as party_key,
        event_date,
        interaction_kind,
        interactions,
        two_way_contacts,
        contacts,
        attempts,
        successes,
        valid_from,
        valid_to
    from events
    where lead_key is not null
    union all
    select
        'customer' as party_type,
        customer_key as party_key,
        event_date,
        case
            when online_base > offline_base then 'online_purchase'
            when online_base < offline_base then 'offline_purchase'
            else 'purchase'
        end as interaction_kind,
        1 as interactions,
        0 as two_way_contacts,
        0 as contacts,
        0 as attempts,
        0 as successes,
        known_from as valid_from,
        known_to as valid_to
    from purchase_days
)

select
    party_type,
    party_key,
    event_date,
    interaction_kind,
    valid_from as known_from,
    valid_to as known_to,
    {{ sum_of_counts('interactions') }} as interactions,
    {{ sum_of_counts('two_way_contacts') }} as two_way_contacts,
    {{ sum_of_counts('contacts') }} as contacts,
    {{ sum_of_counts('attempts') }} as attempts,
    {{ sum_of_counts('successes') }} as successes
from party_events
where event_date is not null
group by party_type, party_key, event_date, interaction_kind, valid_from, valid_to
