-- Grain: one row per as_of_date × party (customer or lead) × kind of interaction it had by then,
-- counted over the periods that the classes look at.
{%- set keys = ['party_type', 'party_key', 'interaction_kind'] %}
{%- set starts = ['active_start', 'dormant_start', 'close_start', 'window_start'] %}
with days as (
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

{{ days_at_turns(keys, starts) }},

seen as (
    select
        as_of_date,
        party_type,
        party_key,
        interaction_kind,
        event_date,
        interactions,
        two_way_contacts,
        contacts,
        attempts,
        successes,
        event_date >= active_start as in_active_days,
        event_date >= dormant_start as in_dormant_days,
        event_date >= close_start as in_close_days,
        event_date >= window_start as in_window
    from days_at_turns
),

counted as (
    select
        as_of_date,
        party_type,
        party_key,
        interaction_kind,
        {{ sum_of_counts('interactions', 'in_active_days') }} as interactions_30d,
        {{ sum_of_counts('interactions', 'in_dormant_days') }} as interactions_90d,
        {{ sum_of_counts('contacts', 'in_active_days') }} as contacts_30d,
        {{ sum_of_counts('two_way_contacts', 'in_close_days') }} as two_way_contacts_180d,
        {{ sum_of_counts('two_way_contacts') }} as two_way_contacts,
        {{ sum_of_counts('interactions', 'in_window') }} as window_interactions,
        {{ sum_of_counts('contacts', 'in_window') }} as window_contacts,
        {{ sum_of_counts('attempts', 'in_window') }} as window_attempts,
        {{ sum_of_counts('successes', 'in_window') }} as window_successes,
        max(case when interactions > 0 then event_date end) as last_interaction_date,
        max(case when contacts > 0 then event_date end) as last_contact_date,
        max(case when two_way_contacts > 0 then event_date end) as last_two_way_contact_date
    from seen
    group by as_of_date, party_type, party_key, interaction_kind
)

select
    periods.as_of_date,
    counted.party_type,
    counted.party_key,
    counted.interaction_kind,
    counted.interactions_30d,
    counted.interactions_90d,
    counted.contacts_30d,
    counted.two_way_contacts_180d,
    counted.two_way_contacts,
    counted.window_interactions,
    counted.window_contacts,
    counted.window_attempts,
    counted.window_successes,
    counted.last_interaction_date,
    counted.last_contact_date,
    counted.last_two_way_contact_date
from {{ on_every_date('counted', keys) }}
