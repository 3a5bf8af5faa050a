-- Grain: one row per lead version.
-- depends_on: {{ ref('legal_forms') }}
with {{ record_versions(ref('stg_crm__leads')) }},

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
        ) as person_name
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
    {{ record_key('leads', 'versions._record_id', 'versions._source') }} as lead_key,
    versions._source as crm_source,
    versions._record_id as lead_id,
    coalesce(versions.person_name, versions.company) as lead_name,
    {{ name_key(
        'coalesce(versions.person_name, versions.company)', 'names', 'versions.person_name is null'
    ) }} as name_key,
    versions.company,
    versions.title,
    versions.any_phone as phone,
    versions.phone_e164,
    versions.phone_region,
    phone_areas.phone_area,
    versions.mobile,
    versions.mobile_e164,
    versions.has_invalid_phone,
    versions.email,
    versions.website,
    versions.email_normalised,
    versions.is_valid_email,
    versions.industry,
    versions.source_channel,
    coalesce(lead_source.value, 'unknown') as source_channel_group,
    versions.status as crm_status,
    case
        when versions.status is null then 'prospect'
        else coalesce(lead_stage.value, 'unknown')
    end as lead_stage,
    versions.intended_product,
    versions.employees,
    versions.annual_revenue,
    versions.budget,
    versions.country,
    versions.province,
    versions.city,
    coalesce(
        {{ record_key('users', 'versions.owner_id', 'versions._source') }},
        owner_names.owner_key
    ) as owner_key,
    versions.owner_name,
    coalesce(versions.is_converted, versions.converted_at is not null) as is_converted,
    cast(versions.converted_at as date) as converted_date,
    {{ record_key('accounts', 'versions.converted_account_id', 'versions._source') }}
        as converted_account_key,
    {{ record_key('contacts', 'versions.converted_contact_id', 'versions._source') }}
        as converted_contact_key,
    {{ record_key('deals', 'versions.converted_deal_id', 'versions._source') }}
        as converted_deal_key,
    versions.next_follow_at,
    versions.last_activity_at,
    versions.assigned_at,
    coalesce(life_status.value, 'active') as life_status,
    versions.tag,
    versions.description,
    cast(versions.created_at as date) as created_date,
    versions.created_at,
    versions.modified_at,
    nullif(
        substr(
            case
                when versions.status is not null and lead_stage.value is null
                    then '; status=' || versions.status
                else ''
            end
            || case
                when versions.source_channel is not null and lead_source.value is null
                    then '; source_channel=' || versions.source_channel
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
left join names
    on coalesce(versions.person_name, versions.company) = names.name_text
left join phone_areas on {{ area_code('versions.phone_e164') }} = phone_areas.area_code
left join owner_names
    on
        versions._source = owner_names.crm_source
        and case when versions.owner_id is null then versions.owner_name end
        = owner_names.owner_name
left join enum_map as lead_stage
    on
        versions._source = lead_stage.crm_source
        and lead_stage.enum = 'lead_stage'
        and {{ folded('versions.status') }} = lead_stage.raw_value_key
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
