-- Grain: one row per as_of_date × party (customer or lead) × kind of interaction it had by then,
-- counted over the periods that the classes look at.
with party_days as (
    select * from {{ ref('int_behaviour__party_days') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

periods as (
    select
        run_context.as_of_date,
        run_context.knowledge_date,
        run_context.window_start,
        {{ add_days('run_context.as_of_date', '1 - thresholds.behavior_active_days') }}
            as active_start,
        {{ add_days('run_context.as_of_date', '1 - thresholds.behavior_dormant_days') }}
            as dormant_start,
        {{ add_days('run_context.as_of_date', '1 - thresholds.close_contacts_days') }}
            as close_start
    from run_context
    inner join thresholds on run_context.as_of_date = thresholds.as_of_date
),

known_days as (
    select
        periods.as_of_date,
        party_days.party_type,
        party_days.party_key,
        party_days.interaction_kind,
        party_days.event_date,
        party_days.interactions,
        party_days.two_way_contacts,
        party_days.contacts,
        party_days.attempts,
        party_days.successes,
        party_days.event_date >= periods.active_start as in_active_days,
        party_days.event_date >= periods.dormant_start as in_dormant_days,
        party_days.event_date >= periods.close_start as in_close_days,
        party_days.event_date >= periods.window_start as in_window
    from party_days
    inner join periods
        on
            party_days.event_date <= periods.as_of_date
            and party_days.known_from <= periods.knowledge_date
            and (party_days.known_to is null or party_days.known_to > periods.knowledge_date)
)

select
    as_of_date,
    party_type,
    party_key,
    interaction_kind,
    coalesce(sum(interactions) filter (where in_active_days), 0) as interactions_30d,
    coalesce(sum(interactions) filter (where in_dormant_days), 0) as interactions_90d,
    coalesce(sum(contacts) filter (where in_active_days), 0) as contacts_30d,
    coalesce(sum(two_way_contacts) filter (where in_close_days), 0) as two_way_contacts_180d,
    sum(two_way_contacts) as two_way_contacts,
    coalesce(sum(interactions) filter (where in_window), 0) as window_interactions,
    coalesce(sum(contacts) filter (where in_window), 0) as window_contacts,
    coalesce(sum(attempts) filter (where in_window), 0) as window_attempts,
    coalesce(sum(successes) filter (where in_window), 0) as window_successes,
    max(case when interactions > 0 then event_date end) as last_interaction_date,
    max(case when contacts > 0 then event_date end) as last_contact_date,
    max(case when two_way_contacts > 0 then event_date end) as last_two_way_contact_date
from known_days
group by as_of_date, party_type, party_key, interaction_kind
