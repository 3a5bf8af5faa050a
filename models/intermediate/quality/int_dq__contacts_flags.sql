-- Grain: one row per contact known to the run. One nullable boolean per rule: true = fails,
-- null = does not apply.
with records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__contacts') }} as versions
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and {{ is_known('versions', 'run_context.knowledge_date') }}
),

accounts as (
    select distinct account_key as record_key from {{ ref('int_crm__accounts') }}
)

select
    records.as_of_date,
    records.crm_source,
    'contacts' as entity,
    records.contact_id as record_id,
    records.owner_key,
    records.valid_from as known_since,
    case
        when records.account_id is not null
            then accounts.record_key is null
    end as str_008,
    records.account_id as str_008_value,
    records.contact_name is null as ent_001,
    cast(null as string) as ent_001_value,
    coalesce(records.phone, records.mobile, records.email) is null as ent_002,
    cast(null as string) as ent_002_value,
    case
        when coalesce(records.mobile, records.phone) is not null
            then not {{ is_valid_phone('coalesce(records.mobile, records.phone)') }}
    end as ent_020,
    coalesce(records.mobile, records.phone) as ent_020_value,
    case
        when records.email is not null
            then not {{ is_valid_email('records.email') }}
    end as ent_021,
    records.email as ent_021_value,
    case
        when records.contact_name is not null
            then not {{ is_clean_name('records.contact_name') }}
    end as ent_023,
    records.contact_name as ent_023_value,
    {{ has_cast_error(
        'records.cast_errors',
        [
            'created_at', 'modified_at', 'birth_date'
        ]
    ) }} as ent_025,
    records.cast_errors as ent_025_value,
    case
        when records.gender is not null
            then genders.value is null
    end as ent_027,
    records.gender as ent_027_value
from records
left join accounts on records.account_key = accounts.record_key
left join {{ ref('int_config__enum_map') }} as genders
    on
        records.crm_source = genders.crm_source
        and genders.enum = 'gender'
        and {{ folded('records.gender') }} = genders.raw_value_key
