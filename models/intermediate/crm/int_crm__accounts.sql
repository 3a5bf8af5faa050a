-- Grain: one row per account version: record and run of exports in which it did not change.
-- depends_on: {{ ref('legal_forms') }}
with {{ record_versions(ref('stg_crm__accounts')) }},

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

codes as (
    select * from {{ source('raw', 'normalised_codes') }}
),

normalised as (
    select
        versions.*,
        coalesce(versions.phone, versions.mobile) as any_phone,
        {{ phone_e164('coalesce(versions.phone, versions.mobile)', 'phones') }} as phone_e164,
        {{ phone_e164('versions.mobile', 'mobiles') }} as mobile_e164,
        {{ phone_region('coalesce(versions.phone, versions.mobile)', 'phones') }} as phone_region,
        {{ has_invalid_phone(
            'coalesce(versions.phone, versions.mobile)', 'phones', 'mobiles'
        ) }} as has_invalid_phone,
        {{ email_address('versions.email', 'emails') }} as email_normalised,
        {{ is_valid_text('versions.email', 'emails') }} as is_valid_email,
        {{ credit_code('versions.credit_code', 'codes') }} as credit_code_normalised,
        {{ is_valid_text('versions.credit_code', 'codes') }} as is_valid_credit_code
    from versions
    left join phones
        on
            coalesce(versions.phone, versions.mobile) = phones.phone_text
            and coalesce(versions.country, '') = phones.country_text
    left join phones as mobiles
        on
            versions.mobile = mobiles.phone_text
            and coalesce(versions.country, '') = mobiles.country_text
    left join emails on versions.email = emails.email_text
    left join codes on versions.credit_code = codes.code_text
)

select
    {{ record_key('accounts', 'versions._record_id', 'versions._source') }} as account_key,
    versions._source as crm_source,
    versions._record_id as account_id,
    versions.name as account_name,
    {{ name_key('versions.name', 'names', "coalesce(customer_type.value, 'company') = 'company'") }}
        as name_key,
    {{ has_legal_form('versions.name', 'names') }} as has_legal_form,
    coalesce(customer_type.value, 'company') as customer_type,
    coalesce(versions.account_type, versions.status) as crm_status,
    coalesce(deal_status.value, account_type.value) as customer_status,
    versions.industry,
    versions.website,
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
    versions.employees,
    versions.company_size,
    versions.annual_revenue,
    versions.birth_date,
    versions.occupation,
    versions.credit_code,
    versions.credit_code_normalised,
    versions.is_valid_credit_code,
    coalesce(
        {{ record_key('users', 'versions.owner_id', 'versions._source') }},
        owner_names.owner_key
    ) as owner_key,
    versions.owner_name,
    versions.source_channel,
    coalesce(lead_source.value, 'unknown') as source_channel_group,
    versions.level,
    coalesce(life_status.value, 'active') as life_status,
    versions.last_followed_at,
    versions.next_follow_at,
    versions.tag,
    versions.description,
    cast(versions.created_at as date) as created_date,
    versions.modified_at,
    nullif(
        substr(
            case
                when versions.source_channel is not null and lead_source.value is null
                    then '; source_channel=' || versions.source_channel
                else ''
            end
            || case
                when versions.customer_type is not null and customer_type.value is null
                    then '; customer_type=' || versions.customer_type
                else ''
            end
            || case
                when versions.life_status is not null and life_status.value is null
                    then '; life_status=' || versions.life_status
                else ''
            end,
            3
        ),
        ''
    ) as unmapped_values,
    versions._cast_errors as cast_errors,
    versions.valid_from,
    versions.valid_to
from normalised as versions
left join names on versions.name = names.name_text
left join phone_areas on {{ area_code('versions.phone_e164') }} = phone_areas.area_code
left join owner_names
    on
        versions._source = owner_names.crm_source
        and case when versions.owner_id is null then versions.owner_name end
        = owner_names.owner_name
left join enum_map as customer_type
    on
        versions._source = customer_type.crm_source
        and customer_type.enum = 'customer_type'
        and {{ folded('versions.customer_type') }} = customer_type.raw_value_key
left join enum_map as deal_status
    on
        versions._source = deal_status.crm_source
        and deal_status.enum = 'customer_status'
        and {{ folded('versions.status') }} = deal_status.raw_value_key
left join enum_map as account_type
    on
        versions._source = account_type.crm_source
        and account_type.enum = 'customer_status'
        and {{ folded('versions.account_type') }} = account_type.raw_value_key
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
