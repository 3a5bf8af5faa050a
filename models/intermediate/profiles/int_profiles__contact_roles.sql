-- Grain: one row per contact version: its decision power, by the role that the CRM states, else by
-- its job title; unknown where it has neither.
with contacts as (
    select * from {{ ref('int_crm__contacts') }}
),

titles as (
    select * from {{ ref('int_profiles__titles') }}
),

enum_map as (
    select * from {{ ref('int_config__enum_map') }}
    where enum = 'contact_role'
)

select
    contacts.contact_key,
    contacts.crm_source,
    contacts.party_key,
    contacts.life_status,
    contacts.created_date,
    case
        when enum_map.value is not null then enum_map.value
        when titles.decision_power is not null then titles.decision_power
        when contacts.role is not null then 'other'
        else 'unknown'
    end as decision_power,
    case
        when enum_map.value is not null then contacts.role
        else coalesce(titles.keyword, contacts.title)
    end as decision_evidence,
    contacts.valid_from,
    contacts.valid_to
from contacts
left join enum_map
    on
        contacts.crm_source = enum_map.crm_source
        and {{ folded('contacts.role') }} = enum_map.raw_value_key
left join titles on contacts.title = titles.title
