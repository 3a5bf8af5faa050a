-- Grain: one row per account known to the run. One nullable boolean per rule: true = fails,
-- null = does not apply.
with records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__accounts') }} as versions
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and {{ is_known('versions', 'run_context.knowledge_date') }}
)

select
    records.as_of_date,
    records.crm_source,
    'accounts' as entity,
    records.account_id as record_id,
    records.owner_key,
    records.valid_from as known_since,
    records.unmapped_values is not null as str_007,
    records.unmapped_values as str_007_value,
    records.account_name is null as ent_001,
    cast(null as string) as ent_001_value,
    coalesce(records.phone, records.mobile, records.email) is null as ent_002,
    cast(null as string) as ent_002_value,
    records.owner_key is null as ent_003,
    records.owner_name as ent_003_value,
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
        when records.account_name is not null
            then not {{ is_clean_name('records.account_name') }}
    end as ent_023,
    records.account_name as ent_023_value,
    {{ has_cast_error(
        'records.cast_errors',
        [
            'created_at', 'modified_at', 'birth_date', 'claimed_at', 'returned_at', 'expire_at',
            'last_followed_at', 'next_follow_at', 'last_deal_at'
        ]
    ) }} as ent_025,
    records.cast_errors as ent_025_value,
    case
        when records.level is not null
            then account_levels.value is null
    end as ent_027,
    records.level as ent_027_value
from records
left join {{ ref('int_config__enum_map') }} as account_levels
    on
        records.crm_source = account_levels.crm_source
        and account_levels.enum = 'account_level'
        and {{ folded('records.level') }} = account_levels.raw_value_key
