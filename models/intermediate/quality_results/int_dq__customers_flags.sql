-- Grain: one row per living customer on the published date, judged once it is classified.
-- UPD-005: the revisit interval of its tier has passed since the last two-way contact or purchase.
with classes as (
    select classes.*
    from {{ ref('int_customers__classes') }} as classes
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and classes.as_of_date = run_context.as_of_date
),

customers as (
    select * from {{ ref('int_customers__customers') }}
),

contacts as (
    select * from {{ ref('int_customers__last_contacts') }}
),

service_policy as (
    select * from {{ ref('service_policy') }}
)

select
    classes.as_of_date,
    customers.crm_source,
    'customers' as entity,
    classes.customer_key as record_id,
    classes.owner_key,
    classes.as_of_date as known_since,
    case
        when contacts.last_contact_date is not null and service_policy.abc_tier <> 'not_applicable'
            then
                {{ days_between('contacts.last_contact_date', 'classes.as_of_date') }}
                > service_policy.revisit_interval_days
    end as upd_005,
    cast(contacts.last_contact_date as string) as upd_005_value
from classes
inner join customers
    on
        classes.as_of_date = customers.as_of_date
        and classes.customer_key = customers.customer_key
left join contacts on classes.customer_key = contacts.customer_key
left join service_policy
    on
        classes.abc_tier = service_policy.abc_tier
        and classes.as_of_date >= service_policy.valid_from
        and (service_policy.valid_to is null or classes.as_of_date <= service_policy.valid_to)
