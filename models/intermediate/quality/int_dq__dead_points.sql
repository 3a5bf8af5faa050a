-- Grain: one row per e-mail address or phone number that bounced or was found invalid by the
-- published date.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

failures as (
    select
        email_events.email_normalised as contact_point,
        email_events.occurred_date as failed_date
    from {{ ref('int_crm__email_events') }} as email_events
    inner join run_context
        on
            email_events.occurred_date <= run_context.as_of_date
            and {{ is_known('email_events', 'run_context.knowledge_date') }}
    where email_events.event_group = 'bounce' and email_events.email_normalised is not null
    union all
    select
        activities.phone_e164 as contact_point,
        activities.activity_date as failed_date
    from {{ ref('int_crm__activities') }} as activities
    inner join run_context
        on
            activities.activity_date <= run_context.as_of_date
            and {{ is_known('activities', 'run_context.knowledge_date') }}
    where activities.number_status = 'invalid' and activities.phone_e164 is not null
)

select
    contact_point,
    max(failed_date) as failed_date
from failures
group by contact_point
