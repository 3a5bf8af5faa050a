-- Grain: one row per living customer record that shares a phone number, an e-mail address, a credit
-- code or its name and city with another one of its source: which value it shares.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

records as (
    select
        accounts.crm_source,
        accounts.account_key as record_key,
        accounts.phone_e164 as phone,
        nullif(accounts.mobile_e164, accounts.phone_e164) as mobile,
        accounts.email_normalised as email,
        accounts.credit_code_normalised as credit_code,
        accounts.name_key || '|' || coalesce(accounts.city, '') as name_and_city
    from {{ ref('int_crm__accounts') }} as accounts
    inner join run_context on {{ is_known('accounts', 'run_context.knowledge_date') }}
    where accounts.life_status <> 'void'
    union all
    select
        contacts.crm_source,
        contacts.contact_key as record_key,
        contacts.phone_e164 as phone,
        nullif(contacts.mobile_e164, contacts.phone_e164) as mobile,
        contacts.email_normalised as email,
        cast(null as string) as credit_code,
        contacts.name_key || '|' || coalesce(contacts.city, '') as name_and_city
    from {{ ref('int_crm__contacts') }} as contacts
    inner join run_context on {{ is_known('contacts', 'run_context.knowledge_date') }}
    where contacts.life_status <> 'void' and contacts.party_key = contacts.contact_key
),

points as (
    {%- for point, kind in [
        ('phone', 'phone'), ('mobile', 'phone'), ('email', 'email'), ('credit_code', 'credit_code'),
        ('name_and_city', 'name_and_city'),
    ] %}
        select
            crm_source,
            record_key,
            '{{ kind }}' as point_kind,
            {{ point }} as contact_value
        from records
        where {{ point }} is not null
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

shared as (
    select
        crm_source,
        point_kind,
        contact_value
    from points
    group by crm_source, point_kind, contact_value
    having count(*) > 1
)

select
    points.record_key,
    min(points.point_kind || '=' || points.contact_value) as shared_value
from points
inner join shared
    on
        points.crm_source = shared.crm_source
        and points.point_kind = shared.point_kind
        and points.contact_value = shared.contact_value
group by points.record_key
