-- Grain: one row per contact known on the published date. One nullable boolean per
-- rule: true = fails, null = does not apply; and the value at fault of those that fail.
{%- set is_alive = "records.life_status <> 'void'" %}
{%- set is_individual = is_alive ~ ' and records.party_key = records.contact_key' %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__contacts') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
),

individuals as (
    select
        crm_source,
        count(birth_date) > 0 and count(coalesce(occupation, title)) > 0 as has_person_fields
    from records
    where party_key = contact_key
    group by crm_source
),

accounts as (
    select distinct account_key as record_key from {{ ref('int_crm__accounts') }}
),

duplicates as (
    select * from {{ ref('int_dq__duplicates') }}
),

dead_points as (
    select * from {{ ref('int_dq__dead_points') }}
),

genders as (
    select * from {{ ref('int_config__enum_map') }}
    where enum = 'gender'
)

select
    records.as_of_date,
    records.crm_source,
    'contacts' as entity,
    'contacts' as record_kind,
    records.contact_id as record_id,
    records.owner_key,
    {{ flag(
        'str_008',
        applies='records.account_id is not null',
        fails='accounts.record_key is null',
        value='records.account_id'
    ) }},
    {{ flag('ent_001', applies=is_alive, fails='records.contact_name is null') }},
    {{ flag(
        'ent_002',
        applies=is_alive,
        fails='coalesce(records.phone, records.mobile, records.email) is null'
    ) }},
    {{ flag(
        'ent_012',
        applies=is_individual ~ ' and individuals.has_person_fields',
        fails='(records.birth_date is null'
        ~ ' or coalesce(records.occupation, records.title) is null)'
    ) }},
    {{ flag(
        'ent_020',
        applies=is_alive ~ ' and records.has_invalid_phone is not null',
        fails='records.has_invalid_phone',
        value="records.phone || coalesce(' / ' || nullif(records.mobile, records.phone), '')"
    ) }},
    {{ flag(
        'ent_021',
        applies=is_alive ~ ' and records.email is not null',
        fails='not (records.is_valid_email and ' ~ is_usable_email('records.email') ~ ')',
        value='records.email'
    ) }},
    {{ flag(
        'ent_023',
        applies=is_alive ~ ' and records.contact_name is not null',
        fails='not ' ~ is_clean_name('records.contact_name'),
        value='records.contact_name'
    ) }},
    {{ flag(
        'ent_025',
        fails=has_cast_error(
            'records.cast_errors', ['created_at', 'modified_at', 'birth_date']
        ),
        value='records.cast_errors'
    ) }},
    {{ flag(
        'ent_027',
        applies=is_alive ~ ' and records.gender is not null',
        fails='genders.value is null',
        value='records.gender'
    ) }},
    {{ flag(
        'ent_030',
        applies=is_alive ~ ' and records.contact_name is not null',
        fails=has_more_than_a_name('records.contact_name'),
        value='records.contact_name'
    ) }},
    {{ flag(
        'ent_042',
        applies=is_alive ~ ' and records.birth_date is not null',
        fails='not ' ~ is_plausible_birth('records.birth_date', 'records.as_of_date'),
        value='records.birth_date'
    ) }},
    {{ flag(
        'ent_046',
        applies=is_individual,
        fails='duplicates.record_key is not null',
        value='duplicates.shared_value'
    ) }},
    {{ flag(
        'upd_012',
        applies=is_alive ~ ' and coalesce(records.mobile, records.phone, records.email) is not null',
        fails='coalesce('
        ~ 'dead_mobiles.contact_point, dead_phones.contact_point, dead_emails.contact_point'
        ~ ') is not null',
        value='case when dead_mobiles.contact_point is not null then records.mobile'
        ~ ' when dead_phones.contact_point is not null then records.phone else records.email end'
    ) }}
from records
cross join run_context
cross join thresholds
left join individuals on records.crm_source = individuals.crm_source
left join accounts on records.account_key = accounts.record_key
left join duplicates on records.contact_key = duplicates.record_key
left join dead_points as dead_mobiles
    on records.mobile_e164 = dead_mobiles.contact_point
left join dead_points as dead_phones
    on records.phone_e164 = dead_phones.contact_point
left join dead_points as dead_emails
    on records.email_normalised = dead_emails.contact_point
left join genders
    on
        records.crm_source = genders.crm_source
        and {{ folded('records.gender') }} = genders.raw_value_key
where {{ existed() }}
