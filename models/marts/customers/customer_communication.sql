-- Grain: one row per living customer, on the published date: how it communicates.
with behaviour as (
    select * from {{ ref('int_customers__behaviour') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    behaviour.as_of_date,
    behaviour.customer_key,
    behaviour.contacts_30d,
    behaviour.two_way_contacts_180d,
    behaviour.interactions_30d,
    behaviour.interactions_90d,
    behaviour.main_manner,
    behaviour.connect_rate,
    behaviour.response_rate,
    behaviour.preferred_channel,
    behaviour.behavior_channel,
    behaviour.behavior_class,
    behaviour.last_two_way_contact_date,
    behaviour.last_interaction_date
from behaviour
inner join run_context on behaviour.as_of_date = run_context.as_of_date
