-- Grain: one row per contact version. party_key is the customer record the contact belongs to: its
-- account, or the contact itself where no account is named.
with {{ record_versions(ref('stg_crm__contacts')) }},

account_names as (
    select * from {{ ref('int_crm__account_names') }}
),

owner_names as (
    select * from {{ ref('int_crm__owner_names') }}
),

enum_map as (
    select * from {{ ref('int_config__enum_map') }}
),

phones as (
    select * from {{ source('raw', 'normalised_phones') }}
),

phone_areas as (
    select * from {{ ref('phone_areas') }}
),

emails as (
    select * from {{ source('raw', 'normalised_emails') }}
),

names as (
    select * from {{ source('raw', 'normalised_names') }}
),

named as (
    select
        *,
        coalesce(
            full_name,
            nullif({{ trimmed(
                "coalesce(last_name, '') || coalesce(' ' || first_name, '')"
            ) }}, '')
        ) as contact_name
    from versions
),

normalised as (
    select
        named.*,
        coalesce(named.phone, named.mobile) as any_phone,
        {{ phone_e164('coalesce(named.phone, named.mobile)', 'phones') }} as phone_e164,
        {{ phone_e164('named.mobile', 'mobiles') }} as mobile_e164,
        {{ phone_region('coalesce(named.phone, named.mobile)', 'phones') }} as phone_region,
        {{ has_invalid_phone(
            'coalesce(named.phone, named.mobile)', 'phones', 'mobiles'
        ) }} as has_invalid_phone,
        {{ email_address('named.email', 'emails') }} as email_normalised,
        {{ is_valid_text('named.email', 'emails') }} as is_valid_email
    from named
    left join phones
        on
            coalesce(named.phone, named.mobile) = phones.phone_text
            and coalesce(named.country, '') = phones.country_text
    left join phones as mobiles
        on
            named.mobile = mobiles.phone_text
            and coalesce(named.country, '') = mobiles.country_text
    left join emails on named.email = emails.email_text
)

select
    {{ record_key('contacts', 'versions._record_id', 'versions._source') }} as contact_key,
    versions._source as crm_source,
    versions._record_id as contact_id,
    versions.contact_name,
    {{ name_key('versions.contact_name', 'names') }} as name_key,
    coalesce(
        {{ record_key('accounts', 'versions.account_id', 'versions._source') }},
        account_names.account_key
    ) as account_key,
    versions.account_id,
    coalesce(
        {{ record_key('accounts', 'versions.account_id', 'versions._source') }},
        account_names.account_key,
        {{ record_key('contacts', 'versions._record_id', 'versions._source') }}
    ) as party_key,
    versions.title,
    versions.department,
    versions.role,
    versions.gender,
    versions.life_status as crm_life_status,
    versions.birth_date,
    versions.occupation,
    versions.any_phone as phone,
    versions.phone_e164,
    versions.phone_region,
    phone_areas.phone_area,
    versions.mobile,
    versions.mobile_e164,
    versions.has_invalid_phone,
    versions.email,
    versions.email_normalised,
    versions.is_valid_email,
    versions.country,
    versions.province,
    versions.city,
    coalesce(
        {{ record_key('users', 'versions.owner_id', 'versions._source') }},
        owner_names.owner_key
    ) as owner_key,
    versions.owner_name,
    versions.source_channel,
    coalesce(lead_source.value, 'unknown') as source_channel_group,
    coalesce(life_status.value, 'active') as life_status,
    versions.tag,
    versions.description,
    cast(versions.created_at as date) as created_date,
    versions.modified_at,
    versions._cast_errors as cast_errors,
    versions.valid_from,
    versions.valid_to
from normalised as versions
left join names on versions.contact_name = names.name_text
left join phone_areas on {{ area_code('versions.phone_e164') }} = phone_areas.area_code
left join account_names
    on
        versions._source = account_names.crm_source
        and case when versions.account_id is null then versions.account_name end
        = account_names.account_name
left join owner_names
    on
        versions._source = owner_names.crm_source
        and case when versions.owner_id is null then versions.owner_name end
        = owner_names.owner_name
left join enum_map as lead_source
    on
        versions._source = lead_source.crm_source
        and lead_source.enum = 'lead_source'
        and {{ folded('versions.source_channel') }} = lead_source.raw_value_key
left join enum_map as life_status
    on
        versions._source = life_status.crm_source
        and life_status.enum = 'life_status'
        and {{ folded('versions.life_status') }} = life_status.raw_value_key
