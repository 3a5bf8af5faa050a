-- Grain: one row per living customer on the published date, judged once it is classified. One nullable
-- boolean per rule: true = fails, null = does not apply; and the value at fault of those that fail.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

dq_thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

classes as (
    select classes.*
    from {{ ref('int_customers__classes') }} as classes
    inner join run_context on classes.as_of_date = run_context.as_of_date
),

customers as (
    select * from {{ ref('int_customers__customers') }}
),

behaviour as (
    select * from {{ ref('int_customers__behaviour') }}
),

contacts as (
    select * from {{ ref('int_customers__last_contacts') }}
),

needs as (
    select
        mentions.party_key as customer_key,
        max(mentions.mention_date) as need_date
    from {{ ref('int_behaviour__mentions') }} as mentions
    inner join run_context
        on
            mentions.mention_date <= run_context.as_of_date
            and {{ is_known('mentions', 'run_context.knowledge_date') }}
    where mentions.party_type = 'customer' and mentions.need_group = 'need'
    group by mentions.party_key
),

party_days as (
    select party_days.*
    from {{ ref('int_behaviour__party_days') }} as party_days
    inner join run_context
        on
            party_days.event_date <= run_context.as_of_date
            and party_days.known_from <= run_context.knowledge_date
            and (
                party_days.known_to is null or party_days.known_to > run_context.knowledge_date
            )
    where party_days.party_type = 'customer'
),

since_need as (
    select
        party_days.party_key as customer_key,
        sum(party_days.two_way_contacts) as contacts,
        coalesce(
            sum(party_days.two_way_contacts) filter (
                where party_days.event_date > coalesce(needs.need_date, date '1900-01-01')
            ),
            0
        ) as contacts_since_need
    from party_days
    left join needs on party_days.party_key = needs.customer_key
    group by party_days.party_key
),

last_attempts as (
    select
        party_key as customer_key,
        max(event_date) as last_attempt_date
    from party_days
    where contacts > 0 or attempts > 0
    group by party_key
),

service_policy as (
    select service_policy.*
    from {{ ref('service_policy') }} as service_policy
    inner join run_context
        on
            service_policy.valid_from <= run_context.as_of_date
            and (
                service_policy.valid_to is null
                or service_policy.valid_to >= run_context.as_of_date
            )
),

records as (
    select
        classes.as_of_date,
        customers.crm_source,
        classes.customer_key,
        classes.owner_key,
        classes.abc_tier,
        behaviour.behavior_class,
        customers.is_inferred,
        behaviour.delivers_activities,
        {{ add_days(
            'coalesce(behaviour.last_interaction_date, customers.created_date,'
            ~ ' customers.first_seen_on)',
            'thresholds.behavior_dormant_days'
        ) }} as dormant_date
    from classes
    inner join thresholds on classes.as_of_date = thresholds.as_of_date
    inner join customers
        on
            classes.as_of_date = customers.as_of_date
            and classes.customer_key = customers.customer_key
    inner join behaviour
        on
            classes.as_of_date = behaviour.as_of_date
            and classes.customer_key = behaviour.customer_key
)

select
    records.as_of_date,
    records.crm_source,
    'customers' as entity,
    'customers' as record_kind,
    records.customer_key as record_id,
    records.owner_key,
    {{ flag(
        'upd_005',
        applies='contacts.last_contact_date is not null'
        ~ " and service_policy.abc_tier <> 'not_applicable'",
        fails=days_between('contacts.last_contact_date', 'records.as_of_date')
        ~ ' > service_policy.revisit_interval_days',
        value='contacts.last_contact_date'
    ) }},
    {{ flag(
        'upd_011',
        applies='records.delivers_activities and since_need.contacts > 0',
        fails='since_need.contacts_since_need >= dq_thresholds.need_contacts',
        value="coalesce(cast(needs.need_date as string), 'never')"
    ) }},
    {{ flag(
        'upd_015',
        applies="records.behavior_class = 'dormant' and not records.is_inferred and "
        ~ days_between('records.dormant_date', 'records.as_of_date')
        ~ ' > dq_thresholds.dormant_contact_days',
        fails='coalesce(last_attempts.last_attempt_date < records.dormant_date, true)',
        value='records.dormant_date'
    ) }}
from records
cross join dq_thresholds
left join contacts on records.customer_key = contacts.customer_key
left join needs on records.customer_key = needs.customer_key
left join since_need on records.customer_key = since_need.customer_key
left join last_attempts on records.customer_key = last_attempts.customer_key
left join service_policy on records.abc_tier = service_policy.abc_tier
