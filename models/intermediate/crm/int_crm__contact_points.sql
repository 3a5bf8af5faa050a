-- Grain: one row per e-mail address or phone number (normalised) that exactly one customer record
-- bears: how feed rows without a record id find their customer.
with points as (
    select
        {{ contact_point('email_normalised', 'email') }} as contact_point,
        party_key
    from {{ ref('int_crm__contacts') }}
    where email is not null
    union all
    select
        {{ contact_point('email_normalised', 'email') }} as contact_point,
        account_key as party_key
    from {{ ref('int_crm__accounts') }}
    where email is not null
    union all
    select
        {{ contact_point('coalesce(mobile_e164, phone_e164)', 'coalesce(mobile, phone)') }}
            as contact_point,
        party_key
    from {{ ref('int_crm__contacts') }}
    where coalesce(mobile, phone) is not null
    union all
    select
        {{ contact_point('coalesce(mobile_e164, phone_e164)', 'coalesce(mobile, phone)') }}
            as contact_point,
        account_key as party_key
    from {{ ref('int_crm__accounts') }}
    where coalesce(mobile, phone) is not null
)

select
    contact_point,
    min(party_key) as party_key
from points
where length(contact_point) >= 7
group by contact_point
having count(distinct party_key) = 1
