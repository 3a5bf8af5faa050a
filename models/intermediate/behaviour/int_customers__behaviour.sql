-- Grain: one row per as_of_date × living customer: how often, by what and how well it is in touch.
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

party_kinds as (
    select * from {{ ref('int_behaviour__party_kinds') }}
    where party_type = 'customer'
),

interaction_kinds as (
    select * from {{ ref('interaction_kinds') }}
),

sources as (
    select * from {{ source('raw', 'sources') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

kinds as (
    select
        party_kinds.*,
        interaction_kinds.behavior_channel,
        interaction_kinds.preferred_channel
    from party_kinds
    inner join interaction_kinds
        on party_kinds.interaction_kind = interaction_kinds.interaction_kind
),

totals as (
    select
        as_of_date,
        party_key,
        {{ sum_of_counts('interactions_30d') }} as interactions_30d,
        {{ sum_of_counts('interactions_90d') }} as interactions_90d,
        {{ sum_of_counts('contacts_30d') }} as contacts_30d,
        {{ sum_of_counts('two_way_contacts_180d') }} as two_way_contacts_180d,
        max(last_interaction_date) as last_interaction_date,
        max(last_two_way_contact_date) as last_two_way_contact_date,
        {{ sum_of_counts('window_interactions', "behavior_channel = 'online'") }}
            as online_interactions,
        {{ sum_of_counts('window_interactions', "behavior_channel = 'offline'") }}
            as offline_interactions,
        max(case when behavior_channel = 'online' then last_interaction_date end)
            as last_online_date,
        max(case when behavior_channel = 'offline' then last_interaction_date end)
            as last_offline_date,
        {{ sum_of_counts('window_attempts', "preferred_channel = 'phone'") }} as calls,
        {{ sum_of_counts('window_successes', "preferred_channel = 'phone'") }}
            as calls_answered,
        {{ sum_of_counts('window_attempts', "preferred_channel = 'online'") }} as messages,
        {{ sum_of_counts('window_successes', "preferred_channel = 'online'") }} as responses
    from kinds
    group by as_of_date, party_key
),

ranked_manners as (
    select
        as_of_date,
        party_key,
        interaction_kind,
        row_number() over (
            partition by as_of_date, party_key
            order by
                window_contacts desc nulls last,
                last_contact_date desc nulls last,
                interaction_kind asc nulls last
        ) as choice
    from kinds
    where window_contacts > 0
),

used_channels as (
    select
        as_of_date,
        party_key,
        preferred_channel,
        sum(window_attempts) as attempts,
        least(sum(window_successes), sum(window_attempts)) as successes,
        sum(greatest(window_contacts, window_interactions)) as uses,
        greatest(
            coalesce(max(last_contact_date), max(last_interaction_date)),
            coalesce(max(last_interaction_date), max(last_contact_date))
        ) as last_used_date
    from kinds
    where preferred_channel <> 'none'
    group by as_of_date, party_key, preferred_channel
    having sum(window_contacts) > 0 or sum(window_interactions) > 0
),

scored_channels as (
    select
        used_channels.*,
        case
            when used_channels.attempts >= thresholds.preferred_min_attempts
                then {{ wilson_bound('used_channels.successes', 'used_channels.attempts', '-') }}
        end as success_bound
    from used_channels
    inner join thresholds on used_channels.as_of_date = thresholds.as_of_date
),

ranked_channels as (
    select
        as_of_date,
        party_key,
        preferred_channel,
        row_number() over (
            partition by as_of_date, party_key
            order by
                success_bound desc nulls last,
                uses desc nulls last,
                last_used_date desc nulls last,
                preferred_channel asc nulls last
        ) as choice
    from scored_channels
),

measured as (
    select
        customers.as_of_date,
        customers.customer_key,
        customers.first_purchase_date,
        {{ days_between(
            'coalesce('
            ~ 'customers.created_date, customers.first_purchase_date, customers.first_seen_on)',
            'customers.as_of_date'
        ) }} as age_days,
        coalesce(sources.delivers_activities, false) as delivers_activities,
        coalesce(totals.interactions_30d, 0) as interactions_30d,
        coalesce(totals.interactions_90d, 0) as interactions_90d,
        coalesce(totals.contacts_30d, 0) as contacts_30d,
        coalesce(totals.two_way_contacts_180d, 0) as two_way_contacts_180d,
        totals.last_interaction_date,
        totals.last_two_way_contact_date,
        coalesce(totals.online_interactions, 0) as online_interactions,
        coalesce(totals.offline_interactions, 0) as offline_interactions,
        totals.last_online_date,
        totals.last_offline_date,
        coalesce(totals.calls, 0) as calls,
        coalesce(totals.calls_answered, 0) as calls_answered,
        coalesce(totals.messages, 0) as messages,
        coalesce(totals.responses, 0) as responses,
        coalesce(ranked_manners.interaction_kind, 'unknown') as main_manner,
        coalesce(ranked_channels.preferred_channel, 'unknown') as preferred_channel
    from customers
    left join sources on customers.crm_source = sources.crm_source
    left join totals
        on
            customers.as_of_date = totals.as_of_date
            and customers.customer_key = totals.party_key
    left join ranked_manners
        on
            customers.as_of_date = ranked_manners.as_of_date
            and customers.customer_key = ranked_manners.party_key
            and ranked_manners.choice = 1
    left join ranked_channels
        on
            customers.as_of_date = ranked_channels.as_of_date
            and customers.customer_key = ranked_channels.party_key
            and ranked_channels.choice = 1
)

select
    measured.as_of_date,
    measured.customer_key,
    measured.delivers_activities,
    measured.age_days,
    measured.online_interactions,
    measured.offline_interactions,
    measured.interactions_30d,
    measured.interactions_90d,
    measured.last_interaction_date,
    measured.two_way_contacts_180d,
    measured.contacts_30d,
    measured.last_two_way_contact_date,
    {{ behavior_class_of(named_inputs('measured', [
        'delivers_activities', 'interactions_30d', 'interactions_90d', 'age_days',
        'first_purchase_date',
    ])) }} as behavior_class,
    case
        when measured.online_interactions = 0 and measured.offline_interactions = 0 then 'unknown'
        when measured.online_interactions > measured.offline_interactions then 'online'
        when measured.online_interactions < measured.offline_interactions then 'offline'
        when measured.last_online_date >= measured.last_offline_date then 'online'
        else 'offline'
    end as behavior_channel,
    measured.main_manner,
    {{ rounded(
        'cast(measured.calls_answered as double) / cast(nullif(measured.calls, 0) as double)'
    ) }} as connect_rate,
    {{ rounded(
        'cast(least(measured.responses, measured.messages) as double)'
        ~ ' / cast(nullif(measured.messages, 0) as double)'
    ) }} as response_rate,
    measured.preferred_channel
from measured
inner join thresholds on measured.as_of_date = thresholds.as_of_date
