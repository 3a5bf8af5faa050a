-- Grain: one row per e-mail address or phone number (normalised) that exactly one lead bears: how
-- feed rows without a record id find their lead.
with leads as (
    select * from {{ ref('int_crm__leads') }}
),

points as (
    select
        {{ contact_point('email_normalised', 'email') }} as contact_point,
        lead_key
    from leads
    where email is not null
    union all
    select
        {{ contact_point('coalesce(mobile_e164, phone_e164)', 'coalesce(mobile, phone)') }}
            as contact_point,
        lead_key
    from leads
    where coalesce(mobile, phone) is not null
)

select
    contact_point,
    min(lead_key) as lead_key
from points
where length(contact_point) >= 7
group by contact_point
having count(distinct lead_key) = 1
