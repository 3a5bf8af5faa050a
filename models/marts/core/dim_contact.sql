-- Grain: one row per contact known and created by the published date.
with versions as (
    select * from {{ ref('int_crm__contacts') }}
),

contact_roles as (
    select * from {{ ref('int_profiles__contact_roles') }}
),

published_records as (
    select * from {{ ref('int_customers__published_records') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    versions.contact_key,
    coalesce(published_records.customer_key, 'unknown') as customer_key,
    versions.crm_source,
    versions.contact_id,
    versions.contact_name,
    versions.title,
    versions.department,
    versions.role,
    contact_roles.decision_power,
    versions.gender,
    versions.birth_date,
    versions.phone,
    versions.phone_e164,
    versions.mobile,
    versions.mobile_e164,
    versions.email,
    versions.email_normalised,
    versions.owner_key,
    versions.created_date
from versions
inner join run_context
    on
        {{ is_known('versions', 'run_context.attribute_date') }}
        and versions.life_status <> 'void'
        and coalesce(versions.created_date, run_context.as_of_date) <= run_context.as_of_date
inner join contact_roles
    on
        versions.contact_key = contact_roles.contact_key
        and versions.valid_from = contact_roles.valid_from
left join published_records on versions.party_key = published_records.record_key
