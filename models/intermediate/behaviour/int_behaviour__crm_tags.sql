-- Grain: one row per customer × tag × version of a record that bears it: the tags of accounts and
-- contacts as the CRM has them.
with accounts as (
    select * from {{ ref('int_crm__accounts') }}
    where tag is not null and life_status <> 'void'
),

contacts as (
    select * from {{ ref('int_crm__contacts') }}
    where tag is not null and life_status <> 'void'
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

tagged as (
    select
        account_key as party_key,
        translate(tag, ';，；、|', ',,,,,') as tags,
        valid_from,
        valid_to
    from accounts
    union all
    select
        party_key,
        translate(tag, ';，；、|', ',,,,,') as tags,
        valid_from,
        valid_to
    from contacts
),

parts as (
    select
        source_map.customer_key,
        {{ unnest_texts('tagged.tags') }} as tag,
        tagged.valid_from,
        tagged.valid_to
    from tagged
    inner join source_map on tagged.party_key = source_map.record_key
)

select distinct
    customer_key,
    {{ trimmed('tag') }} as tag,
    valid_from,
    valid_to
from parts
where {{ trimmed('tag') }} <> ''
